// The `count` largest of n non-negative floats: one radix pass over the top byte with shared atomics, then candidates by
// ballot, then the rest by a second pass; dynamic shared memory, votes, early exits, integer arithmetic.
extern "C" __global__ void topk(const float* scores, int n, int count, int* indices, int* found) {
  extern __shared__ int bins[];
  __shared__ int threshold, taken;
  const unsigned* keys = reinterpret_cast<const unsigned*>(scores);
  for (int i = threadIdx.x; i < 256; i += blockDim.x) bins[i] = 0;
  if (threadIdx.x == 0) taken = 0;
  __syncthreads();
  for (int i = threadIdx.x; i < n; i += blockDim.x) atomicAdd(&bins[keys[i] >> 24], 1);
  __syncthreads();
  if (threadIdx.x == 0) {
    int sum = 0, bin = 255;
    while (bin > 0 && sum + bins[bin] < count) sum += bins[bin--];
    threshold = bin;
  }
  __syncthreads();
  const int limit = threshold;
  for (int base = 0; base < n; base += blockDim.x) {
    const int i = base + threadIdx.x;
    const bool mine = i < n && (int)(keys[i] >> 24) >= limit;
    const unsigned votes = __ballot_sync(~0u, mine);
    int place = 0;
    if (threadIdx.x % 32 == 0) place = atomicAdd(&taken, __popc(votes));
    place = __shfl_sync(~0u, place, 0) + __popc(votes & ((1u << (threadIdx.x % 32)) - 1));
    if (mine) indices[place] = i;
  }
  __syncthreads();
  if (threadIdx.x == 0) *found = taken;
}
