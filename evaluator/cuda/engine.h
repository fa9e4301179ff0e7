// A GPU in this process: programs, guarded buffers, calls and timed shots. Lives in the device process
// (exec/device_process.h), which a kernel may crash or hang at any time; holds no reference output, no key
// and no file of the host beyond the driver's.
//
// A Result error is the machine's failure (driver missing, out of memory, a call of the driver refused that
// no candidate can influence); a DeviceFault is the candidate's, to be confirmed in a fresh process. After a
// fault of kind kFault every further call fails: the process must end.
//
// One thread. Owns everything it hands ids for.
#pragma once

#include <functional>
#include <memory>
#include <span>

#include "evaluator/cuda/work.h"
#include "src/base/result.h"

namespace warpwright::cuda {

struct OpenedProgram {
  std::vector<FunctionInfo> functions;
};

struct CallPolicy {
  Fill fill = Fill::kNan;    // of outputs and workspaces, before the call
  bool check_guards = true;  // guard zones and inputs, after it
};

// What a sampler times. Inputs and outputs are shared by the contenders, workspaces are each one's own.
struct SamplerSpec {
  struct Contender {
    int program = 0;
    CallWork work;                       // refers to inputs_and_outputs, then workspaces
    std::vector<BufferSpec> workspaces;  // of this contender
  };
  std::vector<Contender> contenders;
  std::vector<BufferSpec> inputs_and_outputs;
  int versions = 1;  // of the inputs' contents, to be filled with write_version
  TimingProfile profile = TimingProfile::kContest;
  uint64_t secret_seed = 0;  // order of buffer sets, poison, hash key
};
struct SamplerInfo {
  int buffer_sets = 1;
  int64_t bytes_per_set = 0;  // inputs, outputs, one contender's workspaces
  std::string note;           // what differs from the profile, and why; empty: nothing
};

class Engine {
 public:
  // `library`: of the driver; empty: $WARPWRIGHT_LIBCUDA, else libcuda.so.1. Error: what is missing and the
  // mend.
  static Result<std::unique_ptr<Engine>> open(const std::string& library = "");
  virtual ~Engine() = default;

  virtual const DeviceFacts& facts() const = 0;

  // `kLaunch` fault: the driver cannot load the image (no code for this GPU, PTX it cannot compile).
  virtual Result<Outcome<OpenedProgram>> open_program(int id, const ProgramImages& images) = 0;
  virtual Result<void> reload_program(int id) = 0;  // modules anew: device globals are as the image has them
  virtual Result<void> close_program(int id) = 0;

  // Fresh addresses each time (drawn from `seed`). Contents are undefined.
  virtual Result<void> open_buffers(int id, const std::vector<BufferSpec>& buffers, GuardKind guards,
                                    uint64_t seed) = 0;
  virtual Result<void> write(int buffers, int index, std::span<const std::byte> content) = 0;
  virtual Result<void> read(int buffers, int index, std::span<std::byte> content) = 0;
  virtual Result<void> close_buffers(int id) = 0;

  // Fills outputs and workspaces (self_clean ones are zeroed once, when they are opened), runs, waits,
  // checks.
  virtual Result<std::vector<DeviceFault>> call(int program, int buffers, const CallWork& work,
                                                const CallPolicy& policy) = 0;

  virtual Result<SamplerInfo> open_sampler(int id, const SamplerSpec& spec) = 0;
  // `input`: index into inputs_and_outputs.
  virtual Result<void> write_version(int sampler, int version, int input,
                                     std::span<const std::byte> content) = 0;
  // Samples of the shots in order, all of them unless there is a fault, which names its shot where that is
  // known.
  virtual Result<Outcome<std::vector<Sample>>> take(int sampler, std::span<const Shot> shots) = 0;
  // Output `index` (into inputs_and_outputs) as the k-th shot of the last `take` left it.
  // REQUIRES: that shot kept its outputs.
  virtual Result<void> read_kept(int sampler, int shot, int index, std::span<std::byte> content) = 0;
  virtual Result<void> close_sampler(int id) = 0;
};

}  // namespace warpwright::cuda
