#include "src/rules/rules_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "src/base/hash.h"
#include "src/rules/toml_reader.h"

namespace warpwright::rules {
namespace {

Result<Family> parse_family(TomlReader reader) {
  Family family;
  TRY_ASSIGN(family.op_type, reader.string("op_type"));
  TRY_ASSIGN(family.prefix, reader.string("prefix"));
  TRY_ASSIGN(family.tensors, reader.strings_or_empty("tensors"));
  if (family.tensors.empty())
    return reader.error("[family] needs 'tensors': the names of all inputs and outputs");
  TRY(reader.reject_unknown_keys());
  return family;
}

Result<OfficialTolerance> parse_official(TomlReader reader) {
  OfficialTolerance official;
  TRY_ASSIGN(official.atol, reader.number_or("atol", official.atol));
  TRY_ASSIGN(official.rtol, reader.number_or("rtol", official.rtol));
  TRY_ASSIGN(official.matched_ratio, reader.number_or("matched_ratio", official.matched_ratio));
  TRY(reader.reject_unknown_keys());
  const bool valid =
      official.atol >= 0 && official.rtol >= 0 && official.matched_ratio > 0 && official.matched_ratio <= 1;
  if (!valid) return reader.error("[official]: tolerances must not be negative, matched_ratio be in (0, 1]");
  return official;
}

Result<StrictTolerance> parse_strict(TomlReader reader) {
  StrictTolerance strict;
  TRY_ASSIGN(strict.score_margin, reader.number_or("score_margin", 0));
  if (strict.score_margin > 0) {
    TRY(reader.reject_unknown_keys());
    return strict;
  }
  TRY_ASSIGN(strict.scaled_max, reader.number("scaled_max"));
  TRY_ASSIGN(strict.scaled_rms, reader.number("scaled_rms"));
  TRY_ASSIGN(strict.scaled_bias, reader.number("scaled_bias"));
  TRY_ASSIGN(strict.scaled_row_rms, reader.number_or("scaled_row_rms", 0));
  TRY(reader.reject_unknown_keys());
  if (strict.scaled_max <= 0 || strict.scaled_rms <= 0 || strict.scaled_bias <= 0)
    return reader.error("strict tolerances must be positive");
  return strict;
}

Result<TimingCounts> parse_timing(TomlReader reader) {
  constexpr double kMost = 10'000;
  TimingCounts counts;
  auto read = [&](std::string_view key, int least, int& value) -> Result<void> {
    TRY_ASSIGN(const double number, reader.number_or(key, value));
    if (number != std::floor(number) || number < least || number > kMost)
      return reader.error_at_key(key,
                                 fmt::format("'{}' must be a whole number from {} to {}", key, least, kMost));
    value = static_cast<int>(number);
    return {};
  };
  TRY(read("warmup", 0, counts.warm_up));
  TRY(read("iterations", 1, counts.iterations));
  TRY(read("trials", 1, counts.trials));
  TRY(reader.reject_unknown_keys());
  return counts;
}

Result<FloorRule> parse_floor(TomlReader reader) {
  FloorRule floor;
  TRY_ASSIGN(floor.bytes_read, reader.string_or("bytes_read", ""));
  TRY_ASSIGN(floor.bytes_written, reader.string_or("bytes_written", ""));
  TRY_ASSIGN(floor.flops, reader.string_or("flops", ""));
  TRY(reader.reject_unknown_keys());
  return floor;
}

Result<Generator> parse_generator(TomlReader reader) {
  Generator generator;
  TRY_ASSIGN(const std::string name, reader.string("distribution"));
  const auto distribution = distribution_from_string(name);
  if (!distribution) {
    std::vector<std::string_view> known;
    for (const DistributionFacts& facts : distributions()) known.push_back(facts.name);
    return reader.error_at_key("distribution", fmt::format("unknown distribution '{}'; there are: {}", name,
                                                           fmt::join(known, ", ")));
  }
  generator.distribution = *distribution;
  for (const Parameter& parameter : facts_of(*distribution).parameters) {
    TRY_ASSIGN(const double value, reader.number_or(parameter.name, parameter.fallback));
    generator.parameters[std::string(parameter.name)] = value;
  }
  TRY(reader.reject_unknown_keys());
  return generator;
}

Result<InputProfile> parse_profile(TomlReader reader) {
  InputProfile profile;
  TRY_ASSIGN(profile.name, reader.string("name"));
  TRY_ASSIGN(profile.answer_is_trivial, reader.boolean_or("answer_is_trivial", false));
  TRY_ASSIGN(profile.workloads, reader.strings_or_empty("workloads"));
  TRY_ASSIGN(auto inputs, reader.named_tables_or_empty("inputs"));
  for (auto& [tensor, generator] : inputs) {
    TRY_ASSIGN(profile.generators[tensor], parse_generator(std::move(generator)));
  }
  TRY(reader.reject_unknown_keys());
  return profile;
}

Result<Selection::Case> parse_case(TomlReader reader, const Rules& rules) {
  Selection::Case parsed;
  TRY_ASSIGN(parsed.axes, reader.expressions_or_empty("axes"));
  TRY_ASSIGN(parsed.scalars, reader.numbers_or_empty("scalars"));
  TRY_ASSIGN(parsed.profiles, reader.strings_or_empty("profiles"));
  TRY_ASSIGN(parsed.stands_for, reader.string_or("stands_for", ""));
  TRY(reader.reject_unknown_keys());
  for (const std::string& profile : parsed.profiles) {
    if (rules.find_profile(profile) == nullptr)
      return reader.error_at_key("profiles", fmt::format("unknown profile '{}'", profile));
  }
  if (!parsed.stands_for.empty() && parsed.profiles.size() > 1)
    return reader.error("a case with 'stands_for' has one profile, else its workloads would count twice");
  return parsed;
}

Result<Selection> parse_selection(TomlReader reader, const Rules& rules) {
  Selection selection;
  TRY_ASSIGN(const std::string take, reader.string_or("take", "cases"));
  TRY_ASSIGN(selection.constants, reader.integers_or_empty("constants"));
  TRY_ASSIGN(auto cases, reader.tables_or_empty("case"));
  TRY(reader.reject_unknown_keys());
  if (take == "all")
    selection.take = Selection::Take::kAll;
  else if (take == "cheapest_of_each_band")
    selection.take = Selection::Take::kCheapestOfEachBand;
  else if (take != "cases")
    return reader.error_at_key("take", fmt::format("'{}' must be all, cheapest_of_each_band or cases", take));
  if (cases.empty() == (selection.take == Selection::Take::kCases))
    return reader.error("a selection has either take = \"...\" or its own [[case]] list");
  if (!selection.constants.empty() && selection.take != Selection::Take::kCases)
    return reader.error_at_key("constants",
                               "the dataset's workloads are of the definition's own size: "
                               "'constants' goes with [[case]]");
  for (const auto& [name_of, value] : selection.constants)
    if (value <= 0) return reader.error_at_key("constants", fmt::format("'{}' must be positive", name_of));
  for (TomlReader& reader_of_case : cases) {
    TRY_ASSIGN(Selection::Case parsed, parse_case(std::move(reader_of_case), rules));
    selection.cases.push_back(std::move(parsed));
  }
  return selection;
}

Result<void> parse_lists(TomlReader& reader, Rules& rules) {
  std::set<std::string> names;
  TRY_ASSIGN(const auto bands, reader.tables_or_empty("band"));
  for (TomlReader band_reader : bands) {
    Band band;
    TRY_ASSIGN(band.name, band_reader.string("name"));
    TRY_ASSIGN(band.when, band_reader.string("when"));
    TRY(band_reader.reject_unknown_keys());
    if (!names.insert(band.name).second)
      return band_reader.error(fmt::format("band '{}' is given twice", band.name));
    rules.bands.push_back(std::move(band));
  }
  names.clear();
  TRY_ASSIGN(const auto profiles, reader.tables_or_empty("profile"));
  for (const TomlReader& profile_reader : profiles) {
    TRY_ASSIGN(InputProfile profile, parse_profile(profile_reader));
    if (!names.insert(profile.name).second)
      return profile_reader.error(fmt::format("profile '{}' is given twice", profile.name));
    rules.profiles.push_back(std::move(profile));
  }
  return {};
}

Result<void> parse_rules(TomlReader& reader, Rules& rules) {
  TRY_ASSIGN(rules.oracle, reader.string_or("oracle", ""));
  TRY_ASSIGN(const auto official, reader.table_if_any("official"));
  if (official) {
    TRY_ASSIGN(rules.official, parse_official(*official));
  }
  TRY_ASSIGN(const auto strict, reader.named_tables_or_empty("strict"));
  for (const auto& [output, tolerance] : strict) {
    TRY_ASSIGN(rules.strict[output], parse_strict(tolerance));
  }
  TRY_ASSIGN(const auto timing, reader.table_if_any("timing"));
  if (timing) {
    TRY_ASSIGN(rules.timing, parse_timing(*timing));
  }
  TRY_ASSIGN(const auto floor, reader.table_if_any("floor"));
  if (floor) {
    TRY_ASSIGN(rules.floor, parse_floor(*floor));
  }
  TRY_ASSIGN(rules.scalar_defaults, reader.numbers_or_empty("scalars"));
  TRY(parse_lists(reader, rules));
  TRY_ASSIGN(const auto selections, reader.named_tables_or_empty("selection"));
  for (const auto& [name, selection] : selections) {
    TRY_ASSIGN(rules.selections[name], parse_selection(selection, rules));
  }
  return {};
}

}  // namespace

bool Family::matches(const trace::Definition& definition) const {
  std::set<std::string> present;
  for (const trace::Tensor& tensor : definition.inputs) present.insert(tensor.name);
  for (const trace::Tensor& tensor : definition.outputs) present.insert(tensor.name);
  return definition.op_type == op_type && definition.name.starts_with(prefix) &&
         present == std::set<std::string>(tensors.begin(), tensors.end());
}

Result<RulesFile> parse_rules_file(std::string_view text, const std::string& path) {
  TRY_ASSIGN(const toml::table table, parse_toml(text, path));
  TomlReader reader(table, path);
  RulesFile file;
  TRY_ASSIGN(file.definitions, reader.strings_or_empty("definitions"));
  TRY_ASSIGN(const auto family, reader.table_if_any("family"));
  if (family) {
    TRY_ASSIGN(file.family, parse_family(*family));
  }
  if (!file.family && file.definitions.empty())
    return reader.error("needs 'definitions' (names) or a [family] to say whom the rules are for");
  TRY(parse_rules(reader, file.rules));
  TRY(reader.reject_unknown_keys());
  file.rules.source_path = path;
  file.rules.content_hash = sha256_hex(text);
  return file;
}

}  // namespace warpwright::rules
