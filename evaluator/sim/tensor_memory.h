// Tensor memory: 128 lanes x 512 columns of 32 bits for each block (PTX ISA, "Tensor Memory"; not verified on
// hardware).
//
// Columns are allocated in powers of two, at least 32, and have to be given back before the block ends. An
// address has the lane in its upper and the column in its lower 16 bits.
//
// Order is tracked as in shared memory (race_shadow.h), by spans of 16 lanes and one column, and by the
// fences of tcgen05 (PTX ISA, "Memory Consistency Model for 5th generation of TensorCore operations:
// Canonical synchronization patterns"):
//   what a warp stored or loaded reaches another's operation over tcgen05.wait, tcgen05.fence::
//     before_thread_sync, a barrier or an mbarrier (relaxed too), and tcgen05.fence::after_thread_sync;
//   what mma, cp and shift did reaches ld and st, the same warp's too, and another thread's mma, cp and shift
//     over tcgen05.commit (which is the first fence also), the wait for its mbarrier, and after_thread_sync;
//   mma, cp and shift of one thread need nothing, they are carried out in order.
// A kernel that uses either fence is held to both everywhere. One that uses neither is not: Triton and
// CUTLASS emit none and rely on barriers and mbarriers that release and acquire, which the manual says apply
// as well.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "evaluator/sim/machine.h"
#include "evaluator/sim/race_shadow.h"

namespace warpwright::sim {

inline constexpr uint32_t kTensorLanes = 128, kTensorColumns = 512, kLeastTensorColumns = 32;
inline constexpr uint32_t kSpanLanes = 16, kSpansPerColumn = kTensorLanes / kSpanLanes;
inline constexpr uint32_t kAllSpans = (1u << kSpansPerColumn) - 1;
inline constexpr int kAtTensorMemory = kAtClusterBarrier + 1;  // Group::barrier: waits for columns

// Spans (bit k: lanes 16 k to 16 k + 15) of some columns.
struct TensorRegion {
  uint32_t spans = 0, column = 0, columns = 0;
};
uint32_t spans_of_lanes(uint32_t lane, uint32_t lanes);

// A tcgen05.ld behind which no tcgen05.wait::ld has come.
struct TensorLoad {
  TensorRegion region;
  const Op* op = nullptr;
};

class TensorMemory {
 public:
  explicit TensorMemory(const Kernel& kernel);

  // Which operation is writing a span that is in flight: a warp's store, or what a thread has issued.
  static uint32_t store_owner(int warp) { return 0x8000'0000 | static_cast<uint32_t>(warp); }
  static uint32_t issue_owner(const Warp& w, int lane);

  struct Span {
    uint64_t write = 0, read = 0;  // tags; 0: nobody has; write may be RaceShadow::kInFlight
    uint32_t owner = 0;            // while in flight
    uint32_t unfinished = 0;       // so many writes
  };
  Span& span(uint32_t index, uint32_t column) { return spans_[column * kSpansPerColumn + index]; }
  // Lane 0 of the column; the other lanes follow.
  uint32_t* column(uint32_t c) { return cells_.data() + std::size_t{c} * kTensorLanes; }

  // The first column of a new allocation; kTensorColumns: no room.
  uint32_t allocate(uint32_t columns);
  bool free(uint32_t column, uint32_t columns);  // false: that is not what allocate() gave
  bool is_allocated(uint32_t column, uint32_t columns) const;
  uint32_t free_columns() const;
  bool is_in_flight(uint32_t column, uint32_t columns);
  std::string describe_allocations() const;  // "columns 0 to 127, 256 to 511"

  bool relinquished = false;                                // no more alloc
  int group = 0;                                            // .cta_group of its instructions; 0: none yet
  std::array<std::vector<TensorLoad>, kMaxWarps> loads;     // under way
  std::array<std::vector<TensorRegion>, kMaxWarps> stores;  // under way
  bool has_fences = false;                                  // the kernel
  // Stamps up to which a warp's own accesses are before its fence::before_thread_sync; and what it knew of
  // the others at its fence::after_thread_sync.
  std::array<uint32_t, kMaxWarps> before = {};
  std::array<RaceShadow::Known, kMaxWarps> after = {};
  // Between the two fences: what waits at mbarriers told each warp, by warp, and what arrivals told each
  // mbarrier, by offset. Relaxed ones order nothing else.
  std::array<RaceShadow::Known, kMaxWarps> told = {};
  std::map<uint32_t, RaceShadow::Known> handed;

 private:
  std::vector<uint32_t> cells_;
  std::vector<Span> spans_;
  std::array<uint16_t, kTensorColumns> allocation_ = {};  // by column: first column + 1; 0: free
};

// Of the block; made at the first call. `find` does not make one.
TensorMemory& tensor_memory(const Block& block);
TensorMemory* find_tensor_memory(const Block& block);

// Reads and writes of `where`'s tensor memory by `w`; `owner`: whose unfinished writes are no obstacle (0:
// nobody's). They report what is unordered, unwritten or in flight; order is known only in w's own block.
// False: columns that are not allocated, a fault.
bool check_tensor_read(Warp& w, const Op* op, int lane, const Block& where, const TensorRegion& region,
                       uint32_t owner);
bool check_tensor_write(Warp& w, const Op* op, int lane, const Block& where, const TensorRegion& region,
                        uint32_t owner);
// From now on in flight, or written.
void begin_tensor_write(const Block& where, const TensorRegion& region, uint32_t owner);
void end_tensor_write(const Block& where, const TensorRegion& region, uint64_t tag);
bool overlap(const TensorRegion& a, const TensorRegion& b);

// The hooks of mbarriers: a thread has arrived at one of its block, or waited for one; relaxed or not.
void note_mbarrier_arrival(const Warp& w, uint32_t offset);
void note_mbarrier_wait(const Warp& w, uint32_t offset, const Meeting& meeting);
// The block has ended: reports columns that were not given back, and loads that nobody waited for.
void end_tensor_memory(Block& block);

}  // namespace warpwright::sim
