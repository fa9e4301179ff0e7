#include "evaluator/reference/numeric.h"

#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <vector>

namespace warpwright::reference {
namespace {

// A format by its definition, in doubles: sign, exponent field, mantissa field.
struct Format {
  const char* name;
  int exponent_bits, mantissa_bits, bias;
  bool has_infinity;  // the highest exponent means infinity and NaN; else only S.11..1 is NaN
  bool saturates;
  std::function<uint32_t(float)> encode;
  std::function<float(uint32_t)> decode;

  uint32_t sign_bit() const { return 1u << (exponent_bits + mantissa_bits); }
  double value(uint32_t bits) const {
    const uint32_t magnitude = bits & (sign_bit() - 1);
    const uint32_t exponent = magnitude >> mantissa_bits;
    const uint32_t mantissa = magnitude & ((1u << mantissa_bits) - 1);
    const uint32_t top = (1u << exponent_bits) - 1;
    double result = 0;
    if (has_infinity && exponent == top)
      result =
          mantissa == 0 ? std::numeric_limits<double>::infinity() : std::numeric_limits<double>::quiet_NaN();
    else if (!has_infinity && magnitude == sign_bit() - 1)
      result = std::numeric_limits<double>::quiet_NaN();
    else if (exponent == 0)
      result = std::ldexp(mantissa, 1 - bias - mantissa_bits);
    else
      result = std::ldexp(1.0 + std::ldexp(mantissa, -mantissa_bits), static_cast<int>(exponent) - bias);
    return (bits & sign_bit()) != 0 ? -result : result;
  }
  uint32_t largest() const {
    uint32_t bits = sign_bit() - 1;
    while (!std::isfinite(value(bits))) --bits;
    return bits;
  }
};

std::vector<Format> formats() {
  const auto bf16 = [](uint32_t b) { return float_from_bf16(static_cast<uint16_t>(b)); };
  const auto f16 = [](uint32_t b) { return float_from_f16(static_cast<uint16_t>(b)); };
  const auto e4m3 = [](uint32_t b) { return float_from_e4m3(static_cast<uint8_t>(b)); };
  const auto e5m2 = [](uint32_t b) { return float_from_e5m2(static_cast<uint8_t>(b)); };
  return {{"bf16", 8, 7, 127, true, false, bf16_from_float, bf16},
          {"f16", 5, 10, 15, true, false, f16_from_float, f16},
          {"e4m3", 4, 3, 7, false, true, e4m3_from_float, e4m3},
          {"e5m2", 5, 2, 15, true, true, e5m2_from_float, e5m2}};
}

TEST(Numeric, EveryBitPatternDecodesToItsDefinitionAndBack) {
  for (const Format& format : formats()) {
    for (uint32_t bits = 0; bits < 2 * format.sign_bit(); ++bits) {
      const double expected = format.value(bits);
      const float decoded = format.decode(bits);
      if (std::isnan(expected)) {
        EXPECT_TRUE(std::isnan(decoded)) << format.name << " " << bits;
        EXPECT_TRUE(std::isnan(format.value(format.encode(decoded)))) << format.name << " " << bits;
        continue;
      }
      ASSERT_EQ(static_cast<double>(decoded), expected) << format.name << " " << bits;
      ASSERT_EQ(std::signbit(decoded), std::signbit(expected));
      if (std::isfinite(expected)) {
        ASSERT_EQ(format.encode(decoded), bits) << format.name;
      }
    }
  }
}

// Every gap between neighbours: its middle goes to the even one, anything beside it to the nearer.
TEST(Numeric, RoundsToNearestTiesToEven) {
  for (const Format& format : formats()) {
    for (uint32_t bits = 0; bits < format.largest(); ++bits) {
      const auto low = static_cast<float>(format.value(bits));
      const auto high = static_cast<float>(format.value(bits + 1));
      const float middle = low + (high - low) / 2;
      ASSERT_EQ(format.encode(middle), bits % 2 == 0 ? bits : bits + 1) << format.name << " " << bits;
      ASSERT_EQ(format.encode(std::nextafter(middle, low)), bits) << format.name;
      ASSERT_EQ(format.encode(std::nextafter(middle, high)), bits + 1) << format.name;
      ASSERT_EQ(format.encode(-middle), format.encode(middle) | format.sign_bit()) << format.name;
    }
  }
}

TEST(Numeric, BeyondTheLargestValueSaturatesOrOverflows) {
  for (const Format& format : formats()) {
    const uint32_t largest = format.largest();
    const auto last = static_cast<float>(format.value(largest));
    const float step = last - static_cast<float>(format.value(largest - 1));
    EXPECT_EQ(format.encode(std::nextafter(last + step / 2, 0.0f)), largest) << format.name;
    const uint32_t beyond = format.saturates ? largest : largest + 1;  // infinity follows the largest
    EXPECT_EQ(format.encode(last + step / 2), beyond) << format.name;
    EXPECT_EQ(format.encode(std::numeric_limits<float>::infinity()), beyond) << format.name;
    EXPECT_EQ(format.encode(-std::numeric_limits<float>::infinity()), beyond | format.sign_bit())
        << format.name;
    EXPECT_EQ(format.encode(std::numeric_limits<float>::denorm_min()), 0u) << format.name;
  }
}

TEST(Numeric, ElementsOfEveryDTypeAreStoredAndLoaded) {
  using trace::DType;
  for (DType dtype :
       {DType::kFloat64, DType::kFloat32, DType::kFloat16, DType::kBfloat16, DType::kFloat8E4m3fn,
        DType::kFloat8E5m2, DType::kInt64, DType::kInt32, DType::kInt16, DType::kInt8, DType::kUint64,
        DType::kUint32, DType::kUint16, DType::kUint8, DType::kBool}) {
    std::array<std::byte, 24> data{};
    store_element(dtype, data, 2, 1);
    EXPECT_EQ(load_element(dtype, data, 2), 1) << to_string(dtype);
    EXPECT_EQ(load_element(dtype, data, 1), 0) << to_string(dtype);
  }
  std::array<std::byte, 8> data{};
  store_element(DType::kInt8, data, 0, 1000);
  EXPECT_EQ(load_element(DType::kInt8, data, 0), 127);
  store_element(DType::kInt64, data, 0, 1e30);
  EXPECT_EQ(load_element(DType::kInt64, data, 0), static_cast<double>(INT64_MAX));
  store_element(DType::kInt32, data, 0, std::nan(""));
  EXPECT_EQ(load_element(DType::kInt32, data, 0), 0);
}

// The loop for large tensors against the conversion of one value.
TEST(Numeric, StoringManyFloatsRoundsEachLikeStoringOne) {
  std::vector<float> values;
  for (uint32_t high = 0; high < 0x10000;
       ++high)  // every sign, exponent and leading bits; ties and near ties
    for (uint32_t low : {0u, 1u, 0x7fffu, 0x8000u, 0x8001u, 0xffffu})
      values.push_back(std::bit_cast<float>(high << 16 | low));
  for (const trace::DType dtype : {trace::DType::kFloat8E4m3fn, trace::DType::kBfloat16}) {
    const auto bytes = static_cast<size_t>(trace::size_bits(dtype)) / 8;
    std::vector<std::byte> many(values.size() * bytes), single(values.size() * bytes);
    store_floats(dtype, many, 0, values);
    for (size_t i = 0; i < values.size(); ++i) {
      const uint32_t narrow = dtype == trace::DType::kBfloat16 ? bf16_from_float(values[i])
                                                               : uint32_t{e4m3_from_float(values[i])};
      std::memcpy(single.data() + i * bytes, &narrow, bytes);
      ASSERT_EQ(std::memcmp(many.data() + i * bytes, single.data() + i * bytes, bytes), 0)
          << to_string(dtype) << " of " << values[i];
    }
  }
}

}  // namespace
}  // namespace warpwright::reference
