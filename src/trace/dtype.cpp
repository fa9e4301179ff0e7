#include <algorithm>
#include <array>

#include "src/base/check.h"
#include "src/trace/definition.h"

namespace warpwright::trace {
namespace {

struct DTypeFacts {
  DType dtype;
  std::string_view name;  // as the dataset spells it
  int bits;
  std::string_view cuda_type;
};

constexpr std::array<DTypeFacts, 16> kDTypes = {{
    {DType::kFloat64, "float64", 64, "double"},
    {DType::kFloat32, "float32", 32, "float"},
    {DType::kFloat16, "float16", 16, "__half"},
    {DType::kBfloat16, "bfloat16", 16, "__nv_bfloat16"},
    {DType::kFloat8E4m3fn, "float8_e4m3fn", 8, "__nv_fp8_e4m3"},
    {DType::kFloat8E5m2, "float8_e5m2", 8, "__nv_fp8_e5m2"},
    {DType::kFloat4E2m1, "float4_e2m1", 4, "__nv_fp4x2_e2m1"},
    {DType::kInt64, "int64", 64, "int64_t"},
    {DType::kInt32, "int32", 32, "int32_t"},
    {DType::kInt16, "int16", 16, "int16_t"},
    {DType::kInt8, "int8", 8, "int8_t"},
    {DType::kUint64, "uint64", 64, "uint64_t"},
    {DType::kUint32, "uint32", 32, "uint32_t"},
    {DType::kUint16, "uint16", 16, "uint16_t"},
    {DType::kUint8, "uint8", 8, "uint8_t"},
    {DType::kBool, "bool", 8, "bool"},
}};

const DTypeFacts& facts(DType dtype) {
  const auto it =
      std::find_if(kDTypes.begin(), kDTypes.end(), [&](const auto& f) { return f.dtype == dtype; });
  CHECK(it != kDTypes.end());
  return *it;
}

}  // namespace

std::string_view to_string(DType dtype) {
  return facts(dtype).name;
}

std::optional<DType> dtype_from_string(std::string_view text) {
  for (const DTypeFacts& f : kDTypes) {
    if (f.name == text) return f.dtype;
  }
  if (text == "float4_e2m1fn_x2" || text == "float4_e2m1fn") return DType::kFloat4E2m1;  // PyTorch's names
  return std::nullopt;
}

int size_bits(DType dtype) {
  return facts(dtype).bits;
}

bool is_floating(DType dtype) {
  return facts(dtype).name.starts_with("float") || dtype == DType::kBfloat16;
}

std::string_view cuda_type(DType dtype) {
  return facts(dtype).cuda_type;
}

}  // namespace warpwright::trace
