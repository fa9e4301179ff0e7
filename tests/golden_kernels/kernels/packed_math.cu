// Arithmetic in bf16 and half, single and packed: one rounding per operation.
#include <cuda_bf16.h>
#include <cuda_fp16.h>

// Per thread: pairs x, y, z; results of each operation in a row of its own.
extern "C" __global__ void bf16_pairs(const __nv_bfloat162* x, const __nv_bfloat162* y,
                                      const __nv_bfloat162* z, __nv_bfloat162* out, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  out[i] = __hadd2(x[i], y[i]);
  out[n + i] = __hsub2(x[i], y[i]);
  out[2 * n + i] = __hmul2(x[i], y[i]);
  out[3 * n + i] = __hfma2(x[i], y[i], z[i]);
  out[4 * n + i] = __hmax2(x[i], y[i]);
  out[5 * n + i] = __hmin2(x[i], y[i]);
  out[6 * n + i] = __habs2(x[i]);
  out[7 * n + i] = __hneg2(x[i]);
  out[8 * n + i] = __hgt2(x[i], y[i]);
  out[9 * n + i] = __hfma2_relu(x[i], y[i], z[i]);
  out[10 * n + i] = __lows2bfloat162(x[i], y[i]);
  out[11 * n + i] = __highs2bfloat162(x[i], y[i]);
}

extern "C" __global__ void half_pairs(const __half2* x, const __half2* y, const __half2* z, __half2* out,
                                      int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  out[i] = __hadd2(x[i], y[i]);
  out[n + i] = __hsub2(x[i], y[i]);
  out[2 * n + i] = __hmul2(x[i], y[i]);
  out[3 * n + i] = __hfma2(x[i], y[i], z[i]);
  out[4 * n + i] = __hmax2(x[i], y[i]);
  out[5 * n + i] = __hmin2(x[i], y[i]);
  out[6 * n + i] = __habs2(x[i]);
  out[7 * n + i] = __hneg2(x[i]);
  out[8 * n + i] = __hgt2(x[i], y[i]);
  out[9 * n + i] = __hfma2_relu(x[i], y[i], z[i]);
  out[10 * n + i] = __hadd2_sat(x[i], y[i]);
  out[11 * n + i] = __lowhigh2highlow(x[i]);
}

// Single values, comparisons that branch, and functions; inputs are positive.
extern "C" __global__ void half_functions(const __half* x, const __nv_bfloat16* y, float* out, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  out[i] = __half2float(hsqrt(x[i]));
  out[n + i] = __half2float(hexp(x[i]));
  out[2 * n + i] = __half2float(hlog(x[i]));
  out[3 * n + i] = __half2float(hrcp(x[i]));
  out[4 * n + i] = __half2float(htanh(x[i]));
  out[5 * n + i] = __bfloat162float(hsqrt(y[i]));
  out[6 * n + i] = __bfloat162float(hexp(y[i]));
  out[7 * n + i] = __bfloat162float(hlog2(y[i]));
  out[8 * n + i] = __bfloat162float(hrsqrt(y[i]));
  out[9 * n + i] = __bfloat162float(y[i] / (y[i] + __float2bfloat16(1.0f)));
  out[10 * n + i] = x[i] > __float2half(1.0f) ? 1.0f : __hisnan(x[i]) ? 2.0f : 3.0f;
  out[11 * n + i] = __bfloat162float(hfloor(y[i])) + __half2float(hrint(x[i]));
}
