// Strict reading of a TOML table: every error names file and line, and a key nobody asked for is one.
// Private to rules.
#pragma once

#include <toml++/toml.h>

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/result.h"

namespace warpwright::rules {

class TomlReader {
 public:
  // `table` must outlive the reader. `path` starts every message.
  TomlReader(const toml::table& table, std::string path) : table_(&table), path_(std::move(path)) {}

  Result<std::string> string(std::string_view key);
  Result<std::string> string_or(std::string_view key, std::string fallback);
  Result<bool> boolean_or(std::string_view key, bool fallback);
  Result<double> number(std::string_view key);
  Result<double> number_or(std::string_view key, double fallback);
  Result<std::vector<std::string>> strings_or_empty(std::string_view key);
  Result<std::map<std::string, double>> numbers_or_empty(std::string_view key);    // a table of numbers
  Result<std::map<std::string, int64_t>> integers_or_empty(std::string_view key);  // a table of integers
  // A table of plan expressions: strings, or integers, which stand for themselves.
  Result<std::map<std::string, std::string>> expressions_or_empty(std::string_view key);
  Result<std::optional<TomlReader>> table_if_any(std::string_view key);
  Result<std::vector<TomlReader>> tables_or_empty(std::string_view key);  // [[key]]
  Result<std::vector<std::pair<std::string, TomlReader>>> named_tables_or_empty(std::string_view key);

  // All keys with number values that were not asked for yet; marks them as known.
  Result<std::map<std::string, double>> other_numbers();
  Result<void> reject_unknown_keys() const;

  // "path:line: message"
  tl::unexpected<Error> error(std::string_view message) const { return error_at(*table_, message); }
  tl::unexpected<Error> error_at_key(std::string_view key, std::string_view message) const;

 private:
  tl::unexpected<Error> error_at(const toml::node& node, std::string_view message) const;
  const toml::node* find(std::string_view key);
  Result<double> as_number(const toml::node& node, std::string_view key) const;

  const toml::table* table_;
  std::string path_;
  std::vector<std::string> known_;
};

// Error: "path:line:column: ...".
Result<toml::table> parse_toml(std::string_view text, const std::string& path);

}  // namespace warpwright::rules
