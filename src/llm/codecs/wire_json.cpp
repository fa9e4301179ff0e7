#include "src/llm/codecs/wire_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace warpwright::llm {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

// The value of \uXXXX at `text`, or -1.
int escaped_unit(std::string_view text) {
  if (text.size() < 6 || text[0] != '\\' || text[1] != 'u') return -1;
  int value = 0;
  for (char c : text.substr(2, 4)) {
    const int digit = c >= '0' && c <= '9'                 ? c - '0'
                      : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10
                                                           : -1;
    if (digit < 0) return -1;
    value = value * 16 + digit;
  }
  return value;
}
bool is_high(int unit) {
  return unit >= 0xD800 && unit <= 0xDBFF;
}
bool is_low(int unit) {
  return unit >= 0xDC00 && unit <= 0xDFFF;
}

// The length of the well-formed UTF-8 character at `text`, or 0.
size_t character_length(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  const size_t length = lead < 0x80   ? 1
                        : lead < 0xC2 ? 0
                        : lead < 0xE0 ? 2
                        : lead < 0xF0 ? 3
                        : lead < 0xF5 ? 4
                                      : 0;
  if (length == 0 || length > text.size()) return 0;
  for (size_t i = 1; i < length; ++i)
    if ((byte(i) & 0xC0) != 0x80) return 0;
  const bool overlong = (lead == 0xE0 && byte(1) < 0xA0) || (lead == 0xF0 && byte(1) < 0x90);
  const bool outside = (lead == 0xED && byte(1) > 0x9F) || (lead == 0xF4 && byte(1) > 0x8F);
  return overlong || outside ? 0 : length;
}

// Only for text that did not parse: it looks at every byte.
std::string mended(std::string_view text) {
  std::string out;
  out.reserve(text.size() + 16);
  while (!text.empty()) {
    const int unit = escaped_unit(text);
    size_t take = 0;
    if (is_high(unit) && is_low(escaped_unit(text.substr(6)))) {
      take = 12;
    } else if (is_high(unit) || is_low(unit)) {
      out += "\\ufffd";
      text.remove_prefix(6);
      continue;
    } else if (text[0] == '\\' && text.size() > 1 && static_cast<unsigned char>(text[1]) < 0x80) {
      take = 2;  // so that "\\ud83d", a backslash and letters, is not taken for an escape
    } else {
      take = character_length(text);
    }
    if (take == 0) {
      out += kReplacement;
      text.remove_prefix(1);
    } else {
      out += text.substr(0, take);
      text.remove_prefix(take);
    }
  }
  return out;
}

// Json is copied and written by recursion: a stranger must not choose its depth.
constexpr int kMaxDepth = 128;
bool nests_deeper_than(std::string_view text, int limit) {
  int depth = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '"') in_string = !in_string;
    if (in_string && c == '\\') ++i;
    if (in_string) continue;
    if ((c == '[' || c == '{') && ++depth > limit) return true;
    if (c == ']' || c == '}') --depth;
  }
  return false;
}

const Json kNull;

}  // namespace

Result<Json> parse_wire_json(std::string_view text) {
  if (nests_deeper_than(text, kMaxDepth)) return usage_error("the answer is nested too deeply");
  Json json = Json::parse(text, nullptr, false);
  if (json.is_discarded()) json = Json::parse(mended(text), nullptr, false);
  if (!json.is_discarded()) return json;
  constexpr size_t kShown = 60;
  return usage_error(
      fmt::format("the answer is not JSON: {}{}", text.substr(0, kShown), text.size() > kShown ? "..." : ""));
}

const Json& at(const Json& json, std::string_view key) {
  if (!json.is_object()) return kNull;
  const auto found = json.find(std::string(key));
  return found == json.end() ? kNull : *found;
}

const Json& first(const Json& json) {
  return json.is_array() && !json.empty() ? json.front() : kNull;
}

std::string_view text_at(const Json& json, std::string_view key) {
  const Json& value = at(json, key);
  return value.is_string() ? std::string_view(value.get_ref<const std::string&>()) : std::string_view();
}

std::string word_at(const Json& json, std::string_view key) {
  const Json& value = at(json, key);
  if (value.is_string()) return value.get<std::string>();
  return value.is_number() ? value.dump() : std::string();
}

std::optional<int64_t> count_at(const Json& json, std::string_view key) {
  constexpr double kMax = 1e12;
  const Json& value = at(json, key);
  if (!value.is_number()) return std::nullopt;
  const double number = value.get<double>();
  if (!(number >= 0)) return std::nullopt;  // negative or not a number
  return static_cast<int64_t>(std::ceil(std::min(number, kMax)));
}

bool is_void(const Json& json) {
  return json.is_null() || (json.is_boolean() && !json.get<bool>()) ||
         (json.is_structured() && json.empty()) ||
         (json.is_string() && json.get_ref<const std::string&>().empty());
}

}  // namespace warpwright::llm
