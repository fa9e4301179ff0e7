// The part of CUPTI's activity API (libcupti.so.12 and .13) that is used here, as declared by this project.
// Records grow at their end from one CUPTI to the next; only prefixes that all of them share are declared,
// and no size of a record is relied on (cuptiActivityGetNextRecord does the steps). Compared with
// cupti_activity.h where one is found (cupti_abi_test.cpp).
//
//   KernelRecord  CUpti_ActivityKernel5 (CUPTI 11.0) to Kernel9 (12.x), Kernel10 (13.0) and Kernel13 (13.5)
//   MemcpyRecord  CUpti_ActivityMemcpy3 to Memcpy5 (12.x), Memcpy6 (13.0) and Memcpy7 (13.5)
//   MemsetRecord  CUpti_ActivityMemset2 to Memset4 (11.8 to 13.0) and Memset5 (13.5)
//   ExternalCorrelationRecord, ApiRecord: unchanged since they exist
#pragma once

#include <cstddef>
#include <cstdint>

#include "evaluator/cuda/driver_abi.h"

namespace warpwright::cuda::abi {

using CuptiCode = int;  // CUptiResult
inline constexpr CuptiCode kCuptiSuccess = 0;
inline constexpr CuptiCode kCuptiMaxLimitReached = 12;  // cuptiActivityGetNextRecord: no more records
inline constexpr CuptiCode kCuptiQueueEmpty = 18;       // ...Pop...: nothing was pushed
inline constexpr CuptiCode kCuptiInsufficientPrivileges = 35;
inline constexpr CuptiCode kCuptiMultipleSubscribers = 39;

// kConcurrentKernel, never KERNEL (3): that one serialises kernels. ExternalCorrelation records are made only
// with records of API calls, so kDriverApi must be enabled too.
enum ActivityKind : int {
  kMemcpyActivity = 1,
  kMemsetActivity = 2,
  kDriverApiActivity = 4,
  kConcurrentKernelActivity = 10,
  kExternalCorrelationActivity = 39,
};
enum ExternalKind : int { kExternalCustom0 = 3 };

struct ActivityRecord {
  ActivityKind kind;
};
// CUPTI packs all records to 8 bytes; every field lies at its natural alignment, so that no attribute is
// needed.
struct KernelRecord {
  ActivityKind kind;
  uint8_t cache_config, shared_memory_config;
  uint16_t registers_per_thread;
  int partitioned_cache_requested, partitioned_cache_executed;
  uint64_t start, end, completed;  // ns; start = end = 0: not collected
  uint32_t device_id, context_id, stream_id;
  int32_t grid_x, grid_y, grid_z, block_x, block_y, block_z;
  int32_t static_shared_bytes, dynamic_shared_bytes;
  uint32_t local_bytes_per_thread, local_bytes_total;
  uint32_t correlation_id;
  int64_t grid_id;
  const char* name;
};
struct MemcpyRecord {
  ActivityKind kind;
  uint8_t copy_kind, source_kind, target_kind, flags;
  uint64_t bytes;
  uint64_t start, end;
  uint32_t device_id, context_id, stream_id;
  uint32_t correlation_id;
};
struct MemsetRecord {
  ActivityKind kind;
  uint32_t value;
  uint64_t bytes;
  uint64_t start, end;
  uint32_t device_id, context_id, stream_id;
  uint32_t correlation_id;
};
struct ExternalCorrelationRecord {
  ActivityKind kind;
  ExternalKind external_kind;
  uint64_t external_id;
  uint32_t correlation_id;
  uint32_t reserved;
};
struct ApiRecord {
  ActivityKind kind;
  uint32_t callback_id;
  uint64_t start, end;  // of the call on the CPU
  uint32_t process_id, thread_id;
  uint32_t correlation_id;
  uint32_t return_value;
};
static_assert(offsetof(KernelRecord, start) == 16 && offsetof(KernelRecord, correlation_id) == 92 &&
              offsetof(KernelRecord, name) == 104);
static_assert(offsetof(MemcpyRecord, start) == 16 && offsetof(MemcpyRecord, correlation_id) == 44);
static_assert(offsetof(MemsetRecord, start) == 16 && offsetof(MemsetRecord, correlation_id) == 44);
static_assert(sizeof(ExternalCorrelationRecord) == 24 && sizeof(ApiRecord) == 40);

inline constexpr size_t kActivityAlignment = 8;  // of buffers
inline constexpr uint32_t kFlushForced = 1;      // cuptiActivityFlushAll: incomplete records too

using BufferRequested = void (*)(uint8_t** buffer, size_t* bytes, size_t* max_records);
using BufferCompleted = void (*)(Context, uint32_t stream, uint8_t* buffer, size_t bytes, size_t valid_bytes);

// X(exported symbol, parameter types...); all return CuptiCode.
#define WW_CUPTI_FUNCTIONS(X)                                         \
  X(cuptiGetVersion, uint32_t*)                                       \
  X(cuptiGetResultString, CuptiCode, const char**)                    \
  X(cuptiActivityRegisterCallbacks, BufferRequested, BufferCompleted) \
  X(cuptiActivityEnable, ActivityKind)                                \
  X(cuptiActivityDisable, ActivityKind)                               \
  X(cuptiActivityFlushAll, uint32_t)                                  \
  X(cuptiActivityGetNextRecord, uint8_t*, size_t, ActivityRecord**)   \
  X(cuptiActivityGetNumDroppedRecords, Context, uint32_t, size_t*)    \
  X(cuptiActivityPushExternalCorrelationId, ExternalKind, uint64_t)   \
  X(cuptiActivityPopExternalCorrelationId, ExternalKind, uint64_t*)   \
  X(cuptiFinalize)

}  // namespace warpwright::cuda::abi
