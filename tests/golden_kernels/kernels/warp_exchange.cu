// Threads that meet in finer groups than the block: warps, named barriers, pipelines, flags between blocks.
#include <cuda_pipeline.h>

constexpr unsigned kAll = 0xffffffffu;

// Each warp transposes 32 x 8 values through its own piece of shared memory.
extern "C" __global__ void warp_transpose(const float* x, float* out) {
  __shared__ float tiles[4][8][33];
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  const float* from = x + (blockIdx.x * 4 + warp) * 256;
  float* to = out + (blockIdx.x * 4 + warp) * 256;
  for (int i = 0; i < 8; ++i) tiles[warp][i][lane] = from[i * 32 + lane];
  __syncwarp();
  for (int i = 0; i < 8; ++i) to[i * 32 + lane] = tiles[warp][lane % 8][i * 4 + lane / 8];
}

// A warp's sum as old kernels write it: halves through shared memory, a __syncwarp after each step.
extern "C" __global__ void warp_tree(const int* x, int* out) {
  __shared__ int values[128];
  const int lane = threadIdx.x % 32;
  int* mine = values + threadIdx.x - lane;
  mine[lane] = x[blockIdx.x * 128 + threadIdx.x];
  __syncwarp();
  for (int half = 16; half > 0; half /= 2) {
    int sum = 0;
    if (lane < half) sum = mine[lane] + mine[lane + half];
    __syncwarp();
    if (lane < half) mine[lane] = sum;
    __syncwarp();
  }
  if (lane == 0) out[(blockIdx.x * 128 + threadIdx.x) / 32] = mine[0];
}

// Two warps produce, two consume; barrier 1 says "full", barrier 2 "empty again".
extern "C" __global__ void producers_and_consumers(const int* x, int* out, int rounds) {
  __shared__ int box[64];
  const bool produces = threadIdx.x < 64;
  const int t = threadIdx.x % 64;
  for (int round = 0; round < rounds; ++round) {
    if (produces) {
      if (round > 0) asm volatile("bar.sync 2, 128;" ::: "memory");
      box[t] = x[round * 64 + t] * 2;
      asm volatile("bar.arrive 1, 128;" ::: "memory");
    } else {
      asm volatile("bar.sync 1, 128;" ::: "memory");
      out[round * 64 + t] = box[63 - t] + 1;
      if (round + 1 < rounds) asm volatile("bar.arrive 2, 128;" ::: "memory");
    }
  }
}

// Pipeline primitives: tiles of 128 words, two ahead.
extern "C" __global__ void pipelined_sum(const int* x, int* out, int tiles) {
  __shared__ int stages[3][128];
  const int t = threadIdx.x;
  for (int tile = 0; tile < 2; ++tile) {
    if (tile < tiles) __pipeline_memcpy_async(&stages[tile][t], &x[tile * 128 + t], 4);
    __pipeline_commit();
  }
  int sum = 0;
  for (int tile = 0; tile < tiles; ++tile) {
    __pipeline_wait_prior(1);
    __syncthreads();
    sum += stages[tile % 3][127 - t];
    if (tile + 2 < tiles) __pipeline_memcpy_async(&stages[(tile + 2) % 3][t], &x[(tile + 2) * 128 + t], 4);
    __pipeline_commit();
  }
  out[t] = sum;
}

// Counts per warp by vote and match: how many lanes hold my value, my rank among them, and the warp's
// largest.
extern "C" __global__ void warp_votes(const int* x, int* same, int* rank, int* extremes) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x, lane = threadIdx.x % 32, value = x[i];
  const unsigned peers = __match_any_sync(kAll, value);
  same[i] = __popc(peers);
  rank[i] = __popc(peers & ((1u << lane) - 1));
  int all_equal = 0;
  __match_all_sync(kAll, value, &all_equal);
  const int largest = __reduce_max_sync(kAll, value), sum = __reduce_add_sync(kAll, value);
  const unsigned either = __reduce_or_sync(kAll, unsigned(value));
  extremes[i] = largest * 1000000 + sum * 1000 + int(either) * 2 + all_equal +
                100 * __popc(__ballot_sync(kAll, value > 3));
}

// Each block waits for its left neighbour's running total: a chained scan.
extern "C" __global__ void chained_scan(const int* x, int* out, int* totals, int* flags) {
  __shared__ int before, scan[64];
  const int t = threadIdx.x, block = blockIdx.x;
  scan[t] = x[block * 64 + t];
  __syncthreads();
  for (int reach = 1; reach < 64; reach *= 2) {
    const int add = t >= reach ? scan[t - reach] : 0;
    __syncthreads();
    scan[t] += add;
    __syncthreads();
  }
  if (t == 0) {
    int sum = 0;
    if (block > 0) {
      while (atomicAdd(&flags[block - 1], 0) == 0) {
      }
      __threadfence();
      sum = __ldcg(&totals[block - 1]);
    }
    before = sum;
    totals[block] = sum + scan[63];
    __threadfence();
    atomicExch(&flags[block], 1);
  }
  __syncthreads();
  out[block * 64 + t] = before + scan[t];
}
