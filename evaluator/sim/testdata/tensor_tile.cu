// One 16 x 8 x 16 product by mma.sync: a and b come through cp.async and ldmatrix; b is stored by columns.
#include <cuda_bf16.h>
#include <cstdint>

extern "C" __global__ void tensor_tile(const __nv_bfloat16* a, const __nv_bfloat16* b, float* c, int live_rows) {
  __shared__ alignas(16) __nv_bfloat16 sa[16][16 + 8], sb[8][16 + 8];
  const int lane = threadIdx.x;
  const auto copy = [](void* to, const void* from, int bytes) {
    const auto address = static_cast<uint32_t>(__cvta_generic_to_shared(to));
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(address), "l"(from), "r"(bytes));
  };
  copy(&sa[lane / 2][8 * (lane % 2)], a + 8 * lane, lane / 2 < live_rows ? 16 : 0);
  if (lane < 16) copy(&sb[lane / 2][8 * (lane % 2)], b + 8 * lane, 16);
  asm volatile("cp.async.commit_group;\ncp.async.wait_group 0;" ::: "memory");
  __syncthreads();
  uint32_t fa[4], fb[2];
  const auto from_a = static_cast<uint32_t>(__cvta_generic_to_shared(&sa[lane % 16][8 * (lane / 16)]));
  const auto from_b = static_cast<uint32_t>(__cvta_generic_to_shared(&sb[lane % 8][8 * (lane / 8 % 2)]));
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(fa[0]), "=r"(fa[1]), "=r"(fa[2]), "=r"(fa[3]) : "r"(from_a));
  asm volatile("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%0, %1}, [%2];" : "=r"(fb[0]), "=r"(fb[1]) : "r"(from_b));
  float d[4] = {1, 2, 3, 4};
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
               : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
               : "r"(fa[0]), "r"(fa[1]), "r"(fa[2]), "r"(fa[3]), "r"(fb[0]), "r"(fb[1]));
  for (int i = 0; i < 4; ++i) c[(lane / 4 + 8 * (i / 2)) * 8 + 2 * (lane % 4) + i % 2] = d[i];
}
