// Bit-exact conversions between float and the narrow formats: round to nearest, ties to even, as the GPU's
// cvt instructions and PyTorch do. Subnormals are kept. Inline, without branches where loops should
// vectorise.
//
//   bf16   1+8+7    e4m3fn 1+4+3, largest 448, no infinity, NaN is S.1111.111 (OCP FP8; Micikevicius et al.)
//   f16    1+5+10   e5m2   1+5+2, IEEE-like with infinities
//
// e4m3 and e5m2 saturate: beyond the largest finite value, infinity included, gives that value with the sign
// (cvt.satfinite); NaN stays NaN.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

#include "src/trace/definition.h"

namespace warpwright::reference {

inline uint16_t bf16_from_float(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  const uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  const uint32_t quiet_nan = (bits >> 16) | 0x40u;
  return static_cast<uint16_t>((bits & 0x7fffffffu) > 0x7f800000u ? quiet_nan : rounded);
}
inline float float_from_bf16(uint16_t bits) {
  return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16);
}

uint16_t f16_from_float(float value);  // overflow gives infinity
float float_from_f16(uint16_t bits);
uint8_t e4m3_from_float(float value);
float float_from_e4m3(uint8_t bits);
uint8_t e5m2_from_float(float value);
float float_from_e5m2(uint8_t bits);

// Element `index` of packed data as a double (integers up to 2^53 are exact; bool is 0 or 1).
// REQUIRES: the element lies within `data`; dtype is not the packed fp4.
double load_element(trace::DType dtype, std::span<const std::byte> data, size_t index);

// Stores a value rounded to dtype: narrow floats as above, integers truncated towards zero and clamped.
void store_element(trace::DType dtype, std::span<std::byte> data, size_t index, double value);

// Consecutive elements from `first`; the loops of large tensors.
void store_floats(trace::DType dtype, std::span<std::byte> data, size_t first, std::span<const float> values);
void load_doubles(trace::DType dtype, std::span<const std::byte> data, size_t first,
                  std::span<double> values);

}  // namespace warpwright::reference
