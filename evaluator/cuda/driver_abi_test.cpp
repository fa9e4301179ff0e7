// Our declarations against cuda.h, where one was found.
#include "evaluator/cuda/driver_abi.h"

#include <gtest/gtest.h>

#include <cstring>

#include "evaluator/cuda/abi_comparison.h"
#include "evaluator/cuda/errors.h"

#if __has_include(<cuda.h>)
#include <cuda.h>

namespace warpwright::cuda::abi {
namespace {

static_assert(!SameCall<int(int*), int(long*)>::value && !SameCall<int(int), int(long)>::value);
// cuda.h's macros name the newest version of each function.
#define WW_COMPARE(symbol, ...) \
  static_assert(SameCall<Code(__VA_ARGS__), std::remove_pointer_t<decltype(&::symbol)>>::value, #symbol);
WW_CUDA_FUNCTIONS(WW_COMPARE)
#undef WW_COMPARE

static_assert(sizeof(LaunchConfig) == sizeof(CUlaunchConfig));
static_assert(offsetof(LaunchConfig, block_x) == offsetof(CUlaunchConfig, blockDimX));
static_assert(offsetof(LaunchConfig, shared_bytes) == offsetof(CUlaunchConfig, sharedMemBytes));
static_assert(offsetof(LaunchConfig, stream) == offsetof(CUlaunchConfig, hStream));
static_assert(offsetof(LaunchConfig, attributes) == offsetof(CUlaunchConfig, attrs));
static_assert(offsetof(LaunchConfig, attribute_count) == offsetof(CUlaunchConfig, numAttrs));
static_assert(sizeof(LaunchAttribute) == sizeof(CUlaunchAttribute));
static_assert(offsetof(LaunchAttribute, value) == offsetof(CUlaunchAttribute, value));
static_assert(sizeof(LaunchAttributeValue) == sizeof(CUlaunchAttributeValue));
static_assert(alignof(LaunchAttributeValue) <= alignof(CUlaunchAttributeValue));
static_assert(sizeof(TensorMap) == sizeof(CUtensorMap) && alignof(TensorMap) >= alignof(CUtensorMap));
static_assert(sizeof(Uuid) == sizeof(CUuuid));
static_assert(sizeof(Location) == sizeof(CUmemLocation));
static_assert(sizeof(AllocationProperties) == sizeof(CUmemAllocationProp));
static_assert(offsetof(AllocationProperties, location) == offsetof(CUmemAllocationProp, location));
static_assert(offsetof(AllocationProperties, flags) == offsetof(CUmemAllocationProp, allocFlags));
static_assert(sizeof(AccessDescriptor) == sizeof(CUmemAccessDesc));
static_assert(offsetof(AccessDescriptor, flags) == offsetof(CUmemAccessDesc, flags));

template <class Ours, class Theirs>
void expect_same(Ours ours, Theirs theirs, const char* name) {
  EXPECT_EQ(static_cast<long long>(ours), static_cast<long long>(theirs)) << name;
}
#define WW_EXPECT(ours, theirs) expect_same(ours, theirs, #theirs)

TEST(DriverAbi, NumbersAreThoseOfCudaH) {
  WW_EXPECT(kMaxThreadsPerBlock, CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK);
  WW_EXPECT(kClockRateKhz, CU_DEVICE_ATTRIBUTE_CLOCK_RATE);
  WW_EXPECT(kMultiprocessorCount, CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT);
  WW_EXPECT(kCanMapHostMemory, CU_DEVICE_ATTRIBUTE_CAN_MAP_HOST_MEMORY);
  WW_EXPECT(kComputeMode, CU_DEVICE_ATTRIBUTE_COMPUTE_MODE);
  WW_EXPECT(kEccEnabled, CU_DEVICE_ATTRIBUTE_ECC_ENABLED);
  WW_EXPECT(kMemoryClockRateKhz, CU_DEVICE_ATTRIBUTE_MEMORY_CLOCK_RATE);
  WW_EXPECT(kGlobalMemoryBusWidth, CU_DEVICE_ATTRIBUTE_GLOBAL_MEMORY_BUS_WIDTH);
  WW_EXPECT(kL2CacheBytes, CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE);
  WW_EXPECT(kMaxThreadsPerMultiprocessor, CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_MULTIPROCESSOR);
  WW_EXPECT(kUnifiedAddressing, CU_DEVICE_ATTRIBUTE_UNIFIED_ADDRESSING);
  WW_EXPECT(kComputeCapabilityMajor, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR);
  WW_EXPECT(kComputeCapabilityMinor, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR);
  WW_EXPECT(kMaxSharedBytesPerMultiprocessor, CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_MULTIPROCESSOR);
  WW_EXPECT(kCooperativeLaunch, CU_DEVICE_ATTRIBUTE_COOPERATIVE_LAUNCH);
  WW_EXPECT(kMaxSharedBytesPerBlockOptin, CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN);
  WW_EXPECT(kVirtualMemoryManagement, CU_DEVICE_ATTRIBUTE_VIRTUAL_MEMORY_MANAGEMENT_SUPPORTED);
  WW_EXPECT(kMaxPersistingL2Bytes, CU_DEVICE_ATTRIBUTE_MAX_PERSISTING_L2_CACHE_SIZE);
  WW_EXPECT(kClusterLaunch, CU_DEVICE_ATTRIBUTE_CLUSTER_LAUNCH);
  WW_EXPECT(kLimitStackSize, CU_LIMIT_STACK_SIZE);
  WW_EXPECT(kLimitPrintfFifoSize, CU_LIMIT_PRINTF_FIFO_SIZE);
  WW_EXPECT(kLimitMallocHeapSize, CU_LIMIT_MALLOC_HEAP_SIZE);
  WW_EXPECT(kLimitPersistingL2CacheSize, CU_LIMIT_PERSISTING_L2_CACHE_SIZE);
  WW_EXPECT(kFunctionMaxThreadsPerBlock, CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK);
  WW_EXPECT(kFunctionSharedBytes, CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES);
  WW_EXPECT(kFunctionLocalBytes, CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES);
  WW_EXPECT(kFunctionRegisters, CU_FUNC_ATTRIBUTE_NUM_REGS);
  WW_EXPECT(kFunctionMaxDynamicSharedBytes, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES);
  WW_EXPECT(kFunctionSharedCarveoutPercent, CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT);
  WW_EXPECT(kFunctionNonPortableClusterSizeAllowed, CU_FUNC_ATTRIBUTE_NON_PORTABLE_CLUSTER_SIZE_ALLOWED);
  WW_EXPECT(kJitErrorLogBuffer, CU_JIT_ERROR_LOG_BUFFER);
  WW_EXPECT(kJitErrorLogBufferBytes, CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES);
}

TEST(DriverAbi, FlagsAreThoseOfCudaH) {
  WW_EXPECT(kScheduleSpin, CU_CTX_SCHED_SPIN);
  WW_EXPECT(kScheduleYield, CU_CTX_SCHED_YIELD);
  WW_EXPECT(kScheduleBlockingSync, CU_CTX_SCHED_BLOCKING_SYNC);
  WW_EXPECT(kStreamNonBlocking, CU_STREAM_NON_BLOCKING);
  WW_EXPECT(kEventBlockingSync, CU_EVENT_BLOCKING_SYNC);
  WW_EXPECT(kEventDisableTiming, CU_EVENT_DISABLE_TIMING);
  WW_EXPECT(kHostPortable, CU_MEMHOSTALLOC_PORTABLE);
  WW_EXPECT(kHostDeviceMap, CU_MEMHOSTALLOC_DEVICEMAP);
  WW_EXPECT(kHostWriteCombined, CU_MEMHOSTALLOC_WRITECOMBINED);
  WW_EXPECT(kLaunchIgnore, CU_LAUNCH_ATTRIBUTE_IGNORE);
  WW_EXPECT(kLaunchCooperative, CU_LAUNCH_ATTRIBUTE_COOPERATIVE);
  WW_EXPECT(kLaunchClusterDimension, CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION);
  WW_EXPECT(kLaunchProgrammaticStreamSerialization, CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION);
#if CUDA_VERSION >= 12050
  WW_EXPECT(kLaunchPreferredSharedCarveout, CU_LAUNCH_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT);
#endif
  EXPECT_EQ(kLaunchEnd, CU_LAUNCH_PARAM_END);
  EXPECT_EQ(kLaunchBufferPointer, CU_LAUNCH_PARAM_BUFFER_POINTER);
  EXPECT_EQ(kLaunchBufferSize, CU_LAUNCH_PARAM_BUFFER_SIZE);
  WW_EXPECT(kLocationDevice, CU_MEM_LOCATION_TYPE_DEVICE);
  WW_EXPECT(kAllocationPinned, CU_MEM_ALLOCATION_TYPE_PINNED);
  WW_EXPECT(kGranularityMinimum, CU_MEM_ALLOC_GRANULARITY_MINIMUM);
  WW_EXPECT(kGranularityRecommended, CU_MEM_ALLOC_GRANULARITY_RECOMMENDED);
  WW_EXPECT(kAccessRead, CU_MEM_ACCESS_FLAGS_PROT_READ);
  WW_EXPECT(kAccessReadWrite, CU_MEM_ACCESS_FLAGS_PROT_READWRITE);
}

TEST(DriverAbi, FieldsLieWhereCudaHHasThem) {
  LaunchAttribute attribute = {};
  attribute.value.cluster_dim.x = 2;
  attribute.value.cluster_dim.y = 3;
  attribute.value.cluster_dim.z = 4;
  CUlaunchAttribute theirs = {};
  static_assert(sizeof attribute == sizeof theirs);
  std::memcpy(&theirs, &attribute, sizeof theirs);
  EXPECT_EQ(theirs.value.clusterDim.x, 2u);
  EXPECT_EQ(theirs.value.clusterDim.y, 3u);
  EXPECT_EQ(theirs.value.clusterDim.z, 4u);
  EXPECT_EQ(theirs.value.cooperative, 2);
  EXPECT_EQ(theirs.value.programmaticStreamSerializationAllowed, 2);
}

#define WW_ERROR(code) EXPECT_EQ(error_facts(code).name, #code)
TEST(DriverAbi, ErrorNamesAreThoseOfCudaH) {
  WW_ERROR(CUDA_SUCCESS);
  WW_ERROR(CUDA_ERROR_NOT_READY);
  WW_ERROR(CUDA_ERROR_INVALID_VALUE);
  WW_ERROR(CUDA_ERROR_OUT_OF_MEMORY);
  WW_ERROR(CUDA_ERROR_NOT_INITIALIZED);
  WW_ERROR(CUDA_ERROR_DEINITIALIZED);
  WW_ERROR(CUDA_ERROR_STUB_LIBRARY);
  WW_ERROR(CUDA_ERROR_DEVICE_UNAVAILABLE);
  WW_ERROR(CUDA_ERROR_NO_DEVICE);
  WW_ERROR(CUDA_ERROR_INVALID_DEVICE);
  WW_ERROR(CUDA_ERROR_INVALID_IMAGE);
  WW_ERROR(CUDA_ERROR_INVALID_CONTEXT);
  WW_ERROR(CUDA_ERROR_MAP_FAILED);
  WW_ERROR(CUDA_ERROR_UNMAP_FAILED);
  WW_ERROR(CUDA_ERROR_NO_BINARY_FOR_GPU);
  WW_ERROR(CUDA_ERROR_ECC_UNCORRECTABLE);
  WW_ERROR(CUDA_ERROR_INVALID_PTX);
  WW_ERROR(CUDA_ERROR_NVLINK_UNCORRECTABLE);
  WW_ERROR(CUDA_ERROR_JIT_COMPILER_NOT_FOUND);
  WW_ERROR(CUDA_ERROR_UNSUPPORTED_PTX_VERSION);
  WW_ERROR(CUDA_ERROR_JIT_COMPILATION_DISABLED);
  WW_ERROR(CUDA_ERROR_SHARED_OBJECT_INIT_FAILED);
  WW_ERROR(CUDA_ERROR_OPERATING_SYSTEM);
  WW_ERROR(CUDA_ERROR_INVALID_HANDLE);
  WW_ERROR(CUDA_ERROR_ILLEGAL_STATE);
  WW_ERROR(CUDA_ERROR_NOT_FOUND);
  WW_ERROR(CUDA_ERROR_ILLEGAL_ADDRESS);
  WW_ERROR(CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES);
  WW_ERROR(CUDA_ERROR_LAUNCH_TIMEOUT);
  WW_ERROR(CUDA_ERROR_PRIMARY_CONTEXT_ACTIVE);
  WW_ERROR(CUDA_ERROR_CONTEXT_IS_DESTROYED);
  WW_ERROR(CUDA_ERROR_ASSERT);
  WW_ERROR(CUDA_ERROR_HARDWARE_STACK_ERROR);
  WW_ERROR(CUDA_ERROR_ILLEGAL_INSTRUCTION);
  WW_ERROR(CUDA_ERROR_MISALIGNED_ADDRESS);
  WW_ERROR(CUDA_ERROR_INVALID_ADDRESS_SPACE);
  WW_ERROR(CUDA_ERROR_INVALID_PC);
  WW_ERROR(CUDA_ERROR_LAUNCH_FAILED);
  WW_ERROR(CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE);
  WW_ERROR(CUDA_ERROR_NOT_PERMITTED);
  WW_ERROR(CUDA_ERROR_NOT_SUPPORTED);
  WW_ERROR(CUDA_ERROR_SYSTEM_NOT_READY);
  WW_ERROR(CUDA_ERROR_SYSTEM_DRIVER_MISMATCH);
  WW_ERROR(CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE);
  WW_ERROR(CUDA_ERROR_MPS_CONNECTION_FAILED);
  WW_ERROR(CUDA_ERROR_INVALID_CLUSTER_SIZE);
  WW_ERROR(CUDA_ERROR_UNKNOWN);
#if CUDA_VERSION >= 12080
  WW_ERROR(CUDA_ERROR_CALL_REQUIRES_NEWER_DRIVER);
  WW_ERROR(CUDA_ERROR_TENSOR_MEMORY_LEAK);
  WW_ERROR(CUDA_ERROR_CONTAINED);
#endif
}

}  // namespace
}  // namespace warpwright::cuda::abi
#endif
