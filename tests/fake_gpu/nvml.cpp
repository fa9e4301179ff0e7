// NVML: clocks and health of the one device.
#include <cmath>

#include "evaluator/cuda/nvml_abi.h"
#include "tests/fake_gpu/exports.h"

namespace warpwright::fake_gpu {
namespace {

unsigned locked_mhz = 0;

abi::NvmlDevice the_device() {
  return reinterpret_cast<abi::NvmlDevice>(&Device::get());
}

unsigned clock_mhz(abi::NvmlClock clock) {
  Device& device = Device::get();
  const std::lock_guard lock(device.mutex);
  if (clock == abi::kNvmlClockMemory) return 2600;
  return static_cast<unsigned>(std::lround(device.timing.sm_mhz(device.host_ns)));
}

unsigned long long clock_reasons() {
  Device& device = Device::get();
  const std::lock_guard lock(device.mutex);
  return device.timing.is_throttled(device.host_ns) ? abi::kReasonSwThermalSlowdown : 0;
}

}  // namespace
}  // namespace warpwright::fake_gpu

using namespace warpwright::fake_gpu;  // NOLINT: the rest is C
using abi::NvmlCode;

FAKE_EXPORT NvmlCode nvmlInit_v2() {
  return gate("nvmlInit_v2");
}
FAKE_EXPORT NvmlCode nvmlShutdown() {
  return gate("nvmlShutdown");
}
FAKE_EXPORT const char* nvmlErrorString(NvmlCode code) {
  return code == abi::kNvmlSuccess        ? "Success"
         : code == abi::kNvmlNoPermission ? "Insufficient Permissions"
         : code == abi::kNvmlGpuIsLost    ? "GPU is lost"
                                          : "Unknown Error";
}
FAKE_EXPORT NvmlCode nvmlDeviceGetHandleByUUID(const char* uuid, abi::NvmlDevice* device) {
  *device = the_device();
  return gate("nvmlDeviceGetHandleByUUID", "{}", uuid);
}
FAKE_EXPORT NvmlCode nvmlDeviceGetClockInfo(abi::NvmlDevice, abi::NvmlClock clock, unsigned* mhz) {
  *mhz = clock_mhz(clock);
  return gate("nvmlDeviceGetClockInfo");
}
FAKE_EXPORT NvmlCode nvmlDeviceGetMaxClockInfo(abi::NvmlDevice, abi::NvmlClock clock, unsigned* mhz) {
  *mhz = clock == abi::kNvmlClockMemory ? 2600 : static_cast<unsigned>(std::lround(settings().sm_mhz));
  return gate("nvmlDeviceGetMaxClockInfo");
}
// What it is locked to does not change the fake's clock; whether it may be locked is for FAKE_GPU_FAIL.
FAKE_EXPORT NvmlCode nvmlDeviceSetGpuLockedClocks(abi::NvmlDevice, unsigned low_mhz, unsigned high_mhz) {
  if (const int code = gate("nvmlDeviceSetGpuLockedClocks", "{} {}", low_mhz, high_mhz)) return code;
  locked_mhz = high_mhz;
  return abi::kNvmlSuccess;
}
FAKE_EXPORT NvmlCode nvmlDeviceResetGpuLockedClocks(abi::NvmlDevice) {
  locked_mhz = 0;
  return gate("nvmlDeviceResetGpuLockedClocks");
}
FAKE_EXPORT NvmlCode nvmlDeviceGetCurrentClocksEventReasons(abi::NvmlDevice, unsigned long long* reasons) {
  *reasons = clock_reasons() | (locked_mhz != 0 ? abi::kReasonApplicationClocks : 0);
  return gate("nvmlDeviceGetCurrentClocksEventReasons");
}
FAKE_EXPORT NvmlCode nvmlDeviceGetCurrentClocksThrottleReasons(abi::NvmlDevice device,
                                                               unsigned long long* reasons) {
  return nvmlDeviceGetCurrentClocksEventReasons(device, reasons);
}
FAKE_EXPORT NvmlCode nvmlDeviceGetTotalEccErrors(abi::NvmlDevice, abi::NvmlMemoryError, abi::NvmlEccCounter,
                                                 unsigned long long* count) {
  *count = is_sick() ? 7 : 0;
  return gate("nvmlDeviceGetTotalEccErrors");
}
FAKE_EXPORT NvmlCode nvmlDeviceGetFieldValues(abi::NvmlDevice, int count, abi::NvmlFieldValue* values) {
  for (int k = 0; k < count; ++k) {
    values[k].code =
        values[k].field == abi::kFieldRecoveryAction ? abi::kNvmlSuccess : abi::kNvmlNotSupported;
    values[k].value_type = 1;
    values[k].value.u64 = is_sick() ? abi::kRecoverGpuReset : abi::kRecoverNone;
  }
  return gate("nvmlDeviceGetFieldValues");
}
