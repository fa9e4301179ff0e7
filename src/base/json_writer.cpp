#include "src/base/json_writer.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "src/base/json.h"

namespace warpwright {
namespace {
constexpr size_t kUsualBytes = 2048;  // so that a text grows once at most
}  // namespace

void JsonWriter::separate() {
  if (needs_comma_) text_ += ',';
  needs_comma_ = true;
}

JsonWriter& JsonWriter::open(char bracket) {
  if (text_.empty()) text_.reserve(kUsualBytes);
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
  const auto is_plain = [](char c) {
    return static_cast<unsigned char>(c) >= 0x20 && static_cast<unsigned char>(c) < 0x7f && c != '"' &&
           c != '\\';
  };
  if (!std::all_of(text.begin(), text.end(), is_plain)) return raw(dump_json(Json(text)));
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
