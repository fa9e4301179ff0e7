// The driver API: tensor maps, held to the rules of the driver API manual (cuTensorMapEncodeTiled), in the
// form that the simulator's kernels read.
#include <algorithm>
#include <cstring>

#include "evaluator/sim/tensor_map.h"
#include "tests/fake_gpu/exports.h"

using namespace warpwright::fake_gpu;  // NOLINT: the rest is C
namespace sim = warpwright::sim;

FAKE_EXPORT abi::Code cuTensorMapEncodeTiled(abi::TensorMap* map, int type, uint32_t rank, void* address,
                                             const uint64_t* dims, const uint64_t* strides,
                                             const uint32_t* box, const uint32_t* element_strides,
                                             int interleave, int swizzle, int promotion, int fill) {
  DriverCall call(Needs::kAlways, "cuTensorMapEncodeTiled", "type={} rank={} swizzle={}", type, rank,
                  swizzle);
  if (call.code != 0) return call.code;
  constexpr int kTypes = 16, kInterleaves = 3, kSwizzles = 7, kPromotions = 4, kFills = 2;
  const auto is_one_of = [](int value, int count) { return value >= 0 && value < count; };
  if (reinterpret_cast<uint64_t>(map) % 64 != 0 || rank < 1 || rank > sim::kMaxTensorRank ||
      !is_one_of(type, kTypes) || !is_one_of(interleave, kInterleaves) || !is_one_of(swizzle, kSwizzles) ||
      !is_one_of(promotion, kPromotions) || !is_one_of(fill, kFills))
    return kInvalidValue;
  sim::TensorMap tensor;
  tensor.address = reinterpret_cast<uint64_t>(address);
  tensor.type = static_cast<sim::TensorMapType>(type);
  tensor.rank = rank;
  std::copy_n(dims, rank, tensor.dims.begin());
  if (rank > 1) std::copy_n(strides, rank - 1, tensor.strides.begin());
  std::copy_n(box, rank, tensor.box.begin());
  std::copy_n(element_strides, rank, tensor.element_strides.begin());
  tensor.interleave = static_cast<uint8_t>(interleave);
  tensor.swizzle = static_cast<sim::TensorSwizzle>(swizzle);
  tensor.l2_promotion = static_cast<uint8_t>(promotion);
  tensor.oob_fill = static_cast<uint8_t>(fill);
  if (sim::complaint_about(tensor)) return kInvalidValue;
  const sim::TensorMapImage image = sim::encode_tensor_map(tensor);
  static_assert(sizeof *map == sizeof image);
  std::memcpy(map, image.data(), image.size());
  return 0;
}
