// nvcc -arch=sm_100a -ptx tensor.cu: matrix and asynchronous instructions with unusual operands.
#include <cstdint>
__global__ void tensor(const float* in, float* out, const __grid_constant__ int4 map) {
  __shared__ __align__(128) float tile[1024];
  __shared__ uint64_t barrier;
  uint32_t address = (uint32_t)__cvta_generic_to_shared(tile), bar = (uint32_t)__cvta_generic_to_shared(&barrier);
  asm volatile("mbarrier.init.shared::cta.b64 [%0], 1;" ::"r"(bar));
  asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(bar), "r"(4096));
  asm volatile("cp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier::complete_tx::bytes [%0], [%1, {%2, %3}], [%4];"
               ::"r"(address), "l"(&map), "r"(0), "r"(1), "r"(bar) : "memory");
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(address), "l"(in + threadIdx.x * 4));
  asm volatile("{ .reg .pred P; WAIT: mbarrier.try_wait.parity.shared::cta.b64 P, [%0], %1; @P bra OUT; bra WAIT; OUT: }"
               ::"r"(bar), "r"(0) : "memory");
  uint32_t a[4], b[2];
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4 + 64];"
               : "=r"(a[0]), "=r"(a[1]), "=r"(a[2]), "=r"(a[3]) : "r"(address));
  asm volatile("ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%0,%1}, [%2];" : "=r"(b[0]), "=r"(b[1]) : "r"(address));
  float d[4] = {};
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
               : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3]) : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
  uint32_t v;
  asm volatile("{ .reg .pred q; shfl.sync.up.b32 %0|q, %1, 1, 0, 0xffffffff; @q add.u32 %0, %0, 1U; }" : "=r"(v) : "r"(a[0]));
  out[threadIdx.x] = d[0] + d[1] + d[2] + d[3] + v;
}
