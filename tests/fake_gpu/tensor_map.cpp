// The driver API: tensor maps. Arguments are held to the rules of the driver API manual
// (cuTensorMapEncodeTiled); the map itself means nothing here, since the simulator has no TMA.
#include <cstring>

#include "tests/fake_gpu/exports.h"

namespace warpwright::fake_gpu {
namespace {

constexpr int kElementBytes[] = {1, 2, 4, 4, 8, 8, 2,
                                 4, 8, 2, 4, 4, 4};  // by CUtensorMapDataType, plain ones
constexpr int kFirstPacked = 13, kTypes = 16;        // 16U4_ALIGN8B, ...
constexpr int kSwizzles = 7, kPromotions = 4;

struct Tiled {
  int type = 0;
  uint32_t rank = 0;
  uint64_t address = 0;
  const uint64_t *dims = nullptr, *strides = nullptr;
  const uint32_t *box = nullptr, *element_strides = nullptr;
  int interleave = 0, swizzle = 0, promotion = 0, fill = 0;
};

bool is_float(int type) {
  return type >= 6 && type <= 12;
}

bool has_good_layout(const Tiled& t) {
  const uint64_t alignment = t.interleave == 2 || t.type > kFirstPacked ? 32 : 16;
  if (t.address == 0 || t.address % alignment != 0) return false;
  for (uint32_t k = 0; k < t.rank; ++k) {
    if (t.dims[k] == 0 || t.dims[k] > uint64_t{1} << 32) return false;
    if (k + 1 < t.rank && (t.strides[k] % alignment != 0 || t.strides[k] >= uint64_t{1} << 40)) return false;
    if (t.box[k] == 0 || t.box[k] > 256) return false;
    if (t.element_strides[k] == 0 || t.element_strides[k] > 8) return false;
  }
  return true;
}

bool is_valid(const Tiled& t) {
  if (t.type < 0 || t.type >= kTypes || t.rank < 1 || t.rank > 5) return false;
  if (t.interleave < 0 || t.interleave > 2 || t.swizzle < 0 || t.swizzle >= kSwizzles) return false;
  if (t.promotion < 0 || t.promotion >= kPromotions || t.fill < 0 || t.fill > 1) return false;
  if (t.interleave != 0 && t.rank < 3) return false;
  if (t.interleave == 2 && t.swizzle != 1) return false;  // 32B goes with 32B
  if (t.fill == 1 && !is_float(t.type)) return false;     // NaN
  if (!has_good_layout(t)) return false;
  if (t.interleave != 0 || t.type >= kFirstPacked) return true;
  const uint64_t inner = uint64_t{t.box[0]} * static_cast<uint64_t>(kElementBytes[t.type]);
  const uint64_t limit = t.swizzle == 0 ? ~uint64_t{0} : t.swizzle < 3 ? uint64_t{16} << t.swizzle : 128;
  return inner % 16 == 0 && inner <= limit;
}

}  // namespace
}  // namespace warpwright::fake_gpu

using namespace warpwright::fake_gpu;  // NOLINT: the rest is C

FAKE_EXPORT abi::Code cuTensorMapEncodeTiled(abi::TensorMap* map, int type, uint32_t rank, void* address,
                                             const uint64_t* dims, const uint64_t* strides,
                                             const uint32_t* box, const uint32_t* element_strides,
                                             int interleave, int swizzle, int promotion, int fill) {
  DriverCall call(Needs::kAlways, "cuTensorMapEncodeTiled", "type={} rank={} swizzle={}", type, rank,
                  swizzle);
  if (call.code != 0) return call.code;
  const Tiled tiled{type,
                    rank,
                    reinterpret_cast<uint64_t>(address),
                    dims,
                    strides,
                    box,
                    element_strides,
                    interleave,
                    swizzle,
                    promotion,
                    fill};
  if (reinterpret_cast<uint64_t>(map) % 64 != 0 || !is_valid(tiled)) return kInvalidValue;
  std::memset(map, 0xa5, sizeof *map);
  map->opaque[0] = tiled.address;
  return 0;
}
