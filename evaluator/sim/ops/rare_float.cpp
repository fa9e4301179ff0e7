#define WW_ISA scalar
#include <cfenv>
#include <cmath>

#include "evaluator/sim/isa/numbers.h"
#include "evaluator/sim/ops/scalar.h"

namespace warpwright::sim {
namespace scalar {
namespace {

// f64
constexpr uint64_t kNan64 = 0x7fffffffffffffffu;
WW_INLINE double double_of(uint64_t x) {
  return __builtin_bit_cast(double, x);
}
WW_INLINE uint64_t bits_of64(double x) {
  return __builtin_bit_cast(uint64_t, x);
}
constexpr auto add64 = [](double a, double b) { return a + b; };
constexpr auto sub64 = [](double a, double b) { return a - b; };
constexpr auto mul64 = [](double a, double b) { return a * b; };
constexpr auto div64 = [](double a, double b) { return a / b; };
constexpr auto fma64 = [](double a, double b, double c) { return __builtin_fma(a, b, c); };
constexpr auto min64 = [](double a, double b) {
  if (a != a) return b != b ? double_of(kNan64) : b;
  if (b != b) return a;
  return a < b || (a == b && static_cast<int64_t>(bits_of64(a)) < static_cast<int64_t>(bits_of64(b))) ? a : b;
};
constexpr auto max64 = [](double a, double b) {
  if (a != a) return b != b ? double_of(kNan64) : b;
  if (b != b) return a;
  return a > b || (a == b && static_cast<int64_t>(bits_of64(a)) > static_cast<int64_t>(bits_of64(b))) ? a : b;
};

// f32, rarer forms
constexpr auto add32 = [](float a, float b) { return a + b; };
constexpr auto sub32 = [](float a, float b) { return a - b; };
constexpr auto mul32 = [](float a, float b) { return a * b; };
constexpr auto fma32 = [](float a, float b, float c) { return __builtin_fmaf(a, b, c); };
constexpr auto div32 = [](float a, float b) { return a / b; };

// .rz, .rm and .rp: the processor's own rounding modes. The volatile operands keep the operation between the
// switches.
template <auto F, int Mode, bool Flush>
constexpr auto rounded2 = [](float a, float b) {
  volatile float x = Flush ? flush(a) : a, y = Flush ? flush(b) : b;
  std::fesetround(Mode);
  volatile float result = F(x, y);
  std::fesetround(FE_TONEAREST);
  return Flush ? flush(result) : static_cast<float>(result);
};
template <int Mode, bool Flush>
constexpr auto rounded3 = [](float a, float b, float c) {
  volatile float x = Flush ? flush(a) : a, y = Flush ? flush(b) : b, z = Flush ? flush(c) : c;
  std::fesetround(Mode);
  volatile float result = std::fma(static_cast<float>(x), static_cast<float>(y), static_cast<float>(z));
  std::fesetround(FE_TONEAREST);
  return Flush ? flush(result) : static_cast<float>(result);
};
template <auto F, int Mode>
constexpr auto rounded64 = [](double a, double b) {
  volatile double x = a, y = b;
  std::fesetround(Mode);
  volatile double result = F(x, y);
  std::fesetround(FE_TONEAREST);
  return static_cast<double>(result);
};
template <int Mode>
constexpr auto rounded64_fma = [](double a, double b, double c) {
  volatile double x = a, y = b, z = c;
  std::fesetround(Mode);
  volatile double result = std::fma(static_cast<double>(x), static_cast<double>(y), static_cast<double>(z));
  std::fesetround(FE_TONEAREST);
  return static_cast<double>(result);
};
template <int Mode, bool Flush>
constexpr auto rounded_sqrt = [](float a) {
  volatile float x = Flush ? flush(a) : a;
  std::fesetround(Mode);
  volatile float result = std::sqrt(static_cast<float>(x));
  std::fesetround(FE_TONEAREST);
  return Flush ? flush(result) : static_cast<float>(result);
};

template <bool Flush>
constexpr auto sine = [](float a) { return Flush ? flush(std::sin(flush(a))) : std::sin(a); };
template <bool Flush>
constexpr auto cosine = [](float a) { return Flush ? flush(std::cos(flush(a))) : std::cos(a); };
constexpr auto tanh32 = [](float a) { return std::tanh(a); };

constexpr auto min_nan = [](float a, float b) { return a != a || b != b ? float_of(kNan32) : minimum(a, b); };
constexpr auto max_nan = [](float a, float b) { return a != a || b != b ? float_of(kNan32) : maximum(a, b); };
constexpr auto min3 = [](float a, float b, float c) { return minimum(minimum(a, b), c); };
constexpr auto max3 = [](float a, float b, float c) { return maximum(maximum(a, b), c); };
constexpr auto relu = [](float a) { return a != a ? float_of(kNan32) : a > 0.0f ? a : 0.0f; };

// Halves, alone and in pairs, through float.
template <class S>
WW_INLINE S narrow_to(float x) {
  if constexpr (std::is_same_v<S, Half>) {
    return to_half(x);
  } else {
    return to_bfloat(x);
  }
}
template <class S, auto F>
constexpr auto one1 = [](S a) { return narrow_to<S>(F(to_float(a))); };
template <class S, auto F>
constexpr auto one2 = [](S a, S b) { return narrow_to<S>(F(to_float(a), to_float(b))); };
template <auto G, class S>
constexpr auto pair1 = [](uint32_t a) {
  return G(S{static_cast<uint16_t>(a)}).bits |
         static_cast<uint32_t>(G(S{static_cast<uint16_t>(a >> 16)}).bits) << 16;
};
template <auto G, class S>
constexpr auto pair2 = [](uint32_t a, uint32_t b) {
  return G(S{static_cast<uint16_t>(a)}, S{static_cast<uint16_t>(b)}).bits |
         static_cast<uint32_t>(G(S{static_cast<uint16_t>(a >> 16)}, S{static_cast<uint16_t>(b >> 16)}).bits)
             << 16;
};
template <class S, bool Relu, bool Sat>
constexpr auto fma_form = [](S a, S b, S c) {
  const double exact = static_cast<double>(to_float(a)) * to_float(b) + static_cast<double>(to_float(c));
  const float odd = to_float_odd(exact);
  return narrow_to<S>(Sat ? saturate(odd) : Relu ? relu(odd) : odd);
};
template <auto G, class S>
constexpr auto pair3 = [](uint32_t a, uint32_t b, uint32_t c) {
  return G(S{static_cast<uint16_t>(a)}, S{static_cast<uint16_t>(b)}, S{static_cast<uint16_t>(c)}).bits |
         static_cast<uint32_t>(G(S{static_cast<uint16_t>(a >> 16)}, S{static_cast<uint16_t>(b >> 16)},
                                 S{static_cast<uint16_t>(c >> 16)})
                                   .bits)
             << 16;
};
constexpr auto exp2_32 = [](float a) { return exp2_of(a); };
constexpr auto add_sat = [](float a, float b) { return saturate(a + b); };
constexpr auto sub_sat = [](float a, float b) { return saturate(a - b); };
constexpr auto mul_sat = [](float a, float b) { return saturate(a * b); };

// Two floats in a 64-bit register (sm_100).
template <auto F>
constexpr auto f32x2 = [](uint64_t a, uint64_t b) {
  const float low = F(float_of(static_cast<uint32_t>(a)), float_of(static_cast<uint32_t>(b)));
  const float high = F(float_of(static_cast<uint32_t>(a >> 32)), float_of(static_cast<uint32_t>(b >> 32)));
  return static_cast<uint64_t>(bits_of(high)) << 32 | bits_of(low);
};
template <auto F>
constexpr auto f32x2_3 = [](uint64_t a, uint64_t b, uint64_t c) {
  const float low = F(float_of(static_cast<uint32_t>(a)), float_of(static_cast<uint32_t>(b)),
                      float_of(static_cast<uint32_t>(c)));
  const float high = F(float_of(static_cast<uint32_t>(a >> 32)), float_of(static_cast<uint32_t>(b >> 32)),
                       float_of(static_cast<uint32_t>(c >> 32)));
  return static_cast<uint64_t>(bits_of(high)) << 32 | bits_of(low);
};
template <auto F>
constexpr auto flushed2 = [](float a, float b) { return flush(F(flush(a), flush(b))); };
constexpr auto flushed_fma = [](float a, float b, float c) {
  return flush(fma32(flush(a), flush(b), flush(c)));
};

#define WW_ROUNDED2(name, F)                                       \
  entry<rounded2<F, FE_TOWARDZERO, false>>(name ".rz.f32"),        \
      entry<rounded2<F, FE_TOWARDZERO, true>>(name ".rz.ftz.f32"), \
      entry<rounded2<F, FE_DOWNWARD, false>>(name ".rm.f32"),      \
      entry<rounded2<F, FE_DOWNWARD, true>>(name ".rm.ftz.f32"),   \
      entry<rounded2<F, FE_UPWARD, false>>(name ".rp.f32"),        \
      entry<rounded2<F, FE_UPWARD, true>>(name ".rp.ftz.f32")
#define WW_ROUNDED64(name, F)                                                \
  entry<F>(name ".f64"), entry<rounded64<F, FE_TOWARDZERO>>(name ".rz.f64"), \
      entry<rounded64<F, FE_DOWNWARD>>(name ".rm.f64"), entry<rounded64<F, FE_UPWARD>>(name ".rp.f64")
#define WW_ROUNDED3(suffix, mode)                                                                            \
  entry<rounded3<mode, false>>("fma." suffix ".f32"), entry<rounded3<mode, true>>("fma." suffix ".ftz.f32"), \
      entry<rounded64_fma<mode>>("fma." suffix ".f64"),                                                      \
      entry<rounded_sqrt<mode, false>>("sqrt." suffix ".f32"),                                               \
      entry<rounded_sqrt<mode, true>>("sqrt." suffix ".ftz.f32")
#define WW_RCP_ROUNDED(suffix, mode)                                                          \
  entry<[](float a) { return rounded2<div32, mode, false>(1.0f, a); }>("rcp." suffix ".f32"), \
      entry<[](float a) { return rounded2<div32, mode, true>(1.0f, a); }>("rcp." suffix ".ftz.f32")
#define WW_COMPARE64(name, expression) \
  entry<[](double a, double b) { return (expression); }>("setp." name ".f64")
#define WW_NARROW2(name, F)                                                \
  entry<one2<Half, F>>(name ".f16"), entry<one2<Bfloat, F>>(name ".bf16"), \
      entry<pair2<one2<Half, F>, Half>>(name ".f16x2"),                    \
      entry<pair2<one2<Bfloat, F>, Bfloat>>(name ".bf16x2")
#define WW_NARROW1(name, F)                                                \
  entry<one1<Half, F>>(name ".f16"), entry<one1<Bfloat, F>>(name ".bf16"), \
      entry<pair1<one1<Half, F>, Half>>(name ".f16x2"),                    \
      entry<pair1<one1<Bfloat, F>, Bfloat>>(name ".bf16x2")
#define WW_TEST(name, expression)                                                     \
  entry<[](float a) { return static_cast<bool>(expression); }>("testp." name ".f32"), \
      entry<[](double a) { return static_cast<bool>(expression); }>("testp." name ".f64")

constexpr OpEntry kOps[] = {
    WW_ROUNDED64("add", add64),
    WW_ROUNDED64("sub", sub64),
    WW_ROUNDED64("mul", mul64),
    WW_ROUNDED64("div", div64),
    entry<fma64>("fma.f64"),
    entry<fma64>("mad.f64"),
    entry<min64>("min.f64"),
    entry<max64>("max.f64"),
    entry<[](double a) { return double_of(bits_of64(a) ^ 0x8000000000000000u); }>("neg.f64"),
    entry<[](double a) { return double_of(bits_of64(a) & 0x7fffffffffffffffu); }>("abs.f64"),
    entry<[](double a) { return __builtin_sqrt(a); }>("sqrt.f64"),
    entry<[](double a) { return 1.0 / a; }>("rcp.f64"),
    entry<[](double a) { return 1.0 / a; }>("rcp.ftz.f64"),
    entry<[](double a) { return 1.0 / __builtin_sqrt(a); }>("rsqrt.f64"),
    entry<[](double a) { return 1.0 / __builtin_sqrt(a); }>("rsqrt.ftz.f64"),
    WW_COMPARE64("eq", a == b),
    WW_COMPARE64("ne", a<b || a> b),
    WW_COMPARE64("lt", a < b),
    WW_COMPARE64("le", a <= b),
    WW_COMPARE64("gt", a > b),
    WW_COMPARE64("ge", a >= b),
    WW_COMPARE64("equ", !(a < b || a > b)),
    WW_COMPARE64("neu", a != b),
    WW_COMPARE64("ltu", !(a >= b)),
    WW_COMPARE64("leu", !(a > b)),
    WW_COMPARE64("gtu", !(a <= b)),
    WW_COMPARE64("geu", !(a < b)),
    WW_COMPARE64("num", a == a && b == b),
    WW_COMPARE64("nan", a != a || b != b),
    WW_ROUNDED2("add", add32),
    WW_ROUNDED2("sub", sub32),
    WW_ROUNDED2("mul", mul32),
    WW_ROUNDED2("div", div32),
    WW_ROUNDED3("rz", FE_TOWARDZERO),
    WW_ROUNDED3("rm", FE_DOWNWARD),
    WW_ROUNDED3("rp", FE_UPWARD),
    WW_RCP_ROUNDED("rz", FE_TOWARDZERO),
    WW_RCP_ROUNDED("rm", FE_DOWNWARD),
    WW_RCP_ROUNDED("rp", FE_UPWARD),
    entry<sine<false>>("sin.f32"),
    entry<sine<true>>("sin.ftz.f32"),
    entry<cosine<false>>("cos.f32"),
    entry<cosine<true>>("cos.ftz.f32"),
    entry<tanh32>("tanh.f32"),
    entry<min_nan>("min.NaN.f32"),
    entry<max_nan>("max.NaN.f32"),
    entry<flushed2<min_nan>>("min.ftz.NaN.f32"),
    entry<flushed2<max_nan>>("max.ftz.NaN.f32"),
    entry<min3>("min3.f32"),
    entry<max3>("max3.f32"),
    entry<min3>("min3.ftz.f32"),
    entry<max3>("max3.ftz.f32"),
    WW_NARROW2("add.sat", add_sat),
    WW_NARROW2("sub.sat", sub_sat),
    WW_NARROW2("mul.sat", mul_sat),
    WW_NARROW2("min.NaN", min_nan),
    WW_NARROW2("max.NaN", max_nan),
    WW_NARROW1("tanh", tanh32),
    WW_NARROW1("ex2", exp2_32),
    WW_NARROW1("ex2.ftz", exp2_32),
    entry<[](uint16_t a) { return static_cast<uint16_t>(a ^ 0x8000u); }>("neg.f16"),
    entry<[](uint16_t a) { return static_cast<uint16_t>(a ^ 0x8000u); }>("neg.bf16"),
    entry<[](uint32_t a) { return a ^ 0x80008000u; }>("neg.f16x2"),
    entry<[](uint32_t a) { return a ^ 0x80008000u; }>("neg.bf16x2"),
    entry<[](uint16_t a) { return static_cast<uint16_t>(a & 0x7fffu); }>("abs.f16"),
    entry<[](uint16_t a) { return static_cast<uint16_t>(a & 0x7fffu); }>("abs.bf16"),
    entry<[](uint32_t a) { return a & 0x7fff7fffu; }>("abs.f16x2"),
    entry<[](uint32_t a) { return a & 0x7fff7fffu; }>("abs.bf16x2"),
    entry<fma_form<Half, true, false>>("fma.relu.f16"),
    entry<fma_form<Bfloat, true, false>>("fma.relu.bf16"),
    entry<fma_form<Half, false, true>>("fma.sat.f16"),
    entry<pair3<fma_form<Half, true, false>, Half>>("fma.relu.f16x2"),
    entry<pair3<fma_form<Bfloat, true, false>, Bfloat>>("fma.relu.bf16x2"),
    entry<pair3<fma_form<Half, false, true>, Half>>("fma.sat.f16x2"),
    entry<f32x2<add32>>("add.f32x2"),
    entry<f32x2<sub32>>("sub.f32x2"),
    entry<f32x2<mul32>>("mul.f32x2"),
    entry<f32x2_3<fma32>>("fma.f32x2"),
    entry<f32x2<flushed2<add32>>>("add.ftz.f32x2"),
    entry<f32x2<flushed2<sub32>>>("sub.ftz.f32x2"),
    entry<f32x2<flushed2<mul32>>>("mul.ftz.f32x2"),
    entry<f32x2_3<flushed_fma>>("fma.ftz.f32x2"),
    entry<[](float a, float b) { return float_of((bits_of(a) & 0x80000000u) | (bits_of(b) & 0x7fffffffu)); }>(
        "copysign.f32"),
    entry<[](double a, double b) {
      return double_of((bits_of64(a) & 0x8000000000000000u) | (bits_of64(b) & 0x7fffffffffffffffu));
    }>("copysign.f64"),
    WW_TEST("finite", __builtin_isfinite(a)),
    WW_TEST("infinite", __builtin_isinf(a)),
    WW_TEST("number", a == a),
    WW_TEST("notanumber", a != a),
    WW_TEST("normal", __builtin_isnormal(a)),
    WW_TEST("subnormal", a != 0 && __builtin_isfinite(a) && !__builtin_isnormal(a)),
};

}  // namespace
}  // namespace scalar

std::span<const OpEntry> rare_float_ops() {
  return scalar::kOps;
}

}  // namespace warpwright::sim
