// For tests of single opcodes: runs one over edge values and random ones and compares every lane with a
// reference. References are plain C++ after the PTX ISA manual and share nothing with the handlers.
#pragma once

#include <cmath>
#include <cstring>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "evaluator/sim/test_support.h"

namespace warpwright::sim::testing {

using Sources = std::array<uint64_t, 5>;
using Reference = std::function<uint64_t(const Sources&)>;
using Same = std::function<bool(uint64_t, uint64_t)>;

inline float f32(uint64_t bits) {
  const auto low = static_cast<uint32_t>(bits);
  float f;
  std::memcpy(&f, &low, 4);
  return f;
}
inline uint64_t bits(float f) {
  uint32_t u;
  std::memcpy(&u, &f, 4);
  return u;
}
inline double f64(uint64_t b) {
  double d;
  std::memcpy(&d, &b, 8);
  return d;
}
inline uint64_t bits(double d) {
  uint64_t u;
  std::memcpy(&u, &d, 8);
  return u;
}
inline int16_t s16(uint64_t x) {
  return static_cast<int16_t>(x);
}
inline int32_t s32(uint64_t x) {
  return static_cast<int32_t>(x);
}
inline int64_t s64(uint64_t x) {
  return static_cast<int64_t>(x);
}

// Equal, or both NaN, in the format of a result.
inline bool same_f32(uint64_t a, uint64_t b) {
  return a == b || (std::isnan(f32(a)) && std::isnan(f32(b)));
}
inline bool same_f64(uint64_t a, uint64_t b) {
  return a == b || (std::isnan(f64(a)) && std::isnan(f64(b)));
}
inline bool is_nan16(uint64_t x, bool bfloat) {
  return (x & 0x7fff) > (bfloat ? 0x7f80u : 0x7c00u);
}
inline Same same_narrow(bool bfloat, int count) {
  return [=](uint64_t a, uint64_t b) {
    for (int k = 0; k < count; ++k) {
      const uint64_t x = a >> (16 * k) & 0xffff, y = b >> (16 * k) & 0xffff;
      if (x != y && !(is_nan16(x, bfloat) && is_nan16(y, bfloat))) return false;
    }
    return true;
  };
}

// Registers by kind: p predicates (results only), h 16 bits, w 32 bits, d 64 bits.
inline std::string register_of(char kind, std::size_t k) {
  return std::string(kind == 'p' ? "%p" : kind == 'h' ? "%h" : kind == 'w' ? "%w" : "%d") + std::to_string(k);
}
inline std::string type_of(char kind) {
  return kind == 'h' ? "b16" : kind == 'w' ? "b32" : "b64";
}

// $0 is the result, $1 to $5 the sources.
inline std::string with_operands(std::string body, const std::string& kinds) {
  for (std::size_t at = body.find('$'); at != body.npos; at = body.find('$', at)) {
    const auto k = static_cast<std::size_t>(body[at + 1] - '0');
    body.replace(at, 2, register_of(kinds.at(k), k));
  }
  return body;
}

inline std::string kernel_of(const std::string& body, const std::string& kinds) {
  std::string text =
      ".version 9.0\n.target sm_100a\n.address_size 64\n.visible .entry k(.param .u64 a, .param .u64 b) {\n"
      ".reg .pred %p<9>;\n.reg .b16 %h<9>;\n.reg .b32 %w<9>;\n.reg .b32 %t;\n.reg .b64 %d<9>;\n"
      ".reg .b64 %in, %out, %o;\n.reg .b128 %q<4>;\n"
      "ld.param.u64 %in, [a];\nld.param.u64 %out, [b];\nmov.u32 %t, %ctaid.x;\nmov.u32 %w8, "
      "%tid.x;\nmad.lo.u32 %t, %t, 256, %w8;\nmul.wide.u32 %o, %t, 40;\n"
      "add.s64 %in, %in, %o;\nmul.wide.u32 %o, %t, 8;\nadd.s64 %out, %out, %o;\n";
  for (std::size_t k = 1; k < kinds.size(); ++k) {
    text += "ld.global." + type_of(kinds[k]) + " " + register_of(kinds[k], k) + ", [%in+" +
            std::to_string(8 * (k - 1)) + "];\n";
  }
  text += with_operands(body, kinds);
  if (kinds[0] == 'p') {
    text += "selp.b32 %w8, 1, 0, %p0;\nst.global.b32 [%out], %w8;\n";
  } else {
    text += "st.global." + type_of(kinds[0]) + " [%out], " + register_of(kinds[0], 0) + ";\n";
  }
  return text + "ret;\n}\n";
}

// Half of the values are edges of some format; packed ones among them. Every lane has five.
inline constexpr std::size_t kThreads = 512;
inline std::vector<Sources> opcode_inputs(unsigned seed) {
  static const uint64_t kEdges[] = {
      0, 1, 2, 7, 8, 15, 16, 24, 31, 32, 33, 63, 64, 65, 128, 255, 256, 0x7f, 0x80, 0x7fff, 0x8000, 0xffff,
      0x7fffffff, 0x80000000, 0xffffffff, 0x8000000000000000, 0xffffffffffffffff, 0x7fffffffffffffff,
      // f32: zeros, denormals, least normal, one, infinities, NaNs, ties, largest
      0x3f800000, 0xbf800000, 0x7f800000, 0xff800000, 0x7fc00000, 0x7f800001, 0x80000001, 0x007fffff,
      0x00800000, 0x80800000, 0x7f7fffff, 0xff7fffff, 0x4b000001, 0x3f000000, 0x40200000, 0xbf000000,
      0x4f000000, 0xcf000000, 0x4f800000, 0x5f000000, 0x477fe000, 0x477ff000, 0x387fc000, 0x33000000,
      // halves, alone and in pairs
      0x7c00, 0xfc00, 0x3c00, 0xbc00, 0x0400, 0x03ff, 0x8001, 0x7bff, 0x7e00, 0x7c017c00, 0x3c00bc00,
      0x000103ff, 0xfbff7bff, 0x80000000, 0x3c013c01,
      // bf16 pairs
      0x3f803f80, 0x7f807f7f, 0xff800001, 0x00800080, 0x7fc03f81,
      // f64
      0x3ff0000000000000, 0xbff0000000000000, 0x7ff0000000000000, 0xfff0000000000000, 0x7ff8000000000000,
      0x000fffffffffffff, 0x0010000000000000, 0x8000000000000001, 0x7fefffffffffffff, 0x43e0000000000000,
      0xc3e0000000000000, 0x41dfffffffc00000, 0x3fe0000000000000, 0x36a0000000000000};
  std::mt19937_64 random(seed);
  std::vector<Sources> values(kThreads);
  for (Sources& sources : values) {
    for (uint64_t& value : sources) {
      const uint64_t edge = kEdges[random() % std::size(kEdges)];
      value = random() >> (random() % 2 == 0 ? 0 : random() % 60);
      if (random() % 2 == 0) value = edge;
      if (random() % 8 == 0) value = edge + random() % 3 - 1;
    }
  }
  return values;
}

// `body` computes $0 from $1 ..., a lane for each of `inputs`. The source bits beyond a register's width are
// cut off for the reference.
inline void check_over(const std::vector<Sources>& inputs, const std::string& body, const std::string& kinds,
                       const Reference& reference, const Same& same = std::equal_to<>()) {
  std::vector<Sources> padded = inputs;
  padded.resize((inputs.size() + 255) / 256 * 256);
  std::vector<uint64_t> words;
  for (const Sources& s : padded) words.insert(words.end(), s.begin(), s.end());
  TestLaunch t(kernel_of(body, kinds));
  t.input("in", words);
  const uint64_t out = t.output<uint64_t>("out", padded.size());
  const LaunchReport report = t.run({static_cast<uint32_t>(padded.size() / 256), 1, 1}, {256, 1, 1});
  ASSERT_TRUE(report.completed) << body << ": " << messages(report);
  const auto got = t.read<uint64_t>(out);
  const auto narrow = [](uint64_t value, char kind) {
    return kind == 'h' ? value & 0xffff : kind == 'd' ? value : value & 0xffffffff;
  };
  int shown = 0;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    Sources s = {};
    for (std::size_t k = 1; k < kinds.size(); ++k) s[k - 1] = narrow(inputs[i][k - 1], kinds[k]);
    const uint64_t expected = narrow(reference(s), kinds[0]);
    if (same(got[i], expected)) continue;
    ADD_FAILURE() << body << std::hex << " of " << s[0] << ", " << s[1] << ", " << s[2] << ", " << s[3]
                  << " gives " << got[i] << ", not " << expected;
    if (++shown == 3) return;
  }
}

// Over edge values and random ones.
inline void check_body(const std::string& body, const std::string& kinds, const Reference& reference,
                       const Same& same = std::equal_to<>()) {
  static const std::vector<Sources> kInputs = opcode_inputs(11);
  check_over(kInputs, body, kinds, reference, same);
}

// `opcode $0, $1, ...`, and `tail` behind the operands.
template <class F>
void check(const std::string& opcode, const std::string& kinds, F reference,
           const Same& same = std::equal_to<>(), const std::string& tail = "") {
  std::string body = opcode + " $0";
  for (std::size_t k = 1; k < kinds.size(); ++k) body += ", $" + std::to_string(k);
  const auto call = [&](const Sources& s) -> uint64_t {
    if constexpr (std::is_invocable_v<F, const Sources&>) {
      return static_cast<uint64_t>(reference(s));
    } else {
      return static_cast<uint64_t>(reference(s[0], s[1], s[2]));
    }
  };
  check_body(body + tail + ";\n", kinds, call, same);
}

}  // namespace warpwright::sim::testing
