// The part of the CUDA driver API (libcuda.so.1) that is used here, as declared by this project: no CUDA
// header is needed to build. Names, numbers and layouts are those of cuda.h, 12.0 to 13.5, whose C ABI does
// not change within a symbol; driver_abi_test.cpp compares them with cuda.h where one is found.
#pragma once

#include <cstddef>
#include <cstdint>

namespace warpwright::cuda::abi {

using Code = int;  // CUresult; errors.h
using Device = int;
using DevicePointer = unsigned long long;
using AllocationHandle = unsigned long long;  // CUmemGenericAllocationHandle
using Context = struct ContextTag*;
using Module = struct ModuleTag*;
using Function = struct FunctionTag*;
using Stream = struct StreamTag*;
using Event = struct EventTag*;

struct Uuid {
  unsigned char bytes[16];
};

// --- enumerations: C enums, passed as int ---

enum DeviceAttribute : int {
  kMaxThreadsPerBlock = 1,
  kClockRateKhz = 13,
  kMultiprocessorCount = 16,
  kCanMapHostMemory = 19,
  kComputeMode = 20,
  kEccEnabled = 32,
  kMemoryClockRateKhz = 36,
  kGlobalMemoryBusWidth = 37,
  kL2CacheBytes = 38,
  kMaxThreadsPerMultiprocessor = 39,
  kUnifiedAddressing = 41,
  kComputeCapabilityMajor = 75,
  kComputeCapabilityMinor = 76,
  kMaxSharedBytesPerMultiprocessor = 81,
  kCooperativeLaunch = 95,
  kMaxSharedBytesPerBlockOptin = 97,
  kVirtualMemoryManagement = 102,
  kMaxPersistingL2Bytes = 108,
  kClusterLaunch = 120,
};

enum Limit : int {
  kLimitStackSize = 0,
  kLimitPrintfFifoSize = 1,
  kLimitMallocHeapSize = 2,
  kLimitPersistingL2CacheSize = 6,
};

enum FunctionAttribute : int {
  kFunctionMaxThreadsPerBlock = 0,
  kFunctionSharedBytes = 1,
  kFunctionLocalBytes = 3,
  kFunctionRegisters = 4,
  kFunctionMaxDynamicSharedBytes = 8,
  kFunctionSharedCarveoutPercent = 9,
  kFunctionNonPortableClusterSizeAllowed = 14,
};

enum JitOption : int {
  kJitErrorLogBuffer = 5,
  kJitErrorLogBufferBytes = 6,
};

enum ContextFlags : unsigned {
  kScheduleAuto = 0,
  kScheduleSpin = 1,
  kScheduleYield = 2,
  kScheduleBlockingSync = 4,
};
enum StreamFlags : unsigned { kStreamDefault = 0, kStreamNonBlocking = 1 };
enum EventFlags : unsigned { kEventDefault = 0, kEventBlockingSync = 1, kEventDisableTiming = 2 };
enum HostAllocFlags : unsigned { kHostPortable = 1, kHostDeviceMap = 2, kHostWriteCombined = 4 };

// --- launches ---

enum LaunchAttributeId : int {
  kLaunchIgnore = 0,
  kLaunchCooperative = 2,
  kLaunchClusterDimension = 4,
  kLaunchProgrammaticStreamSerialization = 6,
  kLaunchPreferredSharedCarveout = 14,
};
union LaunchAttributeValue {
  char pad[64];
  int cooperative;
  struct {
    unsigned x, y, z;
  } cluster_dim;
  int programmatic_stream_serialization_allowed;
  unsigned shared_carveout;
};
struct LaunchAttribute {
  LaunchAttributeId id;
  char pad[4];
  LaunchAttributeValue value;
};
struct LaunchConfig {
  unsigned grid_x, grid_y, grid_z;
  unsigned block_x, block_y, block_z;
  unsigned shared_bytes;  // dynamic
  Stream stream;
  LaunchAttribute* attributes;
  unsigned attribute_count;
};
// `extra` of a launch: {kLaunchBufferPointer, block, kLaunchBufferSize, &size_t, kLaunchEnd}.
inline void* const kLaunchEnd = nullptr;
inline void* const kLaunchBufferPointer = reinterpret_cast<void*>(1);
inline void* const kLaunchBufferSize = reinterpret_cast<void*>(2);

// --- tensor maps ---

struct alignas(128) TensorMap {
  uint64_t opaque[16];
};

// --- virtual memory ---

enum LocationType : int { kLocationDevice = 1 };
struct Location {
  LocationType type;
  int id;
};
enum AllocationType : int { kAllocationPinned = 1 };
enum Granularity : int { kGranularityMinimum = 0, kGranularityRecommended = 1 };
struct AllocationProperties {
  AllocationType type;
  int handle_types;  // 0: not shared with other processes
  Location location;
  void* win32_metadata;
  struct {
    unsigned char compression, gpu_direct_rdma;
    unsigned short usage;
    unsigned char reserved[4];
  } flags;
};
enum AccessFlags : int { kAccessNone = 0, kAccessRead = 1, kAccessReadWrite = 3 };
struct AccessDescriptor {
  Location location;
  AccessFlags flags;
};

static_assert(sizeof(LaunchAttribute) == 72 && offsetof(LaunchAttribute, value) == 8);
static_assert(sizeof(LaunchConfig) == 56 && offsetof(LaunchConfig, stream) == 32);
static_assert(sizeof(AllocationProperties) == 32 && sizeof(AccessDescriptor) == 12);
static_assert(sizeof(TensorMap) == 128 && sizeof(Uuid) == 16);

// --- functions: X(exported symbol, parameter types...); all return Code ---
//
// The symbols have the version suffixes that cuda.h's macros add. All of them are there since driver 525
// (CUDA 12.0).
#define WW_CUDA_FUNCTIONS(X)                                                                    \
  X(cuInit, unsigned)                                                                           \
  X(cuDriverGetVersion, int*)                                                                   \
  X(cuGetErrorName, Code, const char**)                                                         \
  X(cuGetErrorString, Code, const char**)                                                       \
  X(cuDeviceGetCount, int*)                                                                     \
  X(cuDeviceGet, Device*, int)                                                                  \
  X(cuDeviceGetName, char*, int, Device)                                                        \
  X(cuDeviceGetUuid_v2, Uuid*, Device)                                                          \
  X(cuDeviceGetAttribute, int*, DeviceAttribute, Device)                                        \
  X(cuDeviceTotalMem_v2, size_t*, Device)                                                       \
  X(cuDevicePrimaryCtxRetain, Context*, Device)                                                 \
  X(cuDevicePrimaryCtxRelease_v2, Device)                                                       \
  X(cuDevicePrimaryCtxSetFlags_v2, Device, unsigned)                                            \
  X(cuCtxSetCurrent, Context)                                                                   \
  X(cuCtxSynchronize)                                                                           \
  X(cuCtxSetLimit, Limit, size_t)                                                               \
  X(cuCtxGetLimit, size_t*, Limit)                                                              \
  X(cuCtxResetPersistingL2Cache)                                                                \
  X(cuModuleLoadData, Module*, const void*)                                                     \
  X(cuModuleLoadDataEx, Module*, const void*, unsigned, JitOption*, void**)                     \
  X(cuModuleUnload, Module)                                                                     \
  X(cuModuleGetFunction, Function*, Module, const char*)                                        \
  X(cuFuncGetAttribute, int*, FunctionAttribute, Function)                                      \
  X(cuFuncSetAttribute, Function, FunctionAttribute, int)                                       \
  X(cuLaunchKernelEx, const LaunchConfig*, Function, void**, void**)                            \
  X(cuMemAlloc_v2, DevicePointer*, size_t)                                                      \
  X(cuMemFree_v2, DevicePointer)                                                                \
  X(cuMemGetInfo_v2, size_t*, size_t*)                                                          \
  X(cuMemHostAlloc, void**, size_t, unsigned)                                                   \
  X(cuMemFreeHost, void*)                                                                       \
  X(cuMemHostGetDevicePointer_v2, DevicePointer*, void*, unsigned)                              \
  X(cuMemcpyHtoDAsync_v2, DevicePointer, const void*, size_t, Stream)                           \
  X(cuMemcpyDtoHAsync_v2, void*, DevicePointer, size_t, Stream)                                 \
  X(cuMemcpyDtoDAsync_v2, DevicePointer, DevicePointer, size_t, Stream)                         \
  X(cuMemsetD8Async, DevicePointer, unsigned char, size_t, Stream)                              \
  X(cuMemsetD32Async, DevicePointer, unsigned, size_t, Stream)                                  \
  X(cuStreamCreate, Stream*, unsigned)                                                          \
  X(cuStreamDestroy_v2, Stream)                                                                 \
  X(cuStreamSynchronize, Stream)                                                                \
  X(cuStreamQuery, Stream)                                                                      \
  X(cuEventCreate, Event*, unsigned)                                                            \
  X(cuEventDestroy_v2, Event)                                                                   \
  X(cuEventRecord, Event, Stream)                                                               \
  X(cuEventSynchronize, Event)                                                                  \
  X(cuEventElapsedTime, float*, Event, Event)                                                   \
  X(cuTensorMapEncodeTiled, TensorMap*, int, uint32_t, void*, const uint64_t*, const uint64_t*, \
    const uint32_t*, const uint32_t*, int, int, int, int)                                       \
  X(cuMemAddressReserve, DevicePointer*, size_t, size_t, DevicePointer, unsigned long long)     \
  X(cuMemAddressFree, DevicePointer, size_t)                                                    \
  X(cuMemCreate, AllocationHandle*, size_t, const AllocationProperties*, unsigned long long)    \
  X(cuMemRelease, AllocationHandle)                                                             \
  X(cuMemMap, DevicePointer, size_t, size_t, AllocationHandle, unsigned long long)              \
  X(cuMemUnmap, DevicePointer, size_t)                                                          \
  X(cuMemSetAccess, DevicePointer, size_t, const AccessDescriptor*, size_t)                     \
  X(cuMemGetAllocationGranularity, size_t*, const AllocationProperties*, Granularity)

}  // namespace warpwright::cuda::abi
