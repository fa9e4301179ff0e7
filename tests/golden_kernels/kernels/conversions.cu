// Conversions between every number format that CUDA's headers offer, with their roundings and saturations.
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_fp4.h>
#include <cuda_fp6.h>
#include <cuda_fp8.h>

// Narrow and back: the codes, and what they stand for. One thread per pair of floats.
extern "C" __global__ void narrow_formats(const float2* x, unsigned short* e4m3, unsigned short* e5m2,
                                          unsigned char* e2m1, unsigned short* e2m3, unsigned short* e3m2,
                                          unsigned short* e8m0, float2* back) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  const __nv_fp8x2_e4m3 a(x[i]);
  const __nv_fp8x2_e5m2 b(x[i]);
  const __nv_fp4x2_e2m1 c(x[i]);
  const __nv_fp6x2_e2m3 d(x[i]);
  const __nv_fp6x2_e3m2 e(x[i]);
  const float2 magnitude = make_float2(fabsf(x[i].x), fabsf(x[i].y));
  const __nv_fp8x2_e8m0 f(magnitude);  // to the next power of two upwards, as the headers round
  e4m3[i] = a.__x;
  e5m2[i] = b.__x;
  e2m1[i] = c.__x;
  e2m3[i] = d.__x;
  e3m2[i] = e.__x;
  e8m0[i] = f.__x;
  const float2 values[6] = {float2(a), float2(b), float2(c), float2(d), float2(e), float2(f)};
#pragma unroll
  for (int format = 0; format < 6; ++format) back[i * 6 + format] = values[format];
}

// bf16 and half: both directions, all four roundings of the headers.
extern "C" __global__ void half_formats(const float* x, unsigned short* bf16, unsigned short* half,
                                        float* back) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  const float value = x[i];
  const __nv_bfloat16 b[4] = {__float2bfloat16_rn(value), __float2bfloat16_rz(value),
                              __float2bfloat16_rd(value), __float2bfloat16_ru(value)};
  const __half h[4] = {__float2half_rn(value), __float2half_rz(value), __float2half_rd(value),
                       __float2half_ru(value)};
#pragma unroll
  for (int mode = 0; mode < 4; ++mode) {
    bf16[i * 4 + mode] = __bfloat16_as_ushort(b[mode]);
    half[i * 4 + mode] = __half_as_ushort(h[mode]);
  }
  back[i * 2] = __bfloat162float(b[0]);
  back[i * 2 + 1] = __half2float(h[0]);
}

// Float to integers and back; out-of-range values saturate.
extern "C" __global__ void integers_of_floats(const float* x, int* nearest, unsigned* toward_zero,
                                              long long* floors, unsigned long long* ceilings, short* shorts,
                                              float* back) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  const float value = x[i];
  nearest[i] = __float2int_rn(value);
  toward_zero[i] = __float2uint_rz(value);
  floors[i] = __float2ll_rd(value);
  ceilings[i] = __float2ull_ru(value);
  shorts[i] = __half2short_rn(__float2half(value));
  back[i * 4] = __int2float_rn(nearest[i]);
  back[i * 4 + 1] = __uint2float_rz(toward_zero[i]);
  back[i * 4 + 2] = __ll2float_ru(floors[i]);
  back[i * 4 + 3] = float(static_cast<signed char>(nearest[i]));
}

// f64: to f32 with every rounding, to integers, and from them.
extern "C" __global__ void doubles(const double* x, float* floats, long long* whole, double* back) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  const double value = x[i];
  floats[i * 4] = __double2float_rn(value);
  floats[i * 4 + 1] = __double2float_rz(value);
  floats[i * 4 + 2] = __double2float_rd(value);
  floats[i * 4 + 3] = __double2float_ru(value);
  whole[i * 2] = __double2ll_rn(value);
  whole[i * 2 + 1] = __double2int_rd(value);
  back[i * 2] = __ll2double_rn(whole[i * 2] * 3);
  back[i * 2 + 1] = double(floats[i * 4]) + double(int(whole[i * 2 + 1]));
}
