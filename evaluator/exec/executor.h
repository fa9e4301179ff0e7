// Runs the bound plan of a compiled candidate: one call of the operator, on named buffers.
//
//   `sim`   the candidate's PTX on the CPU (evaluator/sim), every access checked
//   `cuda`  a GPU through the driver API; not built yet: open_executor refuses it by name
//
// The evaluator owns every buffer and every launch; a candidate owns nothing that outlives a call, but
// workspaces declared self_clean.
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
};

enum class BufferRole { kInput, kOutput, kWorkspace, kSelfClean };

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
  bool profile = false;  // fill OperationWork::profile (sim)
};

// Buffers of one workload and calls on them. One thread.
class Session {
 public:
  virtual ~Session() = default;
  // Creates or replaces a buffer. Inputs are read-only to kernels; outputs and workspaces hold `content` but
  // count as never written; self_clean ones count as written.
  virtual void set_buffer(const std::string& name, BufferRole role, std::span<const std::byte> content) = 0;
  virtual std::span<const std::byte> read(
      const std::string& name) = 0;  // valid until the next call or set_buffer
  // REQUIRES: every buffer the plan names was set, with the size it needs.
  virtual CallReport call(const plan::BoundPlan& plan, const CallOptions& options) = 0;
};

// A candidate's code, loaded. Shared by its sessions.
class LoadedProgram {
 public:
  virtual ~LoadedProgram() = default;
  // Everything that can be said about a bound plan without running it: kernels that are missing, argument
  // count and sizes, features this executor lacks. A COMPILE_ERROR.
  virtual std::optional<Failure> check(const plan::BoundPlan& plan) const = 0;
  virtual std::unique_ptr<Session> open_session() const = 0;
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
};

// `kind`: auto | sim | cuda. `auto` takes a GPU where there is one.
Result<std::unique_ptr<Executor>> open_executor(std::string_view kind);

}  // namespace warpwright::exec
