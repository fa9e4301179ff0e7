// cvt against the host conversions of CUDA's own headers; empty where the headers were not found.
#if __has_include(<cuda_fp4.h>)

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_fp4.h>
#include <cuda_fp6.h>
#include <cuda_fp8.h>

#include "evaluator/sim/opcode_testing.h"

namespace warpwright::sim::testing {
namespace {

uint64_t raw(__half h) {
  return static_cast<__half_raw>(h).x;
}
uint64_t raw(__nv_bfloat16 h) {
  return static_cast<__nv_bfloat16_raw>(h).x;
}
__half_raw half_raw(uint64_t x) {
  __half_raw raw;
  raw.x = static_cast<unsigned short>(x);
  return raw;
}
__nv_bfloat16_raw bfloat_raw(uint64_t x) {
  __nv_bfloat16_raw raw;
  raw.x = static_cast<unsigned short>(x);
  return raw;
}

TEST(CudaHeaders, HalvesAndBfloats) {
  const Same half = same_narrow(false, 1), bfloat = same_narrow(true, 1);
  check(
      "cvt.rn.f16.f32", "hw", [](auto a, auto, auto) { return raw(__float2half_rn(f32(a))); }, half);
  check(
      "cvt.rz.f16.f32", "hw", [](auto a, auto, auto) { return raw(__float2half_rz(f32(a))); }, half);
  check(
      "cvt.rm.f16.f32", "hw", [](auto a, auto, auto) { return raw(__float2half_rd(f32(a))); }, half);
  check(
      "cvt.rp.f16.f32", "hw", [](auto a, auto, auto) { return raw(__float2half_ru(f32(a))); }, half);
  check(
      "cvt.rn.f16.f64", "hd", [](auto a, auto, auto) { return raw(__double2half(f64(a))); }, half);
  check(
      "cvt.f32.f16", "wh", [](auto a, auto, auto) { return bits(__half2float(__half(half_raw(a)))); },
      same_f32);
  check(
      "cvt.rn.bf16.f32", "hw", [](auto a, auto, auto) { return raw(__float2bfloat16_rn(f32(a))); }, bfloat);
  check(
      "cvt.rz.bf16.f32", "hw", [](auto a, auto, auto) { return raw(__float2bfloat16_rz(f32(a))); }, bfloat);
  check(
      "cvt.rm.bf16.f32", "hw", [](auto a, auto, auto) { return raw(__float2bfloat16_rd(f32(a))); }, bfloat);
  check(
      "cvt.rp.bf16.f32", "hw", [](auto a, auto, auto) { return raw(__float2bfloat16_ru(f32(a))); }, bfloat);
  check(
      "cvt.rn.bf16.f64", "hd", [](auto a, auto, auto) { return raw(__double2bfloat16(f64(a))); }, bfloat);
  check(
      "cvt.rn.f16.s32", "hw", [](auto a, auto, auto) { return raw(__int2half_rn(s32(a))); }, half);
  check(
      "cvt.rn.f16.u64", "hd", [](auto a, auto, auto) { return raw(__ull2half_rn(a)); }, half);
  check(
      "cvt.rn.bf16.s32", "hw", [](auto a, auto, auto) { return raw(__int2bfloat16_rn(s32(a))); }, bfloat);
}

TEST(CudaHeaders, EightBits) {
  for (const auto& [name, kind] : {std::pair("e4m3", __NV_E4M3), std::pair("e5m2", __NV_E5M2)}) {
    const auto from_float = [kind](uint64_t x) -> uint64_t {
      return __nv_cvt_float_to_fp8(f32(x), __NV_SATFINITE, kind);
    };
    const auto from_half = [kind](uint64_t x) -> uint64_t {
      return __nv_cvt_halfraw_to_fp8(half_raw(x), __NV_SATFINITE, kind);
    };
    const std::string type = std::string(name) + "x2";
    check("cvt.rn.satfinite." + type + ".f32", "hww",
          [&](auto a, auto b, auto) { return from_float(a) << 8 | from_float(b); });
    check("cvt.rn.satfinite." + type + ".f16x2", "hw",
          [&](auto a, auto, auto) { return from_half(a >> 16) << 8 | from_half(a & 0xffff); });
    std::vector<Sources> codes;
    for (uint64_t code = 0; code < 65536; code += 251) codes.push_back({code});
    for (uint64_t code = 0; code < 256; ++code) codes.push_back({code});
    check_over(
        codes, "cvt.rn.f16x2." + type + " $0, $1;\n", "wh",
        [&](const Sources& s) -> uint64_t {
          const auto one = [&](uint64_t x) -> uint64_t {
            return __nv_cvt_fp8_to_halfraw(static_cast<__nv_fp8_storage_t>(x), kind).x;
          };
          return one(s[0] >> 8) << 16 | one(s[0] & 255);
        },
        same_narrow(false, 2));
  }
}

TEST(CudaHeaders, SixAndFourBits) {
  std::vector<Sources> codes;
  for (uint64_t code = 0; code < 64; ++code) codes.push_back({code | (63 - code) << 8});
  for (const auto& [name, kind] : {std::pair("e2m3", __NV_E2M3), std::pair("e3m2", __NV_E3M2)}) {
    const auto one = [kind](uint64_t x) -> uint64_t {
      return __nv_cvt_float_to_fp6(f32(x), kind, cudaRoundNearest);
    };
    check(std::string("cvt.rn.satfinite.") + name + "x2.f32", "hww",
          [&](auto a, auto b, auto) { return one(a) << 8 | one(b); });
    check_over(codes, std::string("cvt.rn.f16x2.") + name + "x2 $0, $1;\n", "wh",
               [&](const Sources& s) -> uint64_t {
                 const auto half = [&](uint64_t x) -> uint64_t {
                   return __nv_cvt_fp6_to_halfraw(static_cast<__nv_fp6_storage_t>(x), kind).x;
                 };
                 return half(s[0] >> 8) << 16 | half(s[0] & 255);
               });
  }
  const auto four = [](uint64_t x) -> uint64_t {
    return __nv_cvt_float_to_fp4(f32(x), __NV_E2M1, cudaRoundNearest);
  };
  check("cvt.rn.satfinite.e2m1x2.f32", "hww", [&](auto a, auto b, auto) { return four(a) << 4 | four(b); });
  std::vector<Sources> pairs;
  for (uint64_t code = 0; code < 256; ++code) pairs.push_back({code});
  check_over(pairs, "cvt.rn.f16x2.e2m1x2 $0, $1;\n", "wh", [](const Sources& s) -> uint64_t {
    const auto half = [](uint64_t x) -> uint64_t {
      return __nv_cvt_fp4_to_halfraw(static_cast<__nv_fp4_storage_t>(x), __NV_E2M1).x;
    };
    return half(s[0] >> 4) << 16 | half(s[0] & 15);
  });
}

TEST(CudaHeaders, Scales) {
  for (const bool up : {false, true}) {
    for (const bool finite : {false, true}) {
      const auto saturation = finite ? __NV_SATFINITE : __NV_NOSAT;
      const auto rounding = up ? cudaRoundPosInf : cudaRoundZero;
      const auto one = [&](uint64_t x) -> uint64_t {
        return __nv_cvt_float_to_e8m0(f32(x), saturation, rounding);
      };
      const auto narrow = [&](uint64_t x) -> uint64_t {
        return __nv_cvt_bfloat16raw_to_e8m0(bfloat_raw(x), saturation, rounding);
      };
      const std::string opcode =
          std::string(up ? "cvt.rp" : "cvt.rz") + (finite ? ".satfinite" : "") + ".ue8m0x2.";
      check(opcode + "f32", "hww", [&](auto a, auto b, auto) { return one(a) << 8 | one(b); });
      check(opcode + "bf16x2", "hw",
            [&](auto a, auto, auto) { return narrow(a >> 16) << 8 | narrow(a & 0xffff); });
    }
  }
  std::vector<Sources> codes;
  for (uint64_t code = 0; code < 256; ++code) codes.push_back({code | (255 - code) << 8});
  check_over(codes, "cvt.rn.bf16x2.ue8m0x2 $0, $1;\n", "wh", [](const Sources& s) -> uint64_t {
    const auto bfloat = [](uint64_t x) -> uint64_t {
      return __nv_cvt_e8m0_to_bf16raw(static_cast<__nv_fp8_storage_t>(x)).x;
    };
    return bfloat(s[0] >> 8) << 16 | bfloat(s[0] & 255);
  });
}

}  // namespace
}  // namespace warpwright::sim::testing

#endif
