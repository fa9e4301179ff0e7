// Scalar number formats and functions, written so that loops over them vectorise. Semantics: PTX ISA manual,
// "Floating point".
#pragma once

#include "evaluator/sim/isa/lanes.h"

namespace warpwright::sim::WW_ISA {

struct Half {
  uint16_t bits;
};
struct Bfloat {
  uint16_t bits;
};
struct HalfPair {
  uint32_t bits;
};
struct BfloatPair {
  uint32_t bits;
};

WW_INLINE uint32_t bits_of(float x) {
  return __builtin_bit_cast(uint32_t, x);
}
WW_INLINE float float_of(uint32_t x) {
  return __builtin_bit_cast(float, x);
}

WW_INLINE float flush(float x) {
  const uint32_t u = bits_of(x);
  return float_of((u & 0x7f800000u) == 0 ? u & 0x80000000u : u);
}

// .sat: [0, 1], NaN becomes 0.
WW_INLINE float saturate(float x) {
  const float low = x > 0.0f ? x : 0.0f;
  return low < 1.0f ? low : 1.0f;
}

inline constexpr uint32_t kNan32 = 0x7fffffffu;  // the NaN that PTX arithmetic returns

WW_INLINE float to_float(Half h) {
  const uint32_t magnitude = h.bits & 0x7fffu;
  const uint32_t scaled = bits_of(float_of(magnitude << 13) * 0x1p112f);
  const uint32_t special = magnitude >= 0x7c00u ? 0x7f800000u | magnitude << 13 : scaled;
  return float_of(special | static_cast<uint32_t>(h.bits & 0x8000u) << 16);
}
WW_INLINE float to_float(Bfloat b) {
  return float_of(static_cast<uint32_t>(b.bits) << 16);
}

WW_INLINE Half to_half(float x) {
  const uint32_t u = bits_of(x);
  const uint32_t magnitude = u & 0x7fffffffu;
  const uint32_t rounded = (magnitude + 0xfffu + (magnitude >> 13 & 1u) - (112u << 23)) >> 13;
  const uint32_t denormal = bits_of(float_of(magnitude) + 0.5f) - 0x3f000000u;  // 0.5 has an ulp of 2^-24
  uint32_t h = magnitude < 0x38800000u ? denormal : rounded;
  h = magnitude >= 0x477ff000u ? 0x7c00u : h;  // 65520 and above round to infinity
  h = magnitude > 0x7f800000u ? 0x7fffu : h;
  const uint32_t sign = magnitude > 0x7f800000u ? 0u : u >> 16 & 0x8000u;
  return {static_cast<uint16_t>(h | sign)};
}
WW_INLINE Bfloat to_bfloat(float x) {
  const uint32_t u = bits_of(x);
  const uint32_t rounded = (u + 0x7fffu + (u >> 16 & 1u)) >> 16;
  return {static_cast<uint16_t>((u & 0x7fffffffu) > 0x7f800000u ? 0x7fffu : rounded)};
}

// Rounds to odd: a double that will be rounded once more, to a narrower format, keeps apart what is not a
// tie.
WW_INLINE float to_float_odd(double x) {
  const float nearest = static_cast<float>(x);
  const double back = nearest;
  const uint32_t u = bits_of(nearest);
  const bool above = (back < 0 ? -back : back) > (x < 0 ? -x : x);
  const bool exact = back == x || x != x || (u & 0x7fffffffu) >= 0x7f800000u;
  return float_of(exact ? u : (above ? u - 1 : u) | 1u);
}

// The sum of two doubles rounded to odd: the nearest, moved by an ulp if it is inexact and even.
WW_INLINE double add_odd(double a, double b) {
  const double sum = a + b, part = sum - a;
  const double error = (a - (sum - part)) + (b - part);
  const auto u = __builtin_bit_cast(uint64_t, sum);
  const bool finite = (u & 0x7ff0000000000000u) != 0x7ff0000000000000u;
  const bool moves = finite && error != 0 && (u & 1) == 0;
  const uint64_t moved = (error > 0) == (sum > 0) ? u + 1 : u - 1;
  return __builtin_bit_cast(double, moves ? moved : u);
}

WW_INLINE float minimum(float a, float b) {
  const bool less = a < b || (a == b && static_cast<int32_t>(bits_of(a)) < static_cast<int32_t>(bits_of(b)));
  const float chosen = less ? a : b;
  const float no_a = a != a ? b : chosen;
  const float result = b != b ? a : no_a;
  return result != result ? float_of(kNan32) : result;
}
WW_INLINE float maximum(float a, float b) {
  const bool greater =
      a > b || (a == b && static_cast<int32_t>(bits_of(a)) > static_cast<int32_t>(bits_of(b)));
  const float chosen = greater ? a : b;
  const float no_a = a != a ? b : chosen;
  const float result = b != b ? a : no_a;
  return result != result ? float_of(kNan32) : result;
}

// 2^x: the fraction in [-0.5, 0.5] by a polynomial (error below 2^-24 relative), the integer part into the
// exponent.
WW_INLINE float exp2_of(float x) {
  const float clamped = x < -160.0f ? -160.0f : x > 130.0f ? 130.0f : x;
  const float shifted = clamped + 0x1.8p23f;
  const float whole = shifted - 0x1.8p23f;
  const float f = clamped - whole;
  float p = 1.5353362e-4f;
  p = __builtin_fmaf(p, f, 1.3398874e-3f);
  p = __builtin_fmaf(p, f, 9.6184370e-3f);
  p = __builtin_fmaf(p, f, 5.5503324e-2f);
  p = __builtin_fmaf(p, f, 2.4022648e-1f);
  p = __builtin_fmaf(p, f, 6.9314720e-1f);
  p = __builtin_fmaf(p, f, 1.0f);
  const int32_t n = static_cast<int32_t>(bits_of(shifted)) - 0x4b400000;
  // Two factors, so that results in the denormal range and near overflow are right.
  const int32_t half = n >> 1;
  const float first = float_of(static_cast<uint32_t>(half + 127) << 23);
  const float second = float_of(static_cast<uint32_t>(n - half + 127) << 23);
  const float result = p * first * second;
  return x != x ? float_of(kNan32) : result;
}

// log2 x: mantissa in [sqrt(1/2), sqrt 2) by an odd series in (m - 1) / (m + 1).
WW_INLINE float log2_of(float x) {
  const bool tiny = x < 0x1p-126f;
  const float scaled = tiny ? x * 0x1p24f : x;
  const uint32_t u = bits_of(scaled);
  const int32_t shift = static_cast<int32_t>(u - 0x3f3504f3u) >> 23;
  const float m = float_of(u - (static_cast<uint32_t>(shift) << 23));
  const float exponent = static_cast<float>(shift) - (tiny ? 24.0f : 0.0f);
  const float t = (m - 1.0f) / (m + 1.0f);
  const float t2 = t * t;
  float p = 0.3205989f;
  p = __builtin_fmaf(p, t2, 0.4121986f);
  p = __builtin_fmaf(p, t2, 0.5770780f);
  p = __builtin_fmaf(p, t2, 0.9617967f);
  p = __builtin_fmaf(p, t2, 2.8853901f);
  float result = __builtin_fmaf(p, t, exponent);
  result = x == 0.0f ? -__builtin_inff() : result;
  result = x == __builtin_inff() ? x : result;
  return x < 0.0f || x != x ? float_of(kNan32) : result;
}

}  // namespace warpwright::sim::WW_ISA
