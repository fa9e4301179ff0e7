// Control flow beyond loops: recursion, calls through pointers, a switch as a branch table, arrays in local
// memory, constant and global tables of the module, early exits.
__constant__ int primes[8] = {2, 3, 5, 7, 11, 13, 17, 19};
__device__ int calls_made[2];

__device__ __noinline__ int add_one(int x) {
  return x + 1;
}
__device__ __noinline__ int twice(int x) {
  return 2 * x;
}
__device__ __noinline__ int negated(int x) {
  return -x;
}
using Function = int (*)(int);

// Sums an array on the caller's stack while it calls itself.
__device__ __noinline__ int descend(int depth, int* trail) {
  if (depth == 0) return 0;
  trail[depth % 8] += depth;
  return depth * 3 + descend(depth - 1, trail);
}

extern "C" __global__ void recursion(const int* x, int* out) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  int trail[8];
  for (int j = 0; j < 8; ++j) trail[j] = j;
  const int sum = descend(x[i] & 15, trail);
  out[i] = sum * 1000 + trail[x[i] & 7] + primes[x[i] >> 4 & 7];
  atomicAdd(&calls_made[i & 1], 1);
}

extern "C" __global__ void function_pointers(const int* x, int* out, int turn) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  const Function table[3] = {add_one, twice, negated};
  out[i] = table[turn % 3](x[i]) + 100000 * table[(x[i] & 0xffff) % 3](i);  // uniform, then divergent
}

extern "C" __global__ void branch_table(const int* x, int* out, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  int value = x[i];
  for (int step = 0; step < 5; ++step) {
    switch (value & 15) {
      case 0:
        value += 3;
        break;
      case 1:
        value *= 5;
        break;
      case 2:
        value -= x[2];
        break;
      case 3:
        value ^= 0x155;
        break;
      case 4:
        value |= 0x2000;
        break;
      case 5:
        value = value / 3 - 1;
        break;
      case 6:
        value = ~value;
        break;
      case 7:
        value = (value << 1) + 7;
        [[fallthrough]];
      case 8:
        value -= 9;
        break;
      case 9:
        value = __popc(value) * 77;
        break;
      case 10:
        value = -value;
        break;
      case 11:
        value >>= 2;
        break;
      default:
        value += primes[value & 7];
        break;
    }
  }
  out[i] = value;
}

// Dynamic shared memory beside static; a barrier that also counts and votes.
extern "C" __global__ void block_votes(const int* x, int* out) {
  extern __shared__ int dynamic[];
  __shared__ int fixed[4];
  const int t = threadIdx.x, value = x[blockIdx.x * blockDim.x + t];
  dynamic[t] = value;
  if (t < 4) fixed[t] = t * 10;
  const int positive = __syncthreads_count(value > 0);
  const int any = __syncthreads_or(value == 77), all = __syncthreads_and(value > -100);
  out[blockIdx.x * blockDim.x + t] =
      dynamic[blockDim.x - 1 - t] + fixed[t % 4] + 1000 * positive + 100000 * any + 200000 * all;
}
