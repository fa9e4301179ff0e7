// The device's arithmetic: f32 functions in full and in fast precision, f64, and integers of all widths.

// Inputs in (0.1, 4). One row of results a function.
extern "C" __global__ void float_functions(const float* x, float* out, int n) {
  const int i = threadIdx.x + blockIdx.x * blockDim.x;
  const float a = x[i];
  float* to = out + i;
  int row = 0;
  auto put = [&](float value) { to[n * row++] = value; };
  put(expf(a));
  put(logf(a));
  put(sinf(a));
  put(cosf(a));
  put(tanhf(a));
  put(powf(a, 1.7f));
  put(sqrtf(a));
  put(rsqrtf(a));
  put(a / 3.3f);
  put(1.0f / a);
  put(erff(a));
  put(log1pf(a));
  put(expm1f(a));
  put(exp2f(a));
  put(log2f(a));
  put(fmodf(a, 0.3f));
  put(cbrtf(a));
  put(atan2f(a, 2.0f));
  put(hypotf(a, 1.0f));
  put(normcdff(a));
  put(lgammaf(a));
  put(roundf(a) + rintf(a) + floorf(a) + ceilf(a) + truncf(a));
  put(copysignf(fminf(a, 1.0f), -1.0f) + fmaxf(a, 2.0f) + fabsf(-a));
  put(ldexpf(a, 3) + fmaf(a, a, a) + __saturatef(a));
  put(__frcp_rn(a) + __fsqrt_rn(a) + __fadd_rz(a, 1.0f));
  put(__expf(a));
  put(__logf(a));
  put(__fdividef(a, 2.5f));
  put(__sinf(a) + __cosf(a));
}

extern "C" __global__ void double_functions(const double* x, double* out, int n) {
  const int i = threadIdx.x + blockIdx.x * blockDim.x;
  const double a = x[i];
  double* to = out + i;
  int row = 0;
  auto put = [&](double value) { to[n * row++] = value; };
  put(exp(a));
  put(log(a));
  put(sin(a));
  put(sqrt(a));
  put(a / 3);
  put(1 / a);
  put(pow(a, 1.5));
  put(fma(a, a, a));
  put(fmin(a, 1.0) + fmax(a, 2.0));
  put(floor(a) + rint(a) + fabs(-a));
  put(rsqrt(a));
  put(tanh(a));
}

// Per thread two words and a shift; results are held against the same sums in C++.
extern "C" __global__ void words(const int* x, const int* y, int* out, int n) {
  const int i = threadIdx.x + blockIdx.x * blockDim.x, a = x[i], b = y[i];
  int* to = out + i;
  int row = 0;
  auto put = [&](int value) { to[n * row++] = value; };
  put(__popc(a) + 100 * __clz(b) + 10000 * __ffs(a));
  put(__brev(b));
  put(__mulhi(a, b));
  put(__umulhi(a, b));
  put(__mul24(a, b));
  put(__byte_perm(a, b, 0x3715));
  put(__funnelshift_l(a, b, i));
  put(__funnelshift_r(a, b, i));
  put(__dp4a(a, b, i));
  put(__dp2a_lo(a, b, i));
  put(__vadd4(a, b));
  put(__vabsdiffu4(a, b));
  put(__vcmpgtu4(a, b));
  put(__vmaxs2(a, b));
  put(__usad(a, b, 1u));
  put(__sad(a, b, 2u));
  put(a / b);
  put(a % b);
  put(int(unsigned(a) / unsigned(b)));
  put(int(unsigned(a) % unsigned(b)));
  put(abs(a) + min(a, b) - max(a, b));
  put(a << (i & 31));
  put(a >> (i & 31));
  put(int(unsigned(a) >> (i & 31)));
  put((a & b) | ~a);
  put((a >> 5) & 31);
  put(__hadd(a, b));
  put(__viaddmax_s32(a, b, 3));
  put(__vimax3_s32(a, b, 4));
  put(short(a) * short(b) + static_cast<signed char>(a) - static_cast<unsigned char>(b));
}

extern "C" __global__ void long_words(const long long* x, const long long* y, long long* out, int n) {
  const int i = threadIdx.x + blockIdx.x * blockDim.x;
  const long long a = x[i], b = y[i];
  long long* to = out + i;
  int row = 0;
  auto put = [&](long long value) { to[n * row++] = value; };
  put(a * b);
  put(a / b);
  put(a % b);
  put((long long)((unsigned long long)a / (unsigned long long)b));
  put(__mul64hi(a, b));
  put((long long)__umul64hi(a, b));
  put(__clzll(a) + 100 * __popcll(b) + 10000 * __ffsll(a));
  put((long long)__brevll(a));
  put(a << (i & 63));
  put(a >> (i & 63));
  put((long long)((unsigned long long)a >> (i & 63)));
  put((long long)(((__int128)a * b) >> 40));
  put(a < b ? a : b);
  put((a ^ b) - (a & ~b));
}
