#include "evaluator/reference/inputs.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <vector>

#include "src/base/check.h"

namespace warpwright::reference {
namespace {

using rules::Distribution;
using rules::Generator;

constexpr int kBlocks = 64;  // of Philox at a time: what vectorises and stays in the first cache
constexpr int kWords = 4 * kBlocks;
using Words = std::array<uint32_t, kWords>;
using Floats = std::array<float, kWords>;

uint64_t hash_of(std::string_view tensor, std::string_view purpose) {
  uint64_t hash = 0xcbf29ce484222325ull;  // FNV-1a
  const auto mix = [&hash](unsigned char c) { hash = (hash ^ c) * 0x100000001b3ull; };
  for (char c : tensor) mix(static_cast<unsigned char>(c));
  mix(0);
  for (char c : purpose) mix(static_cast<unsigned char>(c));
  return hash;
}

// base/rng's philox4x32 on 64 consecutive counters, written in arrays so that the compiler vectorises it.
void philox_batch(uint64_t seed, uint64_t stream, uint64_t first_block, Words& words) {
  std::array<uint32_t, kBlocks> c0, c1, c2, c3;
  for (int i = 0; i < kBlocks; ++i) {
    const uint64_t block = first_block + static_cast<uint64_t>(i);
    c0[i] = static_cast<uint32_t>(block);
    c1[i] = static_cast<uint32_t>(block >> 32);
    c2[i] = static_cast<uint32_t>(stream);
    c3[i] = static_cast<uint32_t>(stream >> 32);
  }
  auto key0 = static_cast<uint32_t>(seed);
  auto key1 = static_cast<uint32_t>(seed >> 32);
  for (int round = 0; round < 10; ++round) {
    for (int i = 0; i < kBlocks; ++i) {
      const uint64_t product0 = uint64_t{0xD2511F53} * c0[i];
      const uint64_t product1 = uint64_t{0xCD9E8D57} * c2[i];
      c0[i] = static_cast<uint32_t>(product1 >> 32) ^ c1[i] ^ key0;
      c2[i] = static_cast<uint32_t>(product0 >> 32) ^ c3[i] ^ key1;
      c1[i] = static_cast<uint32_t>(product1);
      c3[i] = static_cast<uint32_t>(product0);
    }
    key0 += 0x9E3779B9u;
    key1 += 0xBB67AE85u;
  }
  for (int i = 0; i < kBlocks; ++i) {
    words[4 * i] = c0[i];
    words[4 * i + 1] = c1[i];
    words[4 * i + 2] = c2[i];
    words[4 * i + 3] = c3[i];
  }
}

// In (0, 1]: the largest rounds to 1.
inline float unit_open(uint32_t word) {
  return (static_cast<float>(static_cast<int32_t>(word >> 8)) + 0.5f) * 0x1p-24f;
}
// In [0, 1).
inline float unit(uint32_t word) {
  return static_cast<float>(static_cast<int32_t>(word >> 8)) * 0x1p-24f;
}

// ln(x) for positive normal x, to about 1e-7: x = 2^e m with m in [sqrt(1/2), sqrt(2)), and the series of
// ln(m) = 2 artanh((m - 1) / (m + 1)).
inline float fast_log(float x) {
  const auto bits = std::bit_cast<int32_t>(x);
  const int32_t exponent = (bits - 0x3f3504f3) >> 23;
  const float m = std::bit_cast<float>(bits - exponent * (1 << 23));
  const float s = (m - 1.0f) / (m + 1.0f);
  const float z = s * s;
  const float series = 1.0f + z * (1 / 3.0f + z * (1 / 5.0f + z * (1 / 7.0f + z * (1 / 9.0f))));
  return static_cast<float>(exponent) * 0.693147181f + 2.0f * s * series;
}

// Taylor series on [0, pi/2]: errors below 1e-7.
inline float fast_sin(float x) {
  const float z = x * x;
  return x * (1 + z * (-1 / 6.0f +
                       z * (1 / 120.0f + z * (-1 / 5040.0f + z * (1 / 362880.0f + z * (-1 / 39916800.0f))))));
}
inline float fast_cos(float x) {
  const float z = x * x;
  return 1 + z * (-0.5f +
                  z * (1 / 24.0f + z * (-1 / 720.0f + z * (1 / 40320.0f +
                                                           z * (-1 / 3628800.0f + z * (1 / 479001600.0f))))));
}

inline float with_sign(float value, uint32_t sign_bit) {
  return std::bit_cast<float>(std::bit_cast<uint32_t>(value) ^ (sign_bit << 31));
}

// Box and Muller: the second word of a pair gives the angle in the first quadrant, and two signs.
void to_normals(const Words& words, Floats& values) {
  std::array<float, kWords / 2> first, second;
  for (int i = 0; i < kWords / 2; ++i) {
    const uint32_t word = words[2 * i + 1];
    const float radius = std::sqrt(std::max(0.0f, -2.0f * fast_log(unit_open(words[2 * i]))));
    const float angle = unit(word) * 1.57079633f;
    first[i] = with_sign(radius * fast_cos(angle), word & 1u);
    second[i] = with_sign(radius * fast_sin(angle), (word >> 1) & 1u);
  }
  for (int i = 0; i < kWords / 2; ++i) {
    values[2 * i] = first[i];
    values[2 * i + 1] = second[i];
  }
}

void to_uniforms(const Words& words, Floats& values) {
  for (int i = 0; i < kWords; ++i) values[i] = unit(words[i]);
}

// -ln(uniform): the square of a Rayleigh radius, halved.
void to_exponentials(const Words& words, Floats& values) {
  for (int i = 0; i < kWords; ++i) values[i] = std::max(1e-7f, -fast_log(unit_open(words[i])));
}

// One stream of random values of a tensor, for one purpose.
class Stream {
 public:
  Stream(uint64_t seed, std::string_view tensor, std::string_view purpose)
      : seed_(seed), stream_(hash_of(tensor, purpose)) {}

  template <class Transform>
  void fill(int64_t first, std::span<float> values, Transform transform) const {
    Words words;
    Floats floats;
    while (!values.empty()) {
      const auto offset = static_cast<size_t>(first % 4);
      const size_t count = std::min(values.size(), kWords - offset);
      philox_batch(seed_, stream_, static_cast<uint64_t>(first / 4), words);
      transform(words, floats);
      std::copy_n(floats.begin() + static_cast<std::ptrdiff_t>(offset), count, values.begin());
      values = values.subspan(count);
      first += static_cast<int64_t>(count);
    }
  }

 private:
  uint64_t seed_;
  uint64_t stream_;
};

// Calls visit(row, place of the row's part in `values`, first column of the part, its length).
template <class Visit>
void for_rows(int64_t row_length, int64_t first, size_t count, Visit visit) {
  size_t done = 0;
  while (done < count) {
    const int64_t index = first + static_cast<int64_t>(done);
    const int64_t column = index % row_length;
    const size_t length = std::min(count - done, static_cast<size_t>(row_length - column));
    visit(index / row_length, done, static_cast<size_t>(column), length);
    done += length;
  }
}

struct Request {
  const Generator& generator;
  uint64_t seed;
  std::string_view tensor;
  int64_t row_length;
  int64_t first;
  std::span<float> values;
  float parameter(std::string_view name) const { return static_cast<float>(generator.parameter(name)); }
  Stream stream(std::string_view purpose) const { return {seed, tensor, purpose}; }
};

void normal(const Request& r, float mean, float std) {
  r.stream("value").fill(r.first, r.values, to_normals);
  for (float& value : r.values) value = mean + std * value;
}

void uniform(const Request& r) {
  const float low = r.parameter("low");
  const float width = r.parameter("high") - low;
  r.stream("value").fill(r.first, r.values, to_uniforms);
  for (float& value : r.values) value = low + width * value;
}

void unit_rows(const Request& r) {
  const float mean = r.parameter("mean");
  std::vector<float> row(static_cast<size_t>(r.row_length));
  for_rows(
      r.row_length, r.first, r.values.size(), [&](int64_t index, size_t at, size_t column, size_t length) {
        r.stream("value").fill(index * r.row_length, row, to_normals);
        double squares = 0;
        for (float& value : row) {
          value += mean;
          squares += static_cast<double>(value) * value;
        }
        const auto factor = static_cast<float>(r.parameter("norm") / std::sqrt(std::max(squares, 1e-30)));
        for (size_t i = 0; i < length; ++i) r.values[at + i] = factor * row[column + i];
      });
}

void constant_rows(const Request& r) {
  for_rows(r.row_length, r.first, r.values.size(), [&](int64_t index, size_t at, size_t, size_t length) {
    float value = 0;
    r.stream("row").fill(index, {&value, 1}, to_normals);
    std::fill_n(r.values.begin() + static_cast<std::ptrdiff_t>(at), length,
                r.parameter("mean") + r.parameter("std") * value);
  });
}

void one_hot(const Request& r) {
  for_rows(
      r.row_length, r.first, r.values.size(), [&](int64_t index, size_t at, size_t column, size_t length) {
        float place = 0;
        r.stream("row").fill(index, {&place, 1}, to_uniforms);
        const auto hot = static_cast<size_t>(static_cast<double>(place) * static_cast<double>(r.row_length));
        for (size_t i = 0; i < length; ++i)
          r.values[at + i] = column + i == hot ? r.parameter("value") : 0.0f;
      });
}

// Replaces values by `other` where a second stream's uniform is not below `probability`.
void mask(const Request& r, float probability, float other) {
  std::vector<float> chance(r.values.size());
  r.stream("mask").fill(r.first, chance, to_uniforms);
  for (size_t i = 0; i < chance.size(); ++i) r.values[i] = chance[i] < probability ? r.values[i] : other;
}

void heavy_tails(const Request& r) {
  const float limit = r.parameter("limit");
  const float std = r.parameter("std");
  std::vector<float> exponential(r.values.size());
  r.stream("value").fill(r.first, r.values, to_normals);
  r.stream("tail").fill(r.first, exponential, to_exponentials);
  for (size_t i = 0; i < exponential.size(); ++i)
    r.values[i] = std * std::clamp(r.values[i] / std::sqrt(exponential[i]), -limit, limit);
}

void integers(const Request& r) {
  const double low = r.generator.parameter("low");
  const double count = r.generator.parameter("high") - low + 1;
  r.stream("value").fill(r.first, r.values, to_uniforms);
  for (float& value : r.values)
    value = static_cast<float>(low + std::floor(count * static_cast<double>(value)));
}

}  // namespace

void generate(const Generator& generator, uint64_t seed, std::string_view tensor, int64_t row_length,
              int64_t first, std::span<float> values) {
  CHECK(row_length > 0 && first >= 0);
  const Request r{generator, seed, tensor, row_length, first, values};
  switch (generator.distribution) {
    case Distribution::kNormal:
      return normal(r, r.parameter("mean"), r.parameter("std"));
    case Distribution::kUniform:
      return uniform(r);
    case Distribution::kConstant:
      return std::fill(values.begin(), values.end(), r.parameter("value"));
    case Distribution::kUnitRows:
      return unit_rows(r);
    case Distribution::kConstantRows:
      return constant_rows(r);
    case Distribution::kOneHot:
      return one_hot(r);
    case Distribution::kSparse:
      normal(r, 0, r.parameter("std"));
      return mask(r, r.parameter("density"), 0);
    case Distribution::kHeavyTails:
      return heavy_tails(r);
    case Distribution::kTwoValues:
      std::fill(values.begin(), values.end(), r.parameter("high"));
      return mask(r, r.parameter("probability"), r.parameter("low"));
    case Distribution::kIntegers:
      return integers(r);
    case Distribution::kAbsent:
    case Distribution::kRoutingLogits:
    case Distribution::kCuSeqlens:
    case Distribution::kSeqLens:
    case Distribution::kEdgeLengths:
    case Distribution::kBlockTable:
    case Distribution::kSparseIndices:
    case Distribution::kFp8KeyPages:
      break;
  }
  CHECK(false && "not a distribution of single elements");
}

}  // namespace warpwright::reference
