// The asynchronous kernels' workloads that benchmarks give other sizes.
#pragma once

#include "tests/golden_kernels/workload.h"

namespace warpwright::golden {

// C = A B^T of bf16, f32 out. Every so many rows are compared.
Workload wgmma_bf16(int m, int n, int k, int check_every = 1);    // sm_90a; k a multiple of 8
Workload tcgen05_bf16(int m, int n, int k, int check_every = 1);  // sm_100a; multiples of 128, 128, 64

}  // namespace warpwright::golden
