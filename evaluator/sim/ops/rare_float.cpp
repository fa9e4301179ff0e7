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

template <int Mode>
constexpr auto rounded_sqrt64 = [](double a) {
  volatile double x = a;
  std::fesetround(Mode);
  volatile double result = std::sqrt(static_cast<double>(x));
  std::fesetround(FE_TONEAREST);
  return static_cast<double>(result);
};

template <bool Flush>
constexpr auto sine = [](float a) { return Flush ? flush(std::sin(flush(a))) : std::sin(a); };
template <bool Flush>
constexpr auto cosine = [](float a) { return Flush ? flush(std::cos(flush(a))) : std::cos(a); };
constexpr auto tanh32 = [](float a) { return std::tanh(a); };

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
template <auto F>
constexpr auto saturated2 = [](float a, float b) { return saturate(F(a, b)); };
template <auto F>
constexpr auto saturated3 = [](float a, float b, float c) { return saturate(F(a, b, c)); };

// Narrow operands and an f32 result (sm_100).
template <class S, auto F>
constexpr auto mixed2 = [](S a, float b) { return F(to_float(a), b); };
template <class S, auto F>
constexpr auto mixed3 = [](S a, S b, float c) { return F(to_float(a), to_float(b), c); };

// The gross approximations: the upper words of the operand and of the result.
WW_INLINE double upper_word(double a) {
  const uint64_t u = bits_of64(a) & 0xffffffff00000000u;
  return double_of((u & 0x7ff0000000000000u) == 0 ? u & 0x8000000000000000u : u);
}

// One rounding of a two- or three-operand f32 operation in all its forms.
#define WW_FORMS2(name, F, suffix, mode)                                      \
  entry<rounded2<F, mode, false>>(name suffix ".f32"),                        \
      entry<rounded2<F, mode, true>>(name suffix ".ftz.f32"),                 \
      entry<saturated2<rounded2<F, mode, false>>>(name suffix ".sat.f32"),    \
      entry<saturated2<rounded2<F, mode, true>>>(name suffix ".ftz.sat.f32"), \
      entry<f32x2<rounded2<F, mode, false>>>(name suffix ".f32x2"),           \
      entry<f32x2<rounded2<F, mode, true>>>(name suffix ".ftz.f32x2")
#define WW_MIXED2(name, F)                                                             \
  entry<mixed2<Half, F>>(name ".f32.f16"), entry<mixed2<Bfloat, F>>(name ".f32.bf16"), \
      entry<mixed2<Half, saturated2<F>>>(name ".sat.f32.f16"),                         \
      entry<mixed2<Bfloat, saturated2<F>>>(name ".sat.f32.bf16")
#define WW_MIXED3(name, F)                                                             \
  entry<mixed3<Half, F>>(name ".f32.f16"), entry<mixed3<Bfloat, F>>(name ".f32.bf16"), \
      entry<mixed3<Half, saturated3<F>>>(name ".sat.f32.f16"),                         \
      entry<mixed3<Bfloat, saturated3<F>>>(name ".sat.f32.bf16")
#define WW_DIRECTED(name, F)                                                        \
  WW_FORMS2(name, F, ".rz", FE_TOWARDZERO), WW_FORMS2(name, F, ".rm", FE_DOWNWARD), \
      WW_FORMS2(name, F, ".rp", FE_UPWARD)
#define WW_DIRECTED_MIXED(name, F)                                                \
  WW_MIXED2(name, F), WW_MIXED2(name ".rz", (rounded2<F, FE_TOWARDZERO, false>)), \
      WW_MIXED2(name ".rm", (rounded2<F, FE_DOWNWARD, false>)),                   \
      WW_MIXED2(name ".rp", (rounded2<F, FE_UPWARD, false>))
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
      entry<saturated3<rounded3<mode, false>>>("fma." suffix ".sat.f32"),                                    \
      entry<saturated3<rounded3<mode, true>>>("fma." suffix ".ftz.sat.f32"),                                 \
      entry<f32x2_3<rounded3<mode, false>>>("fma." suffix ".f32x2"),                                         \
      entry<f32x2_3<rounded3<mode, true>>>("fma." suffix ".ftz.f32x2"),                                      \
      WW_MIXED3("fma." suffix, (rounded3<mode, false>)),                                                     \
      entry<[](double a) { return rounded64<div64, mode>(1.0, a); }>("rcp." suffix ".f64"),                  \
      entry<rounded_sqrt64<mode>>("sqrt." suffix ".f64"), entry<rounded64_fma<mode>>("fma." suffix ".f64"),  \
      entry<rounded_sqrt<mode, false>>("sqrt." suffix ".f32"),                                               \
      entry<rounded_sqrt<mode, true>>("sqrt." suffix ".ftz.f32")
#define WW_RCP_ROUNDED(suffix, mode)                                                          \
  entry<[](float a) { return rounded2<div32, mode, false>(1.0f, a); }>("rcp." suffix ".f32"), \
      entry<[](float a) { return rounded2<div32, mode, true>(1.0f, a); }>("rcp." suffix ".ftz.f32")
#define WW_COMPARE64(name, expression) \
  entry<[](double a, double b) { return (expression); }>("setp." name ".f64")
#define WW_TEST(name, expression)                                                     \
  entry<[](float a) { return static_cast<bool>(expression); }>("testp." name ".f32"), \
      entry<[](double a) { return static_cast<bool>(expression); }>("testp." name ".f64")

constexpr OpEntry kOps[] = {
    WW_ROUNDED64("add", add64),
    WW_ROUNDED64("sub", sub64),
    WW_ROUNDED64("mul", mul64),
    WW_ROUNDED64("div", div64),
    entry<fma64>("fma.f64"),
    entry<min64>("min.f64"),
    entry<max64>("max.f64"),
    entry<[](double a) { return double_of(bits_of64(a) ^ 0x8000000000000000u); }>("neg.f64"),
    entry<[](double a) { return double_of(bits_of64(a) & 0x7fffffffffffffffu); }>("abs.f64"),
    entry<[](double a) { return __builtin_sqrt(a); }>("sqrt.f64"),
    entry<[](double a) { return 1.0 / a; }>("rcp.f64"),
    entry<[](double a) { return upper_word(1.0 / upper_word(a)); }>("rcp.ftz.f64"),
    entry<[](double a) { return 1.0 / __builtin_sqrt(a); }>("rsqrt.f64"),
    entry<[](double a) { return upper_word(1.0 / __builtin_sqrt(upper_word(a))); }>("rsqrt.ftz.f64"),
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
    WW_DIRECTED("add", add32),
    WW_DIRECTED("sub", sub32),
    WW_DIRECTED("mul", mul32),
    WW_ROUNDED2("div", div32),
    WW_DIRECTED_MIXED("add", add32),
    WW_DIRECTED_MIXED("sub", sub32),
    WW_MIXED3("fma", fma32),
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
    WW_TEST("normal", a == 0 || __builtin_isnormal(a)),  // zeros count as normal
    WW_TEST("subnormal", a != 0 && __builtin_isfinite(a) && !__builtin_isnormal(a)),
};

}  // namespace
}  // namespace scalar

std::span<const OpEntry> rare_float_ops() {
  return scalar::kOps;
}

}  // namespace warpwright::sim
