// The machine that decoded kernels run on: operations, warps, blocks. Internal to the simulator.
//
// A register is a row of 32 lanes in its warp's register file: 4 bytes a lane (8-, 16- and 32-bit registers,
// the narrow ones zero-extended), 8 bytes a lane (64-bit), or one 32-bit mask (predicates). Immediates,
// parameters, addresses of symbols and special registers are rows too, filled in before the kernel starts, so
// every operand is a byte offset into the file.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "evaluator/sim/meeting.h"
#include "evaluator/sim/memory_impl.h"
#include "evaluator/sim/simulator.h"

namespace warpwright::sim {

inline constexpr int kLanes = 32;
inline constexpr uint32_t kFullMask = ~uint32_t{0};
inline constexpr uint32_t kNoRow = ~uint32_t{0};
inline constexpr uint32_t kRow32 = 4 * kLanes;  // bytes
inline constexpr uint32_t kRow64 = 8 * kLanes;

struct Warp;
struct Block;
struct Op;
struct Kernel;
struct RaceShadow;
class GlobalRaces;
struct BlockRaces;
struct Conversion;
struct VideoForm;
struct AsyncCopies;
struct MatrixProduct;
struct WmmaForm;
struct Callee;
struct IndirectCall;
struct Cluster;
struct Mbarriers;
struct RegisterPool;

// An address of shared memory is the block's rank in its cluster, above the offset in the block's own memory,
// as on a GPU: kernels tell a pair's leader from its peer by that bit.
inline constexpr int kRankShift = 24;
inline constexpr uint32_t kOffsetMask = (1u << kRankShift) - 1;
inline constexpr uint64_t kMaxClusterBlocks = 16;

// Executes one operation for the warp's active lanes and returns the next one; nullptr hands the processor
// back to the block's scheduler (Warp::state says why).
using Handler = const Op* (*)(Warp&, const Op*);

struct Op {
  Handler run = nullptr;
  uint32_t d = kNoRow;                                           // destination row
  std::array<uint32_t, 4> s = {kNoRow, kNoRow, kNoRow, kNoRow};  // source rows
  uint32_t list = 0;                                             // further rows: index into Kernel::lists
  int64_t immediate = 0;                                         // address offset, or what the handler says
  int32_t site = -1;         // memory operations: index of LaunchState::sites
  int32_t target = -1;       // branches: index into Kernel::code
  int32_t instruction = -1;  // index into Kernel::instructions, for messages
  uint8_t whole = 0;         // d's inactive lanes are dead: it may be written without regard to the mask
  uint8_t count = 0;         // vector elements
  uint8_t size = 0;          // bytes of an element
  uint8_t flags = 0;         // see the handler
};

// Flags of memory operations.
inline constexpr uint8_t kAddress32 = 1;      // the address row is 32 bits wide
inline constexpr uint8_t kConstantSpace = 4;  // ld.const: not global traffic
inline constexpr uint8_t kReleases = 8;       // a release, without a fence before it
inline constexpr uint8_t kSynchronises = 2;   // volatile, acquire, release or atomic: orders other accesses

enum class WarpState { kReady, kAtBarrier, kYielded, kDone, kFaulted };

// What a group may wait at, besides the barriers 0 to 15 of its block (Group::barrier).
inline constexpr int kAtClusterBarrier = 16;
inline constexpr int kAtMbarrier = 32;  // + its offset in the block's shared memory

// A part of a diverged warp.
struct Group {
  enum class State { kReady, kAtSync, kAtBarrier };
  const Op* pc = nullptr;
  uint32_t mask = 0;
  State state = State::kReady;
  int barrier = -1;
  const Op* waiting = nullptr;  // the operation it waits at
};

enum class AccessShape : uint8_t { kScattered, kContiguous, kBroadcast };

// A memory instruction's memory of its last access: which buffer, and what its pattern of addresses cost; and
// what all its accesses of the launch cost together.
struct AccessSite {
  Buffer* buffer = nullptr;
  AccessShape shape = AccessShape::kScattered;
  bool aligned = false;       // every relative address is a multiple of the access's size
  bool overlapping = false;   // two lanes touch the same bytes
  uint64_t base = 0;          // address of the first active lane
  uint32_t mask = 0;          // 0: nothing remembered
  uint32_t cost = 0;          // sectors or wavefronts
  uint32_t ideal_cost = 0;    // the same, if the lanes' bytes lay side by side
  int64_t low = 0, high = 0;  // span of the pattern, relative to base
  uint64_t accesses = 0, total_cost = 0, total_ideal_cost = 0;
  // Global memory: the cost of the pattern by the first address's place in its sector; 0: not counted yet.
  std::array<uint8_t, 32> cost_by_place = {};
  alignas(64) std::array<uint64_t, kLanes> relative;

  void count() {
    accesses += 1;
    total_cost += cost;
    total_ideal_cost += ideal_cost;
  }
};

// The latency of a stretch of straight code, for one warp alone. Results of slow operations (loads, shuffles)
// may be used stretches later; a warp waits for them where they are first read, as an in-order processor
// does.
struct CriticalPath {
  double cycles = 0;           // of the stretch itself
  double first_slow_use = -1;  // cycle at which it first reads a slow result of an earlier stretch; -1: never
  double pending = 0;          // how long after its end the last of its own slow results arrives
};

struct StretchRuns {
  uint64_t warps = 0, lanes = 0;
  CriticalPath path;  // of one run
};

// Tells a warp that only waits: between two of its turns nothing in memory changed, and its own state is what
// it was at an earlier turn, so it will go round the same loop until somebody else writes.
struct SpinWatch {
  uint64_t changes = ~uint64_t{0};  // memory_changes() at the last turn's end
  uint64_t hash = 0;                // of the state at the turn that later ones are compared with
  const Op* pc = nullptr;           // of that turn; null: none yet
  uint32_t mask = 0;
  uint32_t turns = 0;       // without a change in memory
  uint32_t idle_polls = 0;  // visits to the head of a polling loop in those turns
  bool spinning = false;    // proven
};

struct Warp {
  std::byte* rows = nullptr;
  uint32_t mask = 0;            // active lanes
  uint32_t live = 0;            // lanes that have not exited
  bool full = false;            // mask is kFullMask
  uint32_t unguarded_mask = 0;  // of the predicated operations at hand
  int index = 0;
  WarpState state = WarpState::kReady;
  const Op* pc = nullptr;  // where to go on, when not running
  const Op* code = nullptr;
  Block* block = nullptr;
  const Kernel* kernel = nullptr;
  int group_count = 0;        // the other parts of a diverged warp
  int fair_leaders = 0;       // > 0: the running part keeps the processor although it is not the lowest
  bool forced_sync = false;   // the next gather_lanes goes on with the lanes it has
  bool wait_expired = false;  // the next mbarrier.try_wait answers instead of waiting
  int slice = 0;              // block leaders until others get their turn
  int polls = 0;              // visits to the head of a polling loop in this turn
  SpinWatch spin;
  double cycles = 0;   // critical path so far
  double pending = 0;  // when the last slow result under way arrives, on the same clock
  std::array<Group, kLanes + 1> groups;
  std::byte* local = nullptr;           // kLanes frames of Kernel::local_bytes
  uint8_t* local_written = nullptr;     // for each of their bytes; null when races are not looked for
  std::shared_ptr<AsyncCopies> copies;  // null until the first one
  StretchRuns* stretch_runs = nullptr;
  int64_t* budget = nullptr;
  AccessSite* sites = nullptr;
  Counters* counters = nullptr;
  const uint32_t* lists = nullptr;
  std::byte* shared = nullptr;
  uint32_t shared_bytes = 0;
  uint32_t shared_begin = 0;     // address of its first byte: the block's rank << kRankShift
  bool in_cluster = false;       // of more than one block
  RaceShadow* shadow = nullptr;  // null when races are not looked for
  GlobalRaces* races = nullptr;  // likewise
  // Result of the last bar.red this warp took part in.
  bool reduced_all = false, reduced_any = false;
  uint32_t reduced_population = 0;
  double mbarrier_cycles = 0;  // of its path: stood at mbarriers
  alignas(64) std::array<std::byte, kRow64> scratch;

  void set_mask(uint32_t m) {
    mask = m;
    full = m == kFullMask;
  }
};

// What a stretch of straight code (from one leader to the next) costs each time a warp runs it.
struct StretchCost {
  uint32_t instructions = 0;
  double issue_slots = 0;
  TensorFlops tensor_flops = {};
  CriticalPath path;
  uint32_t fma = 0, alu = 0, wide = 0, xu = 0, fp64 = 0, tensor = 0, lsu = 0, shuffles = 0, barriers = 0,
           branches = 0;
};

// Flag of a block leader: its stretch may store to global or shared memory.
inline constexpr uint8_t kStores = 0x80;

// Rows to fill before a block runs.
struct ConstantRow {
  enum class Kind { kLiteral, kParameter, kSymbol, kShared, kSpecial };
  Kind kind = Kind::kLiteral;
  uint32_t row = 0;
  bool wide = false;       // 64-bit lanes
  bool is_signed = false;  // kParameter: sign-extended
  int size = 4;            // kParameter: bytes
  uint64_t value = 0;  // kLiteral: the bits; kParameter: offset in the block; kSymbol: added to the address;
                       // kShared: offset in the block's shared memory
  std::string name;    // kSymbol, kSpecial
};

// Where an operation came from, for messages.
struct InstructionInfo {
  std::string text;  // the opcode as written
  int ptx_line = 0;
  std::string source;                       // "file.cu:12", empty when unknown
  std::string note;                         // why it is not supported, where there is more to say
  double issue_slots = 0, wait_cycles = 0;  // of one execution, see InstructionProfile
  std::size_t stretch = 0;                  // index into Kernel::stretches
};

// What an AccessSite stands for.
struct SiteInfo {
  bool is_shared = false, is_load = false;
  int32_t instruction = -1;
};

struct Kernel {
  Kernel();
  ~Kernel();
  std::string name, display_name;  // mangled, demangled
  KernelInfo info;
  std::vector<Op> code;
  std::vector<uint32_t> lists;
  std::vector<ConstantRow> constants;
  std::vector<StretchCost> stretches;
  std::vector<InstructionInfo> instructions;
  std::vector<Conversion> conversions;
  std::vector<VideoForm> videos;
  std::vector<MatrixProduct> matrix_products;
  std::vector<WmmaForm> wmma_forms;
  std::vector<Callee> callees;  // that calls through registers may reach, by pointer
  std::vector<IndirectCall> indirect_calls;
  std::vector<uint32_t> return_rows;                // of every function, zero when a block starts
  uint32_t stack_row = kNoRow, stack_begin = 0;     // of alloca: where a lane's free local memory begins
  std::vector<std::vector<int32_t>> branch_tables;  // brx.idx: indices into code
  uint32_t register_bytes = 0;
  uint32_t local_bytes = 0;  // a lane's frame: locals and call parameters, multiple of 16
  uint32_t static_shared_bytes = 0;
  uint32_t dynamic_shared_offset = 0;  // where extern shared memory starts
  uint32_t shared_granule = 4;  // bytes that one race-shadow cell stands for: the narrowest shared store
  std::vector<SiteInfo> sites;  // by Op::site
  std::vector<uint32_t> storing_stretches;  // that may store to global or shared memory, atomics aside
  bool has_fences = false;          // or acquire and release forms: flags in shared memory may order accesses
  uint32_t launch_registers = 0;    // a thread's, where setmaxnreg matters
  bool has_cluster_fences = false;  // likewise between the blocks of a cluster
  bool has_async_proxy =
      false;  // operations that read and write shared memory through the asynchronous proxy
  double tensor_flops_per_cycle = 0;  // of its target's SMs
};

struct Barrier {
  uint32_t expected_threads = 0;                    // 0: every warp that still lives
  uint32_t repeated_threads = 0;                    // that arrived again before it opened
  std::array<uint32_t, kLanes> arrived_lanes = {};  // by warp
  Meeting meeting;                                  // of the arriving warps
  // bar.red
  bool all = true, any = false;
  uint32_t population = 0;
};

// One thread block while it runs.
struct Block {
  const Kernel* kernel = nullptr;
  Memory::Impl* memory = nullptr;
  struct LaunchState* launch = nullptr;
  std::array<uint32_t, 3> index = {};
  std::vector<Warp> warps;
  std::array<Barrier, 16> barriers;
  uint32_t active_barriers = 0;  // at which somebody has arrived; the others are as new
  std::unique_ptr<RaceShadow> shadow;
  std::unique_ptr<BlockRaces> races;
  Cluster* cluster = nullptr;  // never null while the block runs
  uint32_t rank = 0;           // in it
  bool ended = false;
  std::unique_ptr<Mbarriers> mbarriers;
  std::unique_ptr<RegisterPool> registers;         // null until the first setmaxnreg
  std::array<uint32_t, kLanes> at_cluster = {};    // by warp: lanes that arrived at the cluster's barrier
  std::array<uint32_t, kLanes> past_cluster = {};  // and have not waited for it since it opened
  Meeting cluster_arrivals, cluster_meeting;       // of the phase under way, of the last one

  Block();
  ~Block();
  uint64_t number() const;  // in the grid
};

// Everything one launch shares.
struct LaunchState {
  const Launch* launch = nullptr;
  const Options* options = nullptr;
  const Kernel* kernel = nullptr;
  std::vector<AccessSite> sites;  // by Op::site
  std::vector<StretchRuns> stretch_runs;
  int64_t budget = 0;         // warp instructions left
  uint64_t grid_barrier = 0;  // address of what the driver gives cooperative launches, 0 if there is none
  uint64_t changes = 0;       // atomics that changed a value, arrivals at barriers; see memory_changes()
  struct Tracer* tracer = nullptr;  // only while a deadlock is explained
  Counters counters;
  std::vector<Finding> findings;
  std::array<uint32_t, 32> finding_count = {};
  bool faulted = false;
  std::unique_ptr<GlobalRaces> races;

  LaunchState();
  ~LaunchState();
};

}  // namespace warpwright::sim
