// What a checked call must leave as it was: guards and inputs.
#pragma once

#include <vector>

#include "evaluator/cuda/guarded_buffers.h"

namespace warpwright::cuda {

class CallCheck {
 public:
  // Both outlive it. `key` of the hashes: secret, new for each call.
  CallCheck(BufferSet& set, Harness& harness, uint64_t key) : set_(set), harness_(harness), key_(key) {}

  Result<void> before();  // waits
  // Appends kGuardBroken and kInputModified, one for each guard and input. Broken guards are written anew, so
  // that the next call is judged by itself. Waits.
  Result<void> after(std::vector<DeviceFault>& faults);

 private:
  Result<std::vector<uint64_t>> hash_inputs();

  BufferSet& set_;
  Harness& harness_;
  uint64_t key_;
  std::vector<int> inputs_;
  std::vector<uint64_t> hashes_;
};

}  // namespace warpwright::cuda
