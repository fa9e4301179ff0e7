// cvt between every pair of types: narrow results by looking at all their values, wide ones by the host's own
// conversions.
#include <cfenv>

#include "evaluator/sim/float_reference.h"
#include "evaluator/sim/opcode_testing.h"

namespace warpwright::sim::testing {
namespace {

__extension__ using Int128 = __int128;

struct Type {
  const char* name;
  int bits;
  enum { kUnsigned, kSigned, kFloat } kind;
  Format format = kF32;
  char reg() const { return bits == 64 ? 'd' : bits == 32 ? 'w' : 'h'; }
};
constexpr Type kIntegers[] = {{"u8", 8, Type::kUnsigned},   {"s8", 8, Type::kSigned},
                              {"u16", 16, Type::kUnsigned}, {"s16", 16, Type::kSigned},
                              {"u32", 32, Type::kUnsigned}, {"s32", 32, Type::kSigned},
                              {"u64", 64, Type::kUnsigned}, {"s64", 64, Type::kSigned}};
constexpr Type kFloats[] = {{"f16", 16, Type::kFloat, kF16},
                            {"bf16", 16, Type::kFloat, kBf16},
                            {"f32", 32, Type::kFloat, kF32},
                            {"f64", 64, Type::kFloat, kF64}};

Int128 integer_of(const Type& t, uint64_t x) {
  if (t.bits < 64) x &= (uint64_t{1} << t.bits) - 1;
  const bool negative = t.kind == Type::kSigned && (x >> (t.bits - 1) & 1) != 0;
  return negative ? static_cast<Int128>(x) - (static_cast<Int128>(1) << t.bits) : static_cast<Int128>(x);
}
Int128 clamp_to(const Type& t, Int128 x) {
  const bool is_signed = t.kind == Type::kSigned;
  const Int128 low = is_signed ? -(static_cast<Int128>(1) << (t.bits - 1)) : 0;
  const Int128 high = (static_cast<Int128>(1) << (is_signed ? t.bits - 1 : t.bits)) - 1;
  return std::min(std::max(x, low), high);
}
// Results narrower than their register fill it with their sign, or with zeros.
uint64_t in_register(const Type& t, Int128 x) {
  return static_cast<uint64_t>(integer_of(t, static_cast<uint64_t>(x)));
}
Same same_as(const Type& t) {
  if (t.kind != Type::kFloat) return std::equal_to<>();
  if (t.bits == 16) return same_narrow(t.format.exponent_bits == 8, 1);
  return t.bits == 32 ? Same(same_f32) : Same(same_f64);
}

TEST(Conversions, BetweenIntegers) {
  for (const Type& to : kIntegers) {
    for (const Type& from : kIntegers) {
      const std::string types = std::string(".") + to.name + "." + from.name, kinds = {to.reg(), from.reg()};
      check("cvt" + types, kinds, [&](auto a, auto, auto) { return in_register(to, integer_of(from, a)); });
      check("cvt.sat" + types, kinds,
            [&](auto a, auto, auto) { return in_register(to, clamp_to(to, integer_of(from, a))); });
    }
  }
}

Round direction(char letter) {
  return letter == 'n'   ? Round::kNearest
         : letter == 'z' ? Round::kZero
         : letter == 'm' ? Round::kDown
                         : Round::kUp;
}
Number number_of(Int128 x) {
  Number n;
  n.negative = x < 0;
  n.magnitude = static_cast<Wide>(x < 0 ? -x : x);
  return n;
}
// To an integer, after the rounding's own words.
Int128 integral(const Number& n, Round mode) {
  Int128 whole = static_cast<Int128>(n.exponent >= 0 ? n.magnitude << std::min(n.exponent, 70) : n.magnitude);
  bool half = false, rest = false;
  for (int e = n.exponent; e < 0; ++e) {
    rest |= half;
    half = (whole & 1) != 0;
    whole >>= 1;
  }
  const bool up = mode == Round::kNearest ? half && (rest || (whole & 1) != 0)
                  : mode == Round::kUp    ? !n.negative && (half || rest)
                  : mode == Round::kDown  ? n.negative && (half || rest)
                                          : false;
  whole += up ? 1 : 0;
  return n.negative ? -whole : whole;
}
uint64_t flush_word(const Type& t, uint64_t x) {
  return t.bits == 32 && (x & 0x7f800000) == 0 ? x & 0x80000000 : x;
}

TEST(Conversions, FromFloatsToIntegers) {
  for (const Type& to : kIntegers) {
    for (const Type& from : kFloats) {
      for (const char* rounding : {"rni", "rzi", "rmi", "rpi"}) {
        for (const bool ftz : {false, true}) {
          if (ftz && from.bits != 32) continue;
          check(std::string("cvt.") + rounding + (ftz ? ".ftz." : ".") + to.name + "." + from.name,
                {to.reg(), from.reg()}, [&](auto a, auto, auto) -> uint64_t {
                  const Number n = unpack(from.format, ftz ? flush_word(from, a) : a);
                  if (n.kind == Number::Kind::kNan) return 0;
                  Int128 x = static_cast<Int128>(1) << 100;
                  if (n.kind == Number::Kind::kInfinite || width(n.magnitude) + n.exponent > 100)
                    x = n.negative ? -x : x;
                  else
                    x = integral(n, direction(rounding[1]));
                  return in_register(to, clamp_to(to, x));
                });
        }
      }
    }
  }
}

TEST(Conversions, FromIntegersToFloats) {
  for (const Type& to : kFloats) {
    for (const Type& from : kIntegers) {
      for (const char* rounding : {"rn", "rz", "rm", "rp"}) {
        check(std::string("cvt.") + rounding + "." + to.name + "." + from.name, {to.reg(), from.reg()},
              [&](auto a, auto, auto) {
                return round(to.format, number_of(integer_of(from, a)), direction(rounding[1]));
              });
      }
    }
  }
}

uint64_t saturated(const Type& t, uint64_t x) {
  const Number n = unpack(t.format, x);
  if (n.kind == Number::Kind::kNan || n.negative || n.is_zero()) return 0;
  const uint64_t one = static_cast<uint64_t>(t.format.bias()) << t.format.fraction_bits;
  return x > one ? one : x;
}

TEST(Conversions, BetweenFloats) {
  for (const Type& to : kFloats) {
    for (const Type& from : kFloats) {
      const std::string types = std::string(".") + to.name + "." + from.name, kinds = {to.reg(), from.reg()};
      for (const char* rounding : {"rn", "rz", "rm", "rp"}) {
        for (const bool sat : {false, true}) {
          check(
              std::string("cvt.") + rounding + (sat ? ".sat" : "") + types, kinds,
              [&](auto a, auto, auto) {
                const uint64_t result = round(to.format, unpack(from.format, a), direction(rounding[1]));
                return sat ? saturated(to, result) : result;
              },
              same_as(to));
        }
      }
      if (to.bits != from.bits || to.format.exponent_bits != from.format.exponent_bits) continue;
      for (const char* rounding : {"rni", "rzi", "rmi", "rpi"}) {
        check(
            std::string("cvt.") + rounding + types, kinds,
            [&](auto a, auto, auto) {
              const Number n = unpack(from.format, a);
              if (n.kind != Number::Kind::kFinite || n.exponent >= 0)
                return round(to.format, n, Round::kNearest);
              Number whole = number_of(integral(n, direction(rounding[1])));
              whole.negative = n.negative;
              return round(to.format, whole, Round::kNearest);
            },
            same_as(to));
      }
    }
  }
  check(
      "cvt.ftz.f64.f32", "dw",
      [](auto a, auto, auto) { return bits(static_cast<double>(f32(flush_word(kFloats[2], a)))); }, same_f64);
  check(
      "cvt.rn.ftz.f32.f64", "wd",
      [](auto a, auto, auto) {
        return flush_word(kFloats[2], round(kF32, unpack(kF64, a), Round::kNearest));
      },
      same_f32);
  check("cvt.rna.tf32.f32", "ww", [](auto a, auto, auto) {
    if ((a & 0x7fffffff) > 0x7f800000) return uint64_t{0x7fffffff};
    return (a & 0x7fffffff) == 0x7f800000 ? a : (a + 0x1000) & 0xffffe000;
  });
  for (const bool zero : {false, true}) {
    check(zero ? "cvt.rz.tf32.f32" : "cvt.rn.tf32.f32", "ww", [&](auto a, auto, auto) {
      if ((a & 0x7fffffff) > 0x7f800000) return uint64_t{0x7fffffff};
      if ((a & 0x7fffffff) == 0x7f800000) return a;
      return (zero ? a : a + 0xfff + (a >> 13 & 1)) & 0xffffe000;
    });
  }
}

// Narrow formats by the list of their non-negative values.
struct List {
  const char* name;
  int bits;     // of an element
  int spacing;  // from element to element in a pair
  bool has_nan, has_infinity;
  std::vector<double> values;
};
List list_of(const char* name, int exponent_bits, int fraction_bits, int bias, int count, bool has_nan,
             bool has_infinity) {
  List list{name, 1 + exponent_bits + fraction_bits, 0, has_nan, has_infinity, {}};
  list.spacing = list.bits == 6 ? 8 : list.bits;
  for (int k = 0; k < count; ++k) {
    const int field = k >> fraction_bits, fraction = k & ((1 << fraction_bits) - 1);
    list.values.push_back(std::ldexp(field == 0 ? fraction : fraction + (1 << fraction_bits),
                                     std::max(field, 1) - bias - fraction_bits));
  }
  return list;
}
const std::vector<List>& lists() {
  static const std::vector<List> kLists = {
      list_of("e4m3", 4, 3, 7, 127, true, false), list_of("e5m2", 5, 2, 15, 124, true, true),
      list_of("e2m3", 2, 3, 1, 32, false, false), list_of("e3m2", 3, 2, 3, 32, false, false),
      list_of("e2m1", 2, 1, 1, 8, false, false)};
  return kLists;
}
// Nearest, ties to the even encoding; beyond the largest value: the largest (.satfinite).
uint64_t nearest(const List& list, double x, bool relu) {
  if (std::isnan(x)) return list.has_nan ? (uint64_t{1} << (list.bits - 1)) - 1 : list.values.size() - 1;
  if (relu && std::signbit(x)) return 0;
  const double magnitude = std::fabs(x);
  std::size_t best = 0;
  for (std::size_t k = 1; k < list.values.size(); ++k) {
    const double d = std::fabs(magnitude - list.values[k]), least = std::fabs(magnitude - list.values[best]);
    if (d < least || (d == least && k % 2 == 0)) best = k;
  }
  if (magnitude > list.values.back()) best = list.values.size() - 1;
  return best | (std::signbit(x) ? uint64_t{1} << (list.bits - 1) : 0);
}
double half_value(uint64_t x) {
  const Number n = unpack(kF16, x);
  if (n.kind == Number::Kind::kNan) return NAN;
  const double m =
      n.kind == Number::Kind::kInfinite ? INFINITY : std::ldexp(static_cast<double>(n.magnitude), n.exponent);
  return n.negative ? -m : m;
}

TEST(Conversions, ToEightSixAndFourBits) {
  for (const List& list : lists()) {
    for (const bool relu : {false, true}) {
      const std::string middle =
          std::string("cvt.rn.satfinite") + (relu ? ".relu." : ".") + list.name + "x2.";
      check(middle + "f32", "hww", [&](auto a, auto b, auto) {
        return nearest(list, static_cast<double>(f32(a)), relu) << list.spacing |
               nearest(list, static_cast<double>(f32(b)), relu);
      });
      if (list.bits < 8) continue;
      check(middle + "f16x2", "hw", [&](auto a, auto, auto) {
        return nearest(list, half_value(a >> 16), relu) << 8 | nearest(list, half_value(a & 0xffff), relu);
      });
    }
  }
}

TEST(Conversions, FromEightSixAndFourBits) {
  for (const List& list : lists()) {
    const uint64_t mask = (uint64_t{1} << list.bits) - 1, sign = uint64_t{1} << (list.bits - 1);
    const auto half = [&](uint64_t x, bool relu) -> uint64_t {
      const uint64_t magnitude = x & (sign - 1);
      if (magnitude >= list.values.size() && !(list.has_infinity && magnitude == list.values.size()))
        return 0x7fff;
      if (relu && (x & sign) != 0) return 0;
      const double value = magnitude < list.values.size() ? list.values[magnitude] : INFINITY;
      return round(kF16, unpack(kF64, bits(value)), Round::kNearest) | ((x & sign) != 0 ? 0x8000 : 0);
    };
    for (const bool relu : {false, true}) {
      check(std::string("cvt.rn") + (relu ? ".relu" : "") + ".f16x2." + list.name + "x2", "wh",
            [&](auto a, auto, auto) {
              return half(a & mask, relu) | half(a >> list.spacing & mask, relu) << 16;
            });
    }
  }
}

TEST(Conversions, Scales) {
  const auto scale = [](double x, bool up, bool finite) -> uint64_t {
    if (std::isnan(x)) return 255;
    x = std::fabs(x);
    if (std::isinf(x)) return finite ? 254 : 255;
    for (int k = 0; k < 255; ++k) {  // the first power of two that is not below x
      if (std::ldexp(1.0, k - 127) < x) continue;
      return static_cast<uint64_t>(up || k == 0 || std::ldexp(1.0, k - 127) == x ? k : k - 1);
    }
    return up ? (finite ? 254 : 255) : 254;
  };
  for (const bool up : {false, true}) {
    for (const bool finite : {false, true}) {
      const std::string middle =
          std::string(up ? "cvt.rp" : "cvt.rz") + (finite ? ".satfinite" : "") + ".ue8m0x2.";
      check(middle + "f32", "hww", [&](auto a, auto b, auto) {
        return scale(static_cast<double>(f32(a)), up, finite) << 8 |
               scale(static_cast<double>(f32(b)), up, finite);
      });
      check(middle + "bf16x2", "hw", [&](auto a, auto, auto) {
        const auto value = [](uint64_t x) { return static_cast<double>(f32(x << 16)); };
        return scale(value(a >> 16), up, finite) << 8 | scale(value(a & 0xffff), up, finite);
      });
    }
  }
  check("cvt.rn.bf16x2.ue8m0x2", "wh", [](auto a, auto, auto) {
    const auto one = [](uint64_t k) -> uint64_t { return k == 255 ? 0x7fff : k == 0 ? 0x40 : k << 7; };
    return one(a >> 8) << 16 | one(a & 255);
  });
}

TEST(Conversions, PairsOfHalvesFromFloats) {
  for (const Type& to : {kFloats[0], kFloats[1]}) {
    const bool bfloat = to.format.exponent_bits == 8;
    for (const char* rounding : {"rn", "rz"}) {
      for (const bool relu : {false, true}) {
        for (const bool finite : {false, true}) {
          const auto one = [&](uint64_t x) -> uint64_t {
            const uint64_t result = round(to.format, unpack(kF32, x), direction(rounding[1]));
            if (is_nan16(result, bfloat)) return 0x7fff;
            if (relu && (result & 0x8000) != 0) return 0;
            const bool infinite = (result & 0x7fff) == to.format.infinity();
            return finite && infinite ? result - 1 : result;
          };
          const std::string middle = std::string("cvt.") + rounding + (relu ? ".relu" : "") +
                                     (finite ? ".satfinite." : ".") + to.name;
          check(middle + "x2.f32", "www", [&](auto a, auto b, auto) { return one(a) << 16 | one(b); });
          check(middle + ".f32", "hw", [&](auto a, auto, auto) { return one(a); });
        }
      }
    }
  }
}

// Stochastic rounding: the random bits are added below the last bit that is kept.
TEST(Conversions, StochasticRoundingOfPairs) {
  check("cvt.rs.bf16x2.f32", "wwww", [](const Sources& s) {
    const auto one = [](uint64_t x, uint64_t random) -> uint64_t {
      if ((x & 0x7fffffff) > 0x7f800000) return 0x7fff;
      return (x & 0x7fffffff) == 0x7f800000 ? x >> 16 : (x + random) >> 16;
    };
    return one(s[0], s[2] >> 16) << 16 | one(s[1], s[2] & 0xffff);
  });
}

// The part of the way to the next value above, in 65536ths, plus the random bits decides.
uint64_t rounded_by_chance(const List& list, uint64_t bits_of_x, uint64_t random) {
  const double x = static_cast<double>(f32(bits_of_x)), magnitude = std::fabs(x);
  if (std::isnan(x)) return list.has_nan ? 0x7f : list.values.size() - 1;
  std::size_t k = 0;
  while (k + 1 < list.values.size() && list.values[k + 1] <= magnitude) ++k;
  if (k + 1 < list.values.size()) {
    const double part = (magnitude - list.values[k]) / (list.values[k + 1] - list.values[k]);
    if (std::floor(part * 65536) + static_cast<double>(random) >= 65536) ++k;
  }
  return k | (std::signbit(x) ? uint64_t{1} << (list.bits - 1) : 0);
}

// Elements a, b share the upper random bits, e, f the lower ones.
TEST(Conversions, StochasticRoundingOfFours) {
  for (const List& list : lists()) {
    const bool four_bits = list.bits == 4;
    check_body(std::string("cvt.rs.satfinite.") + list.name + "x4.f32 $0, {$1, $2, $3, $4}, $5;\n",
               four_bits ? "hwwwww" : "wwwwww", [&](const Sources& s) {
                 const auto mix = [&](uint64_t x) { return (x & 0xff) | (x >> 8 & 0xff00); };
                 const uint64_t high = four_bits ? mix(s[4] >> 8) : s[4] >> 16;
                 const uint64_t low = four_bits ? mix(s[4]) : s[4] & 0xffff;
                 const int step = list.spacing;
                 return rounded_by_chance(list, s[0], high) << (3 * step) |
                        rounded_by_chance(list, s[1], high) << (2 * step) |
                        rounded_by_chance(list, s[2], low) << step | rounded_by_chance(list, s[3], low);
               });
  }
}

TEST(Conversions, Packs) {
  const auto clamp_bits = [](uint64_t x, int width, bool is_signed) {
    const int64_t low = is_signed ? -(int64_t{1} << (width - 1)) : 0,
                  high = (int64_t{1} << (is_signed ? width - 1 : width)) - 1;
    return static_cast<uint64_t>(std::min(std::max<int64_t>(s32(x), low), high)) &
           ((uint64_t{1} << width) - 1);
  };
  for (const int width : {2, 4, 8, 16}) {
    for (const bool is_signed : {false, true}) {
      const std::string type = (is_signed ? "s" : "u") + std::to_string(width);
      check("cvt.pack.sat." + type + (width == 16 ? ".s32" : ".s32.b32"), width == 16 ? "www" : "wwww",
            [&](auto a, auto b, auto c) {
              const uint64_t pair =
                  clamp_bits(a, width, is_signed) << width | clamp_bits(b, width, is_signed);
              return width == 16 ? pair : c << (2 * width) | pair;
            });
    }
  }
}

}  // namespace
}  // namespace warpwright::sim::testing
