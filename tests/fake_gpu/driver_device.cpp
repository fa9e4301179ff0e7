// The driver API: process, device, context, errors.
#include <unistd.h>

#include <cstdio>
#include <cstring>

#include "evaluator/cuda/errors.h"
#include "tests/fake_gpu/exports.h"

namespace warpwright::fake_gpu {

void DriverCall::start(Needs needs, int injected) {
  device.host_ns += kCallNs;
  code = injected;
  if (is_sticky(injected)) device.fault = injected;
  if (code != 0 || needs == Needs::kAlways) return;
  code = !device.initialised ? kNotInitialized : device.contexts == 0 ? kInvalidContext : device.fault;
}

bool is_sick() {
  return !settings().sick_file.empty() && access(settings().sick_file.c_str(), F_OK) == 0;
}

namespace {

int attribute_of(abi::DeviceAttribute attribute) {
  const Settings& s = settings();
  switch (attribute) {
    case abi::kMaxThreadsPerBlock:
      return 1024;
    case abi::kClockRateKhz:
      return static_cast<int>(s.sm_mhz * 1000);
    case abi::kMultiprocessorCount:
      return s.sm_count;
    case abi::kMemoryClockRateKhz:  // double data rate over 1024 bits
      return static_cast<int>(s.bytes_per_us / 1e3 * 8 / 2 / 1024 * 1e6);
    case abi::kGlobalMemoryBusWidth:
      return 1024;
    case abi::kL2CacheBytes:
      return static_cast<int>(s.l2_bytes);
    case abi::kMaxThreadsPerMultiprocessor:
      return 2048;
    case abi::kComputeCapabilityMajor:
      return s.arch / 10;
    case abi::kComputeCapabilityMinor:
      return s.arch % 10;
    case abi::kMaxSharedBytesPerMultiprocessor:
      return static_cast<int>(kSharedPerSm);
    case abi::kMaxSharedBytesPerBlockOptin:
      return static_cast<int>(kSharedOptin);
    case abi::kMaxPersistingL2Bytes:
      return static_cast<int>(s.l2_bytes / 2);
    case abi::kCanMapHostMemory:
    case abi::kEccEnabled:
    case abi::kUnifiedAddressing:
    case abi::kCooperativeLaunch:
    case abi::kVirtualMemoryManagement:
    case abi::kClusterLaunch:
      return 1;
    case abi::kComputeMode:
      return 0;
  }
  return -1;
}

std::map<int, size_t>& limits() {
  static std::map<int, size_t> values = {{abi::kLimitStackSize, 1024},
                                         {abi::kLimitPrintfFifoSize, 1 << 20},
                                         {abi::kLimitMallocHeapSize, 8 << 20},
                                         {abi::kLimitPersistingL2CacheSize, 0}};
  return values;
}

}  // namespace
}  // namespace warpwright::fake_gpu

using namespace warpwright::fake_gpu;  // NOLINT: the rest is C
using abi::Code;

FAKE_EXPORT Code cuInit(unsigned flags) {
  DriverCall call(Needs::kAlways, "cuInit", "{}", flags);
  if (call.code != 0) return call.code;
  if (flags != 0) return kInvalidValue;
  if (is_sick()) return kEccError;
  call.device.initialised = true;
  return 0;
}
FAKE_EXPORT Code cuDriverGetVersion(int* version) {
  DriverCall call(Needs::kAlways, "cuDriverGetVersion");
  *version = settings().driver_version;
  return call.code;
}
FAKE_EXPORT Code cuGetErrorName(Code error, const char** name) {
  const auto facts = warpwright::cuda::error_facts(error);
  *name = facts.name.starts_with("CUDA_") ? facts.name.data() : nullptr;
  return *name == nullptr ? kInvalidValue : 0;
}
FAKE_EXPORT Code cuGetErrorString(Code error, const char** text) {
  return cuGetErrorName(error, text);
}
FAKE_EXPORT Code cuDeviceGetCount(int* count) {
  DriverCall call(Needs::kAlways, "cuDeviceGetCount");
  *count = 1;
  return call.code != 0 ? call.code : call.device.initialised ? 0 : kNotInitialized;
}
FAKE_EXPORT Code cuDeviceGet(abi::Device* device, int ordinal) {
  DriverCall call(Needs::kAlways, "cuDeviceGet", "{}", ordinal);
  *device = 0;
  if (call.code == 0 && !call.device.initialised) return kNotInitialized;
  return call.code != 0 ? call.code : ordinal == 0 ? 0 : kInvalidDevice;
}
FAKE_EXPORT Code cuDeviceGetName(char* name, int bytes, abi::Device) {
  DriverCall call(Needs::kAlways, "cuDeviceGetName");
  std::snprintf(name, static_cast<size_t>(bytes), "Fake GPU sm_%d", settings().arch);
  return call.code;
}
FAKE_EXPORT Code cuDeviceGetUuid_v2(abi::Uuid* uuid, abi::Device) {
  DriverCall call(Needs::kAlways, "cuDeviceGetUuid_v2");
  std::memcpy(uuid->bytes, device_uuid().data(), 16);
  return call.code;
}
FAKE_EXPORT Code cuDeviceGetAttribute(int* value, abi::DeviceAttribute attribute, abi::Device) {
  DriverCall call(Needs::kAlways, "cuDeviceGetAttribute", "{}", static_cast<int>(attribute));
  if (call.code != 0) return call.code;
  *value = attribute_of(attribute);
  return *value < 0 ? kInvalidValue : 0;
}
FAKE_EXPORT Code cuDeviceTotalMem_v2(size_t* bytes, abi::Device) {
  DriverCall call(Needs::kAlways, "cuDeviceTotalMem_v2");
  *bytes = settings().memory_bytes;
  return call.code;
}
FAKE_EXPORT Code cuDevicePrimaryCtxRetain(abi::Context* context, abi::Device) {
  DriverCall call(Needs::kAlways, "cuDevicePrimaryCtxRetain");
  if (call.code != 0) return call.code;
  if (!call.device.initialised) return kNotInitialized;
  if (call.device.fault != 0) return call.device.fault;
  ++call.device.contexts;
  *context = reinterpret_cast<abi::Context>(&call.device);
  return 0;
}
FAKE_EXPORT Code cuDevicePrimaryCtxRelease_v2(abi::Device) {
  DriverCall call(Needs::kAlways, "cuDevicePrimaryCtxRelease_v2");
  if (call.code != 0) return call.code;
  if (call.device.contexts == 0) return kInvalidContext;
  --call.device.contexts;
  return 0;
}
FAKE_EXPORT Code cuDevicePrimaryCtxSetFlags_v2(abi::Device, unsigned flags) {
  DriverCall call(Needs::kAlways, "cuDevicePrimaryCtxSetFlags_v2", "{}", flags);
  return call.code;
}
FAKE_EXPORT Code cuCtxSetCurrent(abi::Context context) {
  DriverCall call(Needs::kAlways, "cuCtxSetCurrent");
  const bool is_ours = reinterpret_cast<Device*>(context) == &call.device;
  return call.code != 0 ? call.code : context == nullptr || is_ours ? 0 : kInvalidContext;
}
FAKE_EXPORT Code cuCtxSynchronize() {
  DriverCall call(Needs::kContext, "cuCtxSynchronize");
  return call.code != 0 ? call.code : call.device.drain();
}
FAKE_EXPORT Code cuCtxSetLimit(abi::Limit limit, size_t value) {
  DriverCall call(Needs::kContext, "cuCtxSetLimit", "{} {}", static_cast<int>(limit), value);
  if (call.code != 0) return call.code;
  if (!limits().contains(limit)) return kInvalidValue;
  limits()[limit] = value;
  return 0;
}
FAKE_EXPORT Code cuCtxGetLimit(size_t* value, abi::Limit limit) {
  DriverCall call(Needs::kContext, "cuCtxGetLimit", "{}", static_cast<int>(limit));
  if (call.code != 0) return call.code;
  if (!limits().contains(limit)) return kInvalidValue;
  *value = limits()[limit];
  return 0;
}
FAKE_EXPORT Code cuCtxResetPersistingL2Cache() {
  DriverCall call(Needs::kContext, "cuCtxResetPersistingL2Cache");
  return call.code;
}
