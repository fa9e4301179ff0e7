#include "src/base/json.h"

#include <fmt/format.h>

#include <algorithm>

namespace warpwright {

Result<Json> parse_json(std::string_view text, std::string_view where) {
  // The library's own message ends in the near text; position is recomputed so that it reads like a
  // compiler's.
  try {
    return Json::parse(text);
  } catch (const Json::parse_error& error) {
    const size_t at = std::min(error.byte > 0 ? error.byte - 1 : 0, text.size());
    const std::string_view before = text.substr(0, at);
    const auto line = 1 + std::count(before.begin(), before.end(), '\n');
    const size_t line_start = before.rfind('\n');
    const size_t column = 1 + (line_start == std::string_view::npos ? at : at - line_start - 1);
    const std::string what = error.what();
    const size_t detail = what.rfind(": ");
    return usage_error(fmt::format("{}:{}:{}: not valid JSON: {}", where, line, column,
                                   detail == std::string::npos ? what : what.substr(detail + 2)));
  } catch (const Json::exception& error) {
    return usage_error(fmt::format("{}: not valid JSON: {}", where, error.what()));
  }
}

std::string dump_json(const Json& value, int indent) {
  return value.dump(indent, ' ', false, Json::error_handler_t::replace);
}

Result<JsonObjectReader> JsonObjectReader::open(const Json& value, std::string where) {
  if (!value.is_object()) return usage_error(fmt::format("{}: must be a JSON object", where));
  return JsonObjectReader(value, std::move(where));
}

const Json* JsonObjectReader::find(std::string_view key) {
  known_.emplace_back(key);
  auto it = value_->find(key);
  return it == value_->end() || it->is_null() ? nullptr : &*it;
}

bool JsonObjectReader::has(std::string_view key) const {
  auto it = value_->find(key);
  return it != value_->end() && !it->is_null();
}

Result<const Json*> JsonObjectReader::require(std::string_view key, Json::value_t type,
                                              std::string_view name) {
  const Json* value = find(key);
  if (value == nullptr)
    return usage_error(fmt::format("{}: key '{}' is missing (expected {})", where_, key, name));
  const bool number_ok = type == Json::value_t::number_float && value->is_number();
  const bool integer_ok = type == Json::value_t::number_integer && value->is_number_integer();
  if (value->type() != type && !number_ok && !integer_ok)
    return usage_error(fmt::format("{}: key '{}' must be {}, not {}", where_, key, name, value->type_name()));
  return value;
}

Result<std::string> JsonObjectReader::string(std::string_view key) {
  TRY_ASSIGN(const Json* value, require(key, Json::value_t::string, "a string"));
  return value->get<std::string>();
}
Result<int64_t> JsonObjectReader::integer(std::string_view key) {
  TRY_ASSIGN(const Json* value, require(key, Json::value_t::number_integer, "an integer"));
  return value->get<int64_t>();
}
Result<double> JsonObjectReader::number(std::string_view key) {
  TRY_ASSIGN(const Json* value, require(key, Json::value_t::number_float, "a number"));
  return value->get<double>();
}
Result<bool> JsonObjectReader::boolean(std::string_view key) {
  TRY_ASSIGN(const Json* value, require(key, Json::value_t::boolean, "true or false"));
  return value->get<bool>();
}
Result<const Json*> JsonObjectReader::object(std::string_view key) {
  return require(key, Json::value_t::object, "an object");
}
Result<const Json*> JsonObjectReader::array(std::string_view key) {
  return require(key, Json::value_t::array, "an array");
}
Result<std::string> JsonObjectReader::string_or(std::string_view key, std::string fallback) {
  return find(key) == nullptr ? Result<std::string>(std::move(fallback)) : string(key);
}
Result<int64_t> JsonObjectReader::integer_or(std::string_view key, int64_t fallback) {
  return find(key) == nullptr ? Result<int64_t>(fallback) : integer(key);
}
Result<double> JsonObjectReader::number_or(std::string_view key, double fallback) {
  return find(key) == nullptr ? Result<double>(fallback) : number(key);
}
Result<bool> JsonObjectReader::boolean_or(std::string_view key, bool fallback) {
  return find(key) == nullptr ? Result<bool>(fallback) : boolean(key);
}
Result<std::vector<std::string>> JsonObjectReader::strings_or(std::string_view key,
                                                              std::vector<std::string> fallback) {
  if (find(key) == nullptr) return fallback;
  TRY_ASSIGN(const Json* value, array(key));
  std::vector<std::string> strings;
  for (const Json& item : *value) {
    if (!item.is_string())
      return usage_error(fmt::format("{}: key '{}' must hold only strings", where_, key));
    strings.push_back(item.get<std::string>());
  }
  return strings;
}

Result<void> JsonObjectReader::reject_unknown_keys() const {
  for (const auto& [key, value] : value_->items()) {
    if (std::find(known_.begin(), known_.end(), key) == known_.end())
      return usage_error(fmt::format("{}: unknown key '{}'", where_, key));
  }
  return {};
}

}  // namespace warpwright
