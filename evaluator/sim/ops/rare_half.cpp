#define WW_ISA scalar
#include <cmath>

#include "evaluator/sim/isa/numbers.h"
#include "evaluator/sim/ops/scalar.h"

// f16, bf16 and their pairs, beyond what isa/float_ops.h has; min and max in all their forms. PTX ISA manual,
// "Half Precision Floating-Point Instructions".
namespace warpwright::sim {
namespace scalar {
namespace {

template <class S>
WW_INLINE S narrow_to(float x) {
  if constexpr (std::is_same_v<S, Half>) {
    return to_half(x);
  } else {
    return to_bfloat(x);
  }
}
// .ftz of halves: denormals become zeros of their sign.
WW_INLINE Half flush_half(Half h) {
  return {static_cast<uint16_t>((h.bits & 0x7c00u) == 0 ? h.bits & 0x8000u : h.bits)};
}

template <class S, auto F>
constexpr auto one1 = [](S a) { return narrow_to<S>(F(to_float(a))); };
template <class S, auto F>
constexpr auto one2 = [](S a, S b) { return narrow_to<S>(F(to_float(a), to_float(b))); };
template <auto G>
constexpr auto flushed1 = [](Half a) { return flush_half(G(flush_half(a))); };
template <auto G>
constexpr auto flushed2 = [](Half a, Half b) { return flush_half(G(flush_half(a), flush_half(b))); };
template <auto G>
constexpr auto flushed3 =
    [](Half a, Half b, Half c) { return flush_half(G(flush_half(a), flush_half(b), flush_half(c))); };

// Pairs: both halves alike.
template <class S>
WW_INLINE S low(uint32_t pair) {
  return {static_cast<uint16_t>(pair)};
}
template <class S>
WW_INLINE S high(uint32_t pair) {
  return {static_cast<uint16_t>(pair >> 16)};
}
WW_INLINE uint32_t join(uint32_t low_bits, uint32_t high_bits) {
  return low_bits | high_bits << 16;
}
template <auto G, class S>
constexpr auto pair1 = [](uint32_t a) { return join(G(low<S>(a)).bits, G(high<S>(a)).bits); };
template <auto G, class S>
constexpr auto pair2 =
    [](uint32_t a, uint32_t b) { return join(G(low<S>(a), low<S>(b)).bits, G(high<S>(a), high<S>(b)).bits); };
template <auto G, class S>
constexpr auto pair3 = [](uint32_t a, uint32_t b, uint32_t c) {
  return join(G(low<S>(a), low<S>(b), low<S>(c)).bits, G(high<S>(a), high<S>(b), high<S>(c)).bits);
};

constexpr auto add = [](float a, float b) { return a + b; };
constexpr auto sub = [](float a, float b) { return a - b; };
constexpr auto mul = [](float a, float b) { return a * b; };
template <auto F>
constexpr auto saturated = [](float a, float b) { return saturate(F(a, b)); };
constexpr auto tanh32 = [](float a) { return std::tanh(a); };
constexpr auto exp2_32 = [](float a) { return exp2_of(a); };

// min and max. .xorsign.abs: of the magnitudes, with the product's sign; .abs (three operands): of the
// magnitudes.
template <bool Max, bool Nan>
WW_INLINE float extremum(float a, float b) {
  if (Nan && (a != a || b != b)) return float_of(kNan32);
  return Max ? maximum(a, b) : minimum(a, b);
}
WW_INLINE float magnitude(float a) {
  return float_of(bits_of(a) & 0x7fffffffu);
}
template <bool Max, bool Nan, bool Xorsign>
constexpr auto extremum2 = [](float a, float b) {
  if constexpr (!Xorsign) return extremum<Max, Nan>(a, b);
  const float result = extremum<Max, Nan>(magnitude(a), magnitude(b));
  const uint32_t sign = (bits_of(a) ^ bits_of(b)) & 0x80000000u;
  return result != result ? result : float_of(bits_of(result) | sign);
};
template <bool Max, bool Nan, bool Abs, bool Flush>
constexpr auto extremum3 = [](float a, float b, float c) {
  const auto prepare = [](float x) {
    const float y = Flush ? flush(x) : x;
    return Abs ? magnitude(y) : y;
  };
  return extremum<Max, Nan>(extremum<Max, Nan>(prepare(a), prepare(b)), prepare(c));
};
template <auto F>
constexpr auto flushed_f32 = [](float a, float b) { return flush(F(flush(a), flush(b))); };

// fma exactly rounded once. The product is exact in a double; the sum is rounded to odd, so that rounding it
// again to the narrow format does not fall on a wrong tie.
enum class Clamp { kNone, kRelu, kSat };
template <class S, Clamp C>
constexpr auto fma_form = [](S a, S b, S c) {
  const float odd = to_float_odd(add_odd(static_cast<double>(to_float(a)) * to_float(b), to_float(c)));
  if (C == Clamp::kSat) return narrow_to<S>(saturate(odd));
  if (C == Clamp::kRelu && odd == odd && !(odd > 0.0f)) return S{0};
  return narrow_to<S>(odd);
};

#define WW_BFLOAT2(name, F) \
  entry<one2<Bfloat, F>>(name ".bf16"), entry<pair2<one2<Bfloat, F>, Bfloat>>(name ".bf16x2")
#define WW_HALF2(name, ftz_name, F)                                                    \
  entry<one2<Half, F>>(name ".f16"), entry<pair2<one2<Half, F>, Half>>(name ".f16x2"), \
      entry<flushed2<one2<Half, F>>>(ftz_name ".f16"),                                 \
      entry<pair2<flushed2<one2<Half, F>>, Half>>(ftz_name ".f16x2")
#define WW_ARITHMETIC(name, F) \
  WW_HALF2(name, name ".ftz", F), WW_HALF2(name ".sat", name ".ftz.sat", saturated<F>)
#define WW_EXTREMA(name, modifiers, Max, Nan, Xorsign)                             \
  WW_HALF2(name modifiers, name ".ftz" modifiers, (extremum2<Max, Nan, Xorsign>)), \
      WW_BFLOAT2(name modifiers, (extremum2<Max, Nan, Xorsign>)),                  \
      entry<extremum2<Max, Nan, Xorsign>>(name modifiers ".f32"),                  \
      entry<flushed_f32<extremum2<Max, Nan, Xorsign>>>(name ".ftz" modifiers ".f32")
#define WW_EXTREMA3(name, modifiers, Max, Nan, Abs)              \
  entry<extremum3<Max, Nan, Abs, false>>(name modifiers ".f32"), \
      entry<extremum3<Max, Nan, Abs, true>>(name ".ftz" modifiers ".f32")
#define WW_ALL_EXTREMA(name, Max)                                                                          \
  WW_EXTREMA(name, "", Max, false, false), WW_EXTREMA(name, ".NaN", Max, true, false),                     \
      WW_EXTREMA(name, ".xorsign.abs", Max, false, true),                                                  \
      WW_EXTREMA(name, ".NaN.xorsign.abs", Max, true, true), WW_EXTREMA3(name "3", "", Max, false, false), \
      WW_EXTREMA3(name "3", ".NaN", Max, true, false), WW_EXTREMA3(name "3", ".abs", Max, false, true),    \
      WW_EXTREMA3(name "3", ".NaN.abs", Max, true, true)
#define WW_NARROW1(name, F)                                                \
  entry<one1<Half, F>>(name ".f16"), entry<one1<Bfloat, F>>(name ".bf16"), \
      entry<pair1<one1<Half, F>, Half>>(name ".f16x2"),                    \
      entry<pair1<one1<Bfloat, F>, Bfloat>>(name ".bf16x2")
#define WW_FMA(modifiers, C)                                                                             \
  entry<fma_form<Half, C>>("fma" modifiers ".f16"), entry<fma_form<Bfloat, C>>("fma" modifiers ".bf16"), \
      entry<pair3<fma_form<Half, C>, Half>>("fma" modifiers ".f16x2"),                                   \
      entry<pair3<fma_form<Bfloat, C>, Bfloat>>("fma" modifiers ".bf16x2"),                              \
      entry<flushed3<fma_form<Half, C>>>("fma.ftz" modifiers ".f16"),                                    \
      entry<pair3<flushed3<fma_form<Half, C>>, Half>>("fma.ftz" modifiers ".f16x2")
// Sign operations on raw bits.
#define WW_SIGN(name, op16, op32)                                                  \
  entry<[](uint16_t a) { return static_cast<uint16_t>(op16); }>(name ".f16"),      \
      entry<[](uint16_t a) { return static_cast<uint16_t>(op16); }>(name ".bf16"), \
      entry<[](uint32_t a) { return op32; }>(name ".f16x2"),                       \
      entry<[](uint32_t a) { return op32; }>(name ".bf16x2")
constexpr auto negate_half = [](Half a) { return Half{static_cast<uint16_t>(a.bits ^ 0x8000u)}; };
constexpr auto absolute_half = [](Half a) { return Half{static_cast<uint16_t>(a.bits & 0x7fffu)}; };

constexpr OpEntry kOps[] = {
    WW_ARITHMETIC("add", add),
    WW_ARITHMETIC("sub", sub),
    WW_ARITHMETIC("mul", mul),
    WW_ALL_EXTREMA("min", false),
    WW_ALL_EXTREMA("max", true),
    WW_FMA("", Clamp::kNone),
    WW_FMA(".relu", Clamp::kRelu),
    WW_FMA(".sat", Clamp::kSat),
    WW_NARROW1("tanh", tanh32),
    WW_NARROW1("ex2", exp2_32),
    WW_NARROW1("ex2.ftz", exp2_32),
    WW_SIGN("neg", a ^ 0x8000u, a ^ 0x80008000u),
    WW_SIGN("abs", a & 0x7fffu, a & 0x7fff7fffu),
    entry<flushed1<negate_half>>("neg.ftz.f16"),
    entry<pair1<flushed1<negate_half>, Half>>("neg.ftz.f16x2"),
    entry<flushed1<absolute_half>>("abs.ftz.f16"),
    entry<pair1<flushed1<absolute_half>, Half>>("abs.ftz.f16x2"),
    entry<[](Half a) { return flush_half(a); }>("flush.f16"),
};

}  // namespace
}  // namespace scalar

std::span<const OpEntry> rare_half_ops() {
  return scalar::kOps;
}

}  // namespace warpwright::sim
