#include "evaluator/sim/ops/convert.h"

#include <cstring>
#include <map>

namespace warpwright::sim {
namespace {

using Kind = NumberFormat::Kind;
using Rounding = Conversion::Rounding;

// A number of any format: (-1)^negative * significand * 2^exponent.
struct Exact {
  enum class Class : uint8_t { kFinite, kInfinite, kNan };
  Class cls = Class::kFinite;
  bool negative = false;
  int exponent = 0;
  uint64_t significand = 0;
};

constexpr uint64_t low_bits(int count) {
  return count >= 64 ? ~uint64_t{0} : (uint64_t{1} << count) - 1;
}
constexpr int bit_width(uint64_t x) {
  return x == 0 ? 0 : 64 - __builtin_clzll(x);
}
// The bits of a float format's significand field, as stored: tf32 is an f32 whose low bits are zero.
constexpr int stored_fraction(const NumberFormat& f) {
  return f.bits == 32 ? 23 : f.precision - 1;
}
constexpr uint64_t sign_bit(const NumberFormat& f) {
  return uint64_t{1} << (f.bits - 1);
}

const std::map<std::string, NumberFormat>& formats() {
  static const std::map<std::string, NumberFormat> kFormats = {
      {"u2", {Kind::kUnsigned, 2}},
      {"u4", {Kind::kUnsigned, 4}},
      {"u8", {Kind::kUnsigned, 8}},
      {"u16", {Kind::kUnsigned, 16}},
      {"u32", {Kind::kUnsigned, 32}},
      {"u64", {Kind::kUnsigned, 64}},
      {"s2", {Kind::kSigned, 2}},
      {"s4", {Kind::kSigned, 4}},
      {"s8", {Kind::kSigned, 8}},
      {"s16", {Kind::kSigned, 16}},
      {"s32", {Kind::kSigned, 32}},
      {"s64", {Kind::kSigned, 64}},
      {"f16", {Kind::kFloat, 16, 11, -14, 0x7bff, 0x7c00, 0x7fff}},
      {"bf16", {Kind::kFloat, 16, 8, -126, 0x7f7f, 0x7f80, 0x7fff}},
      {"f32", {Kind::kFloat, 32, 24, -126, 0x7f7fffff, 0x7f800000, 0x7fffffff}},
      {"f64", {Kind::kFloat, 64, 53, -1022, 0x7fefffffffffffff, 0x7ff0000000000000, 0x7fffffffffffffff}},
      {"tf32", {Kind::kFloat, 32, 11, -126, 0x7f7fe000, 0x7f800000, 0x7fffffff}},
      {"e4m3", {Kind::kFloat, 8, 4, -6, 0x7e, 0, 0x7f}},
      {"e5m2", {Kind::kFloat, 8, 3, -14, 0x7b, 0x7c, 0x7f}},
      {"e2m3", {Kind::kFloat, 6, 4, 0, 0x1f, 0, 0}},
      {"e3m2", {Kind::kFloat, 6, 3, -2, 0x1f, 0, 0}},
      {"e2m1", {Kind::kFloat, 4, 2, 0, 0x7, 0, 0}},
      {"ue8m0", {Kind::kScale, 8, 1, -127, 0xfe, 0, 0xff}},
  };
  return kFormats;
}

Exact decode_float(const NumberFormat& f, uint64_t bits) {
  Exact x;
  const int fraction_bits = stored_fraction(f);
  const uint64_t magnitude = bits & (sign_bit(f) - 1);
  x.negative = (bits & sign_bit(f)) != 0;
  if (f.infinity != 0 && magnitude == f.infinity) {
    x.cls = Exact::Class::kInfinite;
  } else if (magnitude > f.largest && (f.infinity == 0 || magnitude > f.infinity)) {
    x.cls = Exact::Class::kNan;
  } else {
    const auto field = static_cast<int>(magnitude >> fraction_bits);
    x.significand = magnitude & low_bits(fraction_bits);
    if (field != 0) x.significand |= uint64_t{1} << fraction_bits;
    x.exponent = (field == 0 ? 0 : field - 1) + f.min_exponent - fraction_bits;
  }
  return x;
}

Exact decode(const NumberFormat& f, uint64_t bits) {
  if (f.kind == Kind::kFloat) return decode_float(f, bits);
  Exact x;
  bits &= low_bits(f.bits);
  if (f.kind == Kind::kScale) {
    if (bits == f.nan) x.cls = Exact::Class::kNan;
    x.significand = 1;
    x.exponent = static_cast<int>(bits) + f.min_exponent;
    return x;
  }
  x.negative = f.kind == Kind::kSigned && (bits & sign_bit(f)) != 0;
  x.significand = x.negative ? (0 - bits) & low_bits(f.bits) : bits;
  return x;
}

// significand * 2^-shift as an integer. Stochastic rounding adds the random bits to the first ones of the
// part that falls away.
struct RoundingRule {
  Rounding mode = Rounding::kNearest;
  int random_bits = 0;
  uint32_t random = 0;
};
uint64_t round_shift(const Exact& x, int shift, const RoundingRule& rule) {
  if (shift <= 0) return x.significand << -shift;
  const uint64_t kept = shift >= 64 ? 0 : x.significand >> shift;
  const uint64_t rest = shift >= 64 ? x.significand : x.significand & low_bits(shift);
  if (rest == 0) return kept;
  const bool beyond_reach = shift > 64;  // then rest is less than half
  const uint64_t half = beyond_reach ? 0 : uint64_t{1} << (shift - 1);
  bool up = false;
  switch (rule.mode) {
    case Rounding::kNearest:
      up = !beyond_reach && (rest > half || (rest == half && (kept & 1) != 0));
      break;
    case Rounding::kNearestAway:
      up = !beyond_reach && rest >= half;
      break;
    case Rounding::kZero:
      break;
    case Rounding::kDown:
      up = x.negative;
      break;
    case Rounding::kUp:
      up = !x.negative;
      break;
    case Rounding::kStochastic: {
      const int n = rule.random_bits;
      const uint64_t first = shift >= n ? (shift - n >= 64 ? 0 : rest >> (shift - n)) : rest << (n - shift);
      up = (first + rule.random) >> n != 0;
      break;
    }
  }
  return kept + (up ? 1 : 0);
}

uint64_t encode_integer(const NumberFormat& f, const Exact& x, Rounding rounding) {
  if (x.cls == Exact::Class::kNan) return 0;
  const uint64_t most = f.kind == Kind::kSigned ? low_bits(f.bits - 1) : low_bits(f.bits);
  const uint64_t limit = !x.negative ? most : f.kind == Kind::kSigned ? most + 1 : 0;
  const bool huge = x.cls == Exact::Class::kInfinite || bit_width(x.significand) + x.exponent > 64;
  uint64_t magnitude = huge ? limit : round_shift(x, -x.exponent, {rounding, 0, 0});
  if (magnitude > limit) magnitude = limit;
  return (x.negative ? 0 - magnitude : magnitude) & low_bits(f.bits);
}

uint64_t encode_scale(const Conversion& c, const Exact& x) {
  const NumberFormat& f = c.to;
  if (x.cls == Exact::Class::kNan) return f.nan;
  if (x.cls == Exact::Class::kInfinite) return c.satfinite ? f.largest : f.nan;
  if (x.significand == 0) return 0;
  const int top = bit_width(x.significand) - 1;
  const bool exact = (x.significand & (x.significand - 1)) == 0;
  const int exponent = x.exponent + top + (c.rounding == Rounding::kUp && !exact ? 1 : 0);
  const int field = exponent - f.min_exponent;
  if (field > static_cast<int>(f.largest)) return c.satfinite ? f.largest : f.nan;
  return field < 0 ? 0 : static_cast<uint64_t>(field);
}

// NaN and overflow of a float format.
uint64_t nan_result(const Conversion& c) {
  return c.to.nan != 0 ? c.to.nan : c.to.largest;
}
uint64_t overflow_result(const Conversion& c, bool negative, bool from_infinity) {
  const NumberFormat& f = c.to;
  const bool toward_zero =
      c.rounding == Rounding::kZero || c.rounding == (negative ? Rounding::kUp : Rounding::kDown);
  if (c.satfinite || f.nan == 0 || (toward_zero && !from_infinity)) return f.largest;
  return f.infinity != 0 ? f.infinity : f.nan;
}

uint64_t encode_float(const Conversion& c, const Exact& x, uint32_t random) {
  const NumberFormat& f = c.to;
  if (x.cls == Exact::Class::kNan) return c.saturate ? 0 : nan_result(c);
  const bool is_zero = x.cls == Exact::Class::kFinite && x.significand == 0;
  if (x.negative && (c.saturate || c.relu)) return 0;
  const uint64_t sign = x.negative ? sign_bit(f) : 0;
  if (is_zero) return sign;
  if (x.cls == Exact::Class::kInfinite && !c.saturate) return sign | overflow_result(c, x.negative, true);
  const int top = x.cls == Exact::Class::kInfinite ? 1 << 14 : bit_width(x.significand) - 1 + x.exponent;
  if (c.saturate && top >= 0) {  // 1 and above: 1
    return static_cast<uint64_t>(-f.min_exponent + 1) << stored_fraction(f);
  }
  const int exponent = top > f.min_exponent ? top : f.min_exponent;
  const int quantum = exponent - (f.precision - 1);
  const uint64_t kept = round_shift(x, quantum - x.exponent, {c.rounding, c.random_bits, random});
  // A denormal has no hidden bit, so the sum gives exponent field 0; a carry out of the significand moves
  // the exponent up.
  const int unused = stored_fraction(f) - (f.precision - 1);
  const uint64_t encoding = ((static_cast<uint64_t>(exponent - f.min_exponent) << (f.precision - 1)) + kept)
                            << unused;
  return sign | (encoding > f.largest ? overflow_result(c, x.negative, false) : encoding);
}

void round_to_integral(Exact& x, Rounding rounding) {
  if (x.cls != Exact::Class::kFinite || x.exponent >= 0) return;
  x.significand = round_shift(x, -x.exponent, {rounding, 0, 0});
  x.exponent = 0;
}

bool is_f32(const NumberFormat& f) {
  return f.kind == Kind::kFloat && f.bits == 32;
}

bool apply_modifier(Conversion& c, const std::string& part) {
  static const std::map<std::string, std::pair<Rounding, bool>> kRoundings = {
      {"rn", {Rounding::kNearest, false}},    {"rz", {Rounding::kZero, false}},
      {"rm", {Rounding::kDown, false}},       {"rp", {Rounding::kUp, false}},
      {"rs", {Rounding::kStochastic, false}}, {"rna", {Rounding::kNearestAway, false}},
      {"rni", {Rounding::kNearest, true}},    {"rzi", {Rounding::kZero, true}},
      {"rmi", {Rounding::kDown, true}},       {"rpi", {Rounding::kUp, true}}};
  if (const auto rounding = kRoundings.find(part); rounding != kRoundings.end()) {
    c.rounding = rounding->second.first;
    c.to_integral = rounding->second.second;
    return true;
  }
  if (part == "sat") return c.saturate = true;
  if (part == "satfinite") return c.satfinite = true;
  if (part == "ftz") return c.flush = true;
  if (part == "relu") return c.relu = true;
  return false;
}

// "e4m3x2" -> "e4m3" and 2.
int strip_count(std::string& name) {
  if (name.size() < 4 || name[name.size() - 2] != 'x') return 1;
  const int count = name.back() - '0';
  name.resize(name.size() - 2);
  return count;
}

// cvt.pack.sat.{type}.s32{.b32}
std::optional<Conversion> parse_pack(const std::vector<std::string>& parts) {
  const bool has_rest = parts.size() == 6 && parts[5] == "b32";
  if ((parts.size() != 5 && !has_rest) || parts[2] != "sat" || parts[4] != "s32") return std::nullopt;
  const auto to = formats().find(parts[3]);
  if (to == formats().end() || to->second.kind == Kind::kFloat || to->second.bits > 16 ||
      (to->second.bits == 16) == has_rest)
    return std::nullopt;
  Conversion c;
  c.to = to->second;
  c.from = formats().at("s32");
  c.saturate = c.pack = true;
  c.elements = 2;
  c.spacing = c.to.bits;
  c.sources = has_rest ? 3 : 2;
  return c;
}

uint32_t random_of(const Conversion& c, uint32_t bits, int element) {
  if (c.random_bits == 0) return 0;
  const bool upper = element >= c.elements / 2;
  if (c.to.bits == 4) {  // e2m1x4: a byte from each half
    const uint32_t shifted = upper ? bits >> 8 : bits;
    return (shifted & 0xff) | (shifted >> 8 & 0xff00);
  }
  return (upper ? bits >> 16 : bits) & static_cast<uint32_t>(low_bits(c.random_bits));
}

uint64_t lane_bits(const Warp& w, const Op* op, std::size_t k, int lane) {
  uint64_t value = 0;
  const std::size_t stride = op->flags & 2 ? 8 : 4;
  std::memcpy(&value, w.rows + op->s[k] + static_cast<std::size_t>(lane) * stride, stride);
  return value;
}

uint64_t convert_lane(const Warp& w, const Op* op, const Conversion& c, int lane) {
  if (c.elements == 1) return convert(c, lane_bits(w, op, 0, lane));
  uint32_t random = 0;
  if (c.random_bits > 0)
    std::memcpy(&random, w.rows + op->list + static_cast<std::size_t>(lane) * 4, sizeof random);
  uint64_t result = 0;
  const int step = c.from.bits == 6 ? 8 : c.from.bits;
  for (int k = 0; k < c.elements; ++k) {  // element 0 is the lowest
    const uint64_t from = c.sources == 1
                              ? lane_bits(w, op, 0, lane) >> (step * k) & low_bits(c.from.bits)
                              : lane_bits(w, op, static_cast<std::size_t>(c.elements - 1 - k), lane);
    result |= convert(c, from, random_of(c, random, k)) << (c.spacing * k);
  }
  if (c.pack && c.sources == 3) result |= lane_bits(w, op, 2, lane) << (2 * c.spacing);
  return result;
}

}  // namespace

std::optional<Conversion> parse_conversion(const std::vector<std::string>& parts) {
  if (parts.size() < 3) return std::nullopt;
  if (parts[1] == "pack") return parse_pack(parts);
  Conversion c;
  for (std::size_t i = 1; i + 2 < parts.size(); ++i) {
    if (!apply_modifier(c, parts[i])) return std::nullopt;
  }
  std::string to = parts[parts.size() - 2], from = parts.back();
  const int to_count = strip_count(to), from_count = strip_count(from);
  const auto to_format = formats().find(to), from_format = formats().find(from);
  if (to_format == formats().end() || from_format == formats().end()) return std::nullopt;
  if (from_count != 1 && from_count != to_count) return std::nullopt;
  c.to = to_format->second;
  c.from = from_format->second;
  c.elements = to_count;
  c.sources = from_count == to_count ? 1 : to_count;
  c.spacing = c.to.bits == 6 ? 8 : c.to.bits;
  if (c.rounding == Rounding::kStochastic) {
    if (to_count == 1) return std::nullopt;
    c.random_bits = to == "f16" ? 13 : 16;
  }
  const bool narrow_single = to_count == 1 && (c.to.bits < 8 || c.to.kind == Kind::kScale);
  return narrow_single ? std::nullopt : std::optional(c);
}

uint64_t convert(const Conversion& c, uint64_t bits, uint32_t random) {
  const bool from_float = c.from.kind == Kind::kFloat, to_float = c.to.kind == Kind::kFloat;
  if (!to_float && !from_float && c.to.kind != Kind::kScale && c.from.kind != Kind::kScale && !c.saturate) {
    const int shift = 64 - c.from.bits;  // truncation keeps the low bits
    const uint64_t wide = c.from.kind == Kind::kSigned
                              ? static_cast<uint64_t>(static_cast<int64_t>(bits << shift) >> shift)
                              : bits << shift >> shift;
    return wide & low_bits(c.to.bits);
  }
  if (c.flush && is_f32(c.from) && (bits & 0x7f800000u) == 0) bits &= 0x80000000u;
  Exact x = decode(c.from, bits);
  if (c.to.kind == Kind::kScale) return encode_scale(c, x);
  if (!to_float) return encode_integer(c.to, x, c.to_integral ? c.rounding : Rounding::kZero);
  if (c.to_integral) round_to_integral(x, c.rounding);
  const uint64_t result = encode_float(c, x, random);
  const bool denormal = is_f32(c.to) && (result & 0x7f800000u) == 0;
  return c.flush && denormal ? result & 0x80000000u : result;
}

const Op* convert_op(Warp& w, const Op* op) {
  const Conversion& c = w.kernel->conversions[static_cast<std::size_t>(op->immediate)];
  for (uint32_t left = w.mask; left != 0; left &= left - 1) {
    const int lane = __builtin_ctz(left);
    uint64_t result = convert_lane(w, op, c, lane);
    if (c.elements == 1 && c.to.kind == Kind::kSigned && c.to.bits < op->size) {
      const int shift = 64 - c.to.bits;  // a signed result fills a wider register
      result = static_cast<uint64_t>(static_cast<int64_t>(result << shift) >> shift) & low_bits(op->size);
    }
    const std::size_t stride = op->flags & 1 ? 8 : 4;
    std::memcpy(w.rows + op->d + static_cast<std::size_t>(lane) * stride, &result, stride);
  }
  return op + 1;
}

}  // namespace warpwright::sim
