#include "evaluator/compile/headers.h"

namespace warpwright::compile {
namespace {

// CCCL's own, so that nothing clashes where a kernel (or another header of CUDA) includes both.
#define FROM_CCCL(header) "#pragma once\n#include <cuda/std/" header ">\n"
#define INTO_STD "namespace std { using namespace ::cuda::std; }\n"

// The functions themselves are NVRTC's built-ins.
constexpr const char* kMath = R"(#pragma once
#ifndef INFINITY
#pragma nv_diag_suppress 47  // CCCL defines the two again, otherwise
#define INFINITY (__int_as_float(0x7f800000))
#define NAN (__int_as_float(0x7fffffff))
#endif
#ifndef HUGE_VALF
#define HUGE_VALF (__int_as_float(0x7f800000))
#endif
#ifndef M_PI
#define M_E 2.7182818284590452354
#define M_LOG2E 1.4426950408889634074
#define M_LOG10E 0.43429448190325182765
#define M_LN2 0.69314718055994530942
#define M_LN10 2.30258509299404568402
#define M_PI 3.14159265358979323846
#define M_PI_2 1.57079632679489661923
#define M_PI_4 0.78539816339744830962
#define M_1_PI 0.31830988618379067154
#define M_2_PI 0.63661977236758134308
#define M_SQRT2 1.41421356237309504880
#define M_SQRT1_2 0.70710678118654752440
#endif
)";
constexpr const char* kCmath = R"(#pragma once
#include <math.h>
namespace std {
using ::abs; using ::acos; using ::asin; using ::atan; using ::atan2; using ::cbrt; using ::ceil;
using ::ceilf; using ::copysign; using ::cos; using ::cosf; using ::cosh; using ::erf; using ::exp;
using ::exp2; using ::exp2f; using ::expf; using ::expm1; using ::fabs; using ::fabsf;
using ::floor; using ::floorf; using ::fma; using ::fmaf; using ::fmax; using ::fmaxf; using ::fmin;
using ::fminf; using ::fmod; using ::frexp; using ::hypot; using ::isfinite; using ::isinf;
using ::isnan; using ::ldexp; using ::log; using ::log10; using ::log1p; using ::log2;
using ::log2f; using ::logf; using ::nearbyint; using ::pow; using ::powf; using ::rint;
using ::rintf; using ::round; using ::roundf; using ::signbit; using ::sin; using ::sinf;
using ::sinh; using ::sqrt; using ::sqrtf; using ::tan; using ::tanh; using ::tanhf; using ::trunc;
using ::truncf;
}
)";
// CCCL's costs a second.
constexpr const char* kAlgorithm = R"(#pragma once
namespace std {
template <class T> __device__ constexpr const T& min(const T& a, const T& b) { return b < a ? b : a; }
template <class T> __device__ constexpr const T& max(const T& a, const T& b) { return a < b ? b : a; }
template <class T> __device__ constexpr const T& clamp(const T& v, const T& low, const T& high) {
  return v < low ? low : high < v ? high : v;
}
}
)";
constexpr const char* kFloat = R"(#pragma once
#ifndef FLT_MAX
#define FLT_MAX 3.402823466e+38F
#define FLT_MIN 1.175494351e-38F
#define FLT_EPSILON 1.192092896e-07F
#define FLT_DIG 6
#define FLT_MANT_DIG 24
#define DBL_MAX 1.7976931348623158e+308
#define DBL_MIN 2.2250738585072014e-308
#define DBL_EPSILON 2.2204460492503131e-16
#define DBL_DIG 15
#define DBL_MANT_DIG 53
#endif
)";
constexpr const char* kCstddef = R"(#pragma once
namespace std { using ::size_t; using ::ptrdiff_t; }
)";
// Built into NVRTC (assert, printf, memcpy, the runtime's types), or of no use to device code.
constexpr const char* kNothing = "#pragma once\n";

}  // namespace

const std::vector<MemoryHeader>& memory_headers() {
  static const std::vector<MemoryHeader> headers = {
      {"stdint.h", FROM_CCCL("cstdint")},
      {"cstdint", FROM_CCCL("cstdint") INTO_STD},
      {"limits.h", FROM_CCCL("climits")},
      {"climits", FROM_CCCL("climits")},
      {"math.h", kMath},
      {"cmath", kCmath},
      {"algorithm", kAlgorithm},
      {"float.h", kFloat},
      {"cfloat", kFloat},
      {"stddef.h", kNothing},
      {"cstddef", kCstddef},
      {"assert.h", kNothing},
      {"cassert", kNothing},
      {"stdio.h", kNothing},
      {"cstdio", kNothing},
      {"stdlib.h", kNothing},
      {"cstdlib", kNothing},
      {"string.h", kNothing},
      {"cstring", kNothing},
      {"cuda.h", kNothing},
      {"cuda_runtime.h", kNothing},
      {"cuda_runtime_api.h", kNothing},
      {"device_launch_parameters.h", kNothing},
      {"array", FROM_CCCL("array") INTO_STD},
      {"limits", FROM_CCCL("limits") INTO_STD},
      {"tuple", FROM_CCCL("tuple") INTO_STD},
      {"type_traits", FROM_CCCL("type_traits") INTO_STD},
      {"utility", FROM_CCCL("utility") INTO_STD},
  };
  return headers;
}

}  // namespace warpwright::compile
