#include "src/events/setting_specs.h"

#include <algorithm>

namespace warpwright::events {

const std::vector<SettingSpec>& setting_specs() {
  using S = SearchSettings;
  static const std::vector<SettingSpec> kSpecs = {
      {"window", &S::window, 1, 4096},
      {"islands", &S::islands, 1, 1000},
      {"archive_size", &S::archive_size, 1, 1'000'000},
      {"migration_interval", &S::migration_interval, 0, 1'000'000},
      {"migration_count", &S::migration_count, 1, 1000},
      {"exploration", &S::exploration, 0, 1},
      {"exploitation", &S::exploitation, 0, 1},
      {"elite", &S::elite, 0, 1},
      {"inspirations", &S::inspirations, 0, 100},
      {"tie_margin", &S::tie_margin, 0, 1},
      {"model_choice", &S::model_choice, 0, 0, {"weights", "bandit"}},
      {"operator_choice", &S::operator_choice, 0, 0, {"weights", "bandit"}},
      {"repair_attempts", &S::repair_attempts, 0, 100},
      // Younger than the first journals: what is absent means what those runs did.
      {"best_settings", &S::best_settings, 0, 0, {}, false},
      {"strategy", &S::strategy, 0, 0, {"evolve", "best-of-n", "hill-climb"}, "evolve"},
      {"top_inspirations", &S::top_inspirations, 0, 100, {}, 1},
      {"diverse_inspirations", &S::diverse_inspirations, 0, 100, {}, 0},
      {"portfolio", &S::portfolio, 0, 1, {}, 0},
      {"population_size", &S::population_size, 0, 10'000'000, {}, 0},
      {"archive_rank", &S::archive_rank, 0, 0, {"score", "pareto"}, "score"},
      {"temperature", &S::temperature, 0, 100, {}, 1},
      {"share_near_duplicates", &S::share_near_duplicates, 0, 0, {}, false},
      {"tuning_budget", &S::tuning_budget, 0, 100'000, {}, 0},
      {"tuning_margin", &S::tuning_margin, 0, 1, {}, 0.1},
      {"tuning_share", &S::tuning_share, 0, 1, {}, 0.5},
      {"race_margin", &S::race_margin, 0, 1, {}, 0},
      {"stagnation_after", &S::stagnation_after, 0, 10'000'000, {}, 0},
      {"stagnation_actions", &S::stagnation_actions, 0, 0, {"research", "model", "reset", "heat"}},
      {"trial_sections", &S::trial_sections, 0, 0, {}, Json::array()},
      {"trial_share", &S::trial_share, 0, 1, {}, 0.25},
      {"bandit_memory", &S::bandit_memory, 0.5, 1, {}, 1}};
  return kSpecs;
}

const SettingSpec* find_setting_spec(std::string_view key) {
  const auto& specs = setting_specs();
  const auto found =
      std::find_if(specs.begin(), specs.end(), [&](const SettingSpec& spec) { return spec.key == key; });
  return found == specs.end() ? nullptr : &*found;
}

}  // namespace warpwright::events
