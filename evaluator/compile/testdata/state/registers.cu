__global__ void kernel(long long* out) {
  unsigned long long now, grid;
  unsigned sm;
  asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(now));
  asm volatile("mov.u64 %0, %%gridid;" : "=l"(grid));
  asm volatile("mov.u32 %0, %%smid;" : "=r"(sm));
  out[threadIdx.x] = clock64() + now + grid + sm;
  __nanosleep(100);
  atomicAdd_system((int*)out, 1);
  if (out[0] == 7) __trap();
}
