#include "src/prompt/lessons.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <map>
#include <set>

#include "src/base/quotable.h"
#include "src/events/race_text.h"
#include "src/prompt/reply.h"
#include "src/prompt/text.h"

namespace warpwright::prompt {
namespace {

using events::Candidate;
using events::Lesson;
using events::RunView;
using Outcome = Lesson::Outcome;

constexpr size_t kMaxLessonBytes = kMaxReplyIdeaBytes + 8;
constexpr size_t kMaxOpen = 6;        // directions
constexpr int64_t kOpenTickets = 24;  // so long may a direction wait to be tried
constexpr double kGainRatio = 1.02;   // below it a gain is noise, even of an exact estimate
constexpr int kMaxRepairs = 16;       // steps back to the idea that a repair serves

struct Trial {
  Lesson lesson;
  double telling = 0;
};

bool is_models(const Candidate& candidate) {
  return candidate.origin.op != "seed" && candidate.origin.op != "tune" && candidate.origin.op != "compose";
}

// Two wordings of one idea that differ in case, spaces or punctuation only.
std::string key_of(std::string_view idea) {
  std::string key;
  for (const char c : idea)
    if (std::isalnum(static_cast<unsigned char>(c)))
      key += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return key;
}

const Candidate* parent_of(const RunView& view, const Candidate& candidate) {
  return candidate.origin.parent ? view.find(*candidate.origin.parent) : nullptr;
}

// What a repair repairs: the idea is that of the candidate that failed first.
const Candidate& origin_of_idea(const RunView& view, const Candidate& candidate) {
  const Candidate* idea = &candidate;
  for (int step = 0; step < kMaxRepairs && idea->origin.op == "repair"; ++step) {
    const Candidate* parent = parent_of(view, *idea);
    if (parent == nullptr || parent->note.empty() || !is_models(*parent)) break;
    idea = parent;
  }
  return *idea;
}

const Candidate* passed_ancestor(const RunView& view, const Candidate& candidate) {
  for (const events::CandidateId id : events::lineage(view, candidate.id)) {
    const Candidate* ancestor = view.find(id);
    if (id != candidate.id && ancestor != nullptr && ancestor->passed()) return ancestor;
  }
  return nullptr;
}

// `best`: the highest score of those before it.
void judge(const RunView& view, const Candidate& candidate, const Candidate* base, double best,
           Trial& trial) {
  const std::string id = events::format_candidate_id(candidate.id);
  if (!candidate.passed()) {
    const events::ResultSummary* result = view.result_of(candidate);
    if (candidate.lost_race && result != nullptr) {
      trial.lesson.outcome = Outcome::kNoGain;
      trial.lesson.evidence = id + ": " + events::lost_race_text(*result, view.baseline->workloads.size());
      trial.telling = 0.3;
      return;
    }
    trial.lesson.outcome = Outcome::kFailed;
    trial.lesson.evidence = fmt::format("{}: {}{}{}", id, to_string(candidate.status),
                                        result && !result->message.empty() ? ": " : "",
                                        result ? quotable_line(result->message, 160) : "");
    // That something does not compile says little of the idea.
    trial.telling = candidate.status == Status::kCompileError ? 0.1 : 0.3;
    return;
  }
  const double before = base != nullptr && base->score > 0 ? base->score : 1;
  const double ratio = candidate.score / before;
  trial.lesson.outcome = ratio >= kGainRatio ? Outcome::kGain : Outcome::kNoGain;
  trial.lesson.evidence = id + ": ";
  if (base != nullptr)
    trial.lesson.evidence += fmt::format("{:.2f}x of {}, ", ratio, events::format_candidate_id(base->id));
  trial.lesson.evidence += fmt::format("{:.2f}x of the baseline in all{}", candidate.score,
                                       candidate.score > best ? ", then the best" : "");
  trial.telling = std::abs(std::log(std::max(ratio, 1e-3)));
}

Trial trial_of(const RunView& view, const Candidate& candidate, double best) {
  Trial trial;
  trial.lesson.idea = quotable_line(origin_of_idea(view, candidate).note, kMaxLessonBytes);
  trial.lesson.candidate = candidate.id;
  const Candidate* base = passed_ancestor(view, candidate);
  judge(view, candidate, base, best, trial);
  const events::ResultSummary* result = view.result_of(base != nullptr ? *base : candidate);
  if (result != nullptr) trial.lesson.structure = structure_of(*result);
  return trial;
}

// "two rows per warp (D3, D12)": the directions that an idea says it follows.
void add_named_directions(std::string_view idea, std::set<int64_t>& numbers) {
  constexpr size_t kMaxDigits = 9;
  const auto is = [&](size_t at, int (*kind)(int)) {
    return at < idea.size() && kind(static_cast<unsigned char>(idea[at])) != 0;
  };
  for (size_t at = 0; at < idea.size(); ++at) {
    if (idea[at] != 'D' || (at > 0 && is(at - 1, std::isalnum))) continue;
    int64_t number = 0;
    size_t end = at + 1;
    for (; is(end, std::isdigit) && end - at <= kMaxDigits; ++end) number = 10 * number + (idea[end] - '0');
    if (end > at + 1 && !is(end, std::isalnum)) numbers.insert(number);
  }
}

std::set<int64_t> directions_followed(const RunView& view) {
  std::set<int64_t> numbers;
  for (const auto& [id, candidate] : view.candidates)
    if (candidate.phase == events::Phase::kApplied && is_models(candidate))
      add_named_directions(candidate.note, numbers);
  return numbers;
}

// Latest trial of each idea. A failure that was repaired, or is being repaired, is told by its repair.
std::map<std::string, Trial> trials_of(const RunView& view) {
  std::set<events::CandidateId> repaired;
  for (const auto& [id, candidate] : view.candidates)
    if (candidate.origin.op == "repair" && candidate.phase == events::Phase::kApplied &&
        candidate.origin.parent)
      repaired.insert(*candidate.origin.parent);
  std::map<std::string, Trial> trials;
  const auto newest = static_cast<double>(std::max<int64_t>(1, view.applied));
  double next_best = 0;
  for (const auto& [id, candidate] : view.candidates) {
    const double best = next_best;
    if (candidate.phase != events::Phase::kApplied) continue;
    if (candidate.passed()) next_best = std::max(best, candidate.score);
    if (!is_models(candidate)) continue;
    if (candidate.duplicate_of || repaired.contains(id)) continue;
    Trial trial = trial_of(view, candidate, best);
    if (trial.lesson.idea.empty()) continue;
    trial.telling += 0.4 * static_cast<double>(id) / newest;
    trials[key_of(trial.lesson.idea)] = std::move(trial);
  }
  return trials;
}

// Its number is its place among all that research wrote, so that it keeps it.
void add_direction(const Lesson& direction, int64_t number, int64_t applied,
                   const std::set<int64_t>& followed, std::vector<Lesson>& open) {
  const bool is_old = direction.candidate && applied - *direction.candidate > kOpenTickets;
  if (is_old || followed.contains(number) || open.size() == kMaxOpen) return;
  open.push_back(direction);
  open.back().evidence = fmt::format("D{}", number);
}

}  // namespace

std::string structure_of(const events::ResultSummary& result) {
  if (result.kernels.empty()) return "";
  std::set<std::string> names;
  for (const KernelReport& kernel : result.kernels)
    names.insert(quotable_line(kernel.name.substr(0, kernel.name.find('<')), 80));
  return fmt::format("{} x{}", join({names.begin(), names.end()}, ", "), result.launches);
}

std::vector<Lesson> lessons_of(const RunView& view, const std::vector<Lesson>& research, size_t limit) {
  std::map<std::string, Trial> trials = trials_of(view);
  const std::set<int64_t> followed = directions_followed(view);
  std::vector<Lesson> open;
  std::set<std::string> seen;
  for (auto it = research.rbegin(); it != research.rend(); ++it) {
    const std::string key = key_of(it->idea);
    if (key.empty() || trials.contains(key) || !seen.insert(key).second) continue;
    if (it->outcome == Outcome::kOpen)
      add_direction(*it, research.rend() - it, view.applied, followed, open);
    else
      trials[key] = {*it, 0.5};  // what a researcher concluded stands among the trials
  }
  std::vector<Trial> ranked;
  for (auto& [key, trial] : trials) ranked.push_back(std::move(trial));
  std::stable_sort(ranked.begin(), ranked.end(), [](const Trial& a, const Trial& b) {
    return std::pair(a.telling, a.lesson.candidate) > std::pair(b.telling, b.lesson.candidate);
  });
  // Directions never crowd out what is known.
  const size_t kept_open =
      std::min(open.size(), std::max<size_t>(limit / 3, limit - std::min(limit, ranked.size())));
  std::vector<Lesson> lessons(open.begin(), open.begin() + static_cast<std::ptrdiff_t>(kept_open));
  for (Trial& trial : ranked)
    if (lessons.size() < limit) lessons.push_back(std::move(trial.lesson));
  return lessons;
}

bool is_reopened(const Lesson& lesson, std::string_view parent_structure) {
  return lesson.outcome != Outcome::kOpen && !lesson.structure.empty() && !parent_structure.empty() &&
         lesson.structure != parent_structure;
}

}  // namespace warpwright::prompt
