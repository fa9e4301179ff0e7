// The kernels of the four contest tasks and of plain matrix products: the workloads that the simulator's
// speed is measured on. Their kernels take the same parameters in the same order whoever compiles them.
#pragma once

#include "tests/golden_kernels/workload.h"

namespace warpwright::golden {

// In all of them `check_every` thins out the comparison (1: every result) where checking would take longer
// than running. Head counts and widths are those of the contest's definitions.
Workload gdn_decode(int batch, int check_every);
Workload gdn_prefill(std::vector<int> sequence_lengths, int check_every);
// 2048 keys a token, of `cached` in all; a `padded` share of the last token's list is -1.
Workload dsa_attention(int tokens, int cached, double padded, int check_every);
Workload dsa_index(int batch, int pages, int check_every);  // 64 keys a page
Workload radix_topk(int rows, int columns, int wanted, bool with_ties = false);
Workload moe_gemv(std::string name, int pairs, int n, int k, int check_every);
Workload sgemm(int m, int n, int k);                     // multiples of 64, 64, 16
Workload mma_bf16(int m, int n, int k);                  // multiples of 128, 128, 32; k >= 64
Workload mma_fp8(int m, int n, int k, int check_every);  // n, k multiples of 128

}  // namespace warpwright::golden
