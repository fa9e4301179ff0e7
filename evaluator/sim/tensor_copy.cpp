// What a tensor copy moves: the box that its map and coordinates name, row by row.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "evaluator/sim/access_pattern.h"
#include "evaluator/sim/bulk_copy.h"
#include "evaluator/sim/faults.h"
#include "evaluator/sim/ops/row_access.h"

namespace warpwright::sim {
namespace {

constexpr uint64_t kMapAlignment = 64;
constexpr uint32_t kGatheredRows = 4;

// The constant that stands for "outside": all bits but the sign's.
uint64_t nan_pattern(TensorMapType type) {
  const uint32_t bytes = unit_of(type).shared_bytes;
  return bytes == 2 ? 0x7fff7fff7fff7fff : bytes == 4 ? 0x7fffffff7fffffff : 0x7fffffffffffffff;
}

// How a reduction combines elements of the map's type; nothing if it does not exist.
std::optional<AtomicKind> reduction_of(AtomicOperation operation, TensorMapType type) {
  using Operation = AtomicOperation;
  const bool is_bitwise =
      operation == Operation::kAnd || operation == Operation::kOr || operation == Operation::kXor;
  const bool counts = operation == Operation::kInc || operation == Operation::kDec;
  switch (type) {
    case TensorMapType::kU32:
      return AtomicKind{operation, AtomicType::kUnsigned, 4, 1};
    case TensorMapType::kS32:
      if (counts) return std::nullopt;
      return AtomicKind{operation, AtomicType::kSigned, 4, 1};
    case TensorMapType::kU64:
    case TensorMapType::kS64:
      if (counts) return std::nullopt;
      return AtomicKind{operation, type == TensorMapType::kU64 ? AtomicType::kUnsigned : AtomicType::kSigned,
                        8, 1};
    case TensorMapType::kF16:
    case TensorMapType::kBf16:
      if (is_bitwise || counts) return std::nullopt;
      return AtomicKind{operation, type == TensorMapType::kF16 ? AtomicType::kHalf : AtomicType::kBfloat, 2,
                        1};
    case TensorMapType::kF32:
    case TensorMapType::kF32Ftz:
    case TensorMapType::kF64:
      if (operation != Operation::kAdd) return std::nullopt;
      return AtomicKind{operation, AtomicType::kFloat, type == TensorMapType::kF64 ? 8 : 4, 1};
    case TensorMapType::kU8:
    case TensorMapType::kU16:
    case TensorMapType::kTf32:
    case TensorMapType::kTf32Ftz:
    case TensorMapType::kU4x16:
    case TensorMapType::kU4x16Wide:
    case TensorMapType::kU6x16Wide:
      return std::nullopt;
  }
  return std::nullopt;
}

class TensorPlan {
 public:
  TensorPlan(Warp& w, const Op* op, int lane, const BulkForm& form, CopyPlan& plan)
      : w_(w), op_(op), lane_(lane), form_(form), plan_(plan), is_load_(form.kind == BulkForm::Kind::kLoad) {}

  bool run() {
    if (!read_map() || !check_form()) return false;
    for (uint32_t d = 0; d < form_.coordinate_count; ++d)
      start_[d] = static_cast<int32_t>(lane_word(w_, form_.coordinates[d], lane_));
    unit_ = unit_of(map_.type);
    if (start_[0] % static_cast<int64_t>(unit_.elements) != 0)
      return refuse(fmt::format("starts at element {} of a row of packed ones: multiples of {}", start_[0],
                                unit_.elements));
    row_bytes_ = map_.box[0] / unit_.elements * unit_.shared_bytes;
    const uint64_t bytes =
        form_.by_rows != 0 ? uint64_t{kGatheredRows} * row_bytes_ : uint64_t{box_bytes(map_)};
    if (bytes > w_.shared_bytes)
      return refuse(fmt::format("its box has {} bytes, more than the block's shared memory", bytes));
    plan_.bytes = static_cast<uint32_t>(bytes);
    plan_.swizzle = map_.swizzle;
    const uint32_t span = std::max(1u, swizzle_span(map_.swizzle));
    plan_.region = (plan_.bytes + span - 1) / span * span;
    plan_.fill = map_.oob_fill == 1 ? nan_pattern(map_.type) : 0;
    return form_.by_rows != 0 ? add_gathered() : add_box();
  }

 private:
  bool refuse(const std::string& what) const {
    fault(w_, op_, lane_, Finding::Kind::kBadDescriptor, "the tensor map: " + what);
    return false;
  }

  bool read_map() {
    const std::byte* image = find_tensor_map(w_, op_, lane_, lane_wide(w_, form_.map, lane_), false, false);
    if (image == nullptr) return false;
    const auto map = decode_tensor_map(std::span<const std::byte, kTensorMapBytes>(image, kTensorMapBytes));
    if (!map)
      return refuse(
          "the 128 bytes are not what cuTensorMapEncodeTiled and tensormap.replace make: pass the "
          "map as it is, by __grid_constant__ parameter or a copy of all its bytes");
    if (const auto complaint = complaint_about(*map)) return refuse(*complaint);
    map_ = *map;
    if (map_.interleave == 0) return true;
    fault(w_, op_, lane_, Finding::Kind::kUnsupported, "interleaved tensor maps are not simulated");
    return false;
  }

  bool check_form() {
    const uint32_t rank = form_.by_rows != 0 ? 2 : form_.coordinate_count;
    if (map_.rank != rank)
      return refuse(fmt::format("has {} dimensions, but the copy has {}", map_.rank, rank));
    if (form_.by_rows != 0 && map_.box[1] != 1)
      return refuse(fmt::format("gather4 and scatter4 take a box of one row, not {}", map_.box[1]));
    if (map_.type == TensorMapType::kU4x16Wide && !is_load_)
      return refuse("padded packed elements of 4 bits can only be loaded");
    if (form_.reduces == 0) return true;
    plan_.reduction = reduction_of(static_cast<AtomicOperation>(form_.operation), map_.type);
    return plan_.reduction.has_value() || refuse("its element type has no such reduction");
  }

  // The row whose outer coordinates give `address` of its element 0, at `box_offset`.
  bool add_row(uint64_t address, uint32_t box_offset) {
    const int64_t size = static_cast<int64_t>(map_.dims[0]), first = std::max<int64_t>(0, -start_[0]);
    const int64_t last = std::min<int64_t>(map_.box[0], size - start_[0]);
    if (first >= last) return true;
    const auto units = static_cast<int64_t>(unit_.elements);
    const int64_t begin = first / units, end = (last + units - 1) / units;
    address += static_cast<uint64_t>((start_[0] / units + begin) * unit_.global_bytes);
    box_offset += static_cast<uint32_t>(begin) * unit_.shared_bytes;
    if (unit_.global_bytes == unit_.shared_bytes)
      return add({nullptr, address, box_offset, static_cast<uint32_t>(end - begin) * unit_.global_bytes});
    for (int64_t k = begin; k < end; ++k) {
      if (!add({nullptr, address, box_offset, unit_.global_bytes})) return false;
      address += unit_.global_bytes;
      box_offset += unit_.shared_bytes;
    }
    return true;
  }
  bool add(const CopyRun& run) { return add_run(w_, op_, lane_, run, is_load_, plan_, buffer_); }

  bool is_inside(uint32_t d, int64_t coordinate) const {
    return coordinate >= 0 && static_cast<uint64_t>(coordinate) < map_.dims[d];
  }

  bool add_gathered() {
    for (uint32_t k = 0; k < kGatheredRows; ++k) {
      const int64_t row = start_[1 + k];
      if (is_inside(1, row) &&
          !add_row(map_.address + static_cast<uint64_t>(row) * map_.strides[0], k * row_bytes_))
        return false;
    }
    return true;
  }

  bool add_box() {
    std::array<uint32_t, kMaxTensorRank> index = {}, count = {1, 1, 1, 1, 1};
    for (uint32_t d = 1; d < map_.rank; ++d) count[d] = box_elements(map_, d);
    for (uint32_t offset = 0; offset < plan_.bytes; offset += row_bytes_) {
      uint64_t address = map_.address;
      bool inside = true;
      for (uint32_t d = 1; d < map_.rank; ++d) {
        const int64_t coordinate = start_[d] + int64_t{index[d]} * map_.element_strides[d];
        inside &= is_inside(d, coordinate);
        address += static_cast<uint64_t>(coordinate) * map_.strides[d - 1];
      }
      if (inside && !add_row(address, offset)) return false;
      for (uint32_t d = 1; d < map_.rank; ++d) {
        if (++index[d] < count[d]) break;
        index[d] = 0;
      }
    }
    return true;
  }

  Warp& w_;
  const Op* op_;
  int lane_;
  const BulkForm& form_;
  CopyPlan& plan_;
  bool is_load_;
  TensorMap map_;
  TensorUnit unit_;
  std::array<int64_t, kMaxTensorRank> start_ = {};
  uint32_t row_bytes_ = 0;
  Buffer* buffer_ = nullptr;
};

}  // namespace

bool plan_tensor(Warp& w, const Op* op, int lane, const BulkForm& form, CopyPlan& plan) {
  return TensorPlan(w, op, lane, form, plan).run();
}

std::byte* find_tensor_map(Warp& w, const Op* op, int lane, uint64_t address, bool in_shared, bool writes) {
  const bool is_shared = in_shared || address / kSharedWindow == 1;
  std::byte* found = nullptr;
  if (is_shared && writes) {
    const SharedPlace place = locate_shared(*w.block, address, kTensorMapBytes);
    if (place.block == w.block) found = place.host();
  } else if (!is_shared) {
    Buffer* buffer = find_buffer(w, address, kTensorMapBytes);
    if (buffer != nullptr && writes && buffer->access == Access::kReadOnly) {
      fault(w, op, lane, Finding::Kind::kWriteToReadOnly,
            fmt::format("changes the tensor map at {}, which is an input: copy it first",
                        w.block->memory->describe(address, kTensorMapBytes)));
      return nullptr;
    }
    if (buffer != nullptr) found = buffer->host(address);
  }
  if (found != nullptr && address % kMapAlignment == 0) return found;
  fault(w, op, lane, Finding::Kind::kBadDescriptor,
        fmt::format("a tensor map at {}: 128 bytes of {}, aligned to 64",
                    is_shared ? fmt::format("shared address {:#x}", address)
                              : w.block->memory->describe(address, kTensorMapBytes),
                    writes ? "the block's shared memory or of a buffer" : "a parameter, constant or buffer"));
  return nullptr;
}

}  // namespace warpwright::sim
