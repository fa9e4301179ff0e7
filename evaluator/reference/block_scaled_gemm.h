// Products of an activation with e4m3 weights that have one scale per square block. Private to reference.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace warpwright::reference {

// [rows, depth] values with one factor per row and block of `block` columns.
struct ScaledRows {
  int64_t depth = 0, block = 0;
  std::vector<float> values;
  std::vector<double> scales;  // [rows, depth / block]; empty: 1
  int64_t rows() const { return depth == 0 ? 0 : static_cast<int64_t>(values.size()) / depth; }
};

// [rows, depth] e4m3 bytes; weight row r has scales[r / block * blocks + column / block].
struct ScaledWeights {
  int64_t depth = 0, block = 0;
  const uint8_t* values = nullptr;
  const float* scales = nullptr;
};

constexpr int64_t kGemmTile = 16;  // weight rows at a time

// products[row * kGemmTile + j] = x[row] . w[weight_rows[j]] for up to kGemmTile weight rows. Sums of a block
// are float32 in eight lanes (relative error about 1e-7 of the terms' size), everything else is double.
void multiply_tile(const ScaledRows& x, const ScaledWeights& w, std::span<const int64_t> weight_rows,
                   std::vector<double>& products);

}  // namespace warpwright::reference
