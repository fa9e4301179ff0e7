// JSON, and strict reading of it: a missing key, a wrong type or an unknown key is an error that names where.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/result.h"

namespace warpwright {

using Json = nlohmann::json;  // objects are ordered by key: a dump is canonical

// `where` names the text in errors (a file, a message kind). Errors carry line and column.
Result<Json> parse_json(std::string_view text, std::string_view where);

// A dump that never throws: invalid UTF-8 (model text, compiler logs) is replaced by U+FFFD.
std::string dump_json(const Json& value, int indent = -1);

// Reads one object and remembers which keys were asked for. All getters return usage errors of the form
// "<where>: key 'x' must be a string".
class JsonObjectReader {
 public:
  static Result<JsonObjectReader> open(const Json& value, std::string where);

  bool has(std::string_view key) const;  // present and not null
  Result<std::string> string(std::string_view key);
  Result<int64_t> integer(std::string_view key);
  Result<double> number(std::string_view key);
  Result<bool> boolean(std::string_view key);
  Result<const Json*> object(std::string_view key);
  Result<const Json*> array(std::string_view key);
  Result<std::string> string_or(std::string_view key, std::string fallback);
  Result<int64_t> integer_or(std::string_view key, int64_t fallback);
  Result<double> number_or(std::string_view key, double fallback);
  Result<bool> boolean_or(std::string_view key, bool fallback);
  Result<std::vector<std::string>> strings_or(std::string_view key, std::vector<std::string> fallback);
  const Json* find(std::string_view key);  // null if absent; marks the key as known

  // An error naming the first key that was never asked for.
  Result<void> reject_unknown_keys() const;
  const std::string& where() const { return where_; }

 private:
  JsonObjectReader(const Json& value, std::string where) : value_(&value), where_(std::move(where)) {}
  Result<const Json*> require(std::string_view key, Json::value_t type, std::string_view type_name);

  const Json* value_;
  std::string where_;
  std::vector<std::string> known_;
};

}  // namespace warpwright
