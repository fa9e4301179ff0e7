// CUPTI's activity API on the device's records.
#include <algorithm>
#include <cstring>
#include <set>

#include "tests/fake_gpu/activity.h"
#include "tests/fake_gpu/exports.h"

namespace warpwright::fake_gpu {
namespace {

constexpr int kCuptiNotInitialized = 15, kCuptiInvalidParameter = 1;

// Records as long as CUPTI's of today: readers may not rely on the declared prefixes' sizes.
constexpr size_t kKernelBytes = 208, kMemcpyBytes = 72, kMemsetBytes = 80;
size_t size_of(abi::ActivityKind kind) {
  switch (kind) {
    case abi::kConcurrentKernelActivity:
      return kKernelBytes;
    case abi::kMemcpyActivity:
      return kMemcpyBytes;
    case abi::kMemsetActivity:
      return kMemsetBytes;
    case abi::kExternalCorrelationActivity:
      return sizeof(abi::ExternalCorrelationRecord);
    case abi::kDriverApiActivity:
      return sizeof(abi::ApiRecord);
  }
  return 0;
}

struct Collector {
  abi::BufferRequested requested = nullptr;
  abi::BufferCompleted completed = nullptr;
  std::set<int> enabled;
  std::vector<std::pair<abi::ExternalKind, uint64_t>> external;
  uint8_t* buffer = nullptr;
  size_t capacity = 0, used = 0;
  uint64_t records = 0;
  size_t dropped = 0;
  std::set<std::string> names;  // records point to them

  bool wants(abi::ActivityKind kind) const { return completed != nullptr && enabled.contains(kind); }

  void append(const void* record, abi::ActivityKind kind) {
    const size_t bytes = size_of(kind);
    if (settings().cupti == Cupti::kDrop && ++records % settings().cupti_drop == 0) {
      ++dropped;
      return;
    }
    if (buffer != nullptr && used + bytes > capacity) complete();
    if (buffer == nullptr) {
      size_t most = 0;
      requested(&buffer, &capacity, &most);
      used = 0;
    }
    if (buffer == nullptr || capacity < bytes || reinterpret_cast<uint64_t>(buffer) % 8 != 0) {
      ++dropped;
      return;
    }
    std::memset(buffer + used, 0xcc, bytes);
    std::memcpy(buffer + used, record, std::min(bytes, size_of_declared(kind)));
    used += bytes;
  }
  void complete() {
    if (buffer == nullptr) return;
    completed(nullptr, 0, buffer, capacity, used);
    buffer = nullptr;
    used = capacity = 0;
  }

 private:
  static size_t size_of_declared(abi::ActivityKind kind) {
    return kind == abi::kConcurrentKernelActivity ? sizeof(abi::KernelRecord)
           : kind == abi::kMemcpyActivity         ? sizeof(abi::MemcpyRecord)
           : kind == abi::kMemsetActivity         ? sizeof(abi::MemsetRecord)
                                                  : size_of(kind);
  }
};

Collector& collector() {
  static Collector* the_collector = new Collector();
  return *the_collector;
}

void append_kernel(Collector& c, const Activity& a, uint64_t start, uint64_t end) {
  abi::KernelRecord record = {};
  record.kind = a.kind;
  record.registers_per_thread = 32;
  record.start = start;
  record.end = record.completed = end;
  record.context_id = 1;
  record.stream_id = a.stream;
  record.grid_x = a.grid[0];
  record.grid_y = a.grid[1];
  record.grid_z = a.grid[2];
  record.block_x = a.block[0];
  record.block_y = a.block[1];
  record.block_z = a.block[2];
  record.static_shared_bytes = a.static_shared_bytes;
  record.dynamic_shared_bytes = a.dynamic_shared_bytes;
  record.correlation_id = a.correlation;
  record.name = c.names.insert(a.name).first->c_str();
  c.append(&record, a.kind);
}

}  // namespace

void note_activity(const Activity& a) {
  Collector& c = collector();
  if (!c.wants(a.kind)) return;
  const bool zero = settings().cupti == Cupti::kZero;
  const uint64_t start = zero ? 0 : a.start_ns, end = zero ? 0 : a.end_ns;
  if (a.kind == abi::kConcurrentKernelActivity) {
    append_kernel(c, a, start, end);
  } else if (a.kind == abi::kMemcpyActivity) {
    abi::MemcpyRecord record = {};
    record.kind = a.kind;
    record.copy_kind = a.copy_kind;
    record.bytes = a.bytes;
    record.start = start;
    record.end = end;
    record.context_id = 1;
    record.stream_id = a.stream;
    record.correlation_id = a.correlation;
    c.append(&record, a.kind);
  } else {
    abi::MemsetRecord record = {};
    record.kind = a.kind;
    record.value = a.value;
    record.bytes = a.bytes;
    record.start = start;
    record.end = end;
    record.context_id = 1;
    record.stream_id = a.stream;
    record.correlation_id = a.correlation;
    c.append(&record, a.kind);
  }
}

// External correlation rides on records of API calls.
void note_api_call(uint32_t correlation, uint64_t start_ns, uint64_t end_ns) {
  Collector& c = collector();
  if (!c.wants(abi::kDriverApiActivity)) return;
  if (c.enabled.contains(abi::kExternalCorrelationActivity)) {
    for (const auto& [kind, id] : c.external) {
      const abi::ExternalCorrelationRecord record{abi::kExternalCorrelationActivity, kind, id, correlation,
                                                  0};
      c.append(&record, record.kind);
    }
  }
  abi::ApiRecord record = {};
  record.kind = abi::kDriverApiActivity;
  record.start = start_ns;
  record.end = end_ns;
  record.correlation_id = correlation;
  c.append(&record, record.kind);
}

namespace {

// The start of a CUPTI call.
int enter(int injected) {
  return injected != 0 ? injected : settings().cupti == Cupti::kOff ? kCuptiNotInitialized : 0;
}
// CUPTI delivers what has run; asking also runs what is queued, as time would.
void flush() {
  Device& device = Device::get();
  const std::lock_guard lock(device.mutex);
  device.drain();
  collector().complete();
}

}  // namespace
}  // namespace warpwright::fake_gpu

using namespace warpwright::fake_gpu;  // NOLINT: the rest is C
using abi::CuptiCode;

FAKE_EXPORT CuptiCode cuptiGetVersion(uint32_t* version) {
  *version = 130001;
  return enter(gate("cuptiGetVersion"));
}
FAKE_EXPORT CuptiCode cuptiGetResultString(CuptiCode code, const char** text) {
  *text = code == 0                                   ? "CUPTI_SUCCESS"
          : code == abi::kCuptiInsufficientPrivileges ? "CUPTI_ERROR_INSUFFICIENT_PRIVILEGES"
          : code == kCuptiNotInitialized              ? "CUPTI_ERROR_NOT_INITIALIZED"
                                                      : "CUPTI_ERROR_UNKNOWN";
  return 0;
}
FAKE_EXPORT CuptiCode cuptiActivityRegisterCallbacks(abi::BufferRequested requested,
                                                     abi::BufferCompleted completed) {
  if (const int code = enter(gate("cuptiActivityRegisterCallbacks"))) return code;
  if (requested == nullptr || completed == nullptr) return kCuptiInvalidParameter;
  collector().requested = requested;
  collector().completed = completed;
  return 0;
}
FAKE_EXPORT CuptiCode cuptiActivityEnable(abi::ActivityKind kind) {
  if (const int code = enter(gate("cuptiActivityEnable", "{}", static_cast<int>(kind)))) return code;
  if (settings().cupti == Cupti::kDenied) return abi::kCuptiInsufficientPrivileges;
  if (size_of(kind) == 0) return kCuptiInvalidParameter;
  collector().enabled.insert(kind);
  return 0;
}
FAKE_EXPORT CuptiCode cuptiActivityDisable(abi::ActivityKind kind) {
  if (const int code = enter(gate("cuptiActivityDisable", "{}", static_cast<int>(kind)))) return code;
  collector().enabled.erase(kind);
  return 0;
}
FAKE_EXPORT CuptiCode cuptiActivityFlushAll(uint32_t flags) {
  if (const int code = enter(gate("cuptiActivityFlushAll", "{}", flags))) return code;
  flush();
  return 0;
}
FAKE_EXPORT CuptiCode cuptiActivityGetNextRecord(uint8_t* buffer, size_t valid_bytes,
                                                 abi::ActivityRecord** record) {
  uint8_t* next = buffer;
  if (*record != nullptr) next = reinterpret_cast<uint8_t*>(*record) + size_of((*record)->kind);
  if (next >= buffer + valid_bytes) return abi::kCuptiMaxLimitReached;
  *record = reinterpret_cast<abi::ActivityRecord*>(next);
  return 0;
}
FAKE_EXPORT CuptiCode cuptiActivityGetNumDroppedRecords(abi::Context, uint32_t, size_t* dropped) {
  *dropped = std::exchange(collector().dropped, 0);
  return enter(gate("cuptiActivityGetNumDroppedRecords"));
}
FAKE_EXPORT CuptiCode cuptiActivityPushExternalCorrelationId(abi::ExternalKind kind, uint64_t id) {
  if (const int code = enter(gate("cuptiActivityPushExternalCorrelationId", "{}", id))) return code;
  auto& stack = collector().external;
  stack.emplace_back(kind, id);
  return 0;
}
FAKE_EXPORT CuptiCode cuptiActivityPopExternalCorrelationId(abi::ExternalKind kind, uint64_t* id) {
  if (const int code = enter(gate("cuptiActivityPopExternalCorrelationId"))) return code;
  auto& stack = collector().external;
  const auto last =
      std::find_if(stack.rbegin(), stack.rend(), [&](const auto& entry) { return entry.first == kind; });
  if (last == stack.rend()) return abi::kCuptiQueueEmpty;
  if (id != nullptr) *id = last->second;
  stack.erase(std::next(last).base());
  return 0;
}
FAKE_EXPORT CuptiCode cuptiFinalize() {
  if (const int code = enter(gate("cuptiFinalize"))) return code;
  flush();
  collector().enabled.clear();
  collector().completed = nullptr;
  return 0;
}
