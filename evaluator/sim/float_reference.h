// Exact arithmetic for tests: numbers as 128-bit integers times powers of two, rounded once to any binary
// format. No floating-point unit is involved.
#pragma once

#include <algorithm>
#include <cstdint>

namespace warpwright::sim::testing {

__extension__ using Wide = unsigned __int128;

struct Format {
  int exponent_bits, fraction_bits;
  int bits() const { return 1 + exponent_bits + fraction_bits; }
  int bias() const { return (1 << (exponent_bits - 1)) - 1; }
  uint64_t infinity() const { return ((uint64_t{1} << exponent_bits) - 1) << fraction_bits; }
  uint64_t sign() const { return uint64_t{1} << (exponent_bits + fraction_bits); }
  uint64_t nan() const { return sign() - 1; }
};
inline constexpr Format kF16{5, 10}, kBf16{8, 7}, kF32{8, 23}, kF64{11, 52};

enum class Round { kNearest, kZero, kDown, kUp };

// magnitude * 2^exponent; `sticky`: something below the last bit was lost.
struct Number {
  enum class Kind { kFinite, kInfinite, kNan } kind = Kind::kFinite;
  bool negative = false;
  Wide magnitude = 0;
  int exponent = 0;
  bool sticky = false;
  bool is_zero() const { return kind == Kind::kFinite && magnitude == 0 && !sticky; }
};

inline Number not_a_number() {
  Number n;
  n.kind = Number::Kind::kNan;
  return n;
}

inline Number unpack(const Format& f, uint64_t bits) {
  Number n;
  n.negative = (bits & f.sign()) != 0;
  const uint64_t fraction = bits & ((uint64_t{1} << f.fraction_bits) - 1);
  const auto field = static_cast<int>((bits & (f.sign() - 1)) >> f.fraction_bits);
  if (field == (1 << f.exponent_bits) - 1) {
    n.kind = fraction != 0 ? Number::Kind::kNan : Number::Kind::kInfinite;
    return n;
  }
  n.magnitude = field == 0 ? fraction : fraction | uint64_t{1} << f.fraction_bits;
  n.exponent = std::max(field, 1) - f.bias() - f.fraction_bits;
  return n;
}

inline int width(Wide x) {
  int n = 0;
  for (; x != 0; x >>= 1) ++n;
  return n;
}

inline uint64_t round(const Format& f, const Number& n, Round mode) {
  if (n.kind == Number::Kind::kNan) return f.nan();
  const uint64_t sign = n.negative ? f.sign() : 0;
  if (n.kind == Number::Kind::kInfinite) return sign | f.infinity();
  if (n.magnitude == 0) return sign;
  const int least = 1 - f.bias() - f.fraction_bits;  // weight of a denormal's last bit
  const int last = std::max(width(n.magnitude) + n.exponent - (f.fraction_bits + 1), least);
  Wide kept = n.magnitude;
  bool half = false, rest = n.sticky;
  for (int e = n.exponent; e < last; ++e) {
    rest |= half;
    half = (kept & 1) != 0;
    kept >>= 1;
  }
  if (n.exponent > last) kept <<= n.exponent - last;
  const bool away = mode == Round::kUp ? !n.negative : mode == Round::kDown && n.negative;
  if (mode == Round::kNearest ? half && (rest || (kept & 1) != 0) : away && (half || rest)) ++kept;
  int field = last - least;
  if (kept >> (f.fraction_bits + 1) != 0) {
    kept >>= 1;
    ++field;
  }
  const bool normal = kept >> f.fraction_bits != 0;
  const uint64_t encoding =
      normal ? (static_cast<uint64_t>(field) << f.fraction_bits) + static_cast<uint64_t>(kept)
             : static_cast<uint64_t>(kept);
  if (encoding < f.infinity()) return sign | encoding;
  return sign | (mode == Round::kNearest || away ? f.infinity() : f.infinity() - 1);
}

inline Number negate(Number n) {
  n.negative = !n.negative;
  return n;
}

inline Number multiply(const Number& a, const Number& b) {
  using Kind = Number::Kind;
  if (a.kind == Kind::kNan || b.kind == Kind::kNan) return not_a_number();
  Number n;
  n.negative = a.negative != b.negative;
  if (a.kind == Kind::kInfinite || b.kind == Kind::kInfinite) {
    if (a.is_zero() || b.is_zero()) return not_a_number();
    n.kind = Kind::kInfinite;
    return n;
  }
  n.magnitude = a.magnitude * b.magnitude;
  n.exponent = a.exponent + b.exponent;
  return n;
}

// Zeros of both signs sum to +0, rounding down to -0.
inline Number add(Number a, Number b, Round mode) {
  using Kind = Number::Kind;
  if (a.kind == Kind::kNan || b.kind == Kind::kNan) return not_a_number();
  if (a.kind == Kind::kInfinite || b.kind == Kind::kInfinite) {
    if (a.kind == b.kind && a.negative != b.negative) return not_a_number();
    return a.kind == Kind::kInfinite ? a : b;
  }
  if (a.is_zero() && b.is_zero()) {
    if (a.negative != b.negative) a.negative = mode == Round::kDown;
    return a;
  }
  if (a.is_zero()) return b;
  if (b.is_zero()) return a;
  if (width(a.magnitude) + a.exponent < width(b.magnitude) + b.exponent) std::swap(a, b);
  const int up = 126 - width(a.magnitude);  // room for the smaller one's bits
  a.magnitude <<= up;
  a.exponent -= up;
  bool lost = false;
  for (; b.exponent < a.exponent && b.magnitude != 0; ++b.exponent) {
    lost |= (b.magnitude & 1) != 0;
    b.magnitude >>= 1;
  }
  if (b.magnitude != 0 && b.exponent > a.exponent) b.magnitude <<= b.exponent - a.exponent;
  if (a.negative == b.negative) {
    a.magnitude += b.magnitude;
    a.sticky = lost;
    return a;
  }
  // a - (b + something below): one less, and something above it.
  const bool a_larger = a.magnitude > b.magnitude || (a.magnitude == b.magnitude && !lost);
  Number n = a;
  n.negative = a_larger ? a.negative : b.negative;
  n.magnitude = a_larger ? a.magnitude - b.magnitude - (lost ? 1 : 0) : b.magnitude - a.magnitude;
  n.sticky = lost;
  if (n.magnitude == 0 && !lost) n.negative = mode == Round::kDown;
  return n;
}

inline Number divide(const Number& a, const Number& b) {
  using Kind = Number::Kind;
  if (a.kind == Kind::kNan || b.kind == Kind::kNan) return not_a_number();
  Number n;
  n.negative = a.negative != b.negative;
  if (a.kind == Kind::kInfinite || b.is_zero()) {
    if (b.kind == Kind::kInfinite || a.is_zero()) return not_a_number();
    n.kind = Kind::kInfinite;
    return n;
  }
  if (b.kind == Kind::kInfinite || a.is_zero()) return n;
  const int up = 126 - width(a.magnitude);
  const Wide numerator = a.magnitude << up;
  n.magnitude = numerator / b.magnitude;
  n.sticky = numerator % b.magnitude != 0;
  n.exponent = a.exponent - up - b.exponent;
  return n;
}

inline Number square_root(Number a) {
  using Kind = Number::Kind;
  if (a.kind == Kind::kNan || a.is_zero()) return a;
  if (a.negative) return not_a_number();
  if (a.kind == Kind::kInfinite) return a;
  int up = 126 - width(a.magnitude);
  if ((a.exponent - up) % 2 != 0) --up;
  a.magnitude <<= up;
  a.exponent -= up;
  Wide root = 0;
  for (int bit = 63; bit >= 0; --bit) {
    const Wide candidate = root | Wide{1} << bit;
    if (candidate * candidate <= a.magnitude) root = candidate;
  }
  Number n;
  n.magnitude = root;
  n.sticky = root * root != a.magnitude;
  n.exponent = a.exponent / 2;
  return n;
}

}  // namespace warpwright::sim::testing
