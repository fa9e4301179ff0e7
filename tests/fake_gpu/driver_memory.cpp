// The driver API: memory, copies, memsets, virtual memory.
#include <algorithm>
#include <cstring>
#include <vector>

#include "tests/fake_gpu/exports.h"

namespace warpwright::fake_gpu {
namespace {

enum CopyKind : uint8_t { kHostToDevice = 1, kDeviceToHost = 2, kDeviceToDevice = 8 };

// Queues something that moves bytes. `run` does it.
int submit_transfer(DriverCall& call, abi::Stream handle, Activity activity, uint64_t host_bytes,
                    uint64_t touched_address, std::function<bool()> run) {
  Device& device = call.device;
  Stream* stream = device.find(handle);
  if (stream == nullptr) return kInvalidHandle;
  Operation operation;
  operation.correlation = device.next_correlation();
  activity.correlation = operation.correlation;
  activity.stream = stream->id;
  operation.run = [&device, activity, host_bytes, touched_address, run = std::move(run)](
                      const Operation&, uint64_t start_ns, uint64_t& end_ns) {
    if (!run()) return kIllegalAddress;
    const bool has_two_sides = activity.copy_kind == kDeviceToDevice;
    device.timing.touch(touched_address, activity.bytes);
    end_ns = start_ns + device.timing.transfer_ns(activity.bytes * (has_two_sides ? 2 : 1), host_bytes);
    Activity done = activity;
    done.start_ns = start_ns;
    done.end_ns = end_ns;
    note_activity(done);
    return 0;
  };
  const uint64_t before = device.host_ns;
  device.host_ns += kSubmitNs;
  note_api_call(operation.correlation, before, device.host_ns);
  device.submit(*stream, std::move(operation));
  return 0;
}

int submit_memset(DriverCall& call, uint64_t target, uint32_t value, uint64_t width, uint64_t count,
                  abi::Stream stream) {
  if (call.code != 0 || count == 0) return call.code;
  const uint64_t bytes = width * count;
  Device& device = call.device;
  if (target % width != 0 || !device.space.is_valid(target, bytes)) return kInvalidValue;
  Activity activity{.kind = abi::kMemsetActivity, .name = {}, .bytes = bytes, .value = value};
  return submit_transfer(call, stream, activity, 0, target, [&device, target, value, width, bytes] {
    std::vector<std::byte> content(bytes);
    for (uint64_t at = 0; at < bytes; at += width) std::memcpy(content.data() + at, &value, width);
    return device.space.write(target, content.data(), bytes);
  });
}

}  // namespace
}  // namespace warpwright::fake_gpu

using namespace warpwright::fake_gpu;  // NOLINT: the rest is C
using abi::Code;
using abi::DevicePointer;

FAKE_EXPORT Code cuMemAlloc_v2(DevicePointer* address, size_t bytes) {
  DriverCall call(Needs::kContext, "cuMemAlloc_v2", "{}", bytes);
  if (call.code != 0) return call.code;
  if (is_sick()) return call.device.fault = kEccError;
  if (bytes == 0) return kInvalidValue;
  *address = call.device.space.allocate(bytes);
  return *address == 0 ? kOutOfMemory : 0;
}
FAKE_EXPORT Code cuMemFree_v2(DevicePointer address) {
  DriverCall call(Needs::kContext, "cuMemFree_v2", "{:#x}", address);
  if (call.code != 0 || address == 0) return call.code;
  if (const int code = call.device.drain()) return code;
  return call.device.space.free(address) ? 0 : kInvalidValue;
}
FAKE_EXPORT Code cuMemGetInfo_v2(size_t* free, size_t* total) {
  DriverCall call(Needs::kContext, "cuMemGetInfo_v2");
  *total = call.device.space.capacity();
  *free = *total - call.device.space.used();
  return call.code;
}
FAKE_EXPORT Code cuMemHostAlloc(void** host, size_t bytes, unsigned flags) {
  DriverCall call(Needs::kContext, "cuMemHostAlloc", "{} flags={}", bytes, flags);
  if (call.code != 0) return call.code;
  *host = call.device.space.allocate_host(bytes);
  return *host == nullptr ? kOutOfMemory : 0;
}
FAKE_EXPORT Code cuMemFreeHost(void* host) {
  DriverCall call(Needs::kContext, "cuMemFreeHost");
  if (call.code != 0) return call.code;
  if (const int code = call.device.drain()) return code;
  return call.device.space.free_host(host) ? 0 : kInvalidValue;
}
FAKE_EXPORT Code cuMemHostGetDevicePointer_v2(DevicePointer* address, void* host, unsigned flags) {
  DriverCall call(Needs::kContext, "cuMemHostGetDevicePointer_v2");
  if (call.code != 0) return call.code;
  *address = call.device.space.device_address_of(host);
  return *address == 0 || flags != 0 ? kInvalidValue : 0;
}

FAKE_EXPORT Code cuMemcpyHtoDAsync_v2(DevicePointer target, const void* source, size_t bytes,
                                      abi::Stream stream) {
  DriverCall call(Needs::kContext, "cuMemcpyHtoDAsync_v2", "{:#x} {}", target, bytes);
  Device& device = call.device;
  if (call.code != 0 || bytes == 0) return call.code;
  if (!device.space.is_valid(target, bytes)) return kInvalidValue;
  const Activity activity{
      .kind = abi::kMemcpyActivity, .name = {}, .bytes = bytes, .copy_kind = kHostToDevice};
  if (device.space.is_host_allocation(source)) {  // read when it runs
    return submit_transfer(call, stream, activity, bytes, target, [&device, target, source, bytes] {
      return device.space.write(target, source, bytes);
    });
  }
  const auto* begin = static_cast<const std::byte*>(source);
  return submit_transfer(call, stream, activity, bytes, target,
                         [&device, target, content = std::vector<std::byte>(begin, begin + bytes)] {
                           return device.space.write(target, content.data(), content.size());
                         });
}
FAKE_EXPORT Code cuMemcpyDtoHAsync_v2(void* target, DevicePointer source, size_t bytes, abi::Stream stream) {
  DriverCall call(Needs::kContext, "cuMemcpyDtoHAsync_v2", "{:#x} {}", source, bytes);
  Device& device = call.device;
  if (call.code != 0 || bytes == 0) return call.code;
  if (!device.space.is_valid(source, bytes)) return kInvalidValue;
  const Activity activity{
      .kind = abi::kMemcpyActivity, .name = {}, .bytes = bytes, .copy_kind = kDeviceToHost};
  const int code = submit_transfer(call, stream, activity, bytes, source, [&device, target, source, bytes] {
    return device.space.read(source, target, bytes);
  });
  if (code != 0 || device.space.is_host_allocation(target)) return code;
  Stream& waited = *device.find(stream);  // into pageable memory the call waits
  device.drain(waited);
  device.wait_for(waited.ready_ns);
  return device.fault;
}
FAKE_EXPORT Code cuMemcpyDtoDAsync_v2(DevicePointer target, DevicePointer source, size_t bytes,
                                      abi::Stream stream) {
  DriverCall call(Needs::kContext, "cuMemcpyDtoDAsync_v2", "{:#x} {:#x} {}", target, source, bytes);
  Device& device = call.device;
  if (call.code != 0 || bytes == 0) return call.code;
  if (!device.space.is_valid(source, bytes) || !device.space.is_valid(target, bytes)) return kInvalidValue;
  const Activity activity{
      .kind = abi::kMemcpyActivity, .name = {}, .bytes = bytes, .copy_kind = kDeviceToDevice};
  return submit_transfer(call, stream, activity, 0, target, [&device, target, source, bytes] {
    device.timing.touch(source, bytes);
    return device.space.copy(target, source, bytes);
  });
}
FAKE_EXPORT Code cuMemsetD8Async(DevicePointer target, unsigned char value, size_t count,
                                 abi::Stream stream) {
  DriverCall call(Needs::kContext, "cuMemsetD8Async", "{:#x} {:#x} {}", target, value, count);
  return submit_memset(call, target, value, 1, count, stream);
}
FAKE_EXPORT Code cuMemsetD32Async(DevicePointer target, unsigned value, size_t count, abi::Stream stream) {
  DriverCall call(Needs::kContext, "cuMemsetD32Async", "{:#x} {:#x} {}", target, value, count);
  return submit_memset(call, target, value, 4, count, stream);
}

FAKE_EXPORT Code cuMemAddressReserve(DevicePointer* address, size_t bytes, size_t alignment,
                                     DevicePointer hint, unsigned long long flags) {
  DriverCall call(Needs::kContext, "cuMemAddressReserve", "{}", bytes);
  if (call.code != 0) return call.code;
  *address = flags == 0 ? call.device.space.reserve(bytes, alignment, hint) : 0;
  return *address == 0 ? kInvalidValue : 0;
}
FAKE_EXPORT Code cuMemAddressFree(DevicePointer address, size_t bytes) {
  DriverCall call(Needs::kContext, "cuMemAddressFree", "{:#x} {}", address, bytes);
  if (call.code != 0) return call.code;
  return call.device.space.unreserve(address, bytes) ? 0 : kInvalidValue;
}
FAKE_EXPORT Code cuMemCreate(abi::AllocationHandle* handle, size_t bytes,
                             const abi::AllocationProperties* properties, unsigned long long flags) {
  DriverCall call(Needs::kContext, "cuMemCreate", "{}", bytes);
  if (call.code != 0) return call.code;
  if (is_sick()) return call.device.fault = kEccError;
  if (bytes == 0 || bytes % kPage != 0 || flags != 0 || properties->type != abi::kAllocationPinned ||
      properties->location.type != abi::kLocationDevice || properties->location.id != 0)
    return kInvalidValue;
  *handle = call.device.space.create(bytes);
  return *handle == 0 ? kOutOfMemory : 0;
}
FAKE_EXPORT Code cuMemRelease(abi::AllocationHandle handle) {
  DriverCall call(Needs::kContext, "cuMemRelease", "{}", handle);
  if (call.code != 0) return call.code;
  return call.device.space.release(handle) ? 0 : kInvalidValue;
}
FAKE_EXPORT Code cuMemMap(DevicePointer address, size_t bytes, size_t offset, abi::AllocationHandle handle,
                          unsigned long long flags) {
  DriverCall call(Needs::kContext, "cuMemMap", "{:#x} {} {}", address, bytes, handle);
  if (call.code != 0) return call.code;
  const bool done = offset == 0 && flags == 0 && call.device.space.map(address, bytes, handle);
  return done ? 0 : kInvalidValue;
}
FAKE_EXPORT Code cuMemUnmap(DevicePointer address, size_t bytes) {
  DriverCall call(Needs::kContext, "cuMemUnmap", "{:#x} {}", address, bytes);
  if (call.code != 0) return call.code;
  if (const int code = call.device.drain()) return code;
  return call.device.space.unmap(address, bytes) ? 0 : kInvalidValue;
}
FAKE_EXPORT Code cuMemSetAccess(DevicePointer address, size_t bytes, const abi::AccessDescriptor* access,
                                size_t count) {
  DriverCall call(Needs::kContext, "cuMemSetAccess", "{:#x} {}", address, bytes);
  if (call.code != 0) return call.code;
  if (count != 1 || access->flags != abi::kAccessReadWrite || access->location.id != 0) return kInvalidValue;
  return call.device.space.allow(address, bytes) ? 0 : kInvalidValue;
}
FAKE_EXPORT Code cuMemGetAllocationGranularity(size_t* bytes, const abi::AllocationProperties*,
                                               abi::Granularity) {
  DriverCall call(Needs::kAlways, "cuMemGetAllocationGranularity");
  *bytes = kPage;
  return call.code;
}
