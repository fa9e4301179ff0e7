#include "src/prompt/lesson_memory.h"

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

// The nearest.
const Candidate* passed_ancestor(const RunView& view, const Candidate& candidate) {
  for (const Candidate* c = &candidate; c->origin.parent && *c->origin.parent < c->id;) {
    c = view.find(*c->origin.parent);
    if (c == nullptr) return nullptr;
    if (c->passed()) return c;
  }
  return nullptr;
}

double ratio_to(const Candidate& candidate, const Candidate* base) {
  return candidate.score / (base != nullptr && base->score > 0 ? base->score : 1);
}

// How much a trial teaches: by the factor won or lost. That something does not compile says little of the
// idea.
double telling_of(const RunView& view, const Candidate& candidate) {
  constexpr double kOfFailure = 0.3, kOfCompileError = 0.1;
  if (candidate.passed())
    return std::abs(std::log(std::max(ratio_to(candidate, passed_ancestor(view, candidate)), 1e-3)));
  const bool lost_race = candidate.lost_race && view.result_of(candidate) != nullptr;
  return candidate.status == Status::kCompileError && !lost_race ? kOfCompileError : kOfFailure;
}

// `best`: the highest score of those before it.
void judge(const RunView& view, const Candidate& candidate, const Candidate* base, double best,
           Lesson& lesson) {
  const std::string id = events::format_candidate_id(candidate.id);
  if (!candidate.passed()) {
    const events::ResultSummary* result = view.result_of(candidate);
    if (candidate.lost_race && result != nullptr) {
      lesson.outcome = Outcome::kNoGain;
      lesson.evidence = id + ": " + events::lost_race_text(*result, view.baseline->workloads.size());
      return;
    }
    lesson.outcome = Outcome::kFailed;
    lesson.evidence = fmt::format("{}: {}{}{}", id, to_string(candidate.status),
                                  result && !result->message.empty() ? ": " : "",
                                  result ? quotable_line(result->message, 160) : "");
    return;
  }
  const double ratio = ratio_to(candidate, base);
  lesson.outcome = ratio >= kGainRatio ? Outcome::kGain : Outcome::kNoGain;
  lesson.evidence = id + ": ";
  if (base != nullptr)
    lesson.evidence += fmt::format("{:.2f}x of {}, ", ratio, events::format_candidate_id(base->id));
  lesson.evidence += fmt::format("{:.2f}x of the baseline in all{}", candidate.score,
                                 candidate.score > best ? ", then the best" : "");
}

std::string idea_of(const RunView& view, const Candidate& candidate) {
  return quotable_line(origin_of_idea(view, candidate).note, kMaxLessonBytes);
}

Lesson lesson_of(const RunView& view, const Candidate& candidate, double best) {
  Lesson lesson;
  lesson.idea = idea_of(view, candidate);
  lesson.candidate = candidate.id;
  const Candidate* base = passed_ancestor(view, candidate);
  judge(view, candidate, base, best, lesson);
  const events::ResultSummary* result = view.result_of(base != nullptr ? *base : candidate);
  if (result != nullptr) lesson.structure = structure_of(*result);
  return lesson;
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

// A failure that was repaired, or is being repaired, is told by its repair.
void LessonMemory::leave_out(events::CandidateId repaired) {
  const auto place = place_.find(repaired);
  if (place == place_.end()) return;
  std::vector<size_t>& places = by_idea_.at(*trials_[place->second].key);
  trials_[place->second].is_told = false;
  std::erase(places, place->second);
  if (!places.empty()) trials_[places.back()].is_told = true;
}

// One that has just been applied.
void LessonMemory::take(const RunView& view, const Candidate& candidate) {
  const double best_before = best_;
  if (candidate.passed()) best_ = std::max(best_, candidate.score);
  if (candidate.origin.op == "repair" && candidate.origin.parent) leave_out(*candidate.origin.parent);
  if (!is_models(candidate)) return;
  add_named_directions(candidate.note, followed_);
  if (candidate.duplicate_of) return;
  const std::string idea = idea_of(view, candidate);
  if (idea.empty()) return;
  auto& [key, places] = *by_idea_.try_emplace(key_of(idea)).first;
  if (!places.empty()) trials_[places.back()].is_told = false;
  places.push_back(trials_.size());
  place_[candidate.id] = trials_.size();
  trials_.push_back({candidate.id, telling_of(view, candidate), best_before, true, &key});
}

bool LessonMemory::is_tried(const std::string& key) const {
  const auto found = by_idea_.find(key);
  return found != by_idea_.end() && !found->second.empty();
}

// What tells most, and recent ones before old ones.
std::vector<LessonMemory::Ranked> LessonMemory::rank(const RunView& view, size_t limit,
                                                     std::vector<Ranked> conclusions) const {
  const auto newest = static_cast<double>(std::max<int64_t>(1, view.applied));
  std::vector<Ranked> ranked = std::move(conclusions);
  for (const Trial& trial : trials_)
    if (trial.is_told)
      ranked.push_back({trial.telling + 0.4 * static_cast<double>(trial.candidate) / newest, trial.candidate,
                        trial.key, &trial, nullptr});
  const auto end = ranked.begin() + static_cast<std::ptrdiff_t>(std::min(limit, ranked.size()));
  std::partial_sort(ranked.begin(), end, ranked.end(), [](const Ranked& a, const Ranked& b) {
    const std::pair of_a(a.telling, a.candidate), of_b(b.telling, b.candidate);
    return of_a != of_b ? of_a > of_b : *a.key < *b.key;
  });
  return ranked;
}

std::vector<Lesson> LessonMemory::lessons_of(const RunView& view, const std::vector<Lesson>& research,
                                             size_t limit) {
  for (auto it = view.candidates.lower_bound(taken_); it != view.candidates.end() && it->first < view.applied;
       ++it)
    if (it->second.phase == events::Phase::kApplied) take(view, it->second);
  taken_ = view.applied;
  while (research_keys_.size() < research.size())
    research_keys_.push_back(key_of(research[research_keys_.size()].idea));
  std::vector<Lesson> open;
  std::vector<Ranked> conclusions;
  std::set<std::string_view> seen;
  for (size_t i = research.size(); i-- > 0;) {
    const std::string& key = research_keys_[i];
    if (key.empty() || is_tried(key) || !seen.insert(key).second) continue;
    if (research[i].outcome == Outcome::kOpen)
      add_direction(research[i], static_cast<int64_t>(i) + 1, view.applied, followed_, open);
    else  // what a researcher concluded stands among the trials
      conclusions.push_back({0.5, research[i].candidate, &key, nullptr, &research[i]});
  }
  const std::vector<Ranked> ranked = rank(view, limit, std::move(conclusions));
  // Directions never crowd out what is known.
  const size_t kept_open =
      std::min(open.size(), std::max<size_t>(limit / 3, limit - std::min(limit, ranked.size())));
  std::vector<Lesson> lessons(open.begin(), open.begin() + static_cast<std::ptrdiff_t>(kept_open));
  for (const Ranked& r : ranked) {
    if (lessons.size() >= limit) break;
    lessons.push_back(r.trial == nullptr
                          ? *r.conclusion
                          : lesson_of(view, *view.find(r.trial->candidate), r.trial->best_before));
  }
  return lessons;
}

std::vector<Lesson> lessons_of(const RunView& view, const std::vector<Lesson>& research, size_t limit) {
  return LessonMemory().lessons_of(view, research, limit);
}

bool is_reopened(const Lesson& lesson, std::string_view parent_structure) {
  return lesson.outcome != Outcome::kOpen && !lesson.structure.empty() && !parent_structure.empty() &&
         lesson.structure != parent_structure;
}

}  // namespace warpwright::prompt
