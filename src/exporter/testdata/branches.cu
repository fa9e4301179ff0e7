// For the export test: branches on the batch, knobs as template arguments, workspaces, memset, attributes.
/*@plan
tune SPLITS = 4 in {2, 4, 8};
tune FUSED = true in {true, false};
tune SOFTCAP = 0.5 in {0.25, 0.5};
require SPLITS * 16 <= head_size else "too many splits";
const int rows = head_size / SPLITS;          // a constant expression
const float scaled = scale == 0.0 ? 1.0 / 128 : scale * log2e;

if (batch_size <= 4 && FUSED) {
  [[carveout(100)]] fused<SPLITS, FUSED><<<dim3(num_v_heads, batch_size), 32 * SPLITS, 1024>>>(
      q, k, v, state, scale, has(state) ? 1 : 0, output, new_state);
} else if (batch_size <= 16) {
  workspace float partial[batch_size * num_v_heads * SPLITS * head_size];
  memset(partial, 0, batch_size * num_v_heads * 4);
  part<rows / 2, float><<<dim3(SPLITS, num_v_heads, batch_size), 128, 96 * 1024>>>(
      q, k + batch_size * 2, state, f32(scaled), partial + num_v_heads, i64(batch_size) , SOFTCAP);
  [[pdl]] merge<<<dim3(num_v_heads, batch_size), rows>>>(partial, bytes<float4>(partial, 64), output, new_state, f64(scaled));
} else {
  [[cluster(2, 1, 1)]] wide<<<dim3(round_up(batch_size, 2), num_v_heads), dim3(32, 4), 64 << 10>>>(q, k, v, state, output, new_state, max(batch_size, 40) - -3, min(rows, 7, 9));
}
*/
#include <cuda_bf16.h>

template <int Splits, bool Fused>
__global__ void fused(const __nv_bfloat16* q, const __nv_bfloat16* k, const __nv_bfloat16* v, const float* state,
                      float scale, int has_state, __nv_bfloat16* output, float* new_state) {
  new_state[threadIdx.x] = has_state && Fused ? state[threadIdx.x] * scale * Splits : knob::SOFTCAP;
  output[threadIdx.x] = q[threadIdx.x] + k[threadIdx.x] + v[threadIdx.x];
}

template <int Rows, class T>
__global__ void part(const __nv_bfloat16* q, const __nv_bfloat16* k, const float* state, float scale, T* partial,
                     long long batch, float softcap) {
  extern __shared__ float shared[];
  shared[threadIdx.x] = __bfloat162float(q[threadIdx.x]) * __bfloat162float(k[0]) + scale;
  partial[threadIdx.x] = shared[threadIdx.x] + state[0] + Rows + batch * softcap;
}

__global__ void merge(const float* partial, const float4* vectors, __nv_bfloat16* output, float* new_state,
                      double scale) {
  new_state[threadIdx.x] = partial[threadIdx.x] + vectors[threadIdx.x].x * static_cast<float>(scale);
  output[threadIdx.x] = __float2bfloat16(new_state[threadIdx.x]);
}

__global__ void wide(const __nv_bfloat16* q, const __nv_bfloat16* k, const __nv_bfloat16* v, const float* state,
                     __nv_bfloat16* output, float* new_state, int limit, int rows) {
  new_state[threadIdx.x] = state[threadIdx.x] + limit + rows;
  output[threadIdx.x] = q[threadIdx.x] + k[threadIdx.x] + v[threadIdx.x];
}
