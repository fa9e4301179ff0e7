// Runs the bound plan of a compiled candidate: one call of the operator, on named buffers.
//
//   `sim`   the candidate's PTX on the CPU (evaluator/sim), every access checked; times are estimates
//   `cuda`  a GPU, in a device process of its own that is killed and replaced when a kernel hangs or faults
//
// The evaluator owns every buffer and every launch; a candidate owns nothing that outlives a call, but
// workspaces declared self_clean. A Result error is the machine's failure (WORKER_LOST); what the candidate
// did is a Failure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "evaluator/cuda/work.h"
#include "evaluator/sim/simulator.h"
#include "src/base/result.h"
#include "src/contract/status.h"
#include "src/plan/plan.h"

namespace warpwright::exec {

// One translation unit as the compiler left it.
struct CodeUnit {
  std::string name;  // plan::Unit's; empty for the one unnamed unit
  std::string ptx;
  std::string cubin;                                 // for `cuda`
  std::map<std::string, std::string> lowered_names;  // name expression -> symbol
};

// A candidate's failure while it ran, in the words of its report.
struct Failure {
  Status status = Status::kRuntimeError;
  std::string rule;     // of a REJECTED
  std::string message;  // one line a programmer can act on
  // Seen on a device that may itself be at fault: Executor::renew, and charge it only if it happens again.
  bool needs_confirmation = false;
};

using cuda::BufferRole;
using cuda::Fill;

// What one operation of a call did, for the time estimate and for profiles.
struct OperationWork {
  std::string label;  // "gdn_decode<4, 2>", "memset part"
  const plan::BoundLaunch* launch =
      nullptr;               // null for memset and copy; points into the plan that was called
  sim::Counters counters;    // of a launch on `sim`
  int64_t copied_bytes = 0;  // of memset (written) and copy (read and written)
  std::vector<sim::InstructionProfile> profile;  // with CallOptions::profile
};

struct CallReport {
  std::optional<Failure> failure;         // ended the call
  std::vector<Failure> findings;          // rules broken by what ran on, in order
  std::vector<OperationWork> operations;  // completed ones

  const Failure* find(std::string_view rule) const;
};

struct CallOptions {
  uint64_t warp_instruction_budget = 2'000'000'000;  // of the whole call
  bool reverse_order = false;                        // blocks and warps last first (sim)
  // How many blocks of a launch the device holds at once; empty: not known.
  std::function<uint64_t(const plan::BoundLaunch&)> resident_blocks = {};
  bool profile = false;                              // fill OperationWork::profile (sim)
  Fill fill = Fill::kNan;                            // of outputs and workspaces, before the call
  bool keep_contents = false;                        // no fill: they are as the call before left them (sim)
  cuda::GuardKind guards = cuda::GuardKind::kZones;  // of the buffers, at the first call (cuda)
  int64_t deadline_ms = 60'000;  // wall clock of the call, then the device process is killed (cuda)
};

// Buffers of one workload and calls on them. One thread.
class Session {
 public:
  virtual ~Session() = default;
  // Creates or replaces an input; kernels may not write it.
  virtual Result<void> set_input(const std::string& name, std::span<const std::byte> content) = 0;
  // Creates an output or workspace. Its content is CallOptions::fill at every call and counts as never
  // written; a self_clean one is zero before the first call, and counts as written.
  virtual Result<void> add_buffer(const std::string& name, BufferRole role, int64_t bytes) = 0;
  // As the last call left it; valid until the next call, set_input or read of the same name.
  virtual Result<std::span<const std::byte>> read(const std::string& name) = 0;
  // REQUIRES: every buffer the plan names is there, with the size it needs.
  virtual Result<CallReport> call(const plan::BoundPlan& plan, const CallOptions& options) = 0;
};

// A candidate's code, loaded. Shared by its sessions.
class LoadedProgram {
 public:
  virtual ~LoadedProgram() = default;
  // Everything that can be said about a bound plan without running it: kernels that are missing, argument
  // count and sizes, features this executor lacks. A COMPILE_ERROR.
  virtual std::optional<Failure> check(const plan::BoundPlan& plan) const = 0;
  virtual std::unique_ptr<Session> open_session() const = 0;
  // Modules are loaded anew: whatever a candidate kept in device variables is gone.
  virtual Result<void> reload() { return {}; }
};

// Timed calls of one workload, of one program or of several in turn (a duel). The device process decides
// where buffers lie; inputs are copied in place before a shot, so that contents change at equal addresses.
struct SamplerSetup {
  struct Contender {
    const LoadedProgram* program = nullptr;
    const plan::BoundPlan* plan = nullptr;
  };
  struct Tensor {
    std::string name;
    BufferRole role = BufferRole::kInput;  // kInput or kOutput
    int64_t bytes = 0;
  };
  std::vector<Contender> contenders;  // alive as long as the sampler
  std::vector<Tensor> tensors;        // the definition's that are present
  std::vector<std::map<std::string, std::span<const std::byte>>> versions;  // contents of every input
  cuda::TimingProfile profile = cuda::TimingProfile::kContest;
  uint64_t secret_seed = 0;
  int64_t deadline_ms = 60'000;  // of one take
};

class Sampler {
 public:
  virtual ~Sampler() = default;
  struct Batch {
    std::optional<Failure> failure;     // ended the batch; the sampler is of no more use
    int contender = -1;                 // whose failure; -1: the batch mixed contenders, and nobody knows
    std::vector<cuda::Sample> samples;  // one per shot, in order, unless there is a failure
  };
  // How the timing differs from its profile, and why (too little memory for all buffer sets); empty: it does
  // not.
  virtual std::string note() const { return {}; }
  virtual Result<Batch> take(std::span<const cuda::Shot> shots) = 0;
  // An output of the last batch's k-th shot, which kept them. Valid until the next call of this sampler.
  virtual Result<std::span<const std::byte>> read_kept(int shot, const std::string& output) = 0;
};

class Executor {
 public:
  virtual ~Executor() = default;
  virtual std::string_view name() const = 0;    // sim | cuda
  virtual std::string device_text() const = 0;  // what ran, for reports
  // A Failure of the candidate (PTX that cannot be laid out) or the program.
  struct Loaded {
    std::optional<Failure> failure;
    std::unique_ptr<LoadedProgram> program;
  };
  virtual Result<Loaded> load(const std::vector<CodeUnit>& units) = 0;

  // A device whose times are measurements; null: times are estimates, and there are no samplers.
  virtual const cuda::DeviceFacts* device() const { return nullptr; }
  // False: it has a device but its times mean nothing (compute-sanitizer), and there are no samplers.
  virtual bool has_clock() const { return device() != nullptr; }
  // A fresh device process, after a health check; programs load themselves again, sessions and samplers
  // opened before are dead. Error: the device does not work.
  virtual Result<void> renew() { return {}; }
  // How long calls and batches have waited for other processes to leave the GPU: no candidate's time.
  virtual int64_t waited_ms() const { return 0; }
  // REQUIRES: device() is not null.
  virtual Result<std::unique_ptr<Sampler>> open_sampler(const SamplerSetup& setup);
};

// `kind`: auto | sim | cuda | cuda+TOOL (exec/sanitizer.h). `auto` takes a GPU where there is one.
Result<std::unique_ptr<Executor>> open_executor(std::string_view kind);

}  // namespace warpwright::exec
