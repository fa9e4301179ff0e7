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
  if (!is_plain(text)) return raw(dump_json(Json(text)));
  const size_t size = text_.size(), more = text.size() + (needs_comma_ ? 3 : 2);
  if (text_.capacity() < size + more) text_.reserve(std::max<size_t>(2 * (size + more), kFirstBytes));
  separate();
  text_ += '"';
  text_ += text;
  text_ += '"';
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
