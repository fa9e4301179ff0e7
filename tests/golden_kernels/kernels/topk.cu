// The `wanted` largest of each row by radix selection, eight bits a pass from the top; order within is free.
// Exercises: shared atomics with and without result, a serial part between barriers, float bits as ordered
// integers.
constexpr int kDigits = 256;

// Monotone: a < b as floats exactly when ordered(a) < ordered(b).
__device__ unsigned ordered(float x) {
  const unsigned bits = __float_as_uint(x);
  return (bits & 0x80000000u) ? ~bits : bits | 0x80000000u;
}

extern "C" __global__ void __launch_bounds__(1024)
    radix_topk(const float* scores, const int* lengths, int* indices, int stride, int wanted) {
  __shared__ int histogram[kDigits];
  __shared__ unsigned shared_prefix, shared_missing;
  __shared__ int taken;
  const float* row = scores + size_t(blockIdx.x) * stride;
  int* chosen = indices + size_t(blockIdx.x) * wanted;
  const int length = lengths[blockIdx.x], thread = threadIdx.x;
  if (length <= wanted) {
    for (int i = thread; i < wanted; i += blockDim.x) chosen[i] = i < length ? i : -1;
    return;
  }
  if (thread == 0) {
    shared_prefix = 0;
    shared_missing = wanted;
    taken = 0;
  }
  __syncthreads();

  unsigned known = 0;  // the bits of the threshold found so far
  for (int shift = 24; shift >= 0; shift -= 8) {
    for (int i = thread; i < kDigits; i += blockDim.x) histogram[i] = 0;
    __syncthreads();
    const unsigned prefix = shared_prefix;
    for (int i = thread; i < length; i += blockDim.x) {
      const unsigned bits = ordered(row[i]);
      if ((bits & known) == prefix) atomicAdd(&histogram[bits >> shift & (kDigits - 1)], 1);
    }
    __syncthreads();
    if (thread == 0) {
      unsigned missing = shared_missing;
      int digit = kDigits - 1;
      for (; digit > 0 && unsigned(histogram[digit]) < missing; --digit) missing -= histogram[digit];
      shared_missing = missing;
      shared_prefix = prefix | unsigned(digit) << shift;
    }
    known |= unsigned(kDigits - 1) << shift;
    __syncthreads();
  }

  const unsigned threshold = shared_prefix;
  for (int i = thread; i < length; i += blockDim.x)
    if (ordered(row[i]) > threshold) chosen[atomicAdd(&taken, 1)] = i;
  __syncthreads();
  for (int i = thread; i < length; i += blockDim.x) {
    if (ordered(row[i]) != threshold) continue;
    const int place = atomicAdd(&taken, 1);
    if (place < wanted) chosen[place] = i;
  }
}
