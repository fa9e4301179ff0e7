// ldmatrix and mma.sync. Fragment layouts: PTX ISA manual, "Matrix Fragments for mma.m16n8k16".
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "evaluator/sim/machine.h"

namespace warpwright::sim {

enum class MatrixForm : uint8_t { kF16, kBf16 };  // m16n8k16, f32 accumulators
std::optional<MatrixForm> parse_mma(const std::vector<std::string>& parts);

// Op: list = rows of d (4), a (4), b (2), c (4); flags = form.
const Op* multiply_matrices(Warp& w, const Op* op);
// Op: s[0] + immediate = addresses, list = destination rows (count), target = 1 to transpose.
const Op* load_matrix(Warp& w, const Op* op);

}  // namespace warpwright::sim
