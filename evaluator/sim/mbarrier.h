// mbarrier objects of a block (PTX ISA, "Parallel Synchronization and Communication Instructions: mbarrier").
//
// A phase completes when no arrival is pending and the transaction count is zero; then the next begins with
// the expected count. The object's eight bytes in shared memory hold the same figures, so that a kernel that
// overwrites one is found. try_wait waits here until its phase completes; it gives up, as the rules allow,
// only when nothing else in the launch can go on.
#pragma once

#include <map>
#include <string>

#include "evaluator/sim/cluster.h"
#include "evaluator/sim/machine.h"

namespace warpwright::sim {

inline constexpr uint32_t kMostArrivals = (1u << 20) - 1;
inline constexpr int64_t kMostTransactions = (1 << 20) - 1;  // bytes, either sign

struct Mbarrier {
  uint32_t expected = 0, pending = 0;  // arrivals
  int64_t transactions = 0;            // bytes that asynchronous operations still have to bring
  uint64_t phase = 0;                  // how many have completed
  Meeting arrivals, meeting;           // of the phase under way, of the last one that completed
  double cycles = 0,
         last_cycles = 0;  // on the blocks' clock: the latest arrival; when the last phase completed
};

struct Mbarriers {
  std::map<uint32_t, Mbarrier> by_offset;
};

// The object at a place, if there is one and its bytes are as it left them. Otherwise faults, and nullptr.
// Reports where nothing orders its initialisation before `w`. Inside a block a barrier does; between blocks
// it takes a release, which is all that fence.mbarrier_init is (PTX ISA, "fence"): a relaxed arrival at the
// cluster's barrier behind it releases the inits, any other arrival releases them without it.
Mbarrier* find_mbarrier(Warp& w, const Op* op, int lane, const SharedPlace& place);

// An asynchronous operation, or a thread, completes `bytes` of transactions (negative: expects them) and then
// arrives `arrivals` times. `cycles`: when, on the blocks' clock. False: a fault.
struct Completion {
  enum class Order { kNone, kRelaxed, kRelease };
  int64_t bytes = 0;
  uint32_t arrivals = 0;
  bool drops = false;  // the arrivals, for the phases to come
  Order order = Order::kRelease;
};
bool complete_at(Warp& w, const Op* op, int lane, const SharedPlace& place, const Completion& completion,
                 double cycles);

// The instructions. Op: s[0] + immediate = address, s[1] = count row or kNoRow (1), s[2] = bytes row or
// kNoRow, d = state or predicate or kNoRow, count = MbarrierAction, flags: kAddress32 and below.
enum class MbarrierAction : uint8_t {
  kInit,
  kInvalidate,
  kExpect,      // expect_tx
  kComplete,    // complete_tx
  kArrive,      // and arrive.expect_tx
  kArriveDrop,  // and arrive_drop.expect_tx
  kTestState,   // s[1] = state
  kTestParity,  // s[1] = parity
};
inline constexpr uint8_t kGenericAddress = 2;
inline constexpr uint8_t kMayWait = 4;        // try_wait
inline constexpr uint8_t kRelaxed = 8;        // orders nothing
inline constexpr uint8_t kNoCompletion = 16;  // arrive.noComplete
const Op* mbarrier_op(Warp& w, const Op* op);
const Op* pending_count(Warp& w, const Op* op);  // d, s[0] = state (64 bits)
// cp.async.mbarrier.arrive: once the lane's earlier cp.async have arrived. flags, and kNoIncrement.
inline constexpr uint8_t kNoIncrement = 32;
const Op* arrive_after_copies(Warp& w, const Op* op);
// fence.proxy.async, fence.mbarrier_init. flags: kOnlyMbarriers.
inline constexpr uint8_t kOnlyMbarriers = 1;
const Op* fence_proxies(Warp& w, const Op* op);

// Lands what somebody in the block waits for. True if that let anybody go on.
bool land_awaited(Block& block);
// Lets every group that waits at an mbarrier of the block try once more, and then go on. True if there was
// one.
bool expire_waits(Block& block);
// Whether a group waits for something that other blocks, or asynchronous operations, may still do.
bool waits_for_others(const Warp& w);
bool waits_for_others(const Block& block);
std::string describe_mbarrier(const Block& block, uint32_t offset);

}  // namespace warpwright::sim
