#include "evaluator/cuda/call_check.h"

#include <fmt/format.h>

namespace warpwright::cuda {

Result<void> CallCheck::before() {
  for (int i = 0; i < set_.size(); ++i)
    if (set_.spec(i).role == BufferRole::kInput) inputs_.push_back(i);
  TRY_ASSIGN(hashes_, hash_inputs());
  return {};
}

Result<std::vector<uint64_t>> CallCheck::hash_inputs() {
  std::vector<ByteRange> ranges;
  for (const int input : inputs_) ranges.push_back(set_.whole(input, key_));
  return harness_.hash(ranges);
}

Result<void> CallCheck::after(std::vector<DeviceFault>& faults) {
  const std::vector<Guard> guards = set_.guards();
  std::vector<ByteRange> ranges;
  for (const Guard& guard : guards) ranges.push_back(guard.range);
  TRY_ASSIGN(const auto found, harness_.check(ranges));
  for (size_t i = 0; i < guards.size(); ++i) {
    if (found[i].count == 0) continue;
    faults.push_back({.kind = DeviceFault::Kind::kGuardBroken,
                      .message = describe_broken_guard(guards[i], set_.spec(guards[i].buffer), found[i])});
    TRY(set_.restore(guards[i]));
  }
  TRY_ASSIGN(const auto hashes, hash_inputs());
  for (size_t i = 0; i < inputs_.size(); ++i)
    if (hashes[i] != hashes_[i])
      faults.push_back(
          {.kind = DeviceFault::Kind::kInputModified,
           .message = fmt::format("input {} was written by the call", set_.spec(inputs_[i]).name)});
  return {};
}

}  // namespace warpwright::cuda
