// Lenient reading of what servers send: nothing here fails on an absent key, a null or another type, because
// all of these were seen in answers that were otherwise good.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "src/base/json.h"

namespace warpwright::llm {

// As parse_json, but a lone half of a surrogate pair (servers cut "\ud83d\ude00" between two chunks) and
// malformed UTF-8 become U+FFFD instead of an error.
Result<Json> parse_wire_json(std::string_view text);

const Json& at(const Json& json, std::string_view key);  // null where there is no such key or no object
const Json& first(const Json& json);                     // of an array; else null

std::string_view text_at(const Json& json, std::string_view key);  // empty where it is no string
// A string as it stands; a number in decimal ("code": 429 and "code": "429" are both in use).
std::string word_at(const Json& json, std::string_view key);
// A count: not negative, bounded to 10^12 so that sums cannot overflow. A float is rounded up.
std::optional<int64_t> count_at(const Json& json, std::string_view key);

// A value that says nothing: null, "", {}, [] or false. Some servers send "error": null with every chunk.
bool is_void(const Json& json);

}  // namespace warpwright::llm
