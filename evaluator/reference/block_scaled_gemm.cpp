#include "evaluator/reference/block_scaled_gemm.h"

#include <algorithm>
#include <array>

#include "evaluator/reference/numeric.h"
#include "src/base/check.h"

namespace warpwright::reference {
namespace {

constexpr int kLanes = 8;
constexpr int64_t kRows = 4;  // activation rows that share a loaded weight

using Lanes = float __attribute__((vector_size(kLanes * sizeof(float))));

const std::array<float, 256>& e4m3_values() {
  static const auto values = [] {
    std::array<float, 256> table{};
    for (int bits = 0; bits < 256; ++bits)
      table[static_cast<size_t>(bits)] = float_from_e4m3(static_cast<uint8_t>(bits));
    return table;
  }();
  return values;
}

// sums[r] = x[r] . w over one block, for kRows rows of x. No fused multiply-add: the same bits everywhere.
template <class Load>
[[gnu::always_inline]] inline void dot_block(const float* const* x, const float* w, int64_t block,
                                             float* sums, Load load) {
  Lanes total[kRows] = {};
  for (int64_t i = 0; i < block; i += kLanes) {
    const Lanes weight = load(w + i);
    for (int64_t r = 0; r < kRows; ++r) total[r] += load(x[r] + i) * weight;
  }
  for (int64_t r = 0; r < kRows; ++r)
    sums[r] = ((total[r][0] + total[r][4]) + (total[r][1] + total[r][5])) +
              ((total[r][2] + total[r][6]) + (total[r][3] + total[r][7]));
}

struct Block {
  const ScaledRows& x;
  int64_t index;         // which block of columns
  const float* weights;  // [tile][block], decoded
  const double* scales;  // of the tile's rows
  int64_t tile;
  double* products;
};

[[gnu::always_inline]] inline void add_block(const Block& b) {
  struct Unaligned {
    Lanes lanes;
  } __attribute__((packed, aligned(4), may_alias));
  const auto load = [](const float* p) { return reinterpret_cast<const Unaligned*>(p)->lanes; };
  const int64_t rows = b.x.rows(), blocks = b.x.depth / b.x.block;
  for (int64_t first = 0; first < rows; first += kRows) {
    const float* x[kRows];
    double x_scales[kRows];
    for (int64_t r = 0; r < kRows; ++r) {
      const int64_t row = std::min(first + r, rows - 1);
      x[r] = b.x.values.data() + row * b.x.depth + b.index * b.x.block;
      x_scales[r] = b.x.scales.empty() ? 1 : b.x.scales[static_cast<size_t>(row * blocks + b.index)];
    }
    const int64_t count = std::min(kRows, rows - first);
    for (int64_t j = 0; j < b.tile; ++j) {
      float sums[kRows];
      dot_block(x, b.weights + j * b.x.block, b.x.block, sums, load);
      for (int64_t r = 0; r < count; ++r)
        b.products[(first + r) * kGemmTile + j] += static_cast<double>(sums[r]) * (x_scales[r] * b.scales[j]);
    }
  }
}

void add_block_baseline(const Block& block) {
  add_block(block);
}
#if defined(__x86_64__)
__attribute__((target("avx2"))) void add_block_avx2(const Block& block) {
  add_block(block);
}
#endif

using AddBlock = void (*)(const Block&);
AddBlock best_add_block() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2")) return add_block_avx2;
#endif
  return add_block_baseline;
}

}  // namespace

void multiply_tile(const ScaledRows& x, const ScaledWeights& w, std::span<const int64_t> weight_rows,
                   std::vector<double>& products) {
  CHECK(x.depth == w.depth && x.block == w.block && x.block % kLanes == 0);
  static const AddBlock add = best_add_block();
  const auto& decoded = e4m3_values();
  const int64_t blocks = x.depth / x.block, tile = static_cast<int64_t>(weight_rows.size());
  products.assign(static_cast<size_t>(x.rows() * kGemmTile), 0.0);
  std::vector<float> weights(static_cast<size_t>(kGemmTile * x.block));
  std::array<double, kGemmTile> scales{};
  for (int64_t b = 0; b < blocks; ++b) {
    for (int64_t j = 0; j < tile; ++j) {
      const int64_t row = weight_rows[static_cast<size_t>(j)];
      const uint8_t* bytes = w.values + row * w.depth + b * w.block;
      for (int64_t i = 0; i < w.block; ++i) weights[static_cast<size_t>(j * w.block + i)] = decoded[bytes[i]];
      scales[static_cast<size_t>(j)] = w.scales[row / w.block * blocks + b];
    }
    add({x, b, weights.data(), scales.data(), tile, products.data()});
  }
}

}  // namespace warpwright::reference
