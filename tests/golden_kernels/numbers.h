// Number formats and reproducible inputs for the golden kernels, written apart from the simulator's own.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <vector>

namespace warpwright::golden {

inline float from_bf16(uint16_t x) {
  return std::bit_cast<float>(uint32_t{x} << 16);
}

// To nearest, ties to even; no NaN.
inline uint16_t to_bf16(float x) {
  const auto u = std::bit_cast<uint32_t>(x);
  return static_cast<uint16_t>((u + 0x7fff + (u >> 16 & 1)) >> 16);
}

// IEEE binary16, finite values only.
inline float from_half(uint16_t x) {
  const int exponent = x >> 10 & 31, mantissa = x & 1023;
  const float magnitude = exponent == 0 ? std::ldexp(static_cast<float>(mantissa), -24)
                                        : std::ldexp(static_cast<float>(1024 + mantissa), exponent - 25);
  return (x & 0x8000) != 0 ? -magnitude : magnitude;
}

// To nearest, ties to even; |x| < 65520.
inline uint16_t to_half(float x) {
  const auto sign = static_cast<uint16_t>(std::signbit(x) ? 0x8000 : 0);
  const float magnitude = std::fabs(x);
  if (magnitude == 0) return sign;
  int exponent = 0;
  std::frexp(magnitude, &exponent);  // magnitude in [0.5, 1) * 2^exponent
  const int step = std::max(exponent - 11, -24);
  const auto units = static_cast<uint32_t>(std::nearbyint(std::ldexp(magnitude, -step)));  // of 2^step
  return static_cast<uint16_t>(sign + (static_cast<uint32_t>(step + 24) << 10) + units);
}

// OCP E4M3 (bias 7, no infinity); not for the NaN code 0x7f.
inline float from_e4m3(uint8_t x) {
  const int exponent = x >> 3 & 15, mantissa = x & 7;
  const float magnitude = exponent == 0 ? std::ldexp(static_cast<float>(mantissa), -9)
                                        : std::ldexp(static_cast<float>(8 + mantissa), exponent - 10);
  return (x & 0x80) != 0 ? -magnitude : magnitude;
}

// The same on every machine, unlike the distributions of <random>.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15 + 1) {}

  uint64_t bits() {  // xorshift64*
    state_ ^= state_ >> 12;
    state_ ^= state_ << 25;
    state_ ^= state_ >> 27;
    return state_ * 0x2545f4914f6cdd1d;
  }
  uint32_t below(uint32_t bound) { return static_cast<uint32_t>((bits() >> 32) * bound >> 32); }
  float uniform(float low, float high) {
    return low + (high - low) * static_cast<float>(bits() >> 40) * 0x1p-24f;
  }
  // Close enough to a normal distribution: the sum of four uniforms, standard deviation 1.
  float normal() { return (uniform(-1, 1) + uniform(-1, 1) + uniform(-1, 1) + uniform(-1, 1)) * 0.8660254f; }

  std::vector<float> uniforms(std::size_t count, float low, float high) {
    std::vector<float> values(count);
    for (float& x : values) x = uniform(low, high);
    return values;
  }
  std::vector<float> normals(std::size_t count) {
    std::vector<float> values(count);
    for (float& x : values) x = normal();
    return values;
  }
  std::vector<uint16_t> bf16_normals(std::size_t count, float scale) {
    std::vector<uint16_t> values(count);
    for (uint16_t& x : values) x = to_bf16(scale * normal());
    return values;
  }
  // E4M3 values of both signs, |x| < 2. `count` is a multiple of 8.
  std::vector<uint8_t> e4m3(std::size_t count) {
    std::vector<uint8_t> values(count);
    for (std::size_t i = 0; i < count; i += 8) {
      const uint64_t eight = bits() & 0xbfbfbfbfbfbfbfbf;
      for (std::size_t j = 0; j < 8; ++j) values[i + j] = static_cast<uint8_t>(eight >> 8 * j);
    }
    return values;
  }

 private:
  uint64_t state_;
};

}  // namespace warpwright::golden
