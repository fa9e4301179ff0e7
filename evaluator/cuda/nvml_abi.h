// The part of NVML (libnvidia-ml.so.1) that is used here, as declared by this project. NVML keeps its ABI
// from driver to driver; symbols newer than driver 525 are optional.
#pragma once

#include <cstddef>
#include <cstdint>

namespace warpwright::cuda::abi {

using NvmlCode = int;  // nvmlReturn_t
inline constexpr NvmlCode kNvmlSuccess = 0;
inline constexpr NvmlCode kNvmlNotSupported = 3;
inline constexpr NvmlCode kNvmlNoPermission = 4;
inline constexpr NvmlCode kNvmlNotFound = 6;
inline constexpr NvmlCode kNvmlGpuIsLost = 15;
inline constexpr NvmlCode kNvmlResetRequired = 16;

using NvmlDevice = struct NvmlDeviceTag*;

enum NvmlClock : int { kNvmlClockGraphics = 0, kNvmlClockSm = 1, kNvmlClockMemory = 2 };
enum NvmlMemoryError : int { kNvmlCorrected = 0, kNvmlUncorrected = 1 };
enum NvmlEccCounter : int { kNvmlVolatile = 0, kNvmlAggregate = 1 };

// nvmlClocksEventReason...: why the clocks are not higher.
inline constexpr uint64_t kReasonGpuIdle = 0x1;
inline constexpr uint64_t kReasonApplicationClocks = 0x2;
inline constexpr uint64_t kReasonSwPowerCap = 0x4;
inline constexpr uint64_t kReasonHwSlowdown = 0x8;
inline constexpr uint64_t kReasonSyncBoost = 0x10;
inline constexpr uint64_t kReasonSwThermalSlowdown = 0x20;
inline constexpr uint64_t kReasonHwThermalSlowdown = 0x40;
inline constexpr uint64_t kReasonHwPowerBrake = 0x80;
inline constexpr uint64_t kReasonDisplayClock = 0x100;
inline constexpr uint64_t kReasonBoardLimit = 0x200;
inline constexpr uint64_t kReasonReliability = 0x400;

inline constexpr unsigned kFieldRecoveryAction =
    230;  // NVML_FI_DEV_GET_GPU_RECOVERY_ACTION, driver 565 and later
enum RecoveryAction : unsigned {
  kRecoverNone = 0,
  kRecoverGpuReset = 1,
  kRecoverNodeReboot = 2,
  kRecoverDrainPeers = 3,
  kRecoverDrainAndReset = 4,
  kRecoverImexDomain = 5,
  kRecoverBusReset = 6,
  kRecoverSystemReboot = 7,
};
struct NvmlFieldValue {
  unsigned field;
  unsigned scope;
  long long timestamp;
  long long latency_us;
  int value_type;  // 1: unsigned
  NvmlCode code;
  union {
    double f64;
    unsigned u32;
    unsigned long long u64;
  } value;
};
static_assert(sizeof(NvmlFieldValue) == 40 && offsetof(NvmlFieldValue, value) == 32);

// X(exported symbol, parameter types...); all return NvmlCode but nvmlErrorString.
#define WW_NVML_FUNCTIONS(X)                                      \
  X(nvmlInit_v2)                                                  \
  X(nvmlShutdown)                                                 \
  X(nvmlDeviceGetHandleByUUID, const char*, NvmlDevice*)          \
  X(nvmlDeviceGetClockInfo, NvmlDevice, NvmlClock, unsigned*)     \
  X(nvmlDeviceGetMaxClockInfo, NvmlDevice, NvmlClock, unsigned*)  \
  X(nvmlDeviceSetGpuLockedClocks, NvmlDevice, unsigned, unsigned) \
  X(nvmlDeviceResetGpuLockedClocks, NvmlDevice)
// The reasons' first name is that of driver 535 and later, the second an older driver's.
#define WW_NVML_OPTIONAL_FUNCTIONS(X)                                                              \
  X(nvmlDeviceGetCurrentClocksEventReasons, NvmlDevice, unsigned long long*)                       \
  X(nvmlDeviceGetCurrentClocksThrottleReasons, NvmlDevice, unsigned long long*)                    \
  X(nvmlDeviceGetTotalEccErrors, NvmlDevice, NvmlMemoryError, NvmlEccCounter, unsigned long long*) \
  X(nvmlDeviceGetFieldValues, NvmlDevice, int, NvmlFieldValue*)
using NvmlErrorString = const char* (*)(NvmlCode);

}  // namespace warpwright::cuda::abi
