// Tensor memory and its instructions as functions, for one block or a pair of blocks (kBlocks 1 or 2).
// Compiled before the kernel that includes it.
#pragma once

#define WARPWRIGHT_GROUP(one, two)      \
  do {                                  \
    if constexpr (kBlocks == 1) {       \
      one;                              \
    } else {                            \
      two;                              \
    }                                   \
  } while (false)

// A whole warp; the address comes to `to` in shared memory. In a pair both blocks do so.
template <int kBlocks>
__device__ inline void allocate_columns(unsigned to, unsigned columns) {
  WARPWRIGHT_GROUP(
      asm volatile("tcgen05.alloc.cta_group::1.sync.aligned.shared::cta.b32 [%0], %1;" ::"r"(to), "r"(columns)
                   : "memory"),
      asm volatile("tcgen05.alloc.cta_group::2.sync.aligned.shared::cta.b32 [%0], %1;" ::"r"(to), "r"(columns)
                   : "memory"));
  WARPWRIGHT_GROUP(asm volatile("tcgen05.relinquish_alloc_permit.cta_group::1.sync.aligned;"),
                   asm volatile("tcgen05.relinquish_alloc_permit.cta_group::2.sync.aligned;"));
}
template <int kBlocks>
__device__ inline void free_columns(unsigned address, unsigned columns) {
  WARPWRIGHT_GROUP(
      asm volatile("tcgen05.dealloc.cta_group::1.sync.aligned.b32 %0, %1;" ::"r"(address), "r"(columns) : "memory"),
      asm volatile("tcgen05.dealloc.cta_group::2.sync.aligned.b32 %0, %1;" ::"r"(address), "r"(columns) : "memory"));
}

// Around barriers between threads: what was issued before them, what is issued after them.
__device__ inline void fence_before_barrier() {
  asm volatile("tcgen05.fence::before_thread_sync;" ::: "memory");
}
__device__ inline void fence_after_barrier() {
  asm volatile("tcgen05.fence::after_thread_sync;" ::: "memory");
}

// The barrier is arrived at when all products and copies that this thread issued are done.
__device__ inline void commit_to(unsigned barrier) {
  asm volatile("tcgen05.commit.cta_group::1.mbarrier::arrive::one.shared::cluster.b64 [%0];" ::"r"(barrier) : "memory");
}
__device__ inline void commit_to_pair(unsigned barrier) {  // the one at this offset in each block of the pair
  asm volatile(
      "tcgen05.commit.cta_group::2.mbarrier::arrive::one.shared::cluster.multicast::cluster.b64 [%0], %1;" ::"r"(
          barrier),
      "h"(static_cast<unsigned short>(3))
      : "memory");
}

// Instruction descriptor of an f32 sum: format 1 with bf16, 0 with e4m3; operands along k.
__host__ __device__ constexpr unsigned product_of(unsigned m, unsigned n, unsigned format) {
  return 1 << 4 | format << 7 | format << 10 | n / 8 << 17 | m / 16 << 24;
}
template <int kBlocks>
__device__ inline void multiply_bf16(unsigned d, unsigned long long a, unsigned long long b, unsigned what, unsigned adds) {
  WARPWRIGHT_GROUP(
      asm volatile("{ .reg .pred p; setp.ne.b32 p, %4, 0; tcgen05.mma.cta_group::1.kind::f16 [%0], %1, %2, %3, p; }" ::"r"(d),
                   "l"(a), "l"(b), "r"(what), "r"(adds)
                   : "memory"),
      asm volatile("{ .reg .pred p; setp.ne.b32 p, %4, 0; tcgen05.mma.cta_group::2.kind::f16 [%0], %1, %2, %3, p; }" ::"r"(d),
                   "l"(a), "l"(b), "r"(what), "r"(adds)
                   : "memory"));
}
__device__ inline void multiply_e4m3(unsigned d, unsigned long long a, unsigned long long b, unsigned what, unsigned adds) {
  asm volatile("{ .reg .pred p; setp.ne.b32 p, %4, 0; tcgen05.mma.cta_group::1.kind::f8f6f4 [%0], %1, %2, %3, p; }" ::"r"(d),
               "l"(a), "l"(b), "r"(what), "r"(adds)
               : "memory");
}
// Blocks of 32 along k have scales of their own; `what` says which of four bytes.
__host__ __device__ constexpr unsigned scaled_product_of(unsigned m, unsigned n, unsigned scale) {
  return scale << 4 | n / 8 << 17 | 1u << 23 | m / 16 << 24 | scale << 29;
}
__device__ inline void multiply_scaled(unsigned d, unsigned long long a, unsigned long long b, unsigned what,
                                       unsigned a_scales, unsigned b_scales, unsigned adds) {
  asm volatile(
      "{ .reg .pred p; setp.ne.b32 p, %6, 0; tcgen05.mma.cta_group::1.kind::mxf8f6f4.block_scale.scale_vec::1X [%0], %1, "
      "%2, %3, [%4], [%5], p; }" ::"r"(d),
      "l"(a), "l"(b), "r"(what), "r"(a_scales), "r"(b_scales), "r"(adds)
      : "memory");
}
// 32 rows of 16 bytes without a swizzle, 8 rows 128 bytes apart from the next, into four columns of all four warps' lanes.
__device__ inline void copy_scales(unsigned to, unsigned from) {
  const unsigned long long rows = (from & 0x3ffff) >> 4 | (128ull >> 4) << 32 | 1ull << 46;
  asm volatile("tcgen05.cp.cta_group::1.32x128b.warpx4 [%0], %1;" ::"r"(to), "l"(rows) : "memory");
}

// 16 columns of the warp's 32 lanes: a row a thread.
__device__ inline void load_columns(float (&x)[16], unsigned address) {
  asm volatile(
      "tcgen05.ld.sync.aligned.32x32b.x16.b32 {%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15}, "
      "[%16];"
      : "=f"(x[0]), "=f"(x[1]), "=f"(x[2]), "=f"(x[3]), "=f"(x[4]), "=f"(x[5]), "=f"(x[6]), "=f"(x[7]), "=f"(x[8]),
        "=f"(x[9]), "=f"(x[10]), "=f"(x[11]), "=f"(x[12]), "=f"(x[13]), "=f"(x[14]), "=f"(x[15])
      : "r"(address)
      : "memory");
}
__device__ inline void wait_columns() {
  asm volatile("tcgen05.wait::ld.sync.aligned;" ::: "memory");
}
