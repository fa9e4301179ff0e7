// Rounding to binary formats from their definition: slow, and apart from everything the simulator does.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>

namespace warpwright::golden {

enum class Rounding { kNearest, kTowardZero, kDown, kUp };

// To a multiple of 2^step.
inline double round_to_step(double x, int step, Rounding mode) {
  const double units = std::ldexp(x, -step);
  const double whole = mode == Rounding::kNearest      ? std::nearbyint(units)
                       : mode == Rounding::kTowardZero ? std::trunc(units)
                       : mode == Rounding::kDown       ? std::floor(units)
                                                       : std::ceil(units);
  return std::ldexp(whole, step);
}

// To `digits` significant bits, no finer than 2^smallest; the range is not limited.
inline double round_to_digits(double x, int digits, int smallest, Rounding mode) {
  if (x == 0 || !std::isfinite(x)) return x;
  int exponent = 0;
  std::frexp(x, &exponent);
  return round_to_step(x, std::max(exponent - digits, smallest), mode);
}
inline double round_to_half(double x, Rounding mode = Rounding::kNearest) {
  return round_to_digits(x, 11, -24, mode);
}
inline double round_to_bf16(double x, Rounding mode = Rounding::kNearest) {
  return round_to_digits(x, 8, -133, mode);
}
inline double round_to_float(double x, Rounding mode = Rounding::kNearest) {
  return round_to_digits(x, 24, -149, mode);
}

// A small float: sign, exponent and mantissa bits, bias; values beyond the largest become the largest.
struct SmallFloat {
  int mantissa_bits = 0, smallest_step = 0;  // the least subnormal is 2^smallest_step
  double largest = 0;

  double round(double x) const {
    const double rounded = round_to_digits(x, mantissa_bits + 1, smallest_step, Rounding::kNearest);
    return std::copysign(std::min(std::fabs(rounded), largest), x);
  }
  // The code of a value that round() gave, without the sign bit.
  int code(double value) const {
    const double magnitude = std::fabs(value);
    int exponent = 0;
    std::frexp(magnitude, &exponent);
    const int step = magnitude == 0 ? smallest_step : std::max(exponent - mantissa_bits - 1, smallest_step);
    return ((step - smallest_step) << mantissa_bits) + static_cast<int>(std::ldexp(magnitude, -step));
  }
};
inline constexpr SmallFloat kE4m3{3, -9, 448}, kE5m2{2, -16, 57344}, kE2m1{1, -1, 6}, kE2m3{3, -3, 7.5},
    kE3m2{2, -4, 28};

template <class Integer>
Integer saturate(double x) {
  constexpr double kHighest = static_cast<double>(std::numeric_limits<Integer>::max());
  constexpr double kLowest = static_cast<double>(std::numeric_limits<Integer>::min());
  if (x >= kHighest) return std::numeric_limits<Integer>::max();
  return x <= kLowest ? std::numeric_limits<Integer>::min() : static_cast<Integer>(x);
}

}  // namespace warpwright::golden
