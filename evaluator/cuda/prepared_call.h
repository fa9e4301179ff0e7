// A call with everything that can be done before it is timed done: addresses patched into parameter blocks,
// tensor maps encoded, launch attributes laid out.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "evaluator/cuda/program.h"
#include "evaluator/cuda/resources.h"
#include "evaluator/cuda/work.h"

namespace warpwright::cuda {

// Success, what the candidate did, or the machine's failure.
using Judgement = Result<std::optional<DeviceFault>>;
// Of the code that a candidate's operation, or a call after it, gave.
Judgement judge(int code, std::string_view label);

class PreparedCall {
 public:
  // `addresses`: of the buffers that `work` names by index. `driver` and `program` outlive it; it survives a
  // reload of the program. Fault: a tensor map that the driver refuses.
  // REQUIRES: every index is in range; the first launch is not programmatic-dependent, for it would overlap
  // what the harness runs before it.
  static Result<Outcome<PreparedCall>> prepare(const Driver& driver, Program& program, const CallWork& work,
                                               const std::vector<abi::DevicePointer>& addresses);

  // Tells the driver what the kernels need (shared memory, carveout, large clusters), where it does not know
  // yet. Launches do it too; ahead of a timed region it costs nothing there.
  Judgement configure();
  // Queues all operations, in order. After a fault the operations before it are queued.
  Judgement enqueue(const Stream& stream);

  // What runs: kernels, copies, memsets. Operations of zero bytes are left out.
  int launches() const { return launches_; }
  int copies() const { return copies_; }
  int memsets() const { return memsets_; }
  size_t operations() const { return operations_.size(); }
  // "split<16>, merge": for messages about the call as a whole; bounded.
  const std::string& label() const { return label_; }

 private:
  struct Kernel {
    Launch launch;  // with its parameter block patched
    std::vector<abi::LaunchAttribute> attributes;
  };
  struct Set {
    abi::DevicePointer target;
    uint8_t value;
    uint64_t bytes;
  };
  struct Move {
    abi::DevicePointer target, source;
    uint64_t bytes;
  };
  PreparedCall(const Driver& driver, Program& program) : driver_(&driver), program_(&program) {}
  Judgement encode(const TensorMap& map, int index, const std::vector<abi::DevicePointer>& addresses);
  void add(const Launch& launch, const std::vector<abi::DevicePointer>& addresses);
  Judgement configure(const Kernel& kernel);
  Judgement enqueue(Kernel& kernel, const Stream& stream);

  const Driver* driver_ = nullptr;
  Program* program_ = nullptr;
  std::vector<abi::TensorMap> tensor_maps_;
  std::vector<std::variant<Kernel, Set, Move>> operations_;
  int launches_ = 0, copies_ = 0, memsets_ = 0;
  std::string label_;

 public:
  PreparedCall() = default;  // empty, for containers
};

}  // namespace warpwright::cuda
