#include "src/search/prompt_trials.h"

#include <algorithm>

#include "src/base/rng.h"
#include "src/search/operators.h"

namespace warpwright::search {
namespace {

bool takes_part(std::string_view op) {
  const Operator* kind = find_operator(op);
  return kind != nullptr && !kind->role.empty() && kind->needs != Needs::kHistory && op != "scripted";
}

}  // namespace

std::vector<std::string> draw_left_out(const events::SearchSettings& settings, uint64_t seed,
                                       events::Ticket ticket, std::string_view op) {
  std::vector<std::string> left_out;
  if (settings.trial_sections.empty() || !takes_part(op)) return left_out;
  Rng rng = Rng::stream(seed, "trial", static_cast<uint64_t>(ticket));
  for (const std::string& section : settings.trial_sections)
    if (rng.uniform() < settings.trial_share) left_out.push_back(section);
  return left_out;
}

void record_trials(events::RunView& view, const events::Candidate& candidate, double gain) {
  if (candidate.role.empty() || !takes_part(candidate.origin.op)) return;
  for (const std::string& section : view.started->search.trial_sections) {
    const auto& left_out = candidate.left_out;
    const bool was_left_out = std::find(left_out.begin(), left_out.end(), section) != left_out.end();
    events::TrialRecord& trial = view.trials[section];
    events::ArmRecord& arm = was_left_out ? trial.without : trial.with;
    ++arm.pulls;
    arm.gain += gain;
    arm.microdollars += candidate.microdollars;
    (was_left_out ? trial.squares_without : trial.squares_with) += gain * gain;
  }
}

}  // namespace warpwright::search
