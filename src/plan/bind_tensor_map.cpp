// Tensor maps: the rules of cuTensorMapEncodeTiled (CUDA Driver API, "Tensor Map Object Management"), so that
// a map that the driver would refuse, or that reaches outside its buffer, is an error with a place.
#include <fmt/format.h>

#include <algorithm>

#include "src/plan/binder.h"

namespace warpwright::plan {
namespace {

constexpr int64_t kMaxDim = int64_t{1} << 32;
constexpr int64_t kMaxStrideBytes = int64_t{1} << 40;  // exclusive
constexpr int64_t kMaxBox = 256;
constexpr int64_t kMaxElementStride = 8;

bool has_flag(const BoundTensorMap& map, std::string_view flag) {
  return std::find(map.flags.begin(), map.flags.end(), flag) != map.flags.end();
}

// Bytes that one row of the box may span; 0: no limit.
int64_t swizzle_bytes(const BoundTensorMap& map) {
  if (has_flag(map, "swizzle_32b")) return 32;
  if (has_flag(map, "swizzle_64b")) return 64;
  return has_flag(map, "swizzle_128b") ? 128 : 0;
}

bool is_interleaved(const BoundTensorMap& map) {
  return has_flag(map, "interleave_16b") || has_flag(map, "interleave_32b");
}

int64_t alignment(const BoundTensorMap& map) {
  return has_flag(map, "interleave_32b") ? 32 : 16;
}

}  // namespace

bool Binder::bind_list(const std::vector<ExpressionPtr>& list, std::vector<int64_t>& values) {
  for (const ExpressionPtr& expression : list) {
    const std::optional<int64_t> value = evaluator_.integer(*expression);
    if (!value) return false;
    values.push_back(*value);
  }
  return true;
}

bool Binder::bind(const TensorMap& map, Position at) {
  BoundTensorMap bound;
  bound.at = at;
  bound.name = unique_name(map.name, true);
  bound.element_type = map.element_type;
  bound.flags = map.flags;
  std::sort(bound.flags.begin(), bound.flags.end());
  std::optional<BufferView> base = bind_view(map.base);
  if (!base) return false;
  if (base->is_null) {
    return fail(map.base.at,
                fmt::format("'{}' is absent in this workload: guard the tensor map with if (has({}))",
                            map.base.buffer, map.base.buffer));
  }
  bound.base = std::move(*base);
  const bool values = bind_list(map.dims, bound.dims) && bind_list(map.strides_bytes, bound.strides_bytes) &&
                      bind_list(map.box, bound.box) && bind_list(map.elem_strides, bound.elem_strides);
  if (!values) return false;
  if (bound.elem_strides.empty()) bound.elem_strides.assign(bound.dims.size(), 1);
  const bool ok = check_dims(map, bound) && complete_strides(map, bound, at) && check_strides(map, bound) &&
                  check_box(map, bound) && check_base(map, bound) && check_extent(map, bound, at);
  if (!ok) return false;
  tensor_maps_[map.name] = bound.name;
  plan_.tensor_maps.push_back(std::move(bound));
  return true;
}

bool Binder::check_dims(const TensorMap& map, const BoundTensorMap& bound) {
  for (size_t i = 0; i < bound.dims.size(); ++i) {
    if (bound.dims[i] >= 1 && bound.dims[i] <= kMaxDim) continue;
    return fail(map.dims[i]->at, fmt::format("dim {} of tensor map '{}' is {}: it must be 1 to 2^32", i,
                                             map.name, bound.dims[i]));
  }
  return true;
}

// No strides written: the dims are packed.
bool Binder::complete_strides(const TensorMap& map, BoundTensorMap& bound, Position at) {
  if (!bound.strides_bytes.empty() || bound.dims.size() == 1) return true;
  int64_t stride = map.element_bits / 8;
  for (size_t i = 0; i + 1 < bound.dims.size(); ++i) {
    if (__builtin_mul_overflow(stride, bound.dims[i], &stride)) {
      return fail(at, fmt::format("the dims of tensor map '{}' overflow a 64-bit size", map.name));
    }
    bound.strides_bytes.push_back(stride);
  }
  return true;
}

bool Binder::check_strides(const TensorMap& map, const BoundTensorMap& bound) {
  for (size_t i = 0; i < bound.strides_bytes.size(); ++i) {
    const Position at = i < map.strides_bytes.size() ? map.strides_bytes[i]->at : map.dims[i]->at;
    const int64_t stride = bound.strides_bytes[i];
    if (stride < 1 || stride >= kMaxStrideBytes) {
      return fail(
          at, fmt::format("stride {} of tensor map '{}' is {} bytes: it must be positive and below 2^40", i,
                          map.name, stride));
    }
    if (stride % alignment(bound) != 0) {
      return fail(at, fmt::format("stride {} of tensor map '{}' is {} bytes: it must be a multiple of {}", i,
                                  map.name, stride, alignment(bound)));
    }
  }
  for (size_t i = 0; i < bound.elem_strides.size(); ++i) {
    if (bound.elem_strides[i] >= 1 && bound.elem_strides[i] <= kMaxElementStride) continue;
    return fail(map.elem_strides[i]->at,
                fmt::format("element stride {} of tensor map '{}' is {}: it must be 1 to {}", i, map.name,
                            bound.elem_strides[i], kMaxElementStride));
  }
  return true;
}

bool Binder::check_box(const TensorMap& map, const BoundTensorMap& bound) {
  for (size_t i = 0; i < bound.box.size(); ++i) {
    if (bound.box[i] >= 1 && bound.box[i] <= kMaxBox) continue;
    return fail(map.box[i]->at, fmt::format("box {} of tensor map '{}' is {}: it must be 1 to {}", i,
                                            map.name, bound.box[i], kMaxBox));
  }
  const Position at = map.box[0]->at;
  const int64_t row_bytes = bound.box[0] * map.element_bits / 8;
  if (is_interleaved(bound)) {
    if (bound.dims.size() < 3) {
      return fail(at, fmt::format("tensor map '{}' is interleaved: it needs 3 to 5 dims, not {}", map.name,
                                  bound.dims.size()));
    }
    if (has_flag(bound, "interleave_32b") && !has_flag(bound, "swizzle_32b")) {
      return fail(at, fmt::format("tensor map '{}': interleave_32b needs swizzle_32b", map.name));
    }
    return true;
  }
  if (row_bytes % 16 != 0) {
    return fail(at, fmt::format("the inner box of tensor map '{}' has {} bytes: it must be a multiple of 16",
                                map.name, row_bytes));
  }
  const int64_t span = swizzle_bytes(bound);
  if (span == 0 || row_bytes <= span) return true;
  return fail(at, fmt::format("the inner box of tensor map '{}' has {} bytes: swizzle_{}b allows at most {}",
                              map.name, row_bytes, span, span));
}

bool Binder::check_base(const TensorMap& map, const BoundTensorMap& bound) {
  if (bound.base.byte_offset % alignment(bound) == 0) return true;
  return fail(map.base.at,
              fmt::format("tensor map '{}' begins at byte {} of '{}': it must be a multiple of {}", map.name,
                          bound.base.byte_offset, map.base.buffer, alignment(bound)));
}

bool Binder::check_extent(const TensorMap& map, const BoundTensorMap& bound, Position at) {
  const std::optional<Buffer> buffer = find_buffer(map.base);
  int64_t end = 0;  // one past the last byte
  bool overflow = __builtin_mul_overflow(bound.dims[0], int64_t{map.element_bits} / 8, &end);
  for (size_t i = 0; i < bound.strides_bytes.size(); ++i) {
    int64_t span = 0;
    overflow = overflow || __builtin_mul_overflow(bound.dims[i + 1] - 1, bound.strides_bytes[i], &span) ||
               __builtin_add_overflow(end, span, &end);
  }
  if (!overflow && end <= buffer->bytes - bound.base.byte_offset) return true;
  return fail(at, fmt::format("tensor map '{}' spans {} bytes from byte {} of '{}', which has {}", map.name,
                              overflow ? "too many" : fmt::format("{}", end), bound.base.byte_offset,
                              map.base.buffer, buffer->bytes));
}

}  // namespace warpwright::plan
