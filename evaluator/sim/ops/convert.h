// cvt between any two number formats, exactly rounded, one lane at a time; isa/float_ops.h has fast forms of
// the common ones.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "evaluator/sim/machine.h"

namespace warpwright::sim {

struct NumberFormat {
  enum class Kind : uint8_t { kUnsigned, kSigned, kFloat };
  Kind kind = Kind::kUnsigned;
  int bits = 32;       // of storage
  int precision = 24;  // kFloat: significand bits, the hidden one included
  int min_exponent = -126;
  int max_exponent = 127;
  bool has_infinity = true;
  bool finite_only = false;  // no NaN either (e2m1)
};

struct Conversion {
  enum class Rounding : uint8_t { kNearest, kZero, kDown, kUp, kNearestAway };
  NumberFormat to, from;
  Rounding rounding = Rounding::kNearest;
  bool to_integral = false;  // .rni and its like
  bool saturate = false;     // .sat: [0, 1] for floats; integers always clamp from floats
  bool satfinite = false;
  bool flush = false;  // .ftz
  bool relu = false;
  int elements = 1;        // of packed formats
  bool from_pair = false;  // two scalar sources, the first one high
};

// Reads the parts of a cvt opcode; nothing if a part is unknown.
std::optional<Conversion> parse_conversion(const std::vector<std::string>& parts);

// One number, as raw bits of the two formats.
uint64_t convert(const Conversion& c, uint64_t bits);

// Op: d, s[0], s[1] with from_pair; immediate = index into Kernel::conversions; flags & 1: d is 64-bit, & 2:
// s is 64-bit; size: d's bits.
const Op* convert_op(Warp& w, const Op* op);

}  // namespace warpwright::sim
