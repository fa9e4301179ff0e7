// Three launches, each of which may begin before the one before it has ended: row sums, their mean, the rows less it.
// Exercises: griddepcontrol.launch_dependents and griddepcontrol.wait; what does not depend on the launch before is
// read ahead of the wait.

__device__ void let_the_next_begin() {
  asm volatile("griddepcontrol.launch_dependents;");
}
__device__ void wait_for_those_before() {
  asm volatile("griddepcontrol.wait;" ::: "memory");
}

extern "C" __global__ void __launch_bounds__(128) chain_sums(const float* x, float* sums, int columns) {
  __shared__ float parts[4];
  let_the_next_begin();
  float sum = 0;
  for (int i = threadIdx.x; i < columns; i += blockDim.x) sum += x[size_t(blockIdx.x) * columns + i];
  for (int step = 16; step > 0; step /= 2) sum += __shfl_xor_sync(~0u, sum, step);
  if (threadIdx.x % 32 == 0) parts[threadIdx.x / 32] = sum;
  __syncthreads();
  if (threadIdx.x == 0) sums[blockIdx.x] = parts[0] + parts[1] + parts[2] + parts[3];
}

extern "C" __global__ void chain_mean(const float* sums, float* mean, int rows, int columns) {
  let_the_next_begin();
  wait_for_those_before();
  float sum = 0;
  for (int row = threadIdx.x; row < rows; row += 32) sum += sums[row];
  for (int step = 16; step > 0; step /= 2) sum += __shfl_xor_sync(~0u, sum, step);
  if (threadIdx.x == 0) *mean = sum / (static_cast<float>(rows) * static_cast<float>(columns));
}

extern "C" __global__ void chain_centre(const float* x, const float* mean, float* out, int count) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  const float value = i < count ? x[i] : 0;  // of the host
  wait_for_those_before();
  if (i < count) out[i] = value - *mean;
}
