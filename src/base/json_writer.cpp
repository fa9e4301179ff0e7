#include "src/base/json_writer.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstring>

#include "src/base/json.h"

namespace warpwright {
namespace {

constexpr size_t kFirstBytes = 4096;  // of a text's memory

// Bytes that stand in a JSON text as they are.
constexpr std::array<bool, 256> kIsPlain = [] {
  std::array<bool, 256> plain{};
  for (size_t c = 0x20; c < 0x80; ++c) plain[c] = c != '"' && c != '\\';
  return plain;
}();

// How many bytes from the beginning are plain; eight at a time, for prompts are long.
size_t plain_bytes(std::string_view text) {
  constexpr uint64_t kOnes = 0x0101010101010101ull, kHighBits = 0x80 * kOnes;
  const auto has_zero = [](uint64_t word) { return (word - kOnes) & ~word & kHighBits; };
  size_t at = 0;
  for (uint64_t word = 0; at + sizeof word <= text.size(); at += sizeof word) {
    std::memcpy(&word, text.data() + at, sizeof word);
    const uint64_t below_space = (word - 0x20 * kOnes) & ~word & kHighBits;
    if ((below_space | (word & kHighBits) | has_zero(word ^ '"' * kOnes) | has_zero(word ^ '\\' * kOnes)) !=
        0)
      break;
  }
  while (at < text.size() && kIsPlain[static_cast<unsigned char>(text[at])]) ++at;
  return at;
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
  for (;;) {
    const size_t plain = plain_bytes(text);
    out.append(text, 0, plain);
    text.remove_prefix(plain);
    if (text.empty()) break;
    const size_t bytes = character_bytes(text);
    if (bytes == 0) return false;
    if (bytes > 1)
      out.append(text, 0, bytes);
    else
      append_escaped(out, text[0]);
    text.remove_prefix(bytes);
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
  if (!append_quoted(text_, text)) {
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
