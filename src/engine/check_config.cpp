#include "src/engine/check_config.h"

#include <fmt/format.h>

#include "src/base/files.h"
#include "src/engine/config_effect.h"
#include "src/engine/setup.h"
#include "src/search/strategy.h"

namespace warpwright::engine {
namespace {

// Beside what check_config_text found: the same steps as evolve's, so the same words.
Result<void> look_up(const RunConfig& settled) {
  TRY_ASSIGN(const RunConfig config, with_absolute_paths(settled));
  TRY(load_setup(config));
  TRY(load_seeds(config));
  TRY(count_scripted_answers(config));
  return {};
}

}  // namespace

Result<SettledConfig> settle_config(const RunConfig& asked, const std::string& where) {
  SettledConfig settled{asked, std::nullopt};
  if (!asked.agent.empty()) {
    TRY_ASSIGN(const std::filesystem::path home, find_home());
    TRY_ASSIGN(settled.agent, load_agent(asked.agent, home));
    TRY(settle_agent(settled.config, *settled.agent));
    TRY(check_run_config(settled.config, where));
  } else if (!asked.search.trial_sections.empty()) {
    return usage_error(where +
                       ": search.trial_sections needs an agent: without one there are no prompts to leave "
                       "them out of");
  }
  TRY_ASSIGN(settled.config.search, search::settle_strategy(std::move(settled.config.search)));
  return settled;
}

CheckedConfig check_config_file(const std::filesystem::path& path) {
  CheckedConfig checked;
  const auto text = read_file(path, 1 << 20);
  if (!text) {
    checked.problems.push_back(text.error());
    return checked;
  }
  checked = check_config_text(*text, path.string());
  if (!checked.problems.empty()) return checked;
  const RunConfig asked = checked.config;
  auto settled = settle_config(asked, path.string());
  if (!settled) {
    checked.problems.push_back(settled.error());
    return checked;
  }
  checked.config = std::move(settled->config);
  for (const KeyWithoutEffect& key : keys_without_effect_beside_agent(asked, checked.config))
    checked.problems.push_back(error_of(key, checked.located));
  const auto found = look_up(checked.config);
  if (!found) checked.problems.push_back(found.error());
  return checked;
}

}  // namespace warpwright::engine
