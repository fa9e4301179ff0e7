#include "src/rules/toml_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace warpwright::rules {

Result<toml::table> parse_toml(std::string_view text, const std::string& path) {
  try {  // Debian's library is built with exceptions; they end here
    return toml::parse(text, path);
  } catch (const toml::parse_error& error) {
    const toml::source_position at = error.source().begin;
    return usage_error(fmt::format("{}:{}:{}: {}", path, at.line, at.column, error.description()));
  }
}

tl::unexpected<Error> TomlReader::error_at(const toml::node& node, std::string_view message) const {
  return usage_error(fmt::format("{}:{}: {}", path_, node.source().begin.line, message));
}

tl::unexpected<Error> TomlReader::error_at_key(std::string_view key, std::string_view message) const {
  const toml::node* node = table_->get(key);
  return error_at(node != nullptr ? *node : *table_, message);
}

const toml::node* TomlReader::find(std::string_view key) {
  known_.emplace_back(key);
  return table_->get(key);
}

Result<double> TomlReader::as_number(const toml::node& node, std::string_view key) const {
  const auto value = node.is_number() ? node.value<double>() : std::nullopt;
  if (!value || !std::isfinite(*value))
    return error_at(node, fmt::format("key '{}' must be a finite number", key));
  return *value;
}

Result<std::string> TomlReader::string(std::string_view key) {
  const toml::node* node = find(key);
  if (node == nullptr) return error(fmt::format("key '{}' is missing (expected a string)", key));
  if (!node->is_string()) return error_at(*node, fmt::format("key '{}' must be a string", key));
  return node->as_string()->get();
}

Result<std::string> TomlReader::string_or(std::string_view key, std::string fallback) {
  return find(key) == nullptr ? Result<std::string>(std::move(fallback)) : string(key);
}

Result<bool> TomlReader::boolean_or(std::string_view key, bool fallback) {
  const toml::node* node = find(key);
  if (node == nullptr) return fallback;
  if (!node->is_boolean()) return error_at(*node, fmt::format("key '{}' must be true or false", key));
  return node->as_boolean()->get();
}

Result<double> TomlReader::number(std::string_view key) {
  const toml::node* node = find(key);
  if (node == nullptr) return error(fmt::format("key '{}' is missing (expected a number)", key));
  return as_number(*node, key);
}

Result<double> TomlReader::number_or(std::string_view key, double fallback) {
  return find(key) == nullptr ? Result<double>(fallback) : number(key);
}

Result<std::vector<std::string>> TomlReader::strings_or_empty(std::string_view key) {
  std::vector<std::string> strings;
  const toml::node* node = find(key);
  if (node == nullptr) return strings;
  if (!node->is_array()) return error_at(*node, fmt::format("key '{}' must be a list of strings", key));
  for (const toml::node& item : *node->as_array()) {
    if (!item.is_string()) return error_at(item, fmt::format("key '{}' must be a list of strings", key));
    strings.push_back(item.as_string()->get());
  }
  return strings;
}

Result<std::map<std::string, double>> TomlReader::numbers_or_empty(std::string_view key) {
  TRY_ASSIGN(auto table, table_if_any(key));
  if (!table) return std::map<std::string, double>();
  TRY_ASSIGN(auto numbers, table->other_numbers());
  TRY(table->reject_unknown_keys());
  return numbers;
}

Result<std::map<std::string, int64_t>> TomlReader::integers_or_empty(std::string_view key) {
  std::map<std::string, int64_t> integers;
  TRY_ASSIGN(const auto table, table_if_any(key));
  if (!table) return integers;
  for (const auto& [name, node] : *table->table_) {
    if (!node.is_integer())
      return error_at(node, fmt::format("'{}' in '{}' must be an integer", name.str(), key));
    integers[std::string(name.str())] = node.as_integer()->get();
  }
  return integers;
}

Result<std::map<std::string, std::string>> TomlReader::expressions_or_empty(std::string_view key) {
  std::map<std::string, std::string> expressions;
  TRY_ASSIGN(const auto table, table_if_any(key));
  if (!table) return expressions;
  for (const auto& [name, node] : *table->table_) {
    if (!node.is_integer() && !node.is_string())
      return error_at(node, fmt::format("'{}' in '{}' must be an integer or an expression", name.str(), key));
    expressions[std::string(name.str())] =
        node.is_integer() ? std::to_string(node.as_integer()->get()) : node.as_string()->get();
  }
  return expressions;
}

Result<std::optional<TomlReader>> TomlReader::table_if_any(std::string_view key) {
  const toml::node* node = find(key);
  if (node == nullptr) return std::optional<TomlReader>();
  if (!node->is_table()) return error_at(*node, fmt::format("key '{}' must be a table", key));
  return std::optional<TomlReader>(TomlReader(*node->as_table(), path_));
}

Result<std::vector<TomlReader>> TomlReader::tables_or_empty(std::string_view key) {
  std::vector<TomlReader> readers;
  const toml::node* node = find(key);
  if (node == nullptr) return readers;
  if (!node->is_array()) return error_at(*node, fmt::format("'{}' must be written [[{}]]", key, key));
  for (const toml::node& item : *node->as_array()) {
    if (!item.is_table()) return error_at(item, fmt::format("'{}' must be written [[{}]]", key, key));
    readers.emplace_back(*item.as_table(), path_);
  }
  return readers;
}

Result<std::vector<std::pair<std::string, TomlReader>>> TomlReader::named_tables_or_empty(
    std::string_view key) {
  std::vector<std::pair<std::string, TomlReader>> readers;
  TRY_ASSIGN(const auto table, table_if_any(key));
  if (!table) return readers;
  for (const auto& [name, node] : *table->table_) {
    if (!node.is_table()) return error_at(node, fmt::format("'{}.{}' must be a table", key, name.str()));
    readers.emplace_back(std::string(name.str()), TomlReader(*node.as_table(), path_));
  }
  return readers;
}

Result<std::map<std::string, double>> TomlReader::other_numbers() {
  std::map<std::string, double> numbers;
  for (const auto& [name, node] : *table_) {
    const std::string key(name.str());
    if (std::find(known_.begin(), known_.end(), key) != known_.end()) continue;
    TRY_ASSIGN(numbers[key], as_number(node, key));
    known_.push_back(key);
  }
  return numbers;
}

Result<void> TomlReader::reject_unknown_keys() const {
  for (const auto& [name, node] : *table_) {
    if (std::find(known_.begin(), known_.end(), name.str()) == known_.end())
      return error_at(node,
                      fmt::format("unknown key '{}'; known here: {}", name.str(), fmt::join(known_, ", ")));
  }
  return {};
}

}  // namespace warpwright::rules
