// f32, f64, packed f32 and mixed precision: every rounding, .ftz and .sat, against exact arithmetic.
#include "evaluator/sim/float_reference.h"
#include "evaluator/sim/opcode_testing.h"

namespace warpwright::sim::testing {
namespace {

struct Mode {
  const char* name;
  Round round;
};
constexpr Mode kModes[] = {
    {".rn", Round::kNearest}, {".rz", Round::kZero}, {".rm", Round::kDown}, {".rp", Round::kUp}};

uint64_t flush32(uint64_t x) {
  return (x & 0x7f800000) == 0 ? x & 0x80000000 : x;
}
uint64_t saturate32(uint64_t x) {
  if (std::isnan(f32(x)) || f32(x) <= 0) return 0;
  return f32(x) > 1 ? 0x3f800000 : x;
}

enum class Operation { kAdd, kSub, kMul, kDiv, kFma, kRcp, kSqrt };
struct Named {
  const char* name;
  Operation operation;
  int sources;
};

Number compute(Operation operation, const Number& a, const Number& b, const Number& c, Round mode) {
  switch (operation) {
    case Operation::kAdd:
      return add(a, b, mode);
    case Operation::kSub:
      return add(a, negate(b), mode);
    case Operation::kMul:
      return multiply(a, b);
    case Operation::kDiv:
      return divide(a, b);
    case Operation::kFma:
      return add(multiply(a, b), c, mode);
    case Operation::kRcp:
      return divide(unpack(kF64, 0x3ff0000000000000), a);
    case Operation::kSqrt:
      return square_root(a);
  }
  return a;
}

uint64_t result32(Operation operation, const Sources& s, Round mode, bool ftz, bool sat) {
  Number n[3];
  for (std::size_t k = 0; k < 3; ++k) n[k] = unpack(kF32, ftz ? flush32(s[k]) : s[k]);
  uint64_t result = round(kF32, compute(operation, n[0], n[1], n[2], mode), mode);
  if (ftz) result = flush32(result);
  return sat ? saturate32(result) : result;
}

TEST(FloatOps, EveryRoundingOfF32) {
  constexpr Named kOperations[] = {{"add", Operation::kAdd, 2},  {"sub", Operation::kSub, 2},
                                   {"mul", Operation::kMul, 2},  {"fma", Operation::kFma, 3},
                                   {"div", Operation::kDiv, 2},  {"rcp", Operation::kRcp, 1},
                                   {"sqrt", Operation::kSqrt, 1}};
  for (const Named& op : kOperations) {
    for (const Mode& mode : kModes) {
      for (const bool ftz : {false, true}) {
        for (const bool sat : {false, true}) {
          const bool has_sat = op.operation <= Operation::kMul || op.operation == Operation::kFma;
          if (sat && !has_sat) continue;
          const std::string name =
              std::string(op.name) + mode.name + (ftz ? ".ftz" : "") + (sat ? ".sat" : "") + ".f32";
          check(
              name, std::string(static_cast<std::size_t>(op.sources) + 1, 'w'),
              [&](const Sources& s) { return result32(op.operation, s, mode.round, ftz, sat); }, same_f32);
        }
      }
    }
  }
}

TEST(FloatOps, EveryRoundingOfF64) {
  constexpr Named kOperations[] = {{"add", Operation::kAdd, 2},  {"sub", Operation::kSub, 2},
                                   {"mul", Operation::kMul, 2},  {"fma", Operation::kFma, 3},
                                   {"div", Operation::kDiv, 2},  {"rcp", Operation::kRcp, 1},
                                   {"sqrt", Operation::kSqrt, 1}};
  for (const Named& op : kOperations) {
    for (const Mode& mode : kModes) {
      check(
          std::string(op.name) + mode.name + ".f64",
          std::string(static_cast<std::size_t>(op.sources) + 1, 'd'),
          [&](const Sources& s) {
            return round(
                kF64,
                compute(op.operation, unpack(kF64, s[0]), unpack(kF64, s[1]), unpack(kF64, s[2]), mode.round),
                mode.round);
          },
          same_f64);
    }
  }
  check(
      "mad.rn.f64", "dddd", [](const Sources& s) { return bits(std::fma(f64(s[0]), f64(s[1]), f64(s[2]))); },
      same_f64);
}

TEST(FloatOps, PairsOfF32) {
  const Same same_pair = [](uint64_t a, uint64_t b) {
    return same_f32(a & 0xffffffff, b & 0xffffffff) && same_f32(a >> 32, b >> 32);
  };
  constexpr Named kOperations[] = {{"add", Operation::kAdd, 2},
                                   {"sub", Operation::kSub, 2},
                                   {"mul", Operation::kMul, 2},
                                   {"fma", Operation::kFma, 3}};
  for (const Named& op : kOperations) {
    for (const Mode& mode : kModes) {
      for (const bool ftz : {false, true}) {
        check(
            std::string(op.name) + mode.name + (ftz ? ".ftz" : "") + ".f32x2",
            std::string(static_cast<std::size_t>(op.sources) + 1, 'd'),
            [&](const Sources& s) {
              const Sources low = {s[0] & 0xffffffff, s[1] & 0xffffffff, s[2] & 0xffffffff};
              const Sources high = {s[0] >> 32, s[1] >> 32, s[2] >> 32};
              return result32(op.operation, low, mode.round, ftz, false) |
                     result32(op.operation, high, mode.round, ftz, false) << 32;
            },
            same_pair);
      }
    }
  }
}

TEST(FloatOps, MixedPrecision) {
  for (const bool bfloat : {false, true}) {
    const Format narrow = bfloat ? kBf16 : kF16;
    const std::string type = bfloat ? ".bf16" : ".f16";
    for (const Mode& mode : kModes) {
      for (const bool sat : {false, true}) {
        const auto finish = [&](const Number& n) {
          const uint64_t result = round(kF32, n, mode.round);
          return sat ? saturate32(result) : result;
        };
        const std::string middle = std::string(mode.name) + (sat ? ".sat" : "") + ".f32" + type;
        check(
            "add" + middle, "whw",
            [&](const Sources& s) {
              return finish(add(unpack(narrow, s[0]), unpack(kF32, s[1]), mode.round));
            },
            same_f32);
        check(
            "sub" + middle, "whw",
            [&](const Sources& s) {
              return finish(add(unpack(narrow, s[0]), negate(unpack(kF32, s[1])), mode.round));
            },
            same_f32);
        check(
            "fma" + middle, "whhw",
            [&](const Sources& s) {
              return finish(
                  add(multiply(unpack(narrow, s[0]), unpack(narrow, s[1])), unpack(kF32, s[2]), mode.round));
            },
            same_f32);
      }
    }
  }
}

// min and max after the manual's pseudo code.
float extremum(float a, float b, bool max, bool nan, bool xorsign) {
  const bool sign = std::signbit(a) != std::signbit(b);
  if (xorsign) {
    a = std::fabs(a);
    b = std::fabs(b);
  }
  float result;
  if (std::isnan(a) && std::isnan(b)) return NAN;
  if (nan && (std::isnan(a) || std::isnan(b))) return NAN;
  if (std::isnan(a))
    result = b;
  else if (std::isnan(b))
    result = a;
  else if (a == b)
    result = std::signbit(a) != max ? a : b;  // -0 is below +0
  else
    result = (a < b) != max ? a : b;
  return xorsign ? std::copysign(result, sign ? -1.0f : 1.0f) : result;
}

TEST(FloatOps, MinimaAndMaximaOfF32) {
  for (const bool max : {false, true}) {
    const std::string base = max ? "max" : "min";
    for (const bool ftz : {false, true}) {
      for (const bool nan : {false, true}) {
        const auto in = [&](uint64_t x) { return f32(ftz ? flush32(x) : x); };
        const std::string name = base + (ftz ? ".ftz" : "") + (nan ? ".NaN" : "");
        for (const bool xorsign : {false, true}) {
          check(
              name + (xorsign ? ".xorsign.abs" : "") + ".f32", "www",
              [&](const Sources& s) { return bits(extremum(in(s[0]), in(s[1]), max, nan, xorsign)); },
              same_f32);
        }
        for (const bool abs : {false, true}) {
          check(
              name + (abs ? ".abs" : "") + ".f32", "wwww",
              [&](const Sources& s) {
                const auto value = [&](std::size_t k) { return abs ? std::fabs(in(s[k])) : in(s[k]); };
                return bits(
                    extremum(extremum(value(0), value(1), max, nan, false), value(2), max, nan, false));
              },
              same_f32);
        }
      }
    }
    check(
        base + ".f64", "ddd",
        [&](const Sources& s) {
          const double a = f64(s[0]), b = f64(s[1]);
          if (std::isnan(a)) return bits(b);
          if (std::isnan(b)) return bits(a);
          if (a == b) return bits(std::signbit(a) != max ? a : b);
          return bits((a < b) != max ? a : b);
        },
        same_f64);
  }
}

TEST(FloatOps, SignsAndClasses) {
  check(
      "abs.f32", "ww", [](auto a, auto, auto) { return a & 0x7fffffff; }, same_f32);
  check(
      "neg.f32", "ww", [](auto a, auto, auto) { return a ^ 0x80000000; }, same_f32);
  check(
      "abs.ftz.f32", "ww", [](auto a, auto, auto) { return flush32(a) & 0x7fffffff; }, same_f32);
  check(
      "neg.ftz.f32", "ww", [](auto a, auto, auto) { return flush32(a) ^ 0x80000000; }, same_f32);
  check(
      "abs.f64", "dd", [](auto a, auto, auto) { return a << 1 >> 1; }, same_f64);
  check(
      "neg.f64", "dd", [](auto a, auto, auto) { return a ^ 0x8000000000000000; }, same_f64);
  check("copysign.f32", "www", [](auto a, auto b, auto) { return (a & 0x80000000) | (b & 0x7fffffff); });
  check("copysign.f64", "ddd", [](auto a, auto b, auto) { return (a >> 63 << 63) | (b << 1 >> 1); });
  const auto tests = [](const std::string& type, const std::string& kinds, auto value) {
    const auto test = [&](const std::string& name, auto f) {
      check("testp." + name + type, kinds, [&](auto a, auto, auto) { return f(value(a)); });
    };
    test("finite", [](auto x) { return std::isfinite(x); });
    test("infinite", [](auto x) { return std::isinf(x); });
    test("number", [](auto x) { return !std::isnan(x); });
    test("notanumber", [](auto x) { return std::isnan(x); });
    test("normal", [](auto x) { return std::isnormal(x) || x == 0; });
    test("subnormal", [](auto x) { return std::fpclassify(x) == FP_SUBNORMAL; });
  };
  tests(".f32", "pw", [](uint64_t x) { return f32(x); });
  tests(".f64", "pd", [](uint64_t x) { return f64(x); });
}

// The approximations: within a few ulps of the exact result, and exact where the manual says so.
TEST(FloatOps, ApproximationsAreClose) {
  const auto near = [](const std::string& opcode, bool ftz, auto f, double absolute = 1e-38) {
    const auto within = [absolute](uint64_t a, uint64_t b) {
      if (same_f32(a, b)) return true;
      const double x = f32(a), y = f32(b);
      return std::fabs(x - y) <= 2e-6 * std::fabs(y) + absolute;
    };
    check(
        opcode, "ww",
        [&](auto a, auto, auto) {
          const auto result = static_cast<float>(f(static_cast<double>(f32(ftz ? flush32(a) : a))));
          return ftz ? flush32(bits(result)) : bits(result);
        },
        within);
  };
  for (const bool ftz : {false, true}) {
    const std::string end = std::string(ftz ? ".approx.ftz" : ".approx") + ".f32";
    near("ex2" + end, ftz, [](double x) { return std::exp2(x); });
    near("rcp" + end, ftz, [](double x) { return 1 / x; });
    near("sqrt" + end, ftz, [](double x) { return std::sqrt(x); });
    near("rsqrt" + end, ftz, [](double x) { return 1 / std::sqrt(x); });
    near(
        "lg2" + end, ftz, [](double x) { return std::log2(x); }, 2e-6);
    near(
        "sin" + end, ftz, [](double x) { return std::sin(x); }, 2e-6);
    near(
        "cos" + end, ftz, [](double x) { return std::cos(x); }, 2e-6);
  }
  near("tanh.approx.f32", false, [](double x) { return std::tanh(x); });
  check(
      "div.approx.f32", "www", [](auto a, auto b, auto) { return bits(f32(a) / f32(b)); }, same_f32);
  check(
      "div.full.ftz.f32", "www",
      [](auto a, auto b, auto) { return flush32(bits(f32(flush32(a)) / f32(flush32(b)))); }, same_f32);
  const auto upper = [](uint64_t x) {
    x = x >> 32 << 32;
    return f64((x & 0x7ff0000000000000) == 0 ? x & 0x8000000000000000 : x);
  };
  const auto near64 = [](uint64_t a, uint64_t b) {
    return same_f64(a, b) || std::fabs(f64(a) - f64(b)) <= 1e-6 * std::fabs(f64(b));
  };
  check(
      "rcp.approx.ftz.f64", "dd", [&](auto a, auto, auto) { return bits(upper(bits(1 / upper(a)))); },
      near64);
  check(
      "rsqrt.approx.ftz.f64", "dd",
      [&](auto a, auto, auto) { return bits(upper(bits(1 / std::sqrt(upper(a))))); }, near64);
  check(
      "rsqrt.approx.f64", "dd", [](auto a, auto, auto) { return bits(1 / std::sqrt(f64(a))); }, near64);
}

}  // namespace
}  // namespace warpwright::sim::testing
