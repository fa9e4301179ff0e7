// Floating-point operations and conversions that inner loops use, f32 and the packed halves; the rarer ones
// are in ops/.
#pragma once

#include "evaluator/sim/isa/numbers.h"

namespace warpwright::sim::WW_ISA {
namespace floating {

constexpr auto add = [](float a, float b) { return a + b; };
constexpr auto sub = [](float a, float b) { return a - b; };
constexpr auto mul = [](float a, float b) { return a * b; };
constexpr auto fma = [](float a, float b, float c) { return __builtin_fmaf(a, b, c); };
constexpr auto div = [](float a, float b) { return a / b; };
constexpr auto min = [](float a, float b) { return minimum(a, b); };
constexpr auto max = [](float a, float b) { return maximum(a, b); };
constexpr auto neg = [](float a) { return float_of(bits_of(a) ^ 0x80000000u); };
constexpr auto abs = [](float a) { return float_of(bits_of(a) & 0x7fffffffu); };
constexpr auto rcp = [](float a) { return 1.0f / a; };
constexpr auto sqrt = [](float a) { return __builtin_sqrtf(a); };
constexpr auto rsqrt = [](float a) { return 1.0f / __builtin_sqrtf(a); };
constexpr auto ex2 = [](float a) { return exp2_of(a); };
constexpr auto lg2 = [](float a) { return log2_of(a); };

// .rz: the nearest result, stepped back when it lies beyond the exact one; `error` has the sign of exact -
// nearest.
WW_INLINE float toward_zero(float nearest, float error, bool finite_operands) {
  const uint32_t u = bits_of(nearest);
  const bool beyond = nearest > 0.0f ? error < 0.0f : nearest < 0.0f && error > 0.0f;
  const bool overflowed = (u & 0x7fffffffu) == 0x7f800000u && finite_operands;
  return float_of(beyond || overflowed ? u - 1 : u);
}
WW_INLINE bool is_finite(float a) {
  return (bits_of(a) & 0x7f800000u) != 0x7f800000u;
}
// The rounding error of a sum is a float (Knuth's two-sum).
constexpr auto add_rz = [](float a, float b) {
  const float sum = a + b, part = sum - a;
  const float error = (a - (sum - part)) + (b - part);
  return toward_zero(sum, error, is_finite(a) && is_finite(b));
};
constexpr auto sub_rz = [](float a, float b) { return add_rz(a, float_of(bits_of(b) ^ 0x80000000u)); };
// A product of floats is a double.
constexpr auto mul_rz = [](float a, float b) {
  const double exact = static_cast<double>(a) * b;
  const auto nearest = static_cast<float>(exact);
  const double error = exact - nearest;
  return toward_zero(nearest, error < 0 ? -1.0f : error > 0 ? 1.0f : 0.0f, is_finite(a) && is_finite(b));
};

// fma.rm, .rz and .rp (expf needs the first): the product is exact in a double, the sum's error by two-sum,
// and the step back from the nearest float by the sign of what is left. -1 rounds down, 0 toward zero, 1 up.
WW_INLINE float next_below(float a) {
  const uint32_t u = bits_of(a);
  return float_of(a > 0.0f ? u - 1 : a < 0.0f ? u + 1 : 0x80000001u);
}
WW_INLINE float next_above(float a) {
  const uint32_t u = bits_of(a);
  return float_of(a > 0.0f ? u + 1 : a < 0.0f ? u - 1 : 1u);
}
template <int Direction>
constexpr auto fma_directed = [](float a, float b, float c) {
  const double product = static_cast<double>(a) * b, addend = c;
  const double sum = product + addend, part = sum - product;
  const double error = (product - (sum - part)) + (addend - part);
  const auto nearest = static_cast<float>(sum);
  const double left = sum - nearest;
  const bool below = left < 0 || (left == 0 && error < 0);  // the exact result is below the nearest float
  const bool above = left > 0 || (left == 0 && error > 0);
  const bool down = Direction < 0 || (Direction == 0 && sum > 0),
             up = Direction > 0 || (Direction == 0 && sum < 0);
  float result = below && down ? next_below(nearest) : nearest;
  result = above && up ? next_above(nearest) : result;
  // Rounding down, a difference of equals is -0.
  const bool plus_zeros = __builtin_bit_cast(uint64_t, product) == 0 && bits_of(c) == 0;
  return Direction < 0 && sum == 0 && !plus_zeros ? -0.0f : result;
};

// .ftz flushes denormal operands and results to zero of their sign; .sat clamps the result.
template <auto F>
constexpr auto ftz1 = [](float a) { return flush(F(flush(a))); };
template <auto F>
constexpr auto ftz2 = [](float a, float b) { return flush(F(flush(a), flush(b))); };
template <auto F>
constexpr auto ftz3 = [](float a, float b, float c) { return flush(F(flush(a), flush(b), flush(c))); };
template <auto F>
constexpr auto sat2 = [](float a, float b) { return saturate(F(a, b)); };
template <auto F>
constexpr auto sat3 = [](float a, float b, float c) { return saturate(F(a, b, c)); };

// Packed halves: both elements through float, rounded once. The product of two halves is exact in a float,
// and so is the sum's rounding (24 >= 2 * 11 + 2 bits); fma goes through double, rounded to odd.
template <class Scalar>
WW_INLINE Scalar narrow(float x) {
  if constexpr (std::is_same_v<Scalar, Half>) {
    return to_half(x);
  } else {
    return to_bfloat(x);
  }
}
template <class Scalar>
WW_INLINE Scalar low(uint32_t pair) {
  return {static_cast<uint16_t>(pair)};
}
template <class Scalar>
WW_INLINE Scalar high(uint32_t pair) {
  return {static_cast<uint16_t>(pair >> 16)};
}
WW_INLINE uint32_t join(uint16_t low_bits, uint16_t high_bits) {
  return low_bits | static_cast<uint32_t>(high_bits) << 16;
}

template <class S, auto F>
constexpr auto one = [](S a, S b) { return narrow<S>(F(to_float(a), to_float(b))); };
template <class S, auto F>
constexpr auto pair = [](uint32_t a, uint32_t b) {
  return join(one<S, F>(low<S>(a), low<S>(b)).bits, one<S, F>(high<S>(a), high<S>(b)).bits);
};
template <class S>
constexpr auto fma_one = [](S a, S b, S c) {
  // Of halves the sum is exact wherever it matters; bfloats lie so far apart that it may hide what breaks a
  // tie.
  const double product = static_cast<double>(to_float(a)) * to_float(b), addend = to_float(c);
  return narrow<S>(to_float_odd(std::is_same_v<S, Half> ? product + addend : add_odd(product, addend)));
};
template <class S>
constexpr auto fma_pair = [](uint32_t a, uint32_t b, uint32_t c) {
  return join(fma_one<S>(low<S>(a), low<S>(b), low<S>(c)).bits,
              fma_one<S>(high<S>(a), high<S>(b), high<S>(c)).bits);
};

constexpr auto less_or_unordered = [](float a, float b) { return !(a >= b); };
constexpr auto less_equal_or_unordered = [](float a, float b) { return !(a > b); };
constexpr auto greater_or_unordered = [](float a, float b) { return !(a <= b); };
constexpr auto greater_equal_or_unordered = [](float a, float b) { return !(a < b); };
constexpr auto equal_or_unordered = [](float a, float b) { return !(a < b || a > b); };
constexpr auto ordered = [](float a, float b) { return a == a && b == b; };
constexpr auto unordered = [](float a, float b) { return a != a || b != b; };
constexpr auto equal = [](float a, float b) { return a == b; };
constexpr auto not_equal = [](float a, float b) { return a < b || a > b; };
constexpr auto not_equal_or_unordered = [](float a, float b) { return a != b; };
constexpr auto less = [](float a, float b) { return a < b; };
constexpr auto less_equal = [](float a, float b) { return a <= b; };
constexpr auto greater = [](float a, float b) { return a > b; };
constexpr auto greater_equal = [](float a, float b) { return a >= b; };
template <auto F>
constexpr auto flushed = [](float a, float b) { return F(flush(a), flush(b)); };
template <class S, auto F>
constexpr auto narrow_compare = [](S a, S b) { return F(to_float(a), to_float(b)); };

// e4m3: 4 exponent bits with bias 7, no infinity, NaN is 0x7f; a half has the bias 15. Its denormals, m *
// 2^-9, are normal halves: their bits are those of the float m, moved.
WW_INLINE uint32_t e4m3_to_half(uint32_t byte) {
  const uint32_t magnitude = byte & 0x7fu;
  const uint32_t normal = (magnitude << 7) + (8u << 10);
  const uint32_t denormal =
      (bits_of(static_cast<float>(static_cast<int32_t>(magnitude))) >> 13) - (121u << 10);
  uint32_t half = magnitude < 8 ? denormal : normal;
  half = magnitude == 0 ? 0u : half;
  half |= (byte & 0x80u) << 8;
  return magnitude == 0x7fu ? 0x7fffu : half;
}

constexpr auto round_even = [](float a) { return __builtin_rintf(a); };
constexpr auto round_zero = [](float a) { return __builtin_truncf(a); };
constexpr auto round_down = [](float a) { return __builtin_floorf(a); };
constexpr auto round_up = [](float a) { return __builtin_ceilf(a); };
// To integers: NaN gives 0, values out of range the nearest end.
template <auto F>
constexpr auto to_s32 = [](float a) {
  const float x = F(a);
  const float inside = x >= -0x1p31f && x < 0x1p31f ? x : 0.0f;
  const int32_t converted = static_cast<int32_t>(inside);
  const int32_t high = x >= 0x1p31f ? 0x7fffffff : converted;
  return x < -0x1p31f ? -0x7fffffff - 1 : high;
};
template <auto F>
constexpr auto to_u32 = [](float a) {
  const float x = F(a);
  const float inside = x >= 0.0f && x < 0x1p32f ? x : 0.0f;
  return x >= 0x1p32f ? ~0u : static_cast<uint32_t>(static_cast<int64_t>(inside));
};
template <auto F>
constexpr auto flush_first = [](float a) { return F(flush(a)); };

}  // namespace floating

#define WW_ROUND(suffix, F)                                                                      \
  entry<floating::F>("cvt." suffix ".f32.f32"),                                                  \
      entry<floating::ftz1<floating::F>>("cvt." suffix ".ftz.f32.f32"),                          \
      entry<floating::to_s32<floating::F>>("cvt." suffix ".s32.f32"),                            \
      entry<floating::to_s32<floating::flush_first<floating::F>>>("cvt." suffix ".ftz.s32.f32"), \
      entry<floating::to_u32<floating::F>>("cvt." suffix ".u32.f32"),                            \
      entry<floating::to_u32<floating::flush_first<floating::F>>>("cvt." suffix ".ftz.u32.f32")

#define WW_FLOAT2(name, F)                                                              \
  entry<floating::F>(name ".f32"), entry<floating::ftz2<floating::F>>(name ".ftz.f32"), \
      entry<floating::sat2<floating::F>>(name ".sat.f32"),                              \
      entry<floating::sat2<floating::ftz2<floating::F>>>(name ".ftz.sat.f32")
#define WW_FLOAT1(name, F) \
  entry<floating::F>(name ".f32"), entry<floating::ftz1<floating::F>>(name ".ftz.f32")
#define WW_NARROW(type, S, F, name)                    \
  entry<floating::one<S, floating::F>>(name "." type), \
      entry<floating::pair<S, floating::F>>(name "." type "x2")
#define WW_COMPARE(name, F)                                                                                \
  entry<floating::F>("setp." name ".f32"), entry<floating::flushed<floating::F>>("setp." name ".ftz.f32"), \
      entry<floating::narrow_compare<Half, floating::F>>("setp." name ".f16"),                             \
      entry<floating::narrow_compare<Bfloat, floating::F>>("setp." name ".bf16")

inline constexpr OpEntry kFloatOps[] = {
    WW_FLOAT2("add", add),
    WW_FLOAT2("sub", sub),
    WW_FLOAT2("mul", mul),
    WW_FLOAT2("div", div),
    WW_FLOAT2("min", min),
    WW_FLOAT2("max", max),
    entry<floating::fma>("fma.f32"),
    entry<floating::ftz3<floating::fma>>("fma.ftz.f32"),
    entry<floating::sat3<floating::fma>>("fma.sat.f32"),
    entry<floating::sat3<floating::ftz3<floating::fma>>>("fma.ftz.sat.f32"),
    entry<floating::fma_directed<-1>>("fma.rm.f32"),
    entry<floating::ftz3<floating::fma_directed<-1>>>("fma.rm.ftz.f32"),
    entry<floating::fma_directed<0>>("fma.rz.f32"),
    entry<floating::ftz3<floating::fma_directed<0>>>("fma.rz.ftz.f32"),
    entry<floating::fma_directed<1>>("fma.rp.f32"),
    entry<floating::ftz3<floating::fma_directed<1>>>("fma.rp.ftz.f32"),
    entry<floating::add_rz>("add.rz.f32"),
    entry<floating::ftz2<floating::add_rz>>("add.rz.ftz.f32"),
    entry<floating::sub_rz>("sub.rz.f32"),
    entry<floating::ftz2<floating::sub_rz>>("sub.rz.ftz.f32"),
    entry<floating::mul_rz>("mul.rz.f32"),
    entry<floating::ftz2<floating::mul_rz>>("mul.rz.ftz.f32"),
    WW_FLOAT1("neg", neg),
    WW_FLOAT1("abs", abs),
    WW_FLOAT1("rcp", rcp),
    WW_FLOAT1("sqrt", sqrt),
    WW_FLOAT1("rsqrt", rsqrt),
    WW_FLOAT1("ex2", ex2),
    WW_FLOAT1("lg2", lg2),
    WW_NARROW("f16", Half, add, "add"),
    WW_NARROW("f16", Half, sub, "sub"),
    WW_NARROW("f16", Half, mul, "mul"),
    WW_NARROW("f16", Half, min, "min"),
    WW_NARROW("f16", Half, max, "max"),
    WW_NARROW("bf16", Bfloat, add, "add"),
    WW_NARROW("bf16", Bfloat, sub, "sub"),
    WW_NARROW("bf16", Bfloat, mul, "mul"),
    WW_NARROW("bf16", Bfloat, min, "min"),
    WW_NARROW("bf16", Bfloat, max, "max"),
    entry<floating::fma_one<Half>>("fma.f16"),
    entry<floating::fma_pair<Half>>("fma.f16x2"),
    entry<floating::fma_one<Bfloat>>("fma.bf16"),
    entry<floating::fma_pair<Bfloat>>("fma.bf16x2"),
    WW_COMPARE("eq", equal),
    WW_COMPARE("ne", not_equal),
    WW_COMPARE("lt", less),
    WW_COMPARE("le", less_equal),
    WW_COMPARE("gt", greater),
    WW_COMPARE("ge", greater_equal),
    WW_COMPARE("equ", equal_or_unordered),
    WW_COMPARE("neu", not_equal_or_unordered),
    WW_COMPARE("ltu", less_or_unordered),
    WW_COMPARE("leu", less_equal_or_unordered),
    WW_COMPARE("gtu", greater_or_unordered),
    WW_COMPARE("geu", greater_equal_or_unordered),
    WW_COMPARE("num", ordered),
    WW_COMPARE("nan", unordered),
    // Conversions; cvt names keep their rounding.
    entry<[](Bfloat a) { return to_float(a); }>("cvt.f32.bf16"),
    entry<[](Half a) { return to_float(a); }>("cvt.f32.f16"),
    entry<[](Half a) { return to_float(a); }>("cvt.ftz.f32.f16"),
    entry<[](float a) { return to_bfloat(a); }>("cvt.rn.bf16.f32"),
    entry<[](float a) { return to_half(a); }>("cvt.rn.f16.f32"),
    entry<[](float a) { return to_half(flush(a)); }>("cvt.rn.ftz.f16.f32"),
    entry<[](float a, float b) { return floating::join(to_bfloat(b).bits, to_bfloat(a).bits); }>(
        "cvt.rn.bf16x2.f32"),
    entry<[](float a, float b) { return floating::join(to_half(b).bits, to_half(a).bits); }>(
        "cvt.rn.f16x2.f32"),
    WW_ROUND("rni", round_even),
    WW_ROUND("rzi", round_zero),
    WW_ROUND("rmi", round_down),
    WW_ROUND("rpi", round_up),
    entry<[](float a) { return saturate(a); }>("cvt.sat.f32.f32"),
    entry<[](float a) { return saturate(flush(a)); }>("cvt.ftz.sat.f32.f32"),
    entry<[](int32_t a) { return static_cast<float>(a); }>("cvt.rn.f32.s32"),
    entry<[](uint32_t a) { return static_cast<float>(a); }>("cvt.rn.f32.u32"),
    entry<[](uint16_t a) {
      return floating::e4m3_to_half(a & 255u) | floating::e4m3_to_half(a >> 8u) << 16;
    }>("cvt.rn.f16x2.e4m3x2"),
};

}  // namespace warpwright::sim::WW_ISA
