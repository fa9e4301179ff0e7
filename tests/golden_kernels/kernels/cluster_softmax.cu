// Softmax of rows that four blocks of a cluster share: what they tell each other goes through distributed shared memory.
// Exercises: cluster launch, mapa by way of map_shared_rank, loads and atomics in other blocks' shared memory,
// barrier.cluster with its order, asynchronous stores that complete at another block's mbarrier.
#include <cooperative_groups.h>

#include "async.cuh"

namespace cg = cooperative_groups;

constexpr int kBlocks = 4, kThreads = 128;

__device__ float largest_of_block(float value, float* scratch) {
  for (int step = 16; step > 0; step /= 2) value = fmaxf(value, __shfl_xor_sync(~0u, value, step));
  if (threadIdx.x % 32 == 0) scratch[threadIdx.x / 32] = value;
  __syncthreads();
  value = scratch[0];
  for (int i = 1; i < kThreads / 32; ++i) value = fmaxf(value, scratch[i]);
  return value;
}

// Maxima are read from every block; the sum is collected by the first.
extern "C" __global__ void __cluster_dims__(kBlocks) __launch_bounds__(kThreads)
    cluster_softmax(const float* x, float* out, int columns) {
  __shared__ float scratch[kThreads / 32], largest, total;
  auto cluster = cg::this_cluster();
  const int row = blockIdx.x / kBlocks, rank = cluster.block_rank(), part = columns / kBlocks;
  const float* from = x + size_t(row) * columns + rank * part;
  float mine = -3e38f;
  for (int i = threadIdx.x; i < part; i += kThreads) mine = fmaxf(mine, from[i]);
  mine = largest_of_block(mine, scratch);
  if (threadIdx.x == 0) {
    largest = mine;
    total = 0;
  }
  cluster.sync();
  float of_all = -3e38f;
  for (int i = 0; i < kBlocks; ++i) of_all = fmaxf(of_all, *cluster.map_shared_rank(&largest, i));

  float sum = 0;
  for (int i = threadIdx.x; i < part; i += kThreads) sum += __expf(from[i] - of_all);
  for (int step = 16; step > 0; step /= 2) sum += __shfl_xor_sync(~0u, sum, step);
  if (threadIdx.x % 32 == 0) atomicAdd(cluster.map_shared_rank(&total, 0), sum);
  cluster.sync();
  const float whole = *cluster.map_shared_rank(&total, 0);
  for (int i = threadIdx.x; i < part; i += kThreads)
    out[size_t(row) * columns + rank * part + i] = __expf(from[i] - of_all) / whole;
  cluster.sync();  // the first block's sum is read by all
}

__device__ unsigned address_in(unsigned address, int rank) {
  unsigned there;
  asm volatile("mapa.shared::cluster.u32 %0, %1, %2;" : "=r"(there) : "r"(address), "r"(rank));
  return there;
}

// Sums of columns: every block sends its own to the first, which waits for their bytes.
extern "C" __global__ void __cluster_dims__(kBlocks) __launch_bounds__(kThreads)
    cluster_column_sums(const float* x, float* out, int rows) {
  __shared__ float parts[kBlocks][kThreads];
  __shared__ Barrier arrived;
  auto cluster = cg::this_cluster();
  const int rank = cluster.block_rank(), column = blockIdx.x / kBlocks * kThreads + threadIdx.x,
            columns = gridDim.x / kBlocks * kThreads;
  const unsigned barrier = shared_address(&arrived);
  if (threadIdx.x == 0) {
    init_barrier(barrier, 1);
    fence_barrier_init();
    arrive_expecting(barrier, rank == 0 ? sizeof(parts) : 0);
  }
  cluster.sync();
  float sum = 0;
  for (int row = rank; row < rows; row += kBlocks) sum += x[size_t(row) * columns + column];
  asm volatile("st.async.shared::cluster.mbarrier::complete_tx::bytes.b32 [%0], %1, [%2];" ::"r"(
                   address_in(shared_address(&parts[rank][threadIdx.x]), 0)),
               "r"(__float_as_uint(sum)), "r"(address_in(barrier, 0))
               : "memory");
  if (rank == 0) {
    wait_for(barrier, 0);
    sum = 0;
    for (int i = 0; i < kBlocks; ++i) sum += parts[i][threadIdx.x];
    out[column] = sum;
  }
  cluster.sync();
}
