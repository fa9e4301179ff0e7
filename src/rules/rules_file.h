// A rules file as written: the rules and whom they are for. Private to rules.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "src/rules/rules.h"

namespace warpwright::rules {

struct Family {
  std::string op_type;
  std::string prefix;                // of the definition's name
  std::vector<std::string> tensors;  // names of inputs and outputs, in any order
  bool matches(const trace::Definition& definition) const;
};

struct RulesFile {
  std::vector<std::string> definitions;  // by name
  std::optional<Family> family;
  Rules rules;
};

Result<RulesFile> parse_rules_file(std::string_view text, const std::string& path);

}  // namespace warpwright::rules
