#include "evaluator/exec/tensor_maps.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "src/base/check.h"

namespace warpwright::exec {
namespace {

// CUtensorMapDataType. The driver has no 8-bit floats and no signed 8- and 16-bit integers: what matters is
// the size, and what a filled-in element is.
struct DataType {
  std::string_view element_type;
  int value;
  int bytes;
  bool floating;  // as the driver sees it
};
constexpr DataType kDataTypes[] = {
    {"uint8_t", 0, 1, false},       {"int8_t", 0, 1, false},        {"char", 0, 1, false},
    {"bool", 0, 1, false},          {"__nv_fp8_e4m3", 0, 1, false}, {"__nv_fp8_e5m2", 0, 1, false},
    {"__nv_fp8_e8m0", 0, 1, false}, {"uint16_t", 1, 2, false},      {"int16_t", 1, 2, false},
    {"uint32_t", 2, 4, false},      {"int32_t", 3, 4, false},       {"int", 3, 4, false},
    {"uint64_t", 4, 8, false},      {"int64_t", 5, 8, false},       {"__half", 6, 2, true},
    {"float", 7, 4, true},          {"double", 8, 8, true},         {"__nv_bfloat16", 9, 2, true},
};

// The plan's flags, by the enumeration they belong to.
struct Flag {
  std::string_view name;
  int cuda::TensorMap::*member;
  int value;
};
constexpr Flag kFlags[] = {
    {"interleave_16b", &cuda::TensorMap::interleave, 1}, {"interleave_32b", &cuda::TensorMap::interleave, 2},
    {"swizzle_none", &cuda::TensorMap::swizzle, 0},      {"swizzle_32b", &cuda::TensorMap::swizzle, 1},
    {"swizzle_64b", &cuda::TensorMap::swizzle, 2},       {"swizzle_128b", &cuda::TensorMap::swizzle, 3},
    {"l2_64b", &cuda::TensorMap::l2_promotion, 1},       {"l2_128b", &cuda::TensorMap::l2_promotion, 2},
    {"l2_256b", &cuda::TensorMap::l2_promotion, 3},      {"oob_nan", &cuda::TensorMap::oob_fill, 1},
};

const DataType* find_type(std::string_view element_type) {
  const auto* found = std::find_if(std::begin(kDataTypes), std::end(kDataTypes),
                                   [&](const DataType& type) { return type.element_type == element_type; });
  return found == std::end(kDataTypes) ? nullptr : found;
}

const Flag* find_flag(std::string_view name) {
  const auto* found =
      std::find_if(std::begin(kFlags), std::end(kFlags), [&](const Flag& flag) { return flag.name == name; });
  return found == std::end(kFlags) ? nullptr : found;
}

template <class T>
std::vector<T> cast(const std::vector<int64_t>& values) {
  return {values.begin(), values.end()};
}

bool all_within(const std::vector<int64_t>& values, int64_t least, int64_t most) {
  return std::all_of(values.begin(), values.end(), [&](int64_t v) { return v >= least && v <= most; });
}

std::optional<std::string> check_figures(const plan::BoundTensorMap& map, const cuda::TensorMap& lowered) {
  const size_t rank = map.dims.size();
  if (rank < 1 || rank > 5) return fmt::format("it has {} dims, tensor maps have 1 to 5", rank);
  if (map.box.size() != rank) return fmt::format("{} dims, but a box of {}", rank, map.box.size());
  if (map.elem_strides.size() != rank)
    return fmt::format("{} dims, but {} element strides", rank, map.elem_strides.size());
  if (map.strides_bytes.size() != rank - 1)
    return fmt::format("{} dims need {} strides, not {} (the innermost is one element)", rank, rank - 1,
                       map.strides_bytes.size());
  if (!all_within(map.dims, 1, int64_t{1} << 32)) return "dims must be 1 to 2^32";
  if (!all_within(map.box, 1, 256)) return "box entries must be 1 to 256";
  if (!all_within(map.elem_strides, 1, 8)) return "element strides must be 1 to 8";
  if (!all_within(map.strides_bytes, 1, (int64_t{1} << 40) - 1))
    return "strides must be positive and below 2^40";
  const int64_t alignment = lowered.interleave == 2 ? 32 : 16;
  for (const int64_t stride : map.strides_bytes)
    if (stride % alignment != 0) return fmt::format("strides must be multiples of {} bytes", alignment);
  if (map.base.byte_offset % alignment != 0)
    return fmt::format("its base must be a multiple of {} bytes into the buffer", alignment);
  return std::nullopt;
}

std::optional<std::string> check_layout(const plan::BoundTensorMap& map, const cuda::TensorMap& lowered,
                                        const DataType& type) {
  if (lowered.oob_fill != 0 && !type.floating)
    return fmt::format("oob_nan needs a floating type, which {} is not to the driver; leave it out",
                       map.element_type);
  if (lowered.interleave != 0) {
    if (map.dims.size() < 3) return "interleaved maps need 3 to 5 dims";
    if (lowered.interleave == 2 && lowered.swizzle != 1) return "interleave_32b needs swizzle_32b";
    return std::nullopt;
  }
  const int64_t row_bytes = map.box[0] * type.bytes;
  if (row_bytes % 16 != 0)
    return fmt::format("a row of the box has {} bytes, it must be a multiple of 16", row_bytes);
  const int64_t span = int64_t{16} << lowered.swizzle;
  if (lowered.swizzle != 0 && row_bytes > span)
    return fmt::format("a row of the box has {} bytes, swizzle_{}b allows at most {}", row_bytes, span, span);
  return std::nullopt;
}

cuda::TensorMap lower_flags(const plan::BoundTensorMap& map) {
  cuda::TensorMap lowered;
  for (const std::string& name : map.flags)
    if (const Flag* flag = find_flag(name)) lowered.*(flag->member) = flag->value;
  return lowered;
}

std::optional<std::string> complaint_about(const plan::BoundTensorMap& map) {
  const DataType* type = find_type(map.element_type);
  if (type == nullptr) return fmt::format("tensor maps have no element type {}", map.element_type);
  for (const std::string& name : map.flags)
    if (find_flag(name) == nullptr) return fmt::format("unknown flag {}", name);
  const cuda::TensorMap lowered = lower_flags(map);
  if (auto complaint = check_figures(map, lowered)) return complaint;
  return check_layout(map, lowered, *type);
}

}  // namespace

std::optional<std::string> check_tensor_map(const plan::BoundTensorMap& map) {
  const auto complaint = complaint_about(map);
  if (!complaint) return std::nullopt;
  return fmt::format("tensor map '{}': {}", map.name, *complaint);
}

cuda::TensorMap lower_tensor_map(const plan::BoundTensorMap& map, const cuda::BufferRef& base) {
  const DataType* type = find_type(map.element_type);
  CHECK(type != nullptr);
  cuda::TensorMap lowered = lower_flags(map);
  lowered.base = base;
  lowered.data_type = type->value;
  lowered.dims = cast<uint64_t>(map.dims);
  lowered.strides_bytes = cast<uint64_t>(map.strides_bytes);
  lowered.box = cast<uint32_t>(map.box);
  lowered.element_strides = cast<uint32_t>(map.elem_strides);
  return lowered;
}

}  // namespace warpwright::exec
