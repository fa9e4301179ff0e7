// Every family of opcodes against a scalar reference in C++, over edge values and random ones.
#include <cfenv>
#include <cmath>
#include <functional>
#include <limits>
#include <random>

#include "evaluator/sim/test_support.h"

namespace warpwright::sim {
namespace {

using Values = std::vector<uint64_t>;
using Reference = std::function<uint64_t(uint64_t, uint64_t, uint64_t)>;

float f32(uint64_t bits) {
  const auto low = static_cast<uint32_t>(bits);
  float f;
  std::memcpy(&f, &low, 4);
  return f;
}
uint64_t bits(float f) {
  uint32_t u;
  std::memcpy(&u, &f, 4);
  return u;
}
double f64(uint64_t b) {
  double d;
  std::memcpy(&d, &b, 8);
  return d;
}
uint64_t bits(double d) {
  uint64_t u;
  std::memcpy(&u, &d, 8);
  return u;
}

// A row kind per operand: p predicate (result only), h 16 bits, w 32 bits, d 64 bits.
std::string register_of(char kind, int k) {
  return std::string(kind == 'h' ? "%h" : kind == 'w' ? "%w" : "%d") + std::to_string(k);
}
std::string type_of(char kind) {
  return kind == 'h' ? "b16" : kind == 'w' ? "b32" : "b64";
}

std::string kernel_for(const std::string& opcode, const std::string& kinds, const std::string& tail) {
  std::string body, operands;
  for (std::size_t k = 1; k < kinds.size(); ++k) {
    const std::string reg = register_of(kinds[k], static_cast<int>(k));
    body += "ld.global." + type_of(kinds[k]) + " " + reg + ", [%in+" + std::to_string(8 * (k - 1)) + "];\n";
    operands += ", " + reg;
  }
  std::string store;
  if (kinds[0] == 'p') {
    body += opcode + " %p0" + operands + tail + ";\nselp.b32 %w0, 1, 0, %p0;\n";
    store = "st.global.b32 [%out], %w0;\n";
  } else {
    body += opcode + " " + register_of(kinds[0], 0) + operands + tail + ";\n";
    store = "st.global." + type_of(kinds[0]) + " [%out], " + register_of(kinds[0], 0) + ";\n";
  }
  return ".version 9.0\n.target sm_100a\n.address_size 64\n.visible .entry k(.param .u64 a, .param .u64 b) "
         "{\n"
         ".reg .pred %p<2>;\n.reg .b16 %h<9>;\n.reg .b32 %w<9>;\n.reg .b32 %t;\n.reg .b64 %d<9>;\n.reg .b64 "
         "%in, %out, %o;\n"
         "ld.param.u64 %in, [a];\nld.param.u64 %out, [b];\nmov.u32 %t, %tid.x;\nmul.wide.u32 %o, %t, "
         "24;\nadd.s64 %in, %in, %o;\n"
         "mul.wide.u32 %o, %t, 8;\nadd.s64 %out, %out, %o;\n" +
         body + store + "ret;\n}\n";
}

// Random bits, with the edges of integers and floats among them.
Values inputs(unsigned seed) {
  static const uint64_t kEdges[] = {0,
                                    1,
                                    2,
                                    31,
                                    32,
                                    33,
                                    63,
                                    64,
                                    255,
                                    0x7fff,
                                    0x8000,
                                    0xffff,
                                    0x7fffffff,
                                    0x80000000,
                                    0xffffffff,
                                    0x3f800000,
                                    0xbf800000,
                                    0x7f800000,
                                    0xff800000,
                                    0x7fc00000,
                                    0x00000001,
                                    0x80000001,
                                    0x007fffff,
                                    0x7f7fffff,
                                    0x7c00,
                                    0xfc00,
                                    0x3c00,
                                    0x0001,
                                    0x4b000001,
                                    0x3f000000,
                                    0x40200000,
                                    0x8000000000000000u,
                                    0xffffffffffffffffu,
                                    0x3ff0000000000000u,
                                    0x7ff8000000000000u};
  std::mt19937_64 random(seed);
  Values values;
  for (int i = 0; i < 3 * 512; ++i) {
    const bool edge = random() % 2 == 0;
    values.push_back(edge ? kEdges[random() % std::size(kEdges)] : random() >> (random() % 48));
  }
  return values;
}

using Same = std::function<bool(uint64_t, uint64_t)>;
void check(const std::string& opcode, const std::string& kinds, const Reference& reference,
           const std::string& tail = "", const Same& same = std::equal_to<>()) {
  const Values in = inputs(static_cast<unsigned>(opcode.size() + kinds[0]));
  TestLaunch t(kernel_for(opcode, kinds, tail));
  t.input("in", in);
  const uint64_t out = t.output<uint64_t>("out", in.size() / 3);
  const LaunchReport report = t.run({1, 1, 1}, {512, 1, 1});
  ASSERT_TRUE(report.completed) << opcode << ": " << messages(report);
  const auto got = t.read<uint64_t>(out);
  const auto narrow = [](uint64_t value, char kind) {
    return kind == 'h' ? value & 0xffff : kind == 'd' ? value : value & 0xffffffff;
  };
  int shown = 0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    uint64_t s[3] = {};
    for (std::size_t k = 1; k < kinds.size(); ++k) s[k - 1] = narrow(in[3 * i + k - 1], kinds[k]);
    const uint64_t expected = narrow(reference(s[0], s[1], s[2]), kinds[0]);
    if (same(got[i], expected)) continue;
    ADD_FAILURE() << opcode << std::hex << " of " << s[0] << ", " << s[1] << ", " << s[2] << " gives "
                  << got[i] << ", not " << expected;
    if (++shown == 3) return;
  }
}
bool same_f32(uint64_t a, uint64_t b) {
  return a == b || (std::isnan(f32(a)) && std::isnan(f32(b)));
}
bool same_f64(uint64_t a, uint64_t b) {
  return a == b || (std::isnan(f64(a)) && std::isnan(f64(b)));
}
Same within(double relative) {
  return [relative](uint64_t a, uint64_t b) {
    if (same_f32(a, b)) return true;
    const double x = f32(a), y = f32(b);
    return std::fabs(x - y) <= relative * std::fabs(y) + 1e-38;
  };
}
void check_f32(const std::string& opcode, const std::string& kinds,
               const std::function<float(float, float, float)>& f) {
  check(
      opcode, kinds, [&](uint64_t a, uint64_t b, uint64_t c) { return bits(f(f32(a), f32(b), f32(c))); }, "",
      same_f32);
}
void check_f64(const std::string& opcode, const std::string& kinds,
               const std::function<double(double, double, double)>& f) {
  check(
      opcode, kinds, [&](uint64_t a, uint64_t b, uint64_t c) { return bits(f(f64(a), f64(b), f64(c))); }, "",
      same_f64);
}
int32_t s32(uint64_t x) {
  return static_cast<int32_t>(x);
}
int64_t s64(uint64_t x) {
  return static_cast<int64_t>(x);
}
int16_t s16(uint64_t x) {
  return static_cast<int16_t>(x);
}

TEST(Opcodes, IntegerSumsAndProducts) {
  check("add.s32", "www", [](auto a, auto b, auto) { return a + b; });
  check("sub.u16", "hhh", [](auto a, auto b, auto) { return a - b; });
  check("add.u64", "ddd", [](auto a, auto b, auto) { return a + b; });
  check("mul.lo.s32", "www", [](auto a, auto b, auto) { return a * b; });
  check("mul.lo.s64", "ddd", [](auto a, auto b, auto) { return a * b; });
  check("mul.lo.u16", "hhh", [](auto a, auto b, auto) { return a * b; });
  check("mul.hi.u32", "www", [](auto a, auto b, auto) { return a * b >> 32; });
  check("mul.hi.s32", "www",
        [](auto a, auto b, auto) { return static_cast<uint64_t>(int64_t{s32(a)} * s32(b) >> 32); });
  check("mul.wide.s32", "dww",
        [](auto a, auto b, auto) { return static_cast<uint64_t>(int64_t{s32(a)} * s32(b)); });
  check("mul.wide.u16", "whh", [](auto a, auto b, auto) { return a * b; });
  check("mul.wide.s16", "whh", [](auto a, auto b, auto) { return static_cast<uint64_t>(s16(a) * s16(b)); });
  check("mad.lo.s32", "wwww", [](auto a, auto b, auto c) { return a * b + c; });
  check("mad.wide.u32", "dwwd", [](auto a, auto b, auto c) { return a * b + c; });
  check("mad.hi.s32", "wwww",
        [](auto a, auto b, auto c) { return static_cast<uint64_t>(int64_t{s32(a)} * s32(b) >> 32) + c; });
  check("sad.u32", "wwww", [](auto a, auto b, auto c) { return c + (a > b ? a - b : b - a); });
  check("neg.s32", "ww", [](auto a, auto, auto) { return -a; });
  check("abs.s64", "dd", [](auto a, auto, auto) { return s64(a) < 0 ? -a : a; });
  check("add.sat.s32", "www", [](auto a, auto b, auto) {
    const int64_t sum = int64_t{s32(a)} + s32(b);
    return static_cast<uint64_t>(sum > INT32_MAX ? INT32_MAX : sum < INT32_MIN ? INT32_MIN : sum);
  });
  check("min.s16", "hhh", [](auto a, auto b, auto) { return s16(a) < s16(b) ? a : b; });
  check("max.u64", "ddd", [](auto a, auto b, auto) { return a > b ? a : b; });
  check("dp4a.s32.u32", "wwww", [](auto a, auto b, auto c) {
    for (int i = 0; i < 4; ++i)
      c += static_cast<uint64_t>(static_cast<int8_t>(a >> (8 * i)) * static_cast<int>(b >> (8 * i) & 255));
    return c;
  });
}

TEST(Opcodes, DivisionNeverTraps) {
  check("div.s32", "www", [](auto a, auto b, auto) {
    return b == 0 ? ~uint64_t{0} : static_cast<uint64_t>(int64_t{s32(a)} / s32(b));
  });
  check("div.u32", "www", [](auto a, auto b, auto) { return b == 0 ? ~uint64_t{0} : a / b; });
  check("rem.s64", "ddd", [](auto a, auto b, auto) {
    return b == 0 ? a : b == ~uint64_t{0} ? 0 : static_cast<uint64_t>(s64(a) % s64(b));
  });
  check("rem.u16", "hhh", [](auto a, auto b, auto) { return b == 0 ? a : a % b; });
}

TEST(Opcodes, ShiftsClampAtTheWidth) {
  check("shl.b32", "www", [](auto a, auto b, auto) { return b > 31 ? 0 : a << b; });
  check("shr.u32", "www", [](auto a, auto b, auto) { return b > 31 ? 0 : a >> b; });
  check("shr.s32", "www",
        [](auto a, auto b, auto) { return static_cast<uint64_t>(s32(a) >> std::min<uint64_t>(b, 31)); });
  check("shl.b64", "ddw", [](auto a, auto b, auto) { return b > 63 ? 0 : a << b; });
  check("shr.s64", "ddw",
        [](auto a, auto b, auto) { return static_cast<uint64_t>(s64(a) >> std::min<uint64_t>(b, 63)); });
  check("shr.s16", "hhw",
        [](auto a, auto b, auto) { return static_cast<uint64_t>(s16(a) >> std::min<uint64_t>(b, 15)); });
  check("shl.b16", "hhw", [](auto a, auto b, auto) { return b > 15 ? 0 : a << b; });
  check("shf.l.wrap.b32", "wwww", [](auto a, auto b, auto c) { return ((b << 32 | a) << (c & 31)) >> 32; });
  check("shf.r.clamp.b32", "wwww",
        [](auto a, auto b, auto c) { return (b << 32 | a) >> std::min<uint64_t>(c, 32); });
}

TEST(Opcodes, BitFields) {
  check("bfe.u32", "wwww", [](auto a, auto b, auto c) {
    const uint64_t p = b & 255, n = c & 255;
    const uint64_t field = p > 31 ? 0 : (a & 0xffffffff) >> p;
    return n > 31 ? field : field & ((uint64_t{1} << n) - 1);
  });
  check("bfe.s32", "wwww", [](auto a, auto b, auto c) {
    const uint64_t p = b & 255, n = c & 255;
    if (n == 0) return uint64_t{0};
    const bool sign = a >> std::min<uint64_t>(p + n - 1, 31) & 1;
    uint64_t result = sign ? ~uint64_t{0} : 0;
    for (uint64_t i = 0; i < n && p + i < 32 && i < 32; ++i) {
      const uint64_t bit = uint64_t{1} << i;
      result = a >> (p + i) & 1 ? result | bit : result & ~bit;
    }
    return result;
  });
  check("brev.b32", "ww", [](auto a, auto, auto) {
    uint64_t r = 0;
    for (int i = 0; i < 32; ++i) r |= (a >> i & 1) << (31 - i);
    return r;
  });
  check("popc.b64", "wd", [](auto a, auto, auto) { return static_cast<uint64_t>(__builtin_popcountll(a)); });
  check("clz.b32", "ww", [](auto a, auto, auto) {
    return a == 0 ? 32 : static_cast<uint64_t>(__builtin_clz(static_cast<uint32_t>(a)));
  });
  check("bfind.u32", "ww", [](auto a, auto, auto) {
    return a == 0 ? ~uint64_t{0} : 63 - static_cast<uint64_t>(__builtin_clzll(a));
  });
  check("bfind.s32", "ww", [](auto a, auto, auto) {
    const uint64_t x = s32(a) < 0 ? ~a & 0xffffffff : a;
    return x == 0 ? ~uint64_t{0} : 63 - static_cast<uint64_t>(__builtin_clzll(x));
  });
  check("prmt.b32", "wwww", [](auto a, auto b, auto c) {
    uint64_t r = 0;
    for (int i = 0; i < 4; ++i) {
      const uint64_t s = c >> (4 * i) & 15;
      uint64_t byte = (b << 32 | a) >> (8 * (s & 7)) & 255;
      if (s & 8) byte = byte & 128 ? 255 : 0;
      r |= byte << (8 * i);
    }
    return r;
  });
  check(
      "lop3.b32", "wwww", [](auto a, auto b, auto c) { return (a & b) ^ c; }, ", 0x6a");
  check("bmsk.clamp.b32", "www", [](auto a, auto b, auto) {
    uint64_t r = 0;
    for (uint64_t i = a; i < 32 && i - a < b; ++i) r |= uint64_t{1} << i;
    return r;
  });
  check("not.b64", "dd", [](auto a, auto, auto) { return ~a; });
  check("xor.b16", "hhh", [](auto a, auto b, auto) { return a ^ b; });
}

TEST(Opcodes, ComparisonsAndSelections) {
  check("setp.lt.s32", "pww", [](auto a, auto b, auto) { return s32(a) < s32(b); });
  check("setp.hs.u32", "pww", [](auto a, auto b, auto) { return a >= b; });
  check("setp.ne.s64", "pdd", [](auto a, auto b, auto) { return a != b; });
  check("setp.le.u16", "phh", [](auto a, auto b, auto) { return a <= b; });
  check("setp.lt.f32", "pww", [](auto a, auto b, auto) { return f32(a) < f32(b); });
  check("setp.geu.f32", "pww", [](auto a, auto b, auto) { return !(f32(a) < f32(b)); });
  check("setp.ne.f32", "pww", [](auto a, auto b, auto) { return f32(a) < f32(b) || f32(a) > f32(b); });
  check("setp.nan.f64", "pdd", [](auto a, auto b, auto) { return std::isnan(f64(a)) || std::isnan(f64(b)); });
  check("set.gt.u32.s32", "www", [](auto a, auto b, auto) { return s32(a) > s32(b) ? ~uint64_t{0} : 0; });
  check("slct.b32.s32", "wwww", [](auto a, auto b, auto c) { return s32(c) >= 0 ? a : b; });
}

TEST(Opcodes, FloatArithmetic) {
  check_f32("add.rn.f32", "www", [](float a, float b, float) { return a + b; });
  check_f32("mul.f32", "www", [](float a, float b, float) { return a * b; });
  check_f32("fma.rn.f32", "wwww", [](float a, float b, float c) { return std::fma(a, b, c); });
  check_f32("div.rn.f32", "www", [](float a, float b, float) { return a / b; });
  check_f32("sqrt.rn.f32", "ww", [](float a, float, float) { return std::sqrt(a); });
  check_f32("add.sat.f32", "www", [](float a, float b, float) {
    return std::isnan(a + b) ? 0 : std::min(std::max(a + b, 0.0f), 1.0f);
  });
  check_f32("abs.f32", "ww", [](float a, float, float) { return std::fabs(a); });
  const auto flush = [](float x) { return std::fabs(x) < 0x1p-126f ? std::copysign(0.0f, x) : x; };
  check_f32("mul.rn.ftz.f32", "www", [&](float a, float b, float) { return flush(flush(a) * flush(b)); });
  check_f32("fma.rn.ftz.f32", "wwww",
            [&](float a, float b, float c) { return flush(std::fma(flush(a), flush(b), flush(c))); });
  check_f32("min.f32", "www", [](float a, float b, float) {
    if (std::isnan(a) || std::isnan(b)) return std::isnan(a) ? b : a;
    return a == b ? (std::signbit(a) ? a : b) : std::min(a, b);
  });
  check_f64("fma.rn.f64", "dddd", [](double a, double b, double c) { return std::fma(a, b, c); });
  check_f64("div.rn.f64", "ddd", [](double a, double b, double) { return a / b; });
}

TEST(Opcodes, DirectedRounding) {
  const auto rounded = [](int mode, auto f) {
    return [mode, f](float a, float b, float c) {
      volatile float x = a, y = b, z = c;
      std::fesetround(mode);
      volatile float result = f(x, y, z);
      std::fesetround(FE_TONEAREST);
      return static_cast<float>(result);
    };
  };
  const auto add = [](volatile float& a, volatile float& b, volatile float&) { return a + b; };
  const auto mul = [](volatile float& a, volatile float& b, volatile float&) { return a * b; };
  const auto fma = [](volatile float& a, volatile float& b, volatile float& c) {
    return std::fma(static_cast<float>(a), static_cast<float>(b), static_cast<float>(c));
  };
  check_f32("fma.rm.f32", "wwww", rounded(FE_DOWNWARD, fma));
  check_f32("fma.rz.f32", "wwww", rounded(FE_TOWARDZERO, fma));
  check_f32("fma.rp.f32", "wwww", rounded(FE_UPWARD, fma));
  check_f32("add.rz.f32", "www", rounded(FE_TOWARDZERO, add));
  check_f32("add.rm.f32", "www", rounded(FE_DOWNWARD, add));
  check_f32("mul.rz.f32", "www", rounded(FE_TOWARDZERO, mul));
  check_f32("mul.rp.f32", "www", rounded(FE_UPWARD, mul));
}

TEST(Opcodes, ApproximationsAreClose) {
  const auto near = [](const std::string& opcode, auto f) {
    check(
        opcode, "ww",
        [&](uint64_t a, uint64_t, uint64_t) {
          return bits(static_cast<float>(f(static_cast<double>(f32(a)))));
        },
        "", within(2e-6));
  };
  near("ex2.approx.f32", [](double x) { return std::exp2(x); });
  near("rcp.approx.f32", [](double x) { return 1 / x; });
  near("rsqrt.approx.f32", [](double x) { return 1 / std::sqrt(x); });
  near("tanh.approx.f32", [](double x) { return std::tanh(x); });
  check(
      "lg2.approx.f32", "ww", [](uint64_t a, uint64_t, uint64_t) { return bits(std::log2(f32(a))); }, "",
      [](uint64_t a, uint64_t b) {
        return same_f32(a, b) || std::fabs(f32(a) - f32(b)) <= 2e-6f * std::max(1.0f, std::fabs(f32(b)));
      });
}

float half_to_float(uint64_t h) {
  const int exponent = h >> 10 & 31;
  const auto fraction = static_cast<float>(h & 1023);
  const float value = exponent == 31  ? (fraction != 0 ? NAN : INFINITY)
                      : exponent == 0 ? std::ldexp(fraction, -24)
                                      : std::ldexp(fraction + 1024, exponent - 25);
  return h & 0x8000 ? -value : value;
}

// The nearest half, ties to even, by looking at all of them.
uint64_t nearest_half(double x) {
  if (std::isnan(x)) return 0x7fff;
  uint64_t best = std::isinf(x) ? 0x7c00 : 0;
  double least = INFINITY;
  for (uint64_t h = 0; h <= 0x7c00 && !std::isinf(x); ++h) {
    const double value = h == 0x7c00 ? 65536.0 : static_cast<double>(half_to_float(h));
    const double distance = std::fabs(std::fabs(x) - value);
    if (distance > least || (distance == least && h % 2 != 0)) continue;
    least = distance;
    best = h;
  }
  return best | (std::signbit(x) ? 0x8000u : 0u);
}

TEST(Opcodes, ConversionsBetweenFloats) {
  check(
      "cvt.f32.f16", "wh", [](auto a, auto, auto) { return bits(half_to_float(a)); }, "", same_f32);
  check(
      "cvt.f32.bf16", "wh", [](auto a, auto, auto) { return a << 16; }, "", same_f32);
  check("cvt.rn.bf16.f32", "hw",
        [](auto a, auto, auto) { return std::isnan(f32(a)) ? 0x7fff : (a + 0x7fff + (a >> 16 & 1)) >> 16; });
  check("cvt.rn.f16.f32", "hw", [](auto a, auto, auto) { return nearest_half(f32(a)); });
  check(
      "cvt.f64.f32", "dw", [](auto a, auto, auto) { return bits(static_cast<double>(f32(a))); }, "",
      same_f64);
  check(
      "cvt.rn.f32.f64", "wd", [](auto a, auto, auto) { return bits(static_cast<float>(f64(a))); }, "",
      same_f32);
  check(
      "cvt.rni.f32.f32", "ww", [](auto a, auto, auto) { return bits(std::nearbyint(f32(a))); }, "", same_f32);
  check("cvt.rn.bf16x2.f32", "www", [](auto a, auto b, auto) {
    const auto one = [](uint64_t x) {
      return std::isnan(f32(x)) ? 0x7fff : (x + 0x7fff + (x >> 16 & 1)) >> 16;
    };
    return one(a) << 16 | one(b);
  });
}

TEST(Opcodes, ConversionsWithIntegers) {
  check("cvt.rn.f32.s32", "ww", [](auto a, auto, auto) { return bits(static_cast<float>(s32(a))); });
  check("cvt.rn.f32.u64", "wd", [](auto a, auto, auto) { return bits(static_cast<float>(a)); });
  check("cvt.rz.f32.u32", "ww", [](auto a, auto, auto) {
    float f = static_cast<float>(static_cast<uint32_t>(a));
    if (static_cast<double>(f) > static_cast<double>(a)) f = std::nextafter(f, 0.0f);
    return bits(f);
  });
  const auto clamp = [](double x, double low, double high) {
    return std::isnan(x) ? 0 : std::min(std::max(x, low), high);
  };
  check("cvt.rzi.s32.f32", "ww", [&](auto a, auto, auto) {
    return static_cast<uint64_t>(
        static_cast<int64_t>(clamp(std::trunc(static_cast<double>(f32(a))), INT32_MIN, INT32_MAX)));
  });
  check_f32("cvt.sat.f32.f32", "ww", [](float a, float, float) { return a > 0 ? std::min(a, 1.0f) : 0.0f; });
  check("cvt.rmi.s32.f32", "ww", [&](auto a, auto, auto) {
    const double x = clamp(std::floor(static_cast<double>(f32(a))), INT32_MIN, INT32_MAX);
    return static_cast<uint64_t>(static_cast<int64_t>(x));
  });
  check("cvt.rni.u32.f32", "ww", [&](auto a, auto, auto) {
    return static_cast<uint64_t>(clamp(std::nearbyint(static_cast<double>(f32(a))), 0, UINT32_MAX));
  });
  check("cvt.s64.s32", "dw", [](auto a, auto, auto) { return static_cast<uint64_t>(int64_t{s32(a)}); });
  check("cvt.u32.u64", "wd", [](auto a, auto, auto) { return a; });
  check("cvt.s32.s8", "ww", [](auto a, auto, auto) { return static_cast<uint64_t>(static_cast<int8_t>(a)); });
  check("cvt.s16.s32", "hw", [](auto a, auto, auto) { return a; });
  check("cvt.sat.u8.s32", "ww",
        [](auto a, auto, auto) { return static_cast<uint64_t>(std::min(std::max(s32(a), 0), 255)); });
}

TEST(Opcodes, EightBitFloats) {
  const auto e4m3 = [](uint64_t x) {
    const int exponent = x >> 3 & 15;
    const auto fraction = static_cast<float>(x & 7);
    const float value = (x & 127) == 127 ? NAN
                        : exponent == 0  ? std::ldexp(fraction, -9)
                                         : std::ldexp(fraction + 8, exponent - 10);
    return x & 128 ? -value : value;
  };
  check(
      "cvt.rn.f16x2.e4m3x2", "wh", [&](auto a, auto, auto) { return a; }, "",
      [&](uint64_t got, uint64_t in) {
        const auto same = [&](uint64_t h, uint64_t byte) {
          return same_f32(bits(half_to_float(h)), bits(e4m3(byte)));
        };
        return same(got & 0xffff, in & 255) && same(got >> 16, in >> 8 & 255);
      });
  check("cvt.rn.satfinite.e4m3x2.f32", "hww", [&](auto a, auto b, auto) {
    const auto nearest = [&](float x) {
      if (std::isnan(x)) return uint64_t{0x7f};
      uint64_t best = 0;
      for (uint64_t k = 0; k < 127; ++k) {
        const double d = std::fabs(std::fabs(static_cast<double>(x)) - static_cast<double>(e4m3(k)));
        const double least = std::fabs(std::fabs(static_cast<double>(x)) - static_cast<double>(e4m3(best)));
        if (d < least || (d == least && k % 2 == 0)) best = k;
      }
      return (std::isinf(x) ? 126u : best) | (std::signbit(x) ? 128u : 0u);
    };
    return nearest(f32(a)) << 8 | nearest(f32(b));
  });
}

TEST(Opcodes, PackedHalves) {
  const auto pair = [](auto f) {
    return [f](uint64_t a, uint64_t b, uint64_t c) {
      const auto bf = [](uint64_t x, int k) { return f32((x >> (16 * k) & 0xffff) << 16); };
      const auto narrow = [](float x) {
        const uint64_t u = bits(x);
        return std::isnan(x) ? 0x7fff : (u + 0x7fff + (u >> 16 & 1)) >> 16;
      };
      return narrow(f(bf(a, 0), bf(b, 0), bf(c, 0))) | narrow(f(bf(a, 1), bf(b, 1), bf(c, 1))) << 16;
    };
  };
  check("add.rn.bf16x2", "www", pair([](float a, float b, float) { return a + b; }));
  check("mul.rn.bf16x2", "www", pair([](float a, float b, float) { return a * b; }));
  check("neg.bf16x2", "ww", [](auto a, auto, auto) { return a ^ 0x80008000; });
  check("fma.rn.f16", "hhhh", [](auto a, auto b, auto c) {
    const auto wide = [](uint64_t h) { return static_cast<double>(half_to_float(h)); };
    return nearest_half(wide(a) * wide(b) + wide(c));
  });
}

// One warp, every lane its number; `body` leaves a result in %r1.
std::vector<uint32_t> warp_kernel(const std::string& body) {
  TestLaunch t(
      ".version 9.0\n.target sm_100a\n.address_size 64\n.visible .entry k(.param .u64 a) {\n.reg .pred "
      "%p<4>;\n.reg .b32 %r<9>;\n"
      ".reg .b64 %d<4>;\nld.param.u64 %d0, [a];\nmov.u32 %r0, %tid.x;\nmul.wide.u32 %d1, %r0, 4;\nadd.s64 "
      "%d0, %d0, %d1;\n" +
      body + "st.global.u32 [%d0], %r1;\nret;\n}\n");
  const uint64_t out = t.output<uint32_t>("out", 32);
  const LaunchReport report = t.run({1, 1, 1}, {32, 1, 1});
  EXPECT_TRUE(report.completed && report.findings.empty()) << messages(report);
  return t.read<uint32_t>(out);
}

TEST(WarpOps, ShufflesMoveLanesAndSayWhetherTheyCould) {
  const auto down =
      warp_kernel("shfl.sync.down.b32 %r1|%p0, %r0, 3, 31, -1;\n@!%p0 add.u32 %r1, %r1, 100;\n");
  const auto up = warp_kernel("shfl.sync.up.b32 %r1|%p0, %r0, 5, 0, -1;\n@!%p0 add.u32 %r1, %r1, 100;\n");
  const auto bfly = warp_kernel("shfl.sync.bfly.b32 %r1, %r0, 18, 31, -1;\n");
  // Segments of 8 lanes: mask 24 in bits 8 to 12.
  const auto idx = warp_kernel("shfl.sync.idx.b32 %r1, %r0, 2, 6175, -1;\n");
  for (uint32_t lane = 0; lane < 32; ++lane) {
    EXPECT_EQ(down[lane], lane + 3 < 32 ? lane + 3 : lane + 100);
    EXPECT_EQ(up[lane], lane >= 5 ? lane - 5 : lane + 100);
    EXPECT_EQ(bfly[lane], lane ^ 18);
    EXPECT_EQ(idx[lane], (lane & 24) + 2);
  }
}

TEST(WarpOps, VotesMatchesAndReductions) {
  const auto ballot = warp_kernel("setp.gt.u32 %p0, %r0, 20;\nvote.sync.ballot.b32 %r1, !%p0, -1;\n");
  EXPECT_EQ(ballot[0], (1u << 21) - 1);
  const auto match = warp_kernel("shr.u32 %r2, %r0, 3;\nmatch.any.sync.b32 %r1, %r2, -1;\n");
  EXPECT_EQ(match[9], 0xff00u);
  EXPECT_EQ(warp_kernel("redux.sync.add.s32 %r1, %r0, -1;\n")[4], 31u * 32 / 2);
  EXPECT_EQ(warp_kernel("sub.u32 %r2, %r0, 7;\nredux.sync.min.s32 %r1, %r2, -1;\n")[4],
            static_cast<uint32_t>(-7));
  EXPECT_EQ(warp_kernel("elect.sync %r1|%p0, -1;\n@%p0 add.u32 %r1, %r1, 50;\n")[0], 50u);
}

TEST(WarpOps, CarryChainsAddWideNumbers) {
  const auto high = warp_kernel("mov.u32 %r2, 0xffffffff;\nadd.cc.u32 %r3, %r2, %r0;\naddc.u32 %r1, 0, 0;\n");
  for (uint32_t lane = 0; lane < 32; ++lane) EXPECT_EQ(high[lane], lane > 0);
}

}  // namespace
}  // namespace warpwright::sim
