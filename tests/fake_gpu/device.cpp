#include "tests/fake_gpu/device.h"

#include <algorithm>

#include "tests/fake_gpu/gate.h"

namespace warpwright::fake_gpu {

bool is_sticky(int code) {
  static const std::set<int> kSticky = {214, 220, 226, 700, 702, 709, 710, 714,
                                        715, 716, 717, 718, 719, 721, 999};
  return kSticky.contains(code);
}

Device::Device() : space(settings().memory_bytes), timing(settings()) {
  legacy.is_legacy = true;
}

// Never destroyed: kernels' callers may still be there when the process ends.
Device& Device::get() {
  static Device* device = new Device();
  return *device;
}

Stream* Device::find(abi::Stream handle) {
  const auto value = reinterpret_cast<uint64_t>(handle);
  if (value == 0 || value == 1) return &legacy;  // CU_STREAM_LEGACY
  const auto found = streams.find(reinterpret_cast<Stream*>(handle));
  return found == streams.end() ? nullptr : found->first;
}

uint64_t Device::submit(Stream& stream, Operation operation) {
  operation.sequence = ++sequence_;
  operation.enqueued_ns = host_ns;
  stream.queue.push_back(std::move(operation));
  return sequence_;
}

// The default stream waits for the others, and they for it.
void Device::obey_order(Stream& stream, uint64_t sequence) {
  if (stream.is_legacy) {
    for (const auto& [other, owner] : streams) {
      if (!other->is_blocking) continue;
      drain(*other, sequence);
      stream.ready_ns = std::max(stream.ready_ns, other->ready_ns);
    }
  } else if (stream.is_blocking) {
    drain(legacy, sequence);
    stream.ready_ns = std::max(stream.ready_ns, legacy.ready_ns);
  }
}

void Device::execute(Stream& stream, const Operation& operation) {
  const uint64_t gap = operation.overlaps ? 0 : kGapNs;
  const uint64_t start = std::max(stream.ready_ns + gap, operation.enqueued_ns + kArrivalNs);
  uint64_t end = start;
  const int code = operation.run(operation, start, end);
  stream.ready_ns = end;
  if (code != 0 && fault == 0) {
    fault = code;
    write_log(fmt::format("fault {}", code));
  }
}

int Device::drain(Stream& stream, uint64_t last) {
  while (fault == 0 && !stream.queue.empty() && stream.queue.front().sequence <= last) {
    obey_order(stream, stream.queue.front().sequence);
    if (fault != 0 || stream.queue.empty()) break;
    const Operation operation = std::move(stream.queue.front());
    stream.queue.pop_front();
    execute(stream, operation);
  }
  return fault;
}

int Device::drain() {
  drain(legacy);
  for (const auto& [stream, owner] : streams) drain(*stream);
  for (const auto& [stream, owner] : streams) wait_for(stream->ready_ns);
  wait_for(legacy.ready_ns);
  return fault;
}

void Device::wait_for(uint64_t ns) {
  host_ns = std::max(host_ns, ns + kSyncNs);
}

}  // namespace warpwright::fake_gpu
