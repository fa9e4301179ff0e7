// Executes PTX kernels on the CPU, functionally, with checks: every access is held against its buffer,
// shared-memory races between warps are found, and what a time model needs is counted. No cycles are
// simulated.
//
// One launch runs on the calling thread: the same inputs give the same bytes, findings and counters on every
// machine. Blocks run in index order, each to its end; those of a cooperative launch, and those that wait for
// another block's store, take turns. Warps are executed 32 lanes at a time; diverged lanes are (pc, mask)
// groups, lowest pc first. What a pass proves is limited: no weak memory order between blocks, approximate
// functions (ex2, lg2, rcp, rsqrt, tanh, sin, cos) are more exact than a GPU's, and mma sums in another
// order.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "evaluator/ptx/module.h"
#include "evaluator/sim/memory.h"
#include "src/base/result.h"

namespace warpwright::sim {

struct Dim3 {
  uint32_t x = 1, y = 1, z = 1;
  uint64_t count() const { return uint64_t{x} * y * z; }
};

struct KernelInfo {
  std::vector<ptx::Parameter> parameters;  // name, offset, size and alignment, in order
  uint64_t parameter_bytes = 0;
  uint32_t static_shared_bytes = 0;
  uint32_t local_bytes = 0;  // per thread
  Dim3 required_block;       // .reqntid, x = 0 if absent
  Dim3 max_block;            // .maxntid, x = 0 if absent
  Dim3 required_cluster;     // .reqnctapercluster, x = 0 if absent
};

// A parsed module made ready to run. Kernels are decoded at their first launch. Immutable from outside; may
// be used by one thread at a time.
class Program {
 public:
  // Fails (ErrorKind::kUsage) only on a module that cannot be laid out: an initialiser that names an unknown
  // symbol, a size out of range. What a kernel contains is judged when it is launched (kUnsupported).
  static Result<std::shared_ptr<const Program>> build(ptx::Module module);
  ~Program();

  bool has_kernel(std::string_view mangled) const;
  const KernelInfo* kernel(std::string_view mangled) const;  // nullptr if there is none
  std::vector<std::string> kernel_names() const;             // mangled, in the module's order

  struct Impl;  // for the interpreter
  Impl& impl() const { return *impl_; }

 private:
  Program();
  std::unique_ptr<Impl> impl_;
};

struct Launch {
  std::string kernel;  // mangled
  Dim3 grid, block;
  uint32_t dynamic_shared_bytes = 0;
  std::vector<std::byte> parameters;  // the kernel's parameter block, KernelInfo::parameter_bytes long
  // All blocks run at the same time, so that they may wait for each other (cudaLaunchAttributeCooperative).
  bool cooperative = false;
  // A programmatic dependent launch: it may begin while those before it still run, so that what they touch is
  // its own only after griddepcontrol.wait.
  bool programmatic = false;
  // How many blocks of this kernel the device holds at once: a cooperative launch needs room for all of its
  // blocks, and a block of an ordinary one that waits for another gets company up to this number. 0: what a
  // device of 148 SMs holds by the block's threads and shared memory (registers are not known here).
  uint64_t resident_blocks = 0;
  Dim3 cluster = {0, 0, 0};  // blocks; 0: what the kernel requires (.reqnctapercluster), else each is alone
};

struct Options {
  uint64_t warp_instruction_budget = 2'000'000'000;
  bool reverse_order =
      false;  // blocks, and warps inside a block, last first: shows a dependence on their order
  bool detect_races = true;
  uint32_t max_findings = 16;  // of each kind; further ones are dropped
  bool profile = false;        // fill LaunchReport::profile
  // What the launch sees of the device's time. Without it %globaltimer and %clock64 both count the warp's own
  // cycles, from 0.
  struct Clock {
    uint64_t start_ns = 0, start_cycles = 0;
    double sm_mhz = 0;  // 0: as without
  };
  Clock clock = {};
  uint32_t sm_count = 0;  // %nsmid, and blocks take turns on them; 0: 148, and %smid is 0
};

struct Finding {
  enum class Kind {
    kOutOfBoundsRead,
    kOutOfBoundsWrite,
    kMisaligned,
    kWriteToReadOnly,
    kUninitialisedRead,  // goes on
    kSharedRace,         // goes on
    kGlobalRace,         // between blocks, or warps of a block; goes on
    kAsyncRead,          // memory is read before the asynchronous copy that fills it was waited for; goes on
    kAsyncOverwrite,     // source or destination of one is written before that; goes on
    kMissingFence,       // between proxies (fence.proxy.async), of wgmma or tcgen05; goes on
    kMbarrierMisuse,     // counts that cannot be, no mbarrier there, or one that is used already
    kBadDescriptor,      // a tensor map, a matrix or instruction descriptor that the hardware does not take
    kTensorMemory,       // outside of what was allocated, of what the warp may touch, or never given back
    kNoGridWait,         // a programmatic launch did not wait for those before it; goes on
    kDivergentBarrier,   // goes on when the barrier could be completed, ends the launch when not
    kDivergentSync,      // shfl, vote, match, bar.warp: lanes named in the mask never came; goes on
    kDeadlock,
    kBudget,       // the warp-instruction budget is used up: a time-out
    kTrap,         // trap, or a failed device assert
    kUnsupported,  // an instruction, a special register, an intrinsic function that the simulator lacks
    kBadLaunch,  // the launch itself: unknown kernel, block or shared memory too big, parameters of the wrong
                 // size
  };
  Kind kind = Kind::kTrap;
  std::string rule;     // "out-of-bounds-read", "shared-race", ...: rule_name(kind)
  std::string message;  // one line a programmer can act on: kernel, PTX and source line, block, thread,
                        // buffer + offset
  bool fatal = false;   // it ended the launch
};
std::string_view rule_name(Finding::Kind kind);

// Products of mma by the type of their A operand; f4 to f8 in all their encodings.
enum class TensorType { kF16, kBf16, kTf32, kF64, kF8, kF6, kF4, kInt };
inline constexpr int kTensorTypes = 8;
using TensorFlops = std::array<double, kTensorTypes>;
std::string_view name_of(TensorType type);  // "f16", "bf16", ...
// How long a product takes in units of a dense f16 one. Tensor throughput by type in the data sheets of H100
// and B200; double precision as on H100.
inline constexpr TensorFlops kF16Equivalents = {1, 1, 2, 16, 0.5, 0.5, 0.25, 0.5};
// Dense f16 operations, two of a multiply-add, of an SM's tensor cores in a cycle: the same data sheets, B200
// from sm_100 on. The target is "sm_100a".
double tensor_flops_per_cycle(std::string_view target);

// What one launch did. Sums over all warps unless said otherwise. A "slot" is one issue slot of a warp
// scheduler.
struct Counters {
  uint64_t blocks = 0, warps = 0;
  uint64_t warp_instructions = 0;  // PTX instructions, once per warp (or diverged part of one)
  uint64_t lane_instructions = 0;  // the same, once per active lane
  double issue_slots = 0;          // static estimate of SASS issue slots
  // Warp instructions by execution unit.
  uint64_t fma = 0;   // f32 and packed-half add, mul, fma
  uint64_t alu = 0;   // 32-bit integer, logic, compare, select, min/max
  uint64_t wide = 0;  // 64-bit integer: 2 to 4 slots each
  uint64_t xu = 0;    // ex2, lg2, rcp, rsqrt, sqrt, sin, cos, tanh, conversions at quarter rate
  uint64_t fp64 = 0;
  uint64_t tensor = 0;  // mma
  double tensor_flops = 0;
  TensorFlops tensor_flops_by_type = {};
  uint64_t lsu = 0;  // memory instructions of any space, shuffles
  uint64_t branches = 0, divergent_branches = 0;
  uint64_t barriers = 0;
  uint64_t shuffles = 0;
  // Global memory; a sector is 32 bytes.
  uint64_t global_loads = 0, global_stores = 0;  // warp instructions
  uint64_t global_sectors_read = 0, global_sectors_written = 0;
  uint64_t unique_sectors_read = 0, unique_sectors_written = 0;  // footprint of the launch
  // Shared memory; a wavefront serves one set of conflict-free banks.
  uint64_t shared_accesses = 0, shared_wavefronts = 0;
  uint64_t local_accesses = 0;
  uint64_t atomics_global = 0, atomics_shared = 0;  // warp instructions
  uint64_t atomic_lanes = 0;                        // lanes of both
  double critical_path_cycles = 0;                  // the longest block, latencies without contention
  double total_block_cycles = 0;                    // the same, summed over blocks
  uint64_t copy_engine_bytes = 0;  // moved by bulk and tensor copies, what is filled in beside a tensor too
  // In which an SM's tensor cores are busy with mma, wgmma and tcgen05.mma at their peak rates; a product of
  // a pair of blocks counts on both SMs.
  double tensor_pipe_cycles = 0;
  // On the warps' clocks, from the arrival at an mbarrier to going on behind its phase: of all warps; of the
  // warp that stood longest; of the warp that ends the longest block, a part of critical_path_cycles.
  double mbarrier_wait_cycles = 0, longest_mbarrier_wait_cycles = 0, critical_mbarrier_cycles = 0;
};

// What one instruction of the kernel did in the whole launch.
struct InstructionProfile {
  std::string opcode;  // as written: "ld.global.nc.v4.f32"
  int ptx_line = 0;
  std::string source;  // "file.cu:12", empty when the module has no line information
  uint64_t warp_executions = 0, lane_executions = 0;
  double issue_slots = 0;  // of all executions
  // Memory instructions: what the accesses cost, and what they would cost if the lanes' bytes lay side by
  // side.
  uint64_t sectors = 0, ideal_sectors = 0;        // global memory, 32 bytes
  uint64_t wavefronts = 0, ideal_wavefronts = 0;  // shared memory
  // Cycles that a warp alone would stand still here for results that are not there yet, over all executions.
  double wait_cycles = 0;
};

struct LaunchReport {
  std::vector<Finding> findings;
  bool completed = false;  // every thread ran to its end
  Counters counters;
  std::vector<InstructionProfile> profile;  // with Options::profile: those that ran, in the module's order
  const Finding* fatal() const;             // the one that ended the launch, or nullptr
};

LaunchReport run(const Program& program, const Launch& launch, Memory& memory, const Options& options);

}  // namespace warpwright::sim
