#include <fmt/format.h>

#include <algorithm>

#include "src/base/files.h"
#include "src/base/hash.h"
#include "src/plan/plan.h"
#include "src/rules/rules_file.h"

namespace warpwright::rules {
namespace {

constexpr size_t kMaxRulesBytes = 1 << 20;

// The file that lists the definition by name, else the first whose family matches.
Result<std::optional<Rules>> find_in_folder(const std::filesystem::path& folder,
                                            const trace::Definition& definition) {
  std::optional<Rules> by_name;
  std::optional<Rules> by_family;
  for (const std::filesystem::path& path : list_files(folder, ".toml")) {
    TRY_ASSIGN(const std::string text, read_file(path, kMaxRulesBytes));
    TRY_ASSIGN(const RulesFile file, parse_rules_file(text, path.string()));
    const bool named = std::find(file.definitions.begin(), file.definitions.end(), definition.name) !=
                       file.definitions.end();
    if (named && !by_name) by_name = file.rules;
    if (file.family && file.family->matches(definition) && !by_family) by_family = file.rules;
  }
  return by_name ? by_name : by_family;
}

// Names in the rules that the definition does not have are mistakes of the file.
Result<void> check_names(const Rules& rules, const trace::Definition& definition) {
  const auto wrong = [&](std::string_view what, const std::string& name) {
    return usage_error(
        fmt::format("{}: {} '{}': {} has no such name", rules.source_path, what, name, definition.name));
  };
  for (const auto& [output, tolerance] : rules.strict) {
    if (definition.find_output(output) == nullptr) return wrong("strict tolerance of", output);
  }
  for (const auto& [scalar, value] : rules.scalar_defaults) {
    const trace::Tensor* tensor = definition.find_input(scalar);
    if (tensor == nullptr || !tensor->is_scalar) return wrong("default of scalar", scalar);
  }
  for (const InputProfile& profile : rules.profiles) {
    for (const auto& [input, generator] : profile.generators) {
      const trace::Tensor* tensor = definition.find_input(input);
      if (tensor == nullptr || tensor->is_scalar)
        return wrong(fmt::format("profile '{}': input", profile.name), input);
      if (generator.distribution == Distribution::kAbsent && !tensor->optional)
        return usage_error(fmt::format("{}: profile '{}': input '{}' is not optional, so it cannot be absent",
                                       rules.source_path, profile.name, input));
      for (std::string_view axis : facts_of(generator.distribution).axes) {
        if (definition.find_axis(axis) == nullptr)
          return usage_error(fmt::format("{}: profile '{}': input '{}': {} needs the axis '{}'",
                                         rules.source_path, profile.name, input,
                                         to_string(generator.distribution), axis));
      }
    }
  }
  for (const auto& [name, selection] : rules.selections) {
    TRY(rules.definition_for(name, definition));
    for (const Selection::Case& item : selection.cases) {
      for (const auto& [scalar, value] : item.scalars) {
        const trace::Tensor* tensor = definition.find_input(scalar);
        if (tensor == nullptr || !tensor->is_scalar)
          return wrong(fmt::format("selection '{}': scalar", name), scalar);
      }
    }
  }
  return {};
}

Result<void> check_strict(const Rules& rules, const trace::Definition& definition) {
  if (rules.strict.empty()) return {};
  for (const trace::Tensor& output : definition.outputs) {
    if (!rules.strict.contains(output.name))
      return usage_error(
          fmt::format("{}: output '{}' has no [strict.{}]", rules.source_path, output.name, output.name));
  }
  return {};
}

// A workload whose right answer takes no work proves nothing by itself.
Result<void> check_trivial(const Rules& rules) {
  const auto is_trivial = [&](std::string_view profile) {
    return rules.find_profile(profile)->answer_is_trivial;
  };
  if (!rules.profiles.empty() && is_trivial(""))
    return usage_error(fmt::format("{}: the answer of the first profile, '{}', may not be trivial",
                                   rules.source_path, rules.profiles.front().name));
  for (const auto& [name, selection] : rules.selections) {
    const bool proves = std::any_of(selection.cases.begin(), selection.cases.end(), [&](const auto& item) {
      return item.profiles.empty() || !std::all_of(item.profiles.begin(), item.profiles.end(), is_trivial);
    });
    if (selection.take == Selection::Take::kCases && !proves)
      return usage_error(
          fmt::format("{}: selection '{}': only cases whose answer is trivial: nothing would be "
                      "proven",
                      rules.source_path, name));
  }
  return {};
}

// The floor of the first workload shows whether the expressions are well-formed.
Result<void> check_floor(const Rules& rules, const trace::LoadedDefinition& loaded) {
  if (loaded.workloads.empty()) return {};
  const std::pair<std::string_view, const std::string&> expressions[] = {
      {"bytes_read", rules.floor.bytes_read},
      {"bytes_written", rules.floor.bytes_written},
      {"flops", rules.floor.flops}};
  for (const auto& [name, expression] : expressions) {
    if (expression.empty()) continue;
    TRY(plan::evaluate_integer(expression, loaded.definition, loaded.workloads.front().axes,
                               fmt::format("{}: floor: {}", rules.source_path, name)));
  }
  return {};
}

void add_defaults(Rules& rules) {
  if (rules.profiles.empty()) rules.profiles.push_back({.name = "random"});
  rules.selections.try_emplace("all", Selection{Selection::Take::kAll, {}});
  rules.selections.try_emplace("smoke", Selection{Selection::Take::kCheapestOfEachBand, {}});
  rules.selections.try_emplace("sim", Selection{Selection::Take::kAll, {}});
}

}  // namespace

Result<Rules> load_rules(const trace::LoadedDefinition& loaded, const std::filesystem::path& home) {
  for (const std::filesystem::path& folder : {loaded.dataset / "rules", home / "configs" / "rules"}) {
    TRY_ASSIGN(std::optional<Rules> rules, find_in_folder(folder, loaded.definition));
    if (!rules) continue;
    TRY(check_names(*rules, loaded.definition));
    TRY(check_strict(*rules, loaded.definition));
    TRY(check_trivial(*rules));
    TRY(check_floor(*rules, loaded));
    add_defaults(*rules);
    return std::move(*rules);
  }
  Rules defaults;
  defaults.content_hash = sha256_hex("defaults");
  add_defaults(defaults);
  return defaults;
}

}  // namespace warpwright::rules
