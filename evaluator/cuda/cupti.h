// GPU time by CUPTI's activity records: hardware time stamps of each kernel, copy and memset.
//
// What belongs to a call is found by a correlation id pushed around exactly the call's driver calls, never by
// kernel names, which are the candidate's. Kernels stay concurrent while they are traced.
//
//   TRY(tracer->begin(id)); ... driver calls ...; TRY(tracer->end());     any number of times
//   context.synchronize();
//   TRY_ASSIGN(std::map<uint64_t, Trace> traces, tracer->collect());
//
// One tracer at a time, used by one thread; records arrive on CUPTI's own.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "src/base/result.h"

namespace warpwright::cuda {

struct Activity {
  enum class Kind { kKernel, kMemcpy, kMemset };
  Kind kind = Kind::kKernel;
  std::string name;    // of a kernel, mangled
  uint64_t bytes = 0;  // of a copy or memset
  uint64_t start_ns = 0, end_ns = 0;
};
// What ran on behalf of one id.
struct Trace {
  uint64_t start_ns = 0, end_ns = 0;  // first start, last end; of no fixed origin
  std::vector<Activity> activities;   // by start
  std::string invalid;                // why its times do not count; empty: they do
};

class ActivityTracer {
 public:
  // `library`: empty: $WARPWRIGHT_LIBCUPTI, else libcupti.so.13 and .12 beside the executable and in its
  // lib/, where the loader looks, in the CUDA toolkits and in pip's nvidia packages. `driver_version`:
  // Driver::version(); no CUPTI newer than the driver is taken. Best opened after cuInit and before the
  // context. Error: why there is no tracing (not found; not permitted, with the mend); events take its place.
  static Result<std::unique_ptr<ActivityTracer>> open(const std::string& library = "",
                                                      int driver_version = 0);
  // Disables, flushes and detaches. REQUIRES: no work in flight, or abandon().
  virtual ~ActivityTracer() = default;

  virtual const std::string& version() const = 0;  // "13.0"

  // What is begun ends at the next begin or collect at the latest. REQUIRES: no id is used twice.
  virtual Result<void> begin(uint64_t id) = 0;
  virtual Result<void> end() = 0;
  // What completed since the last collect, by id; an id of which CUPTI has no record at all has an empty,
  // invalid trace. Forgets everything. REQUIRES: the context was synchronised.
  virtual Result<std::map<uint64_t, Trace>> collect() = 0;

  // The context is lost: the destructor leaves CUPTI alone, which may wait for what will never end.
  virtual void abandon() = 0;
};

}  // namespace warpwright::cuda
