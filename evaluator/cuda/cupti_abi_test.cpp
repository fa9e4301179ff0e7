// Our declarations against CUPTI's and NVML's headers, where they were found.
#include "evaluator/cuda/cupti_abi.h"

#include <gtest/gtest.h>

#include "evaluator/cuda/abi_comparison.h"
#include "evaluator/cuda/nvml_abi.h"

#if __has_include(<cuda.h>) && __has_include(<cupti.h>)
#include <cuda.h>
#include <cupti.h>

namespace warpwright::cuda::abi {
namespace {

#define WW_COMPARE(symbol, ...) \
  static_assert(SameCall<CuptiCode(__VA_ARGS__), std::remove_pointer_t<decltype(&::symbol)>>::value, #symbol);
WW_CUPTI_FUNCTIONS(WW_COMPARE)
#undef WW_COMPARE

#if CUPTI_API_VERSION >= 130500
using TheirKernel = CUpti_ActivityKernel13;
using TheirMemcpy = CUpti_ActivityMemcpy7;
using TheirMemset = CUpti_ActivityMemset5;
#elif CUPTI_API_VERSION >= 130000
using TheirKernel = CUpti_ActivityKernel10;
using TheirMemcpy = CUpti_ActivityMemcpy6;
using TheirMemset = CUpti_ActivityMemset4;
#else
using TheirKernel = CUpti_ActivityKernel9;
using TheirMemcpy = CUpti_ActivityMemcpy5;
using TheirMemset = CUpti_ActivityMemset4;
#endif

// The record of each version that may be met has our fields at our places.
template <class Record>
constexpr bool is_kernel() {
  return offsetof(Record, kind) == offsetof(KernelRecord, kind) &&
         offsetof(Record, registersPerThread) == offsetof(KernelRecord, registers_per_thread) &&
         offsetof(Record, start) == offsetof(KernelRecord, start) &&
         offsetof(Record, end) == offsetof(KernelRecord, end) &&
         offsetof(Record, completed) == offsetof(KernelRecord, completed) &&
         offsetof(Record, streamId) == offsetof(KernelRecord, stream_id) &&
         offsetof(Record, gridX) == offsetof(KernelRecord, grid_x) &&
         offsetof(Record, blockZ) == offsetof(KernelRecord, block_z) &&
         offsetof(Record, dynamicSharedMemory) == offsetof(KernelRecord, dynamic_shared_bytes) &&
         offsetof(Record, correlationId) == offsetof(KernelRecord, correlation_id) &&
         offsetof(Record, gridId) == offsetof(KernelRecord, grid_id) &&
         offsetof(Record, name) == offsetof(KernelRecord, name) && sizeof(Record) >= sizeof(KernelRecord);
}
template <class Record>
constexpr bool is_memcpy() {
  return offsetof(Record, kind) == offsetof(MemcpyRecord, kind) &&
         offsetof(Record, copyKind) == offsetof(MemcpyRecord, copy_kind) &&
         offsetof(Record, bytes) == offsetof(MemcpyRecord, bytes) &&
         offsetof(Record, start) == offsetof(MemcpyRecord, start) &&
         offsetof(Record, end) == offsetof(MemcpyRecord, end) &&
         offsetof(Record, correlationId) == offsetof(MemcpyRecord, correlation_id) &&
         sizeof(Record) >= sizeof(MemcpyRecord);
}
template <class Record>
constexpr bool is_memset() {
  return offsetof(Record, kind) == offsetof(MemsetRecord, kind) &&
         offsetof(Record, value) == offsetof(MemsetRecord, value) &&
         offsetof(Record, bytes) == offsetof(MemsetRecord, bytes) &&
         offsetof(Record, start) == offsetof(MemsetRecord, start) &&
         offsetof(Record, end) == offsetof(MemsetRecord, end) &&
         offsetof(Record, correlationId) == offsetof(MemsetRecord, correlation_id) &&
         sizeof(Record) >= sizeof(MemsetRecord);
}
static_assert(is_kernel<TheirKernel>() && is_memcpy<TheirMemcpy>() && is_memset<TheirMemset>());
static_assert(is_kernel<CUpti_ActivityKernel5>() && is_kernel<CUpti_ActivityKernel6>() &&
              is_kernel<CUpti_ActivityKernel7>() && is_kernel<CUpti_ActivityKernel8>() &&
              is_kernel<CUpti_ActivityKernel9>());
static_assert(is_memcpy<CUpti_ActivityMemcpy3>() && is_memcpy<CUpti_ActivityMemcpy4>() &&
              is_memcpy<CUpti_ActivityMemcpy5>());
static_assert(is_memset<CUpti_ActivityMemset2>() && is_memset<CUpti_ActivityMemset3>());

using TheirExternal = CUpti_ActivityExternalCorrelation;
static_assert(sizeof(ExternalCorrelationRecord) == sizeof(TheirExternal));
static_assert(offsetof(ExternalCorrelationRecord, external_kind) == offsetof(TheirExternal, externalKind));
static_assert(offsetof(ExternalCorrelationRecord, external_id) == offsetof(TheirExternal, externalId));
static_assert(offsetof(ExternalCorrelationRecord, correlation_id) == offsetof(TheirExternal, correlationId));
static_assert(sizeof(ApiRecord) == sizeof(CUpti_ActivityAPI));
static_assert(offsetof(ApiRecord, correlation_id) == offsetof(CUpti_ActivityAPI, correlationId));
static_assert(kActivityAlignment == ACTIVITY_RECORD_ALIGNMENT);

TEST(CuptiAbi, NumbersAreThoseOfCuptiH) {
  EXPECT_EQ(int{kMemcpyActivity}, int{CUPTI_ACTIVITY_KIND_MEMCPY});
  EXPECT_EQ(int{kMemsetActivity}, int{CUPTI_ACTIVITY_KIND_MEMSET});
  EXPECT_EQ(int{kDriverApiActivity}, int{CUPTI_ACTIVITY_KIND_DRIVER});
  EXPECT_EQ(int{kConcurrentKernelActivity}, int{CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL});
  EXPECT_EQ(int{kExternalCorrelationActivity}, int{CUPTI_ACTIVITY_KIND_EXTERNAL_CORRELATION});
  EXPECT_EQ(int{kExternalCustom0}, int{CUPTI_EXTERNAL_CORRELATION_KIND_CUSTOM0});
  EXPECT_EQ(kFlushForced, uint32_t{CUPTI_ACTIVITY_FLAG_FLUSH_FORCED});
  EXPECT_EQ(kCuptiSuccess, int{CUPTI_SUCCESS});
  EXPECT_EQ(kCuptiMaxLimitReached, int{CUPTI_ERROR_MAX_LIMIT_REACHED});
  EXPECT_EQ(kCuptiQueueEmpty, int{CUPTI_ERROR_QUEUE_EMPTY});
  EXPECT_EQ(kCuptiInsufficientPrivileges, int{CUPTI_ERROR_INSUFFICIENT_PRIVILEGES});
  EXPECT_EQ(kCuptiMultipleSubscribers, int{CUPTI_ERROR_MULTIPLE_SUBSCRIBERS_NOT_SUPPORTED});
}

}  // namespace
}  // namespace warpwright::cuda::abi
#endif

#if __has_include(<nvml.h>)
#include <nvml.h>

namespace warpwright::cuda::abi {
namespace {

static_assert(sizeof(NvmlFieldValue) == sizeof(nvmlFieldValue_t));
static_assert(offsetof(NvmlFieldValue, code) == offsetof(nvmlFieldValue_t, nvmlReturn));
static_assert(offsetof(NvmlFieldValue, value) == offsetof(nvmlFieldValue_t, value));
#define WW_COMPARE(symbol, ...) \
  static_assert(SameCall<NvmlCode(__VA_ARGS__), std::remove_pointer_t<decltype(&::symbol)>>::value, #symbol);
WW_NVML_FUNCTIONS(WW_COMPARE)
#undef WW_COMPARE

TEST(NvmlAbi, NumbersAreThoseOfNvmlH) {
  EXPECT_EQ(kNvmlNotSupported, int{NVML_ERROR_NOT_SUPPORTED});
  EXPECT_EQ(kNvmlNoPermission, int{NVML_ERROR_NO_PERMISSION});
  EXPECT_EQ(kNvmlNotFound, int{NVML_ERROR_NOT_FOUND});
  EXPECT_EQ(kNvmlGpuIsLost, int{NVML_ERROR_GPU_IS_LOST});
  EXPECT_EQ(kNvmlResetRequired, int{NVML_ERROR_RESET_REQUIRED});
  EXPECT_EQ(int{kNvmlClockSm}, int{NVML_CLOCK_SM});
  EXPECT_EQ(int{kNvmlUncorrected}, int{NVML_MEMORY_ERROR_TYPE_UNCORRECTED});
  EXPECT_EQ(int{kNvmlVolatile}, int{NVML_VOLATILE_ECC});
  EXPECT_EQ(kReasonGpuIdle, uint64_t{nvmlClocksThrottleReasonGpuIdle});
  EXPECT_EQ(kReasonSwPowerCap, uint64_t{nvmlClocksThrottleReasonSwPowerCap});
  EXPECT_EQ(kReasonHwSlowdown, uint64_t{nvmlClocksThrottleReasonHwSlowdown});
  EXPECT_EQ(kReasonSwThermalSlowdown, uint64_t{nvmlClocksThrottleReasonSwThermalSlowdown});
  EXPECT_EQ(kReasonHwThermalSlowdown, uint64_t{nvmlClocksThrottleReasonHwThermalSlowdown});
  EXPECT_EQ(kReasonHwPowerBrake, uint64_t{nvmlClocksThrottleReasonHwPowerBrakeSlowdown});
#ifdef NVML_FI_DEV_GET_GPU_RECOVERY_ACTION
  EXPECT_EQ(kFieldRecoveryAction, unsigned{NVML_FI_DEV_GET_GPU_RECOVERY_ACTION});
  EXPECT_EQ(unsigned{kRecoverGpuReset}, unsigned{NVML_GPU_RECOVERY_ACTION_GPU_RESET});
  EXPECT_EQ(unsigned{kRecoverNodeReboot}, unsigned{NVML_GPU_RECOVERY_ACTION_NODE_REBOOT});
  EXPECT_EQ(unsigned{kRecoverDrainPeers}, unsigned{NVML_GPU_RECOVERY_ACTION_DRAIN_P2P});
  EXPECT_EQ(unsigned{kRecoverDrainAndReset}, unsigned{NVML_GPU_RECOVERY_ACTION_DRAIN_AND_RESET});
#endif
}

}  // namespace
}  // namespace warpwright::cuda::abi
#endif
