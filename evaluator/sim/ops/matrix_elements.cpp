// Number formats of matrix elements.
#define WW_ISA scalar
#include <cmath>
#include <cstring>
#include <limits>
#include <map>

#include "evaluator/sim/isa/numbers.h"
#include "evaluator/sim/ops/matrix.h"

namespace warpwright::sim {
namespace {

// Sign, exponent, mantissa; without infinities and NaNs.
double decode_small(uint32_t bits, int exponent_bits, int mantissa_bits, int bias) {
  const auto mantissa = static_cast<int>(bits & ((1u << mantissa_bits) - 1));
  const auto exponent = static_cast<int>(bits >> mantissa_bits & ((1u << exponent_bits) - 1));
  const bool negative = bits >> (mantissa_bits + exponent_bits) & 1;
  const double magnitude = exponent == 0
                               ? std::ldexp(mantissa, 1 - bias - mantissa_bits)
                               : std::ldexp(mantissa + (1 << mantissa_bits), exponent - bias - mantissa_bits);
  return negative ? -magnitude : magnitude;
}

double decode_f64(uint64_t bits) {
  double value;
  std::memcpy(&value, &bits, 8);
  return value;
}

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

}  // namespace

int bits_of(ElementType type) {
  switch (type) {
    case ElementType::kF16:
    case ElementType::kBf16:
      return 16;
    case ElementType::kTf32:
    case ElementType::kF32:
    case ElementType::kS32:
      return 32;
    case ElementType::kF64:
      return 64;
    case ElementType::kE4m3:
    case ElementType::kE5m2:
    case ElementType::kE3m2:
    case ElementType::kE2m3:
    case ElementType::kE2m1:
    case ElementType::kS8:
    case ElementType::kU8:
    case ElementType::kUe8m0:
    case ElementType::kUe4m3:
      return 8;
    case ElementType::kE2m1Packed:
    case ElementType::kS4:
    case ElementType::kU4:
      return 4;
    case ElementType::kB1:
      return 1;
  }
  return 32;
}

int decode_integer(ElementType type, uint32_t bits) {
  switch (bits_of(type)) {
    case 8:
      return type == ElementType::kS8 ? static_cast<int8_t>(bits) : static_cast<uint8_t>(bits);
    default: {
      const auto low = static_cast<int>(bits & 15);
      return type == ElementType::kS4 && low > 7 ? low - 16 : low;
    }
  }
}

double decode_element(ElementType type, uint64_t bits) {
  const auto word = static_cast<uint32_t>(bits);
  switch (type) {
    case ElementType::kF16:
      return scalar::to_float(scalar::Half{static_cast<uint16_t>(word)});
    case ElementType::kBf16:
      return scalar::float_of(word << 16);
    case ElementType::kTf32:
      return scalar::float_of(word & 0xffffe000u);
    case ElementType::kF32:
      return scalar::float_of(word);
    case ElementType::kF64:
      return decode_f64(bits);
    case ElementType::kE4m3:
      return (word & 0x7f) == 0x7f ? kNan : decode_small(word, 4, 3, 7);
    case ElementType::kE5m2:
      return scalar::to_float(scalar::Half{static_cast<uint16_t>((word & 0xff) << 8)});
    case ElementType::kE3m2:
      return decode_small(word, 3, 2, 3);
    case ElementType::kE2m3:
      return decode_small(word, 2, 3, 1);
    case ElementType::kE2m1:
      return decode_small(word >> 2, 2, 1, 1);
    case ElementType::kE2m1Packed:
      return decode_small(word, 2, 1, 1);
    case ElementType::kUe8m0:
      return (word & 0xff) == 0xff ? kNan : std::ldexp(1.0, static_cast<int>(word & 0xff) - 127);
    case ElementType::kUe4m3:
      return (word & 0x7f) == 0x7f ? kNan : decode_small(word & 0x7f, 4, 3, 7);
    case ElementType::kS8:
    case ElementType::kU8:
    case ElementType::kS4:
    case ElementType::kU4:
      return decode_integer(type, word);
    case ElementType::kS32:
      return static_cast<int32_t>(word);
    case ElementType::kB1:
      break;
  }
  return 0;
}

uint64_t encode_f16(double value) {
  return scalar::to_half(static_cast<float>(value)).bits;
}

std::optional<ElementType> parse_element_type(const std::string& name) {
  using T = ElementType;
  static const std::map<std::string, T, std::less<>> kTypes = {
      {"f16", T::kF16},   {"bf16", T::kBf16},   {"tf32", T::kTf32},  {"f32", T::kF32},   {"f64", T::kF64},
      {"e4m3", T::kE4m3}, {"e5m2", T::kE5m2},   {"e3m2", T::kE3m2},  {"e2m3", T::kE2m3}, {"e2m1", T::kE2m1},
      {"s8", T::kS8},     {"u8", T::kU8},       {"s4", T::kS4},      {"u4", T::kU4},     {"b1", T::kB1},
      {"s32", T::kS32},   {"ue8m0", T::kUe8m0}, {"ue4m3", T::kUe4m3}};
  const auto found = kTypes.find(name);
  if (found == kTypes.end()) return std::nullopt;
  return found->second;
}

}  // namespace warpwright::sim
