// CUPTI's activity records: what the device tells about operations, and the buffers they are handed out in.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "evaluator/cuda/cupti_abi.h"

namespace warpwright::fake_gpu {

namespace abi = cuda::abi;

// One operation of the device that ran.
struct Activity {
  abi::ActivityKind kind = abi::kConcurrentKernelActivity;
  uint64_t start_ns = 0, end_ns = 0;
  uint32_t stream = 0, correlation = 0;
  // kernels
  std::string name;
  int32_t grid[3] = {}, block[3] = {};
  int32_t static_shared_bytes = 0, dynamic_shared_bytes = 0;
  // copies and memsets
  uint64_t bytes = 0;
  uint32_t value = 0;
  uint8_t copy_kind = 0;
};

// From the driver's side. No effect unless the kind is enabled.
void note_activity(const Activity& activity);
void note_api_call(uint32_t correlation, uint64_t start_ns, uint64_t end_ns);

}  // namespace warpwright::fake_gpu
