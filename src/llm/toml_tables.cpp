#include "src/llm/toml_tables.h"

#include <fmt/format.h>
#include <toml++/toml.h>  // Debian's library is built with exceptions: they end in read_toml_tables

#include <algorithm>

#include "src/base/files.h"

namespace warpwright::llm {
namespace {

Result<Json> convert(const toml::node& node, const std::string& where) {
  if (const auto* table = node.as_table()) {
    Json json = Json::object();
    for (const auto& [key, child] : *table) {
      TRY_ASSIGN(json[std::string(key.str())], convert(child, where));
    }
    return json;
  }
  if (const auto* array = node.as_array()) {
    Json json = Json::array();
    for (const toml::node& item : *array) {
      TRY_ASSIGN(Json value, convert(item, where));
      json.push_back(std::move(value));
    }
    return json;
  }
  if (const auto* text = node.as_string()) return Json(text->get());
  if (const auto* integer = node.as_integer()) return Json(integer->get());
  if (const auto* number = node.as_floating_point()) return Json(number->get());
  if (const auto* flag = node.as_boolean()) return Json(flag->get());
  return usage_error(where + ": dates and times stand in quotes here");
}

}  // namespace

Result<std::vector<TomlTable>> read_toml_tables(std::string_view text, const std::string& file) {
  toml::table root;
  try {
    root = toml::parse(text, file);
  } catch (const toml::parse_error& error) {
    const auto& at = error.source().begin;
    return usage_error(fmt::format("{}:{}:{}: {}", file, at.line, at.column, error.description()));
  }
  std::vector<std::pair<int, TomlTable>> found;
  const auto add = [&](std::string_view name, const toml::node& node) -> Result<void> {
    const int line = static_cast<int>(node.source().begin.line);
    const std::string where = fmt::format("{}:{}", file, line);
    if (!node.is_table()) return usage_error(fmt::format("{}: '{}' stands outside of a table", where, name));
    TRY_ASSIGN(Json json, convert(node, where));
    found.push_back({line, {std::string(name), where, std::move(json)}});
    return {};
  };
  for (const auto& [key, node] : root) {
    if (const auto* array = node.as_array()) {
      for (const toml::node& item : *array) TRY(add(key.str(), item));
    } else {
      TRY(add(key.str(), node));
    }
  }
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<TomlTable> tables;
  for (auto& [line, table] : found) tables.push_back(std::move(table));
  return tables;
}

Result<std::vector<TomlTable>> read_toml_tables(const std::filesystem::path& path) {
  constexpr size_t kMaxBytes = size_t{4} << 20;
  TRY_ASSIGN(const std::string text, read_file(path, kMaxBytes));
  return read_toml_tables(text, path.string());
}

}  // namespace warpwright::llm
