// Reading FlashInfer Trace's JSON. Unlike base/json.h it keeps the order of keys (the order of inputs is the
// order of arguments) and tolerates unknown keys (the dataset grows fields we do not use). Private to trace.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "src/base/result.h"

namespace warpwright::trace {

using OrderedJson = nlohmann::ordered_json;

// `where` starts every message. A key given twice in one object is an error: which one counts is not defined.
Result<OrderedJson> parse_ordered_json(std::string_view text, const std::string& where);

// Errors read "<where>: '<key>' is missing" or "<where>: '<key>' must be a string".
Result<const OrderedJson*> require_object(const OrderedJson& parent, const char* key,
                                          const std::string& where);
Result<std::string> require_string(const OrderedJson& parent, const char* key, const std::string& where);
// Absent or null gives an empty string.
Result<std::string> optional_string(const OrderedJson& parent, const char* key, const std::string& where);

// A C identifier: axes and tensors are names in the plan language and in device code.
bool is_identifier(std::string_view text);

}  // namespace warpwright::trace
