#include "src/base/quotable.h"

#include <algorithm>
#include <cstdint>

namespace warpwright {
namespace {

constexpr char32_t kBroken = 0xffffffff;

// The character that `text` begins with, and how many bytes it takes (Unicode 15, table 3-7). A broken one
// takes one byte.
char32_t first_character(std::string_view text, size_t& bytes) {
  const auto lead = static_cast<uint8_t>(text[0]);
  bytes = 1;
  if (lead < 0x80) return lead;
  const size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < length) return kBroken;
  char32_t value = lead & (0xffu >> (length + 1));
  for (size_t k = 1; k < length; ++k) {
    const auto next = static_cast<uint8_t>(text[k]);
    if ((next & 0xc0) != 0x80) return kBroken;
    value = value << 6 | (next & 0x3fu);
  }
  constexpr char32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  if (value < kLeast[length] || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff)) return kBroken;
  bytes = length;
  return value;
}

// Controls, marks of direction, separators, characters without width, tags, noncharacters.
bool is_hidden(char32_t c) {
  struct Range {
    char32_t first, last;
  };
  static constexpr Range kHidden[] = {
      {0x00, 0x1f},     {0x7f, 0x9f},     {0xad, 0xad},       {0x61c, 0x61c},   {0x115f, 0x1160},
      {0x180e, 0x180e}, {0x200b, 0x200f}, {0x2028, 0x202e},   {0x2060, 0x206f}, {0xfe00, 0xfe0f},
      {0xfeff, 0xfeff}, {0xfff9, 0xfffb}, {0xe0000, 0xe0fff}, {0xe000, 0xf8ff}, {0xf0000, 0x10ffff}};
  return std::any_of(std::begin(kHidden), std::end(kHidden),
                     [c](const Range& range) { return c >= range.first && c <= range.last; });
}

std::string quotable(std::string_view text, size_t max_bytes, bool one_line) {
  std::string kept;
  kept.reserve(std::min(text.size(), max_bytes));
  while (!text.empty()) {
    size_t bytes = 1;
    const char32_t c = first_character(text, bytes);
    std::string_view shown = text.substr(0, bytes);
    text.remove_prefix(bytes);
    if (c == kBroken)
      shown = "?";
    else if (c == '\n' || c == '\t')
      shown = one_line ? std::string_view(" ") : shown;
    else if (is_hidden(c))
      continue;
    if (kept.size() + shown.size() > max_bytes) return kept + " [cut]";
    kept += shown;
  }
  return kept;
}

}  // namespace

std::string quotable_line(std::string_view text, size_t max_bytes) {
  return quotable(text, max_bytes, true);
}
std::string quotable_text(std::string_view text, size_t max_bytes) {
  return quotable(text, max_bytes, false);
}

}  // namespace warpwright
