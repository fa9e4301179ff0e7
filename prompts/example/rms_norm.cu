/*@plan
tune THREADS = 128 in {64, 128, 256};  // knob::THREADS in device code
tune PARTS = 4 in {1, 2, 4, 8};        // blocks that share a row while there are few rows
require hidden_size % (8 * PARTS) == 0 else "PARTS must cut a row into multiples of 8 elements";
const bool split = PARTS > 1 && rows < 2 * sm_count;

if (split) {
  workspace float partial[rows * PARTS];
  square_sums<<<dim3(PARTS, rows), THREADS>>>(x, residual, partial);
  [[pdl]] scale_parts<<<dim3(PARTS, rows), THREADS>>>(x, residual, weight, partial, eps, y);
} else {
  whole_rows<<<rows, THREADS>>>(x, residual, weight, eps, y);
}
*/
#include <cuda_bf16.h>

constexpr int kWarps = knob::THREADS / 32;
constexpr int kVector = 8;  // elements of a 16-byte access

struct alignas(16) Vector {
  __nv_bfloat162 pair[kVector / 2];
};

// x + residual, eight elements in float32; residual is null where the workload has none.
__device__ void load(const __nv_bfloat16* x, const __nv_bfloat16* residual, long long at, float (&value)[kVector]) {
  const Vector a = *reinterpret_cast<const Vector*>(x + at);
#pragma unroll
  for (int i = 0; i < kVector / 2; ++i) {
    const float2 two = __bfloat1622float2(a.pair[i]);
    value[2 * i] = two.x;
    value[2 * i + 1] = two.y;
  }
  if (residual == nullptr) return;
  const Vector b = *reinterpret_cast<const Vector*>(residual + at);
#pragma unroll
  for (int i = 0; i < kVector / 2; ++i) {
    const float2 two = __bfloat1622float2(b.pair[i]);
    value[2 * i] += two.x;
    value[2 * i + 1] += two.y;
  }
}

// The block's sum, in every thread. One use per kernel: `sums` is not protected against a second one.
__device__ float block_sum(float value) {
  __shared__ float sums[kWarps];
#pragma unroll
  for (int mask = 16; mask > 0; mask >>= 1) value += __shfl_xor_sync(0xffffffffu, value, mask);
  if (threadIdx.x % 32 == 0) sums[threadIdx.x / 32] = value;
  __syncthreads();
  float total = 0.0f;
#pragma unroll
  for (int w = 0; w < kWarps; ++w) total += sums[w];
  return total;
}

// The sum of squares of columns begin to end - 1 of a row, over the block.
__device__ float square_sum(const __nv_bfloat16* x, const __nv_bfloat16* residual, long long row, int begin, int end) {
  float sum = 0.0f;
  for (int column = begin + kVector * threadIdx.x; column < end; column += kVector * knob::THREADS) {
    float value[kVector];
    load(x, residual, row * axis::hidden_size + column, value);
#pragma unroll
    for (int i = 0; i < kVector; ++i) sum += value[i] * value[i];
  }
  return block_sum(sum);
}

__device__ void write_scaled(const __nv_bfloat16* x, const __nv_bfloat16* residual, const __nv_bfloat16* weight,
                             float scale, long long row, int begin, int end, __nv_bfloat16* y) {
  for (int column = begin + kVector * threadIdx.x; column < end; column += kVector * knob::THREADS) {
    float value[kVector];
    load(x, residual, row * axis::hidden_size + column, value);
    const Vector w = *reinterpret_cast<const Vector*>(weight + column);
    Vector result;
#pragma unroll
    for (int i = 0; i < kVector / 2; ++i) {
      const float2 factor = __bfloat1622float2(w.pair[i]);
      result.pair[i] = __floats2bfloat162_rn(value[2 * i] * scale * factor.x, value[2 * i + 1] * scale * factor.y);
    }
    *reinterpret_cast<Vector*>(y + row * axis::hidden_size + column) = result;
  }
}

__device__ float scale_of(float sum, float eps) { return rsqrtf(sum / axis::hidden_size + eps); }

__global__ __launch_bounds__(knob::THREADS) void square_sums(const __nv_bfloat16* x, const __nv_bfloat16* residual,
                                                             float* partial) {
  const int columns = axis::hidden_size / knob::PARTS, part = blockIdx.x, row = blockIdx.y;
  const float sum = square_sum(x, residual, row, part * columns, (part + 1) * columns);
  if (threadIdx.x == 0) partial[row * knob::PARTS + part] = sum;
  asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
}

__global__ __launch_bounds__(knob::THREADS) void scale_parts(const __nv_bfloat16* x, const __nv_bfloat16* residual,
                                                             const __nv_bfloat16* weight, const float* partial,
                                                             float eps, __nv_bfloat16* y) {
  const int columns = axis::hidden_size / knob::PARTS, part = blockIdx.x, row = blockIdx.y;
  asm volatile("griddepcontrol.wait;" ::: "memory");  // `partial` is not there before
  float sum = 0.0f;
#pragma unroll
  for (int p = 0; p < knob::PARTS; ++p) sum += partial[row * knob::PARTS + p];
  write_scaled(x, residual, weight, scale_of(sum, eps), row, part * columns, (part + 1) * columns, y);
}

__global__ __launch_bounds__(knob::THREADS) void whole_rows(const __nv_bfloat16* x, const __nv_bfloat16* residual,
                                                            const __nv_bfloat16* weight, float eps, __nv_bfloat16* y) {
  const float sum = square_sum(x, residual, blockIdx.x, 0, axis::hidden_size);
  write_scaled(x, residual, weight, scale_of(sum, eps), blockIdx.x, 0, axis::hidden_size, y);
}
