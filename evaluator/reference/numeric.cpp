#include "evaluator/reference/numeric.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>

#include "src/base/check.h"

namespace warpwright::reference {
namespace {

using trace::DType;

struct MiniFloat {
  int exponent_bits;
  int mantissa_bits;
  int bias;
  uint32_t max_finite;  // bits of the largest finite value, without sign
  uint32_t overflow;    // what lies beyond rounds to this: infinity, or max_finite if the format saturates
  uint32_t nan;
};
constexpr MiniFloat kF16 = {5, 10, 15, 0x7bff, 0x7c00, 0x7e00};
constexpr MiniFloat kE4m3 = {4, 3, 7, 0x7e, 0x7e, 0x7f};
constexpr MiniFloat kE5m2 = {5, 2, 15, 0x7b, 0x7b, 0x7f};

// The significand is scaled to the format's last place, so that the rounding to an integer is the rounding of
// the format; a carry into the next binade comes out right by itself.
uint32_t encode(float value, const MiniFloat& format) {
  const auto bits = std::bit_cast<uint32_t>(value);
  const uint32_t sign = (bits >> 31) << (format.exponent_bits + format.mantissa_bits);
  const uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) return sign | format.nan;
  if (magnitude == 0x7f800000u) return sign | format.overflow;
  const int exponent = static_cast<int>(magnitude >> 23) - 127;  // float subnormals lie below all formats
  const int lowest = 1 - format.bias;
  const int binade = std::max(exponent, lowest);
  const float scaled = std::ldexp(std::bit_cast<float>(magnitude), format.mantissa_bits - binade);
  const auto significand = static_cast<uint32_t>(std::nearbyint(scaled));
  const auto biased = static_cast<uint32_t>(binade - lowest);
  // A normal significand carries its implicit one, which adds 1 to the exponent field.
  const uint64_t encoded = (static_cast<uint64_t>(biased) << format.mantissa_bits) + significand;
  return sign | (encoded > format.max_finite ? format.overflow : static_cast<uint32_t>(encoded));
}

float decode(uint32_t bits, const MiniFloat& format, bool has_infinity) {
  const uint32_t magnitude = bits & ((1u << (format.exponent_bits + format.mantissa_bits)) - 1);
  const bool negative = ((bits >> (format.exponent_bits + format.mantissa_bits)) & 1u) != 0;
  const uint32_t exponent = magnitude >> format.mantissa_bits;
  const uint32_t mantissa = magnitude & ((1u << format.mantissa_bits) - 1);
  const uint32_t infinity = ((1u << format.exponent_bits) - 1) << format.mantissa_bits;
  float value = 0;
  if (has_infinity && magnitude == infinity) {
    value = std::numeric_limits<float>::infinity();
  } else if (magnitude > format.max_finite) {
    value = std::numeric_limits<float>::quiet_NaN();
  } else {
    const uint32_t significand = exponent == 0 ? mantissa : mantissa | (1u << format.mantissa_bits);
    value = std::ldexp(static_cast<float>(significand),
                       std::max<int>(static_cast<int>(exponent), 1) - format.bias - format.mantissa_bits);
  }
  return negative ? -value : value;
}

template <class T>
T get(std::span<const std::byte> data, size_t index) {
  T value;
  std::memcpy(&value, data.data() + index * sizeof(T), sizeof(T));
  return value;
}

template <class T>
void put(std::span<std::byte> data, size_t index, T value) {
  std::memcpy(data.data() + index * sizeof(T), &value, sizeof(T));
}

template <class T>
void put_integer(std::span<std::byte> data, size_t index, double value) {
  // 2^63 itself is not an int64_t: compare before converting.
  const auto low = static_cast<double>(std::numeric_limits<T>::min());
  const auto high = static_cast<double>(std::numeric_limits<T>::max());
  T stored = 0;
  if (value >= high)
    stored = std::numeric_limits<T>::max();
  else if (value <= low)
    stored = std::numeric_limits<T>::min();
  else if (!std::isnan(value))
    stored = static_cast<T>(value);
  put(data, index, stored);
}

}  // namespace

uint16_t f16_from_float(float value) {
  return static_cast<uint16_t>(encode(value, kF16));
}
float float_from_f16(uint16_t bits) {
  return decode(bits, kF16, true);
}
uint8_t e4m3_from_float(float value) {
  return static_cast<uint8_t>(encode(value, kE4m3));
}
float float_from_e4m3(uint8_t bits) {
  return decode(bits, kE4m3, false);
}
uint8_t e5m2_from_float(float value) {
  return static_cast<uint8_t>(encode(value, kE5m2));
}
float float_from_e5m2(uint8_t bits) {
  return decode(bits, kE5m2, true);
}

double load_element(DType dtype, std::span<const std::byte> data, size_t index) {
  switch (dtype) {
    case DType::kFloat64:
      return get<double>(data, index);
    case DType::kFloat32:
      return get<float>(data, index);
    case DType::kFloat16:
      return float_from_f16(get<uint16_t>(data, index));
    case DType::kBfloat16:
      return float_from_bf16(get<uint16_t>(data, index));
    case DType::kFloat8E4m3fn:
      return float_from_e4m3(get<uint8_t>(data, index));
    case DType::kFloat8E5m2:
      return float_from_e5m2(get<uint8_t>(data, index));
    case DType::kInt64:
      return static_cast<double>(get<int64_t>(data, index));
    case DType::kInt32:
      return get<int32_t>(data, index);
    case DType::kInt16:
      return get<int16_t>(data, index);
    case DType::kInt8:
      return get<int8_t>(data, index);
    case DType::kUint64:
      return static_cast<double>(get<uint64_t>(data, index));
    case DType::kUint32:
      return get<uint32_t>(data, index);
    case DType::kUint16:
      return get<uint16_t>(data, index);
    case DType::kUint8:
      return get<uint8_t>(data, index);
    case DType::kBool:
      return get<uint8_t>(data, index) != 0 ? 1 : 0;
    case DType::kFloat4E2m1:
      break;
  }
  CHECK(false && "packed fp4 has no addressable elements");
}

void store_element(DType dtype, std::span<std::byte> data, size_t index, double value) {
  const auto narrow = static_cast<float>(value);
  switch (dtype) {
    case DType::kFloat64:
      return put(data, index, value);
    case DType::kFloat32:
      return put(data, index, narrow);
    case DType::kFloat16:
      return put(data, index, f16_from_float(narrow));
    case DType::kBfloat16:
      return put(data, index, bf16_from_float(narrow));
    case DType::kFloat8E4m3fn:
      return put(data, index, e4m3_from_float(narrow));
    case DType::kFloat8E5m2:
      return put(data, index, e5m2_from_float(narrow));
    case DType::kInt64:
      return put_integer<int64_t>(data, index, value);
    case DType::kInt32:
      return put_integer<int32_t>(data, index, value);
    case DType::kInt16:
      return put_integer<int16_t>(data, index, value);
    case DType::kInt8:
      return put_integer<int8_t>(data, index, value);
    case DType::kUint64:
      return put_integer<uint64_t>(data, index, value);
    case DType::kUint32:
      return put_integer<uint32_t>(data, index, value);
    case DType::kUint16:
      return put_integer<uint16_t>(data, index, value);
    case DType::kUint8:
      return put_integer<uint8_t>(data, index, value);
    case DType::kBool:
      return put<uint8_t>(data, index, value != 0 ? 1 : 0);
    case DType::kFloat4E2m1:
      break;
  }
  CHECK(false && "packed fp4 has no addressable elements");
}

namespace {

// e4m3_from_float without branches or tables: the compiler makes vectors of it. Below the smallest normal
// number 2^-6, adding 2^14 rounds to multiples of 2^-9, the subnormals' step.
inline uint8_t e4m3_of(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  const uint32_t sign = (bits >> 24) & 0x80u;
  const uint32_t size = bits & 0x7fffffffu;
  const uint32_t finite = size > 0x43e00000u ? 0x43e00000u : size;  // 448
  const uint32_t normal = ((finite + 0x7ffffu + ((finite >> 20) & 1u)) >> 20) - (120u << 3);
  const uint32_t subnormal = std::bit_cast<uint32_t>(std::bit_cast<float>(finite) + 0x1p14f) & 0xfu;
  const uint32_t number = finite < 0x3c800000u ? subnormal : normal;  // 2^-6
  return static_cast<uint8_t>(sign | (size > 0x7f800000u ? 0x7fu : number));
}

template <class Narrow, class Convert>
void store_all(std::span<std::byte> data, size_t first, std::span<const float> values, Convert convert) {
  auto* out = data.data() + first * sizeof(Narrow);
  constexpr size_t kPart = 256;
  std::array<Narrow, kPart> part;
  for (size_t done = 0; done < values.size(); done += kPart) {
    const size_t count = std::min(kPart, values.size() - done);
    for (size_t i = 0; i < count; ++i) part[i] = convert(values[done + i]);
    std::memcpy(out + done * sizeof(Narrow), part.data(), count * sizeof(Narrow));
  }
}

}  // namespace

void store_floats(DType dtype, std::span<std::byte> data, size_t first, std::span<const float> values) {
  if (values.empty()) return;
  if (dtype == DType::kFloat32) {
    std::memcpy(data.data() + first * sizeof(float), values.data(), values.size_bytes());
  } else if (dtype == DType::kBfloat16) {
    store_all<uint16_t>(data, first, values, [](float value) { return bf16_from_float(value); });
  } else if (dtype == DType::kFloat8E4m3fn) {
    store_all<uint8_t>(data, first, values, [](float value) { return e4m3_of(value); });
  } else {
    for (size_t i = 0; i < values.size(); ++i) store_element(dtype, data, first + i, values[i]);
  }
}

void load_doubles(DType dtype, std::span<const std::byte> data, size_t first, std::span<double> values) {
  if (dtype == DType::kFloat32) {
    for (size_t i = 0; i < values.size(); ++i) values[i] = get<float>(data, first + i);
  } else {
    for (size_t i = 0; i < values.size(); ++i) values[i] = load_element(dtype, data, first + i);
  }
}

}  // namespace warpwright::reference
