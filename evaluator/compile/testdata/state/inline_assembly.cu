__global__ void kernel(unsigned* out) {
  unsigned old;
  asm volatile("{ .global .u32 cell; atom.global.add.u32 %0, [cell], 1; }" : "=r"(old) :: "memory");
  out[threadIdx.x] = old;
}
