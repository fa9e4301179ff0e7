// Mixture of experts with FP8 weights and DeepSeek's grouped routing, written to be read: three kernels, the routing
// and the two matrix products, one block per token (and chosen expert), one warp per product's column. It is the
// baseline that a run's speed-ups are measured against.
/*@plan
const int top_k = 8;           // experts of a token
const int columns = 64;        // per block

workspace int chosen[seq_len * top_k];
workspace float share[seq_len * top_k];
workspace float activated[seq_len * top_k * intermediate_size];
route<<<seq_len, num_experts>>>(
    routing_logits, routing_bias, local_expert_offset, routed_scaling_factor, chosen, share);
up_and_gate<<<dim3(intermediate_size / columns, top_k, seq_len), 256>>>(
    hidden_states, hidden_states_scale, gemm1_weights, gemm1_weights_scale, chosen, activated);
down<<<dim3(hidden_size / columns, seq_len), 256>>>(
    activated, gemm2_weights, gemm2_weights_scale, chosen, share, output);
*/
#include <cuda_bf16.h>
#include <cuda_fp8.h>

constexpr int top_k = 8, groups = 8, kept_groups = 4;  // not axes of the definition
constexpr int experts = axis::num_experts, group_size = experts / groups;
constexpr int H = axis::hidden_size, I = axis::intermediate_size;
constexpr int scale_block = H / axis::num_hidden_blocks;  // elements that share a scale
constexpr int columns = 64;                               // per block of up_and_gate and down
constexpr float lowest = -3.402823466e38f;                // below every score
static_assert(I / axis::num_intermediate_blocks == scale_block && I % columns == 0 && H % columns == 0);

// One block per token, one thread per expert; the selection is a single thread's. Of equals the first wins.
__global__ void route(const float* logits, const __nv_bfloat16* bias, int first_expert, float scaling,
                      int* chosen, float* share) {
  __shared__ float score[experts], biased[experts];
  const long long token = blockIdx.x;
  const int expert = threadIdx.x;
  score[expert] = 1.0f / (1.0f + expf(-logits[token * experts + expert]));
  biased[expert] = score[expert] + __bfloat162float(bias[expert]);
  __syncthreads();
  if (expert != 0) return;

  float group_score[groups];  // the sum of its two best
  for (int g = 0; g < groups; ++g) {
    float best = lowest, second = lowest;
    for (int i = g * group_size; i < (g + 1) * group_size; ++i) {
      if (biased[i] > best) {
        second = best;
        best = biased[i];
      } else if (biased[i] > second) {
        second = biased[i];
      }
    }
    group_score[g] = best + second;
  }
  for (int g = 0; g < groups; ++g) {
    int better = 0;
    for (int other = 0; other < groups; ++other)
      better += group_score[other] > group_score[g] || (group_score[other] == group_score[g] && other < g);
    if (better < kept_groups) continue;
    for (int i = g * group_size; i < (g + 1) * group_size; ++i) biased[i] = lowest;
  }
  float sum = 0.0f;
  int winners[top_k];
  for (int k = 0; k < top_k; ++k) {
    int winner = 0;
    for (int i = 1; i < experts; ++i)
      if (biased[i] > biased[winner]) winner = i;
    biased[winner] = lowest;
    winners[k] = winner;
    sum += score[winner];  // the bias selects, it does not weigh
  }
  for (int k = 0; k < top_k; ++k) {
    const int local = winners[k] - first_expert;
    chosen[token * top_k + k] = local >= 0 && local < axis::num_local_experts ? local : -1;
    share[token * top_k + k] = score[winners[k]] / (sum + 1e-20f) * scaling;
  }
}

__device__ float warp_sum(float x) {
  for (int offset = 16; offset > 0; offset /= 2) x += __shfl_xor_sync(0xffffffffu, x, offset);
  return x;
}

__device__ float4 four_e4m3(const __nv_fp8_e4m3* p) {
  return float4(*reinterpret_cast<const __nv_fp8x4_e4m3*>(p));
}

// A lane's part of the product of an FP8 row of `length` elements, a scale for each block of them, with a
// float row.
__device__ float dot_part(const __nv_fp8_e4m3* weights, const float* scales, const float* x, int length) {
  float sum = 0.0f;
  for (int i = threadIdx.x % 32 * 4; i < length; i += 128) {
    const float4 w = four_e4m3(weights + i), y = *reinterpret_cast<const float4*>(x + i);
    sum += scales[i / scale_block] * (w.x * y.x + w.y * y.y + w.z * y.z + w.w * y.w);
  }
  return sum;
}

// activated = silu(gate) * up of one token and one of its experts.
__global__ void up_and_gate(const __nv_fp8_e4m3* hidden, const float* hidden_scale,
                            const __nv_fp8_e4m3* weights, const float* weights_scale, const int* chosen,
                            float* activated) {
  __shared__ alignas(16) float x[H];
  const int seq_len = gridDim.z, token = blockIdx.z;
  const long long pair = (long long)token * top_k + blockIdx.y;
  const int expert = chosen[pair];
  if (expert < 0) return;  // another device's
  for (int i = threadIdx.x; i < H; i += blockDim.x)
    x[i] = float(hidden[(long long)token * H + i]) *
           hidden_scale[(long long)(i / scale_block) * seq_len + token];
  __syncthreads();

  const int warp = threadIdx.x / 32, warps = blockDim.x / 32;
  for (int c = warp; c < columns; c += warps) {
    const int column = blockIdx.x * columns + c;
    const long long up_row = (long long)expert * axis::gemm1_out_size + column, gate_row = up_row + I;
    const float* up_scale =
        weights_scale +
        ((long long)expert * axis::num_gemm1_out_blocks + column / scale_block) * (H / scale_block);
    const float* gate_scale = up_scale + I / scale_block * (H / scale_block);
    const float up = warp_sum(dot_part(weights + up_row * H, up_scale, x, H));
    const float gate = warp_sum(dot_part(weights + gate_row * H, gate_scale, x, H));
    if (threadIdx.x % 32 == 0) activated[pair * I + column] = gate / (1.0f + expf(-gate)) * up;
  }
}

__global__ void down(const float* activated, const __nv_fp8_e4m3* weights, const float* weights_scale,
                     const int* chosen, const float* share, __nv_bfloat16* output) {
  const long long token = blockIdx.y;
  const int warp = threadIdx.x / 32, warps = blockDim.x / 32;
  for (int c = warp; c < columns; c += warps) {
    const int column = blockIdx.x * columns + c;
    float sum = 0.0f;
    for (int k = 0; k < top_k; ++k) {
      const long long pair = token * top_k + k;
      const long long expert = chosen[pair];
      if (expert < 0) continue;
      const float* scale =
          weights_scale + (expert * (H / scale_block) + column / scale_block) * (I / scale_block);
      sum += share[pair] *
             warp_sum(dot_part(weights + (expert * H + column) * I, scale, activated + pair * I, I));
    }
    if (threadIdx.x % 32 == 0) output[token * H + column] = __float2bfloat16(sum);
  }
}
