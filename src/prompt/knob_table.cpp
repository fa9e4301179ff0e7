#include "src/prompt/knob_table.h"

#include <fmt/format.h>

#include <algorithm>

#include "src/base/quotable.h"
#include "src/prompt/text.h"

namespace warpwright::prompt {
namespace {

using events::Candidate;
using events::RunView;

constexpr size_t kMaxKnobs = 10;
constexpr size_t kMaxValues = 8;  // of one knob
constexpr size_t kMaxNameBytes = 60;

struct Tried {
  std::string value;
  const Candidate* best = nullptr;
};

bool is_settled(const Candidate& c) {
  return c.phase == events::Phase::kApplied && !c.knobs.empty();
}

// What passed before what only has a bound, before what failed; then by score, then age.
bool is_better(const Candidate& a, const Candidate& b) {
  const auto rank = [](const Candidate& c) { return c.passed() ? 2 : c.lost_race ? 1 : 0; };
  if (rank(a) != rank(b)) return rank(a) > rank(b);
  if (a.score != b.score) return a.score > b.score;
  return a.id < b.id;
}

std::vector<Tried> values_of(const std::string& knob, const std::vector<const Candidate*>& settings) {
  std::vector<Tried> tried;
  for (const Candidate* candidate : settings) {
    const auto value = candidate->knobs.find(knob);
    if (value == candidate->knobs.end()) continue;
    const auto known =
        std::find_if(tried.begin(), tried.end(), [&](const Tried& t) { return t.value == value->second; });
    if (known == tried.end()) {
      tried.push_back({value->second, candidate});
    } else if (is_better(*candidate, *known->best)) {
      known->best = candidate;
    }
  }
  std::stable_sort(tried.begin(), tried.end(),
                   [](const Tried& a, const Tried& b) { return is_better(*a.best, *b.best); });
  return tried;
}

std::string outcome_of(const Candidate& c) {
  if (c.passed()) return fmt::format("{:.3f}", c.score);
  if (c.lost_race) return fmt::format("below {:.3f}", c.score);
  return std::string(to_string(c.status));
}

std::string line_of(const std::string& knob, const std::vector<Tried>& tried) {
  std::vector<std::string> parts;
  for (size_t i = 0; i < std::min(tried.size(), kMaxValues); ++i)
    parts.push_back(fmt::format("{} -> {}{}", quotable_line(tried[i].value, kMaxNameBytes),
                                outcome_of(*tried[i].best),
                                i == 0 && tried[i].best->passed() ? " (best)" : ""));
  return fmt::format("{}: {}\n", quotable_line(knob, kMaxNameBytes), join(parts, ", "));
}

}  // namespace

std::string knob_table(const RunView& view, const Candidate& of) {
  std::vector<const Candidate*> settings;
  const auto source = view.sources.find(of.source_hash);
  auto next = source == view.sources.end() ? view.candidates.begin()
                                           : view.candidates.lower_bound(source->second.first_candidate);
  for (; next != view.candidates.end(); ++next)
    if (next->second.source_hash == of.source_hash && is_settled(next->second))
      settings.push_back(&next->second);
  if (settings.size() < 2) return "";
  std::string lines;
  size_t count = 0;
  for (const auto& [knob, value] : of.knobs) {
    const std::vector<Tried> tried = values_of(knob, settings);
    if (tried.size() < 2 || ++count > kMaxKnobs) continue;
    lines += line_of(knob, tried);
  }
  if (lines.empty()) return "";
  return fmt::format(
      "The search tried {} settings of its knobs; the defaults below are the parent's values. Of every value "
      "the best score that a setting with it got:\n{}",
      settings.size(), fenced(lines, "text"));
}

}  // namespace warpwright::prompt
