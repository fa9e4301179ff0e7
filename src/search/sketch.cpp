#include "src/search/sketch.h"

namespace warpwright::search {
namespace {

constexpr size_t kDigits = 4;  // of a value

int digit_of(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::optional<Sketch> parse_sketch(std::string_view hex) {
  Sketch sketch{};
  if (hex.size() != sketch.size() * kDigits) return std::nullopt;
  for (size_t i = 0; i < hex.size(); ++i) {
    const int digit = digit_of(hex[i]);
    if (digit < 0) return std::nullopt;
    uint16_t& value = sketch[i / kDigits];
    value = static_cast<uint16_t>(value << 4 | digit);
  }
  return sketch;
}

double likeness(const Sketch& a, const Sketch& b) {
  int equal = 0;
  for (size_t i = 0; i < a.size(); ++i) equal += a[i] == b[i] ? 1 : 0;
  return static_cast<double>(equal) / static_cast<double>(a.size());
}

}  // namespace warpwright::search
