// cvt between any two number formats, exactly rounded, one lane at a time, in integer arithmetic;
// isa/float_ops.h has fast forms of the common ones. Formats and rules: PTX ISA manual, "Alternate
// Floating-Point Data Formats" and "cvt".
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "evaluator/sim/machine.h"

namespace warpwright::sim {

struct NumberFormat {
  enum class Kind : uint8_t {
    kUnsigned,
    kSigned,
    kFloat,
    kScale  // ue8m0: 2^(bits - 127), 255 is NaN
  };
  Kind kind = Kind::kUnsigned;
  int bits = 32;       // of storage
  int precision = 24;  // kFloat: significand bits, the hidden one included
  int min_exponent = -126;
  uint64_t largest = 0x7f7fffff;   // kFloat: encoding of the largest finite number
  uint64_t infinity = 0x7f800000;  // 0: there is none
  uint64_t nan = 0x7fffffff;       // the canonical one; 0: there is none
};

struct Conversion {
  enum class Rounding : uint8_t { kNearest, kZero, kDown, kUp, kNearestAway, kStochastic };
  NumberFormat to, from;
  Rounding rounding = Rounding::kNearest;
  bool to_integral = false;  // .rni and its like
  bool saturate = false;     // .sat: [0, 1] for floats; integers always clamp from floats
  bool satfinite = false;
  bool flush = false;  // .ftz
  bool relu = false;
  bool pack = false;  // cvt.pack: the third source, where there is one, fills the bits above
  int elements = 1;   // of packed formats
  int spacing = 0;    // bits from one element of the destination to the next
  int sources = 1;    // registers read: 1, or one per element, the first one highest
  int random_bits = 0;
};

// Reads the parts of a cvt opcode; nothing if they name no conversion.
std::optional<Conversion> parse_conversion(const std::vector<std::string>& parts);

// One number, as raw bits of the two formats. `random` has c.random_bits bits (.rs).
uint64_t convert(const Conversion& c, uint64_t bits, uint32_t random = 0);

// Op: d, s[0 .. c.sources - 1], list: row of the random bits or kNoRow; immediate = index into
// Kernel::conversions; flags & 1: d is 64-bit, & 2: s is 64-bit; size: d's bits.
const Op* convert_op(Warp& w, const Op* op);

}  // namespace warpwright::sim
