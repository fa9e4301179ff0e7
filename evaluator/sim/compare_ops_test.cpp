// setp, set, selp and slct with every comparison, combination and type.
#include "evaluator/sim/opcode_testing.h"

namespace warpwright::sim::testing {
namespace {

struct Type {
  const char* name;
  char reg;
  bool is_signed, is_float;
};
constexpr Type kTypes[] = {{"u16", 'h', false, false}, {"s16", 'h', true, false},  {"u32", 'w', false, false},
                           {"s32", 'w', true, false},  {"u64", 'd', false, false}, {"s64", 'd', true, false},
                           {"f16", 'h', true, true},   {"bf16", 'h', true, true},  {"f32", 'w', true, true},
                           {"f64", 'd', true, true}};

double half_value(uint64_t x) {
  const auto fraction = static_cast<double>(x & 0x3ff);
  const int exponent = static_cast<int>(x >> 10 & 31);
  const double magnitude = exponent == 31  ? (fraction != 0 ? NAN : INFINITY)
                           : exponent == 0 ? std::ldexp(fraction, -24)
                                           : std::ldexp(1024 + fraction, exponent - 25);
  return (x & 0x8000) != 0 ? -magnitude : magnitude;
}
double float_value(const Type& t, uint64_t x) {
  if (t.reg == 'd') return f64(x);
  if (t.reg == 'w') return static_cast<double>(f32(x));
  return t.name[0] == 'b' ? static_cast<double>(f32(x << 16)) : half_value(x);
}
uint64_t flushed(const Type& t, uint64_t x) {
  if (t.reg == 'w') return (x & 0x7f800000) == 0 ? x & 0x80000000 : x;
  return (x & 0x7c00) == 0 ? x & 0x8000 : x;
}

// -1, 0, 1, or 2 for unordered.
int order(const Type& t, uint64_t a, uint64_t b, bool ftz) {
  const auto sign = [](auto x, auto y) { return x < y ? -1 : x > y ? 1 : 0; };
  if (t.is_float) {
    const double x = float_value(t, ftz ? flushed(t, a) : a), y = float_value(t, ftz ? flushed(t, b) : b);
    return std::isnan(x) || std::isnan(y) ? 2 : sign(x, y);
  }
  if (!t.is_signed) return sign(a, b);
  if (t.reg == 'h') return sign(s16(a), s16(b));
  return t.reg == 'w' ? sign(s32(a), s32(b)) : sign(s64(a), s64(b));
}
bool holds(std::string name, int order) {
  if (name == "num") return order != 2;
  if (name == "nan") return order == 2;
  const bool unordered = name.size() == 3;
  if (order == 2) return unordered;
  name.resize(2);
  if (name == "eq") return order == 0;
  if (name == "ne") return order != 0;
  if (name == "lt" || name == "lo") return order < 0;
  if (name == "le" || name == "ls") return order <= 0;
  return name == "gt" || name == "hi" ? order > 0 : order >= 0;
}
std::vector<std::string> comparisons(const Type& t) {
  if (t.is_float)
    return {"eq", "ne", "lt", "le", "gt", "ge", "equ", "neu", "ltu", "leu", "gtu", "geu", "num", "nan"};
  if (t.is_signed) return {"eq", "ne", "lt", "le", "gt", "ge"};
  return {"eq", "ne", "lt", "le", "gt", "ge", "lo", "ls", "hi", "hs"};
}
bool combined(int boolean, bool a, bool b) {
  return boolean == 0 ? a && b : boolean == 1 ? a || b : a != b;
}
constexpr const char* kBooleans[] = {"and", "or", "xor"};

TEST(CompareOps, EveryComparisonOfEveryType) {
  for (const Type& t : kTypes) {
    for (const std::string& name : comparisons(t)) {
      for (const bool ftz : {false, true}) {
        const bool has_ftz = t.is_float && t.reg != 'd' && t.name[0] != 'b';
        if (ftz && !has_ftz) continue;
        const std::string opcode = "." + name + (ftz ? ".ftz." : ".");
        const auto truth = [&](auto a, auto b, auto) { return holds(name, order(t, a, b, ftz)); };
        check("setp" + opcode + t.name, {'p', t.reg, t.reg}, truth);
        check("set" + opcode + "u32." + t.name, {'w', t.reg, t.reg},
              [&](auto a, auto b, auto c) { return truth(a, b, c) ? ~uint64_t{0} : 0; });
        check("set" + opcode + "f32." + t.name, {'w', t.reg, t.reg},
              [&](auto a, auto b, auto c) { return truth(a, b, c) ? 0x3f800000 : 0; });
        if (!t.is_float || t.reg != 'h') continue;
        check("set" + opcode + t.name + "." + t.name, {'h', t.reg, t.reg}, [&](auto a, auto b, auto c) {
          return truth(a, b, c) ? (t.name[0] == 'b' ? 0x3f80 : 0x3c00) : 0;
        });
        check("set" + opcode + "s16." + t.name, {'h', t.reg, t.reg},
              [&](auto a, auto b, auto c) { return truth(a, b, c) ? 0xffff : 0; });
      }
    }
  }
  check("setp.eq.b64", "pdd", [](auto a, auto b, auto) { return a == b; });
  check("setp.ne.b16", "phh", [](auto a, auto b, auto) { return a != b; });
}

// p = (a op b) bool c, q = !(a op b) bool c; c is the third source's lowest bit, or its inverse.
TEST(CompareOps, CombinationsAndSecondPredicates) {
  for (const Type& t : {kTypes[3], kTypes[4], kTypes[8], kTypes[9]}) {
    for (int boolean = 0; boolean < 3; ++boolean) {
      for (const char* inverse : {"", "!"}) {
        const std::string kinds = {'w', t.reg, t.reg, 'w'};
        const std::string prepare = "and.b32 $3, $3, 1;\nsetp.ne.b32 %p4, $3, 0;\n";
        const auto third = [&](const Sources& s) { return ((s[2] & 1) != 0) != (inverse[0] == '!'); };
        check_body(prepare + "setp.lt." + kBooleans[boolean] + "." + t.name + " %p1|%p2, $1, $2, " + inverse +
                       "%p4;\nselp.b32 $0, 1, 0, %p1;\n@%p2 add.u32 $0, $0, 2;\n",
                   kinds, [&](const Sources& s) -> uint64_t {
                     const bool less = holds("lt", order(t, s[0], s[1], false)), c = third(s);
                     return (combined(boolean, less, c) ? 1u : 0u) + (combined(boolean, !less, c) ? 2u : 0u);
                   });
        check_body(
            prepare + "set.ge." + kBooleans[boolean] + ".s32." + t.name + " $0, $1, $2, " + inverse +
                "%p4;\n",
            kinds, [&](const Sources& s) -> uint64_t {
              return combined(boolean, holds("ge", order(t, s[0], s[1], false)), third(s)) ? ~uint64_t{0} : 0;
            });
      }
    }
  }
  // A destination may be the predicate to combine with.
  check_body(
      "setp.gt.s32 %p1, $3, 0;\nsetp.lt.and.s32 %p1|%p2, $1, $2, %p1;\nselp.b32 $0, 1, 0, %p1;\n@%p2 add.u32 "
      "$0, $0, 2;\n",
      "wwww", [](const Sources& s) -> uint64_t {
        const bool c = s32(s[2]) > 0, less = s32(s[0]) < s32(s[1]);
        return (less && c ? 1u : 0u) + (!less && c ? 2u : 0u);
      });
}

TEST(CompareOps, PairsOfHalves) {
  for (const Type& t : {kTypes[6], kTypes[7]}) {
    for (const std::string& name : comparisons(t)) {
      const auto half = [&](const Sources& s, int shift) {
        return holds(name, order(t, s[0] >> shift & 0xffff, s[1] >> shift & 0xffff, false));
      };
      const std::string type = std::string(t.name) + "x2";
      check_body("setp." + name + "." + type +
                     " %p1|%p2, $1, $2;\nselp.b32 $0, 1, 0, %p1;\n@%p2 add.u32 $0, $0, 2;\n",
                 "www", [&](const Sources& s) { return (half(s, 0) ? 1u : 0u) + (half(s, 16) ? 2u : 0u); });
      check("set." + name + "." + type + "." + type, "www", [&](const Sources& s) {
        const uint64_t one = t.name[0] == 'b' ? 0x3f80 : 0x3c00;
        return (half(s, 0) ? one : 0) | (half(s, 16) ? one << 16 : 0);
      });
      check("set." + name + ".u32." + type, "www",
            [&](const Sources& s) { return (half(s, 0) ? 0xffffu : 0u) | (half(s, 16) ? 0xffff0000u : 0u); });
      check_body("and.b32 $3, $3, 1;\nsetp.ne.b32 %p4, $3, 0;\nsetp." + name + ".or." + type +
                     " %p1|%p2, $1, $2, %p4;\nselp.b32 $0, 1, 0, %p1;\n@%p2 add.u32 $0, $0, 2;\n",
                 "wwww", [&](const Sources& s) {
                   const bool c = (s[2] & 1) != 0;
                   return (half(s, 0) || c ? 1u : 0u) + (half(s, 16) || c ? 2u : 0u);
                 });
    }
  }
}

TEST(CompareOps, Selections) {
  for (const char reg : {'h', 'w', 'd'}) {
    const std::string bits_of = reg == 'h' ? "16" : reg == 'w' ? "32" : "64";
    for (const char* letter : {"b", "u", "s"}) {
      const std::string type = std::string(letter) + bits_of;
      check_body("setp.lt.s32 %p1, $3, 0;\nselp." + type + " $0, $1, $2, %p1;\n", {reg, reg, reg, 'w'},
                 [](const Sources& s) { return s32(s[2]) < 0 ? s[0] : s[1]; });
      check("slct." + type + ".s32", {reg, reg, reg, 'w'},
            [](const Sources& s) { return s32(s[2]) >= 0 ? s[0] : s[1]; });
      check("slct." + type + ".f32", {reg, reg, reg, 'w'},
            [](const Sources& s) { return f32(s[2]) >= 0 ? s[0] : s[1]; });
      check("slct.ftz." + type + ".f32", {reg, reg, reg, 'w'},
            [](const Sources& s) { return f32(s[2]) >= 0 || f32(s[2]) > -0x1p-126f ? s[0] : s[1]; });
    }
  }
  check_body("setp.lt.s32 %p1, $3, 0;\nselp.f64 $0, $1, 0d3ff0000000000000, !%p1;\n", "dddw",
             [](const Sources& s) { return s32(s[2]) < 0 ? 0x3ff0000000000000 : s[0]; });
}

}  // namespace
}  // namespace warpwright::sim::testing
