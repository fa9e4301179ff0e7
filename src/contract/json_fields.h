// Fields that several messages have. Private to contract.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>

#include "src/base/json.h"
#include "src/contract/status.h"

namespace warpwright {

inline Result<Status> read_status(JsonObjectReader& reader, std::string_view key) {
  TRY_ASSIGN(const std::string text, reader.string(key));
  if (auto status = status_from_string(text)) return *status;
  return usage_error(fmt::format("{}: unknown status '{}'", reader.where(), text));
}

// An absent map is an empty one.
template <class Map>
Result<Map> read_map(JsonObjectReader& reader, std::string_view key) {
  Map map;
  if (!reader.has(key)) {
    (void)reader.find(key);
    return map;
  }
  TRY_ASSIGN(const Json* object, reader.object(key));
  try {
    map = object->get<Map>();
  } catch (const Json::exception&) {
    return usage_error(fmt::format("{}: key '{}' holds a value of the wrong type", reader.where(), key));
  }
  return map;
}

}  // namespace warpwright
