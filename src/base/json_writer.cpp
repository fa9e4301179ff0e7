#include "src/base/json_writer.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "src/base/json.h"

namespace warpwright {
namespace {

constexpr size_t kFirstBytes = 4096;  // of a text's memory

// Bytes that stand in a JSON text as they are.
constexpr std::array<bool, 256> kIsPlain = [] {
  std::array<bool, 256> plain{};
  for (size_t c = 0x20; c < 0x7f; ++c) plain[c] = c != '"' && c != '\\';
  return plain;
}();

bool is_plain(std::string_view text) {
  bool plain = true;  // without a branch for each byte: nearly all texts are
  for (const char c : text) plain &= kIsPlain[static_cast<unsigned char>(c)];
  return plain;
}

// How many bytes the character takes that `text` begins with, if they are well-formed UTF-8 (Unicode 15,
// table 3-7); 0 if not.
size_t character_bytes(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return 1;
  const size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < length) return 0;
  const unsigned char low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
  const unsigned char high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
  if (byte(1) < low || byte(1) > high) return 0;
  for (size_t i = 2; i < length; ++i)
    if ((byte(i) & 0xc0) != 0x80) return 0;
  return length;
}

void append_escaped(std::string& out, char c) {
  constexpr std::string_view kShort = "\b\t\n\f\r\"\\", kLetter = "btnfr\"\\";
  out += '\\';
  if (const size_t at = kShort.find(c); at != kShort.npos) {
    out += kLetter[at];
    return;
  }
  out += "u00";
  out += "01"[c >> 4 & 1];
  out += "0123456789abcdef"[c & 15];
}

// False: it is not well-formed, and `out` holds a part of it.
bool append_quoted(std::string& out, std::string_view text) {
  out += '"';
  for (size_t begin = 0, at = 0;; ++at) {
    while (at < text.size() && kIsPlain[static_cast<unsigned char>(text[at])]) ++at;
    out.append(text, begin, at - begin);
    if (at == text.size()) break;
    const size_t bytes = character_bytes(text.substr(at));
    if (bytes == 0) return false;
    if (bytes > 1 || text[at] == 0x7f)
      out.append(text, at, bytes);
    else
      append_escaped(out, text[at]);
    begin = at + bytes;
    at = begin - 1;
  }
  out += '"';
  return true;
}

}  // namespace

void JsonWriter::separate() {
  if (needs_comma_) text_ += ',';
  needs_comma_ = true;
}

JsonWriter& JsonWriter::open(char bracket) {
  if (text_.empty()) text_.reserve(kFirstBytes);
  separate();
  text_ += bracket;
  needs_comma_ = false;
  return *this;
}

JsonWriter& JsonWriter::close(char bracket) {
  text_ += bracket;
  needs_comma_ = true;
  return *this;
}

JsonWriter& JsonWriter::key(std::string_view name) {
  value(name);
  text_ += ':';
  needs_comma_ = false;
  return *this;
}

JsonWriter& JsonWriter::value(std::string_view text) {
  const size_t size = text_.size(), more = text.size() + 3;
  if (text_.capacity() < size + more) text_.reserve(std::max<size_t>(2 * (size + more), kFirstBytes));
  separate();
  const size_t begin = text_.size();
  if (is_plain(text)) {
    text_ += '"';
    text_ += text;
    text_ += '"';
  } else if (!append_quoted(text_, text)) {
    text_.resize(begin);
    text_ += dump_json(Json(text));
  }
  return *this;
}

JsonWriter& JsonWriter::value(bool truth) {
  return raw(truth ? "true" : "false");
}

JsonWriter& JsonWriter::value(double number) {
  if (!std::isfinite(number)) return raw("null");
  if (const auto whole = static_cast<int32_t>(std::clamp(number, -1e9, 1e9));
      whole == number && (whole != 0 || !std::signbit(number))) {
    integer(whole);
    text_ += ".0";
    return *this;
  }
  char buffer[64];  // the same digits as a dump's: the shortest that read back as the same number
  const char* end = nlohmann::detail::to_chars(buffer, buffer + sizeof buffer, number);
  return raw({buffer, static_cast<size_t>(end - buffer)});
}

JsonWriter& JsonWriter::integer(int64_t number) {
  char buffer[24];
  const auto [end, error] = std::to_chars(buffer, buffer + sizeof buffer, number);
  return raw({buffer, static_cast<size_t>(end - buffer)});
}

JsonWriter& JsonWriter::raw(std::string_view json) {
  separate();
  text_ += json;
  return *this;
}

}  // namespace warpwright
