#include "evaluator/sim/ops/convert.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <map>

namespace warpwright::sim {
namespace {

using Kind = NumberFormat::Kind;
using Real = long double;  // 64-bit significand on x86: holds every source format exactly

const std::map<std::string, NumberFormat>& formats() {
  static const std::map<std::string, NumberFormat> kFormats = {
      {"u8", {Kind::kUnsigned, 8}},
      {"u16", {Kind::kUnsigned, 16}},
      {"u32", {Kind::kUnsigned, 32}},
      {"u64", {Kind::kUnsigned, 64}},
      {"s8", {Kind::kSigned, 8}},
      {"s16", {Kind::kSigned, 16}},
      {"s32", {Kind::kSigned, 32}},
      {"s64", {Kind::kSigned, 64}},
      {"f16", {Kind::kFloat, 16, 11, -14, 15}},
      {"bf16", {Kind::kFloat, 16, 8, -126, 127}},
      {"f32", {Kind::kFloat, 32, 24, -126, 127}},
      {"f64", {Kind::kFloat, 64, 53, -1022, 1023}},
      {"tf32", {Kind::kFloat, 32, 11, -126, 127}},
      {"e4m3", {Kind::kFloat, 8, 4, -6, 8, false}},
      {"e5m2", {Kind::kFloat, 8, 3, -14, 15, true}},
  };
  return kFormats;
}

// The bits of a float format's significand field, as stored.
int stored_fraction(const NumberFormat& f) {
  return f.bits == 32 ? 23 : f.precision - 1;
}

Real largest(const NumberFormat& f) {
  // e4m3 gives its largest significand to NaN.
  const Real significand =
      2 - std::ldexp(Real{1}, 1 - f.precision) - (f.has_infinity ? 0 : std::ldexp(Real{1}, 1 - f.precision));
  return std::ldexp(significand, f.max_exponent);
}

Real decode(const NumberFormat& f, uint64_t bits) {
  if (f.kind == Kind::kUnsigned)
    return static_cast<Real>(f.bits == 64 ? bits : bits & ((uint64_t{1} << f.bits) - 1));
  if (f.kind == Kind::kSigned) {
    const int shift = 64 - f.bits;
    return static_cast<Real>(static_cast<int64_t>(bits << shift) >> shift);
  }
  const int fraction_bits = stored_fraction(f), exponent_bits = f.bits - 1 - fraction_bits;
  const uint64_t fraction = bits & ((uint64_t{1} << fraction_bits) - 1);
  const auto exponent = static_cast<int>(bits >> fraction_bits & ((uint64_t{1} << exponent_bits) - 1));
  const bool negative = bits >> (f.bits - 1) & 1;
  const int top = (1 << exponent_bits) - 1;
  Real value = 0;
  if (exponent == top && f.has_infinity) {
    value = fraction != 0 ? std::numeric_limits<Real>::quiet_NaN() : std::numeric_limits<Real>::infinity();
  } else if (exponent == top && fraction == (uint64_t{1} << fraction_bits) - 1) {
    value = std::numeric_limits<Real>::quiet_NaN();
  } else if (exponent == 0) {
    value = std::ldexp(static_cast<Real>(fraction), f.min_exponent - fraction_bits);
  } else {
    value = std::ldexp(static_cast<Real>(fraction | uint64_t{1} << fraction_bits),
                       exponent - 1 + f.min_exponent - fraction_bits);
  }
  return negative ? -value : value;
}

Real round_integral(Real x, Conversion::Rounding rounding) {
  switch (rounding) {
    case Conversion::Rounding::kNearest:
      return std::nearbyint(x);
    case Conversion::Rounding::kZero:
      return std::trunc(x);
    case Conversion::Rounding::kDown:
      return std::floor(x);
    case Conversion::Rounding::kUp:
      return std::ceil(x);
    case Conversion::Rounding::kNearestAway:
      return std::round(x);
  }
  return x;
}

uint64_t encode_integer(const NumberFormat& f, Real x, bool clamp) {
  if (std::isnan(x)) return 0;
  const Real low = f.kind == Kind::kSigned ? -std::ldexp(Real{1}, f.bits - 1) : 0;
  const Real high = std::ldexp(Real{1}, f.kind == Kind::kSigned ? f.bits - 1 : f.bits) - 1;
  if (clamp) x = x < low ? low : x > high ? high : x;
  const uint64_t bits = x < 0 ? static_cast<uint64_t>(static_cast<int64_t>(x)) : static_cast<uint64_t>(x);
  return f.bits == 64 ? bits : bits & ((uint64_t{1} << f.bits) - 1);
}

uint64_t nan_of(const NumberFormat& f) {
  return f.bits == 8 ? 0x7f : f.bits == 16 ? 0x7fff : f.bits == 32 ? 0x7fffffff : 0x7fffffffffffffffu;
}

// The bits of a value that the format holds exactly.
uint64_t encode_exact(const NumberFormat& f, Real x) {
  const int fraction_bits = stored_fraction(f), exponent_bits = f.bits - 1 - fraction_bits;
  const uint64_t sign = std::signbit(x) ? uint64_t{1} << (f.bits - 1) : 0;
  const Real magnitude = std::fabs(x);
  if (magnitude == 0) return sign;
  if (std::isinf(magnitude)) return sign | ((uint64_t{1} << exponent_bits) - 1) << fraction_bits;
  const int exponent = std::max(std::ilogb(magnitude), f.min_exponent);
  const auto significand = static_cast<uint64_t>(std::ldexp(magnitude, fraction_bits - exponent));
  // A denormal has no hidden bit, so the sum gives exponent field 0.
  return sign | ((static_cast<uint64_t>(exponent - f.min_exponent) << fraction_bits) + significand);
}

uint64_t encode_float(const Conversion& c, Real x) {
  const NumberFormat& f = c.to;
  if (c.relu && !std::isnan(x) && !(x > 0)) x = 0;
  if (c.saturate) x = std::isnan(x) || x < 0 ? 0 : x > 1 ? 1 : x;
  if (std::isnan(x)) return nan_of(f);
  if (!std::isinf(x) && x != 0) {
    const int exponent = std::max(std::ilogb(x), f.min_exponent);
    const Real quantum = std::ldexp(Real{1}, exponent - (f.precision - 1));
    x = std::copysign(round_integral(x / quantum, c.rounding) * quantum, x);
  }
  const Real limit = largest(f);
  if (std::fabs(x) > limit) {
    const bool toward_zero = c.rounding == Conversion::Rounding::kZero ||
                             c.rounding == (x > 0 ? Conversion::Rounding::kDown : Conversion::Rounding::kUp);
    const bool infinite_source = std::isinf(x);
    if (c.satfinite || (toward_zero && !infinite_source)) {
      x = std::copysign(limit, x);
    } else if (!f.has_infinity) {
      return nan_of(f) | (x < 0 ? 0x80u : 0u);
    } else {
      x = std::copysign(std::numeric_limits<Real>::infinity(), x);
    }
  }
  return encode_exact(f, x);
}

bool is_f32(const NumberFormat& f) {
  return f.kind == Kind::kFloat && f.bits == 32;
}
Real flush_denormal(Real x) {
  return std::fabs(x) < 0x1p-126L ? std::copysign(Real{0}, x) : x;
}

bool apply_modifier(Conversion& c, const std::string& part) {
  using Rounding = Conversion::Rounding;
  static const std::map<std::string, std::pair<Rounding, bool>> kRoundings = {
      {"rn", {Rounding::kNearest, false}},
      {"rz", {Rounding::kZero, false}},
      {"rm", {Rounding::kDown, false}},
      {"rp", {Rounding::kUp, false}},
      {"rna", {Rounding::kNearestAway, false}},
      {"rni", {Rounding::kNearest, true}},
      {"rzi", {Rounding::kZero, true}},
      {"rmi", {Rounding::kDown, true}},
      {"rpi", {Rounding::kUp, true}}};
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

}  // namespace

std::optional<Conversion> parse_conversion(const std::vector<std::string>& parts) {
  if (parts.size() < 3) return std::nullopt;
  Conversion c;
  for (std::size_t i = 1; i + 2 < parts.size(); ++i) {
    if (!apply_modifier(c, parts[i])) return std::nullopt;
  }
  std::string to = parts[parts.size() - 2], from = parts.back();
  const auto strip_pair = [](std::string& name) {
    const bool is_pair = name.size() > 2 && name.ends_with("x2");
    if (is_pair) name.resize(name.size() - 2);
    return is_pair;
  };
  const bool to_pair = strip_pair(to), from_packed = strip_pair(from);
  const auto to_format = formats().find(to), from_format = formats().find(from);
  if (to_format == formats().end() || from_format == formats().end() || (from_packed && !to_pair))
    return std::nullopt;
  c.to = to_format->second;
  c.from = from_format->second;
  c.elements = to_pair ? 2 : 1;
  c.from_pair = to_pair && !from_packed;
  return c;
}

uint64_t convert(const Conversion& c, uint64_t bits) {
  if (c.to.kind != Kind::kFloat && c.from.kind != Kind::kFloat &&
      !c.saturate) {  // truncation keeps the low bits
    const int shift = 64 - c.from.bits;
    const uint64_t wide = c.from.kind == Kind::kSigned
                              ? static_cast<uint64_t>(static_cast<int64_t>(bits << shift) >> shift)
                              : bits << shift >> shift;
    return c.to.bits == 64 ? wide : wide & ((uint64_t{1} << c.to.bits) - 1);
  }
  Real x = decode(c.from, bits);
  if (c.flush && is_f32(c.from)) x = flush_denormal(x);
  if (c.to.kind != Kind::kFloat) {
    if (c.from.kind == Kind::kFloat)
      x = round_integral(x, c.to_integral ? c.rounding : Conversion::Rounding::kZero);
    return encode_integer(c.to, x, true);
  }
  if (c.to_integral) x = round_integral(x, c.rounding);
  const uint64_t result = encode_float(c, x);
  const bool denormal = is_f32(c.to) && (result & 0x7f800000u) == 0;
  return c.flush && denormal ? result & 0x80000000u : result;
}

const Op* convert_op(Warp& w, const Op* op) {
  const Conversion& c = w.kernel->conversions[static_cast<std::size_t>(op->immediate)];
  const auto source = [&](std::size_t k, int lane) {
    uint64_t value = 0;
    const bool wide = op->flags & 2;
    std::memcpy(&value, w.rows + op->s[k] + static_cast<std::size_t>(lane) * (wide ? 8 : 4), wide ? 8 : 4);
    return value;
  };
  for (uint32_t left = w.mask; left != 0; left &= left - 1) {
    const int lane = __builtin_ctz(left);
    uint64_t result = 0;
    if (c.elements == 1) {
      result = convert(c, source(0, lane));
    } else if (c.from_pair) {
      result = convert(c, source(1, lane)) | convert(c, source(0, lane)) << c.to.bits;
    } else {
      const uint64_t packed = source(0, lane);
      const uint64_t mask = (uint64_t{1} << c.from.bits) - 1;
      result = convert(c, packed & mask) | convert(c, packed >> c.from.bits & mask) << c.to.bits;
    }
    if (c.to.kind == Kind::kSigned && c.to.bits < op->size) {  // a signed result fills a wider register
      const int shift = 64 - c.to.bits;
      result = static_cast<uint64_t>(static_cast<int64_t>(result << shift) >> shift);
      if (op->size < 32) result &= (uint64_t{1} << op->size) - 1;
    }
    const std::size_t stride = op->flags & 1 ? 8 : 4;
    std::memcpy(w.rows + op->d + static_cast<std::size_t>(lane) * stride, &result, stride);
  }
  return op + 1;
}

}  // namespace warpwright::sim
