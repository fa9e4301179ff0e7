// Bulk and tensor copies: cp.async.bulk, cp.reduce.async.bulk, their .tensor forms, and the groups of those
// that write global memory (PTX ISA, "Data Movement and Conversion Instructions: Asynchronous copy", "Bulk
// copy", "Tensor copy").
//
// All of them arrive as late as the rules allow. Copies into shared memory land when somebody waits at their
// mbarrier; those into global memory read their source at wait_group.read and arrive at wait_group, or when
// the cluster's blocks have ended. A source that changes before it may is reported.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <vector>

#include "evaluator/sim/cluster.h"
#include "evaluator/sim/machine.h"
#include "evaluator/sim/ops/atomics.h"
#include "evaluator/sim/tensor_map.h"

namespace warpwright::sim {

// One instruction's form and rows, kept word by word in Kernel::lists. Addresses are in 64-bit rows.
struct BulkForm {
  enum class Kind : uint32_t {
    kLoad,   // global to shared memory
    kStore,  // shared to global memory
    kShare,  // the own block's shared memory to another's
  };
  Kind kind = Kind::kLoad;
  uint32_t is_tensor = 0;
  uint32_t is_multicast = 0;
  uint32_t by_pair = 0;       // cta_group::2: the mbarrier may be the peer's
  uint32_t by_rows = 0;       // tile::gather4, tile::scatter4
  uint32_t in_own_block = 0;  // the destination is .shared::cta
  uint32_t reduces = 0;
  uint32_t operation = 0, type = 0, element_bytes = 0;  // of a reduction; a tensor's type is its map's
  uint32_t to = kNoRow, from = kNoRow, barrier = kNoRow, map = kNoRow;
  uint32_t size = kNoRow, blocks = kNoRow, bytes = kNoRow;  // rows of the size, ctaMask, byteMask
  uint32_t coordinate_count = 0;
  std::array<uint32_t, kMaxTensorRank> coordinates = {};
};
static_assert(sizeof(BulkForm) % sizeof(uint32_t) == 0);

// Op: list = where the form is, site = of the global accesses (none of Kind::kShare).
const Op* bulk_copy_op(Warp& w, const Op* op);

// Bytes that lie together in global memory, and where they are in the box.
struct CopyRun {
  std::byte* host = nullptr;
  uint64_t address = 0;
  uint32_t box_offset = 0, bytes = 0;
};
// What one copy moves between global memory and a box in shared memory.
struct CopyPlan {
  std::vector<CopyRun> runs;
  uint32_t bytes = 0;   // of the box: what the mbarrier counts
  uint32_t region = 0;  // of shared memory that it may touch: the box, up to the end of its swizzle
  uint32_t moved = 0;   // of global memory
  TensorSwizzle swizzle = TensorSwizzle::kNone;
  uint64_t fill = 0;  // 8 bytes of what stands beside the tensor
  std::optional<AtomicKind> reduction;
};
// Adds a run after its checks. `buffer`: of the last one, or null. False: a fault.
bool add_run(Warp& w, const Op* op, int lane, const CopyRun& run, bool is_load, CopyPlan& plan,
             Buffer*& buffer);
// tensor_copy.cpp: the lane's plan by its tensor map and coordinates. False: a fault.
bool plan_tensor(Warp& w, const Op* op, int lane, const BulkForm& form, CopyPlan& plan);

// A copy into global memory on its way.
struct BulkStore {
  const Op* op = nullptr;
  int lane = 0;
  uint32_t group = 0;  // of the lane, counted from 1
  CopyPlan plan;
  SharedPlace from;
  std::vector<std::byte> issued;  // the source, at first when the copy was issued, then as it was read
  bool is_read = false;
  double read_cycles = 0, done_cycles = 0;
};
// Of one warp.
struct BulkGroups {
  std::vector<BulkStore> under_way;
  std::array<uint32_t, kLanes> committed = {};
  double engine_free = 0;  // on the warp's clock: when the copy engine takes the next one
};
const Op* commit_bulk(Warp& w, const Op* op);
// Op: immediate = how many of the lane's newest groups may still be under way, flags: below.
inline constexpr uint8_t kOnlySources = 1;  // .read
const Op* wait_for_bulk(Warp& w, const Op* op);
// The cluster's blocks have ended: what is left arrives; sources that nobody waited for are reported.
void end_bulk(Warp& w);

// When a copy of so many bytes that is issued now has read its source and when it has arrived. Takes the
// engine's time.
struct CopyTimes {
  double read = 0, done = 0;
};
CopyTimes take_engine(Warp& w, uint32_t bytes);

// st.async, red.async: Op: s[0] + immediate = address, s[1] = mbarrier's address (64 bits), list = rows of
// the values, count of them, target = bytes of one, s[2] = 1 + AtomicOperation | AtomicType << 8, or 0.
const Op* store_async_op(Warp& w, const Op* op);

// tensormap.replace: Op: s[0] + immediate = address (flags: kAddress32, kGenericAddress), s[1] = the new
// value (64 bits), count = TensorMapField, list = ordinal; tensormap.cp_fenceproxy: s[0] to s[1], 128 bytes.
enum class TensorMapField : uint8_t {
  kAddress,
  kRank,
  kBox,
  kDimension,
  kStride,
  kElementStride,
  kType,
  kInterleave,
  kSwizzle,
  kAtomicity,
  kFill,
};
const Op* replace_tensor_map_op(Warp& w, const Op* op);
const Op* copy_tensor_map_op(Warp& w, const Op* op);
// 128 bytes at a generic (or, in_shared, a shared) address, checked; nullptr: a fault.
std::byte* find_tensor_map(Warp& w, const Op* op, int lane, uint64_t address, bool in_shared, bool writes);

}  // namespace warpwright::sim
