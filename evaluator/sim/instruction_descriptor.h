// The instruction descriptor of tcgen05.mma (PTX ISA, "Instruction Descriptor"): 32 bits that say the shape,
// the types and how the operands are to be taken.
//
// Kinds f16, tf32, f8f6f4, i8, bits: 0-1 sparsity selector, 2 sparse, 3 saturate, 4-5 type of D, 7-9 of A,
// 10-12 of B, 13 and 14 negate A and B, 15 and 16 transpose A and B, 17-22 N / 8, 24-28 M / 16, 30-31 shift
// of B (.ws). With block scales: 4-5 B's scale byte, 23 type of the scales, 27-28 M / 128, 29-30 A's scale
// byte, 31 K = 96 (mxf4).
#pragma once

#include <cstdint>
#include <string>

#include "evaluator/sim/ops/matrix.h"
#include "evaluator/sim/ops/tensor.h"

namespace warpwright::sim {

struct TensorProduct {
  int m = 128, n = 8, k = 16;  // of the whole, over both blocks of a pair
  ElementType a = ElementType::kF16, b = ElementType::kF16, d = ElementType::kF32;
  bool saturate = false, negate_a = false, negate_b = false;
  bool a_k_major = true, b_k_major = true;
  int scales = 0;  // along k; 0: none
  ElementType scale = ElementType::kUe8m0;
  uint32_t a_scale_byte = 0, b_scale_byte = 0;

  bool is_padded(ElementType type) const;  // floats of 4 and 6 bits, 16 of them to 16 bytes
};

// Why the instruction does not take this descriptor, with the mend; empty if it does. `group`: .cta_group;
// `scales`: as the instruction's scale_vec says.
std::string parse_descriptor(uint32_t bits, TensorKind kind, int group, int scales, TensorProduct& product);

}  // namespace warpwright::sim
