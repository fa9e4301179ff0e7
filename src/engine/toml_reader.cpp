#include "src/engine/toml_reader.h"
#include "src/base/edit_distance.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <optional>

#include <toml++/toml.h>  // Debian's library is built with exceptions: they end in parse_toml

namespace warpwright::engine {
namespace {

Result<Json> convert(const toml::node& node, const std::string& path, Located& located);

Result<Json> convert_table(const toml::table& table, const std::string& path, Located& located) {
  Json json = Json::object();
  for (const auto& [key, child] : table) {
    const std::string child_path =
        path.empty() ? std::string(key.str()) : path + "." + std::string(key.str());
    located.lines[child_path] = static_cast<int>(key.source().begin.line);
    TRY_ASSIGN(json[std::string(key.str())], convert(child, child_path, located));
  }
  return json;
}

Result<Json> convert(const toml::node& node, const std::string& path, Located& located) {
  if (const auto* table = node.as_table()) return convert_table(*table, path, located);
  if (const auto* array = node.as_array()) {
    Json json = Json::array();
    for (const toml::node& item : *array) {
      TRY_ASSIGN(Json value, convert(item, path, located));
      json.push_back(std::move(value));
    }
    return json;
  }
  if (const auto* text = node.as_string()) return Json(text->get());
  if (const auto* integer = node.as_integer()) return Json(integer->get());
  if (const auto* number = node.as_floating_point()) return Json(number->get());
  if (const auto* flag = node.as_boolean()) return Json(flag->get());
  return usage_error(fmt::format("{}: {}: dates and times mean nothing here", located.at(path), path));
}

}  // namespace

std::string Located::at(const std::string& path) const {
  const auto line = lines.find(path);
  return line == lines.end() ? file : fmt::format("{}:{}", file, line->second);
}

Result<LocatedJson> parse_toml(std::string_view text, const std::string& file) {
  toml::table table;
  try {
    table = toml::parse(text, file);
  } catch (const toml::parse_error& error) {
    const auto& at = error.source().begin;
    return usage_error(fmt::format("{}:{}:{}: {}", file, at.line, at.column, error.description()));
  }
  LocatedJson result;
  result.located.file = file;
  TRY_ASSIGN(result.json, convert_table(table, "", result.located));
  return result;
}

std::string toml_value(const Json& value) {
  std::vector<std::string> parts;
  if (value.is_array()) {
    for (const Json& item : value) parts.push_back(toml_value(item));
    return fmt::format("[{}]", fmt::join(parts, ", "));
  }
  if (value.is_object()) {
    for (const auto& [key, item] : value.items())
      parts.push_back(fmt::format("{} = {}", toml_key(key), toml_value(item)));
    return fmt::format("{{{}}}", fmt::join(parts, ", "));
  }
  return dump_json(value);
}

std::string toml_key(const std::string& key) {
  const auto is_bare = [](unsigned char c) { return std::isalnum(c) != 0 || c == '_' || c == '-'; };
  return !key.empty() && std::all_of(key.begin(), key.end(), is_bare) ? key : dump_json(key);
}

std::string nearest(const std::string& word, const std::vector<std::string>& candidates) {
  return *std::min_element(candidates.begin(), candidates.end(), [&](const auto& a, const auto& b) {
    return edit_distance(word, a) < edit_distance(word, b);
  });
}

}  // namespace warpwright::engine
