// Integer arithmetic against wide integers.
#include "evaluator/sim/opcode_testing.h"

namespace warpwright::sim::testing {
namespace {

__extension__ using Int128 = __int128;
__extension__ using Unsigned128 = unsigned __int128;

struct Width {
  int bits;
  char kind;
};
constexpr Width kWidths[] = {{16, 'h'}, {32, 'w'}, {64, 'd'}};

// The value of a register of a signed or unsigned type.
Int128 value(uint64_t x, int bits, bool is_signed) {
  const uint64_t mask = bits == 64 ? ~uint64_t{0} : (uint64_t{1} << bits) - 1;
  x &= mask;
  const bool negative = is_signed && (x >> (bits - 1) & 1) != 0;
  return negative ? static_cast<Int128>(x) - (static_cast<Int128>(1) << bits) : static_cast<Int128>(x);
}
uint64_t clamp32(Int128 x) {
  return static_cast<uint64_t>(x > INT32_MAX ? INT32_MAX : x < INT32_MIN ? INT32_MIN : x);
}

TEST(IntegerOps, EveryTypeOfTheBasicOperations) {
  for (const Width& w : kWidths) {
    for (const bool is_signed : {false, true}) {
      const std::string type = (is_signed ? ".s" : ".u") + std::to_string(w.bits);
      const std::string two(3, w.kind), three(4, w.kind), one(2, w.kind);
      const auto v = [&](uint64_t x) { return value(x, w.bits, is_signed); };
      check("add" + type, two, [&](auto a, auto b, auto) { return v(a) + v(b); });
      check("sub" + type, two, [&](auto a, auto b, auto) { return v(a) - v(b); });
      check("mul.lo" + type, two, [&](auto a, auto b, auto) { return static_cast<Unsigned128>(a) * b; });
      check("mad.lo" + type, three, [&](auto a, auto b, auto c) { return a * b + c; });
      // The high half: of a product of 128 bits for 64-bit operands.
      const auto high = [&](uint64_t a, uint64_t b) { return static_cast<uint64_t>(v(a) * v(b) >> w.bits); };
      const auto high_unsigned64 = [&](uint64_t a, uint64_t b) {
        return static_cast<uint64_t>(static_cast<Unsigned128>(a) * b >> 64);
      };
      const bool unsigned64 = w.bits == 64 && !is_signed;
      check("mul.hi" + type, two,
            [&](auto a, auto b, auto) { return unsigned64 ? high_unsigned64(a, b) : high(a, b); });
      check("mad.hi" + type, three,
            [&](auto a, auto b, auto c) { return (unsigned64 ? high_unsigned64(a, b) : high(a, b)) + c; });
      check("sad" + type, three, [&](auto a, auto b, auto c) {
        return static_cast<uint64_t>(v(a) < v(b) ? v(b) - v(a) : v(a) - v(b)) + c;
      });
      check("min" + type, two, [&](auto a, auto b, auto) { return v(a) < v(b) ? a : b; });
      check("max" + type, two, [&](auto a, auto b, auto) { return v(a) > v(b) ? a : b; });
      check("div" + type, two,
            [&](auto a, auto b, auto) { return b == 0 ? ~uint64_t{0} : static_cast<uint64_t>(v(a) / v(b)); });
      check("rem" + type, two,
            [&](auto a, auto b, auto) { return b == 0 ? a : static_cast<uint64_t>(v(a) % v(b)); });
      if (is_signed) {
        check("neg" + type, one, [&](auto a, auto, auto) { return 0 - a; });
        check("abs" + type, one, [&](auto a, auto, auto) { return v(a) < 0 ? 0 - a : a; });
      }
      if (w.bits == 64) continue;
      const char wide = w.bits == 16 ? 'w' : 'd';
      check("mul.wide" + type, std::string(1, wide) + w.kind + w.kind,
            [&](auto a, auto b, auto) { return v(a) * v(b); });
      check("mad.wide" + type, std::string(1, wide) + w.kind + w.kind + wide,
            [&](auto a, auto b, auto c) { return static_cast<uint64_t>(v(a) * v(b)) + c; });
    }
  }
}

TEST(IntegerOps, SaturationAndRelu) {
  const auto v = [](uint64_t x) { return value(x, 32, true); };
  check("add.sat.s32", "www", [&](auto a, auto b, auto) { return clamp32(v(a) + v(b)); });
  check("sub.sat.s32", "www", [&](auto a, auto b, auto) { return clamp32(v(a) - v(b)); });
  check("mad.hi.sat.s32", "wwww",
        [&](auto a, auto b, auto c) { return clamp32((v(a) * v(b) >> 32) + v(c)); });
  check("min.relu.s32", "www",
        [&](auto a, auto b, auto) { return std::max<int32_t>(0, std::min(s32(a), s32(b))); });
  check("max.s32.relu", "www",
        [&](auto a, auto b, auto) { return std::max<int32_t>(0, std::max(s32(a), s32(b))); });
}

TEST(IntegerOps, TwentyFourBits) {
  for (const bool is_signed : {false, true}) {
    const std::string type = is_signed ? ".s32" : ".u32";
    const auto product = [&](uint64_t a, uint64_t b) {
      return value(a, 24, is_signed) * value(b, 24, is_signed);
    };
    check("mul24.lo" + type, "www", [&](auto a, auto b, auto) { return product(a, b); });
    check("mul24.hi" + type, "www", [&](auto a, auto b, auto) { return product(a, b) >> 16; });
    check("mad24.lo" + type, "wwww",
          [&](auto a, auto b, auto c) { return product(a, b) + static_cast<Int128>(c); });
    check("mad24.hi" + type, "wwww",
          [&](auto a, auto b, auto c) { return (product(a, b) >> 16) + static_cast<Int128>(c); });
  }
  check("mad24.hi.sat.s32", "wwww", [&](auto a, auto b, auto c) {
    return clamp32((value(a, 24, true) * value(b, 24, true) >> 16) + value(c, 32, true));
  });
}

TEST(IntegerOps, PairsOfSixteenBits) {
  const auto pairwise = [](auto f) {
    return [f](uint64_t a, uint64_t b, uint64_t) {
      const auto half = [&](int shift) { return static_cast<uint64_t>(f(a >> shift, b >> shift)) & 0xffff; };
      return half(0) | half(16) << 16;
    };
  };
  check("add.u16x2", "www", pairwise([](uint64_t a, uint64_t b) { return a + b; }));
  check("add.s16x2", "www", pairwise([](uint64_t a, uint64_t b) { return a + b; }));
  check("min.s16x2", "www", pairwise([](uint64_t a, uint64_t b) { return std::min(s16(a), s16(b)); }));
  check("max.s16x2", "www", pairwise([](uint64_t a, uint64_t b) { return std::max(s16(a), s16(b)); }));
  check("min.relu.s16x2", "www",
        pairwise([](uint64_t a, uint64_t b) { return std::max<int>(0, std::min(s16(a), s16(b))); }));
  check("max.s16x2.relu", "www",
        pairwise([](uint64_t a, uint64_t b) { return std::max<int>(0, std::max(s16(a), s16(b))); }));
  check("min.u16x2", "www",
        pairwise([](uint64_t a, uint64_t b) { return std::min(a & 0xffff, b & 0xffff); }));
  check("max.u16x2", "www",
        pairwise([](uint64_t a, uint64_t b) { return std::max(a & 0xffff, b & 0xffff); }));
}

TEST(IntegerOps, DotProductsOfBytes) {
  for (const bool a_signed : {false, true}) {
    for (const bool b_signed : {false, true}) {
      const std::string types = std::string(a_signed ? ".s32" : ".u32") + (b_signed ? ".s32" : ".u32");
      check("dp4a" + types, "wwww", [&](auto a, auto b, auto c) {
        for (int i = 0; i < 4; ++i)
          c += static_cast<uint64_t>(value(a >> (8 * i), 8, a_signed) * value(b >> (8 * i), 8, b_signed));
        return c;
      });
      for (const int half : {0, 1}) {
        check(std::string(half == 0 ? "dp2a.lo" : "dp2a.hi") + types, "wwww", [&](auto a, auto b, auto c) {
          for (int i = 0; i < 2; ++i) {
            c += static_cast<uint64_t>(value(a >> (16 * i), 16, a_signed) *
                                       value(b >> (8 * (i + 2 * half)), 8, b_signed));
          }
          return c;
        });
      }
    }
  }
}

// The carry flag, by chains of two: a 64-bit operation of 32-bit pieces, a 128-bit one of 64-bit pieces.
TEST(IntegerOps, CarriesPassFromPieceToPiece) {
  check_body(
      "{ .reg .b32 %l, %x, %y, %u, %v; mov.b64 {%l, %x}, $1; mov.b64 {%u, %y}, $2;\n"
      "add.cc.u32 %l, %l, %u; addc.u32 %x, %x, %y; mov.b64 $0, {%l, %x}; }\n",
      "ddd", [](const Sources& s) { return s[0] + s[1]; });
  check_body(
      "{ .reg .b32 %l, %x, %y, %u, %v; mov.b64 {%l, %x}, $1; mov.b64 {%u, %y}, $2;\n"
      "sub.cc.s32 %l, %l, %u; subc.cc.u32 %x, %x, %y; mov.b64 $0, {%l, %x}; }\n",
      "ddd", [](const Sources& s) { return s[0] - s[1]; });
  check_body("{ .reg .b64 %l; add.cc.u64 %l, $1, $2; addc.cc.u64 $0, $3, $4; }\n", "ddddd",
             [](const Sources& s) { return s[2] + s[3] + (s[0] + s[1] < s[0] ? 1 : 0); });
  check_body("{ .reg .b64 %l; sub.cc.u64 %l, $1, $2; subc.u64 $0, $3, $4; }\n", "ddddd",
             [](const Sources& s) { return s[2] - s[3] - (s[0] < s[1] ? 1 : 0); });
  check_body("{ .reg .b32 %l; mad.lo.cc.u32 %l, $1, $2, $3; madc.hi.u32 $0, $1, $2, $4; }\n", "wwwww",
             [](const Sources& s) { return (s[0] * s[1] + s[2] + (s[3] << 32)) >> 32; });
  check_body(
      "{ .reg .b64 %l; mad.lo.cc.u64 %l, $1, $2, $3; madc.hi.cc.u64 $0, $1, $2, $4; addc.u64 %l, 0, 0; }\n",
      "ddddd", [](const Sources& s) {
        const auto product = static_cast<Unsigned128>(s[0]) * s[1] + s[2];
        return static_cast<uint64_t>(product >> 64) + s[3];
      });
  check_body("{ .reg .b32 %l; mad.hi.cc.s32 %l, $1, $2, $3; addc.u32 $0, 0, 0; }\n", "wwww",
             [](const Sources& s) {
               const auto high = static_cast<uint32_t>(int64_t{s32(s[0])} * s32(s[1]) >> 32);
               return (high + s[2]) >> 32;
             });
}

}  // namespace
}  // namespace warpwright::sim::testing
