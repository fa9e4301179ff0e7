// f16 and bf16, alone and in pairs, against exact arithmetic.
#include "evaluator/sim/float_reference.h"
#include "evaluator/sim/opcode_testing.h"

namespace warpwright::sim::testing {
namespace {

struct Narrow {
  const char* name;
  Format format;
  bool bfloat;
};
constexpr Narrow kTypes[] = {{".f16", kF16, false}, {".bf16", kBf16, true}};

uint64_t flush_half(uint64_t x) {
  return (x & 0x7c00) == 0 ? x & 0x8000 : x;
}
double value_of(const Format& f, uint64_t x) {
  const Number n = unpack(f, x);
  const double magnitude = n.kind == Number::Kind::kNan ? NAN
                           : n.kind == Number::Kind::kInfinite
                               ? INFINITY
                               : std::ldexp(static_cast<double>(n.magnitude), n.exponent);
  return n.negative ? -magnitude : magnitude;
}

// Checks an opcode and its x2 form. `f` takes and gives 16-bit values.
template <class F>
void check_narrow(const std::string& opcode, const Narrow& type, int sources, F f) {
  const auto count = static_cast<std::size_t>(sources) + 1;
  check(opcode + type.name, std::string(count, 'h'), f, same_narrow(type.bfloat, 1));
  check(
      opcode + type.name + "x2", std::string(count, 'w'),
      [&](const Sources& s) {
        Sources low = {}, high = {};
        for (std::size_t k = 0; k < s.size(); ++k) {
          low[k] = s[k] & 0xffff;
          high[k] = s[k] >> 16 & 0xffff;
        }
        return (f(low) & 0xffff) | (f(high) & 0xffff) << 16;
      },
      same_narrow(type.bfloat, 2));
}

enum class Clamp { kNone, kSat, kRelu };
uint64_t clamped(const Narrow& type, uint64_t x, Clamp clamp) {
  if (clamp == Clamp::kNone) return x;
  const double value = value_of(type.format, x);
  if (std::isnan(value)) return clamp == Clamp::kSat ? 0 : type.format.nan();
  if (value <= 0) return 0;
  return clamp == Clamp::kSat && value > 1
             ? static_cast<uint64_t>(type.format.bias()) << type.format.fraction_bits
             : x;
}

TEST(HalfOps, SumsProductsAndFusedProducts) {
  for (const Narrow& type : kTypes) {
    for (const bool ftz : {false, true}) {
      for (const Clamp clamp : {Clamp::kNone, Clamp::kSat, Clamp::kRelu}) {
        if (type.bfloat && (ftz || clamp == Clamp::kSat)) continue;
        const std::string end = std::string(ftz ? ".ftz" : "") + (clamp == Clamp::kSat    ? ".sat"
                                                                  : clamp == Clamp::kRelu ? ".relu"
                                                                                          : "");
        const auto in = [&](uint64_t x) { return unpack(type.format, ftz ? flush_half(x) : x); };
        const auto out = [&](const Number& n) {
          const uint64_t result = round(type.format, n, Round::kNearest);
          const uint64_t kept = clamped(type, result, clamp);
          return ftz ? flush_half(kept) : kept;
        };
        check_narrow("fma.rn" + end, type, 3, [&](const Sources& s) {
          return out(add(multiply(in(s[0]), in(s[1])), in(s[2]), Round::kNearest));
        });
        if (clamp == Clamp::kRelu) continue;
        check_narrow("add.rn" + end, type, 2,
                     [&](const Sources& s) { return out(add(in(s[0]), in(s[1]), Round::kNearest)); });
        check_narrow("sub" + end, type, 2,
                     [&](const Sources& s) { return out(add(in(s[0]), negate(in(s[1])), Round::kNearest)); });
        check_narrow("mul.rn" + end, type, 2,
                     [&](const Sources& s) { return out(multiply(in(s[0]), in(s[1]))); });
      }
    }
  }
}

TEST(HalfOps, MinimaAndMaxima) {
  for (const Narrow& type : kTypes) {
    for (const bool ftz : {false, true}) {
      if (ftz && type.bfloat) continue;
      for (const bool nan : {false, true}) {
        for (const bool xorsign : {false, true}) {
          for (const bool max : {false, true}) {
            check_narrow(std::string(max ? "max" : "min") + (ftz ? ".ftz" : "") + (nan ? ".NaN" : "") +
                             (xorsign ? ".xorsign.abs" : ""),
                         type, 2, [&](const Sources& s) -> uint64_t {
                           uint64_t a = ftz ? flush_half(s[0]) : s[0], b = ftz ? flush_half(s[1]) : s[1];
                           const uint64_t sign = (a ^ b) & 0x8000;
                           if (xorsign) {
                             a &= 0x7fff;
                             b &= 0x7fff;
                           }
                           const bool a_nan = is_nan16(a, type.bfloat), b_nan = is_nan16(b, type.bfloat);
                           if ((a_nan && b_nan) || (nan && (a_nan || b_nan))) return 0x7fff;
                           const double x = value_of(type.format, a), y = value_of(type.format, b);
                           const bool a_less = x < y || (x == y && (a & 0x8000) != 0);
                           const uint64_t chosen = a_nan ? b : b_nan ? a : a_less != max ? a : b;
                           return xorsign ? (chosen & 0x7fff) | sign : chosen;
                         });
          }
        }
      }
    }
  }
}

TEST(HalfOps, SignsAndFunctions) {
  for (const Narrow& type : kTypes) {
    check_narrow("neg", type, 1, [](const Sources& s) { return s[0] ^ 0x8000; });
    check_narrow("abs", type, 1, [](const Sources& s) { return s[0] & 0x7fff; });
    const auto rounded = [&](double exact) {  // of the function's f32 result, the manual promises no more
      return round(type.format, unpack(kF64, bits(exact)), Round::kNearest);
    };
    const auto close = [&](uint64_t a, uint64_t b) {
      for (int k = 0; k < 2; ++k) {
        const uint64_t x = a >> (16 * k) & 0xffff, y = b >> (16 * k) & 0xffff;
        if (is_nan16(x, type.bfloat) && is_nan16(y, type.bfloat)) continue;
        if (x > y ? x - y > 1 : y - x > 1) return false;
      }
      return true;
    };
    const auto function = [&](const std::string& opcode, auto f) {
      check(
          opcode + type.name, "hh", [&](const Sources& s) { return rounded(f(value_of(type.format, s[0]))); },
          close);
      check(
          opcode + type.name + "x2", "ww",
          [&](const Sources& s) {
            return rounded(f(value_of(type.format, s[0] & 0xffff))) |
                   rounded(f(value_of(type.format, s[0] >> 16))) << 16;
          },
          close);
    };
    function("tanh.approx", [](double x) { return std::tanh(x); });
    function(type.bfloat ? "ex2.approx.ftz" : "ex2.approx",
             [&](double x) { return type.bfloat && std::exp2(x) < 0x1p-126 ? 0.0 : std::exp2(x); });
  }
  check_narrow("neg.ftz", kTypes[0], 1, [](const Sources& s) { return flush_half(s[0]) ^ 0x8000; });
  check_narrow("abs.ftz", kTypes[0], 1, [](const Sources& s) { return flush_half(s[0]) & 0x7fff; });
}

}  // namespace
}  // namespace warpwright::sim::testing
