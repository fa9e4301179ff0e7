#include "evaluator/cuda/cupti_records.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>
#include <utility>

namespace warpwright::cuda {
namespace {

template <class Record>
const Record& as(const abi::ActivityRecord* record) {
  return *reinterpret_cast<const Record*>(record);
}

template <class Record>
Activity activity_of(Activity::Kind kind, const Record& record) {
  Activity activity;
  activity.kind = kind;
  activity.start_ns = record.start;
  activity.end_ns = record.end;
  return activity;
}

// Why an activity's times do not count; empty: they do.
std::string fault_of(const Activity& activity) {
  if (activity.start_ns == 0 && activity.end_ns == 0)
    return "CUPTI gave an activity no times (out of buffers)";
  if (activity.start_ns == 0 || activity.end_ns < activity.start_ns)
    return fmt::format("CUPTI's times of an activity are impossible ({} to {} ns)", activity.start_ns,
                       activity.end_ns);
  return "";
}

void complete_trace(Trace& trace) {
  if (trace.activities.empty()) {
    trace.invalid = "CUPTI has no record of it";
    return;
  }
  std::stable_sort(trace.activities.begin(), trace.activities.end(),
                   [](const Activity& a, const Activity& b) { return a.start_ns < b.start_ns; });
  trace.start_ns = trace.activities.front().start_ns;
  for (const Activity& activity : trace.activities) {
    trace.end_ns = std::max(trace.end_ns, activity.end_ns);
    if (trace.invalid.empty()) trace.invalid = fault_of(activity);
  }
}

}  // namespace

void TraceAssembler::add(const abi::ActivityRecord* record) {
  switch (record->kind) {
    case abi::kConcurrentKernelActivity: {
      const auto& kernel = as<abi::KernelRecord>(record);
      pending_.push_back({kernel.correlation_id, activity_of(Activity::Kind::kKernel, kernel)});
      if (kernel.name != nullptr) pending_.back().activity.name = kernel.name;
      return;
    }
    case abi::kMemcpyActivity: {
      const auto& copy = as<abi::MemcpyRecord>(record);
      pending_.push_back({copy.correlation_id, activity_of(Activity::Kind::kMemcpy, copy)});
      pending_.back().activity.bytes = copy.bytes;
      return;
    }
    case abi::kMemsetActivity: {
      const auto& memset = as<abi::MemsetRecord>(record);
      pending_.push_back({memset.correlation_id, activity_of(Activity::Kind::kMemset, memset)});
      pending_.back().activity.bytes = memset.bytes;
      return;
    }
    case abi::kExternalCorrelationActivity: {
      const auto& correlation = as<abi::ExternalCorrelationRecord>(record);
      if (correlation.external_kind == abi::kExternalCustom0)
        ids_[correlation.correlation_id] = correlation.external_id;
      return;
    }
    case abi::kDriverApiActivity:
      return;
  }
}

void TraceAssembler::lose(const std::string& reason) {
  if (loss_.empty()) loss_ = reason;
}

bool TraceAssembler::complete() const {
  std::unordered_set<uint64_t> seen;
  for (const Pending& pending : pending_) {
    const auto id = ids_.find(pending.correlation_id);
    if (id != ids_.end()) seen.insert(id->second);
  }
  return std::all_of(traces_.begin(), traces_.end(),
                     [&](const auto& trace) { return seen.contains(trace.first); });
}

std::map<uint64_t, Trace> TraceAssembler::finish() {
  for (Pending& pending : pending_) {
    const auto id = ids_.find(pending.correlation_id);
    if (id == ids_.end()) continue;
    const auto trace = traces_.find(id->second);
    if (trace != traces_.end()) trace->second.activities.push_back(std::move(pending.activity));
  }
  for (auto& [id, trace] : traces_) {
    complete_trace(trace);
    if (!loss_.empty()) trace.invalid = loss_;
  }
  std::map<uint64_t, Trace> result = std::move(traces_);
  *this = TraceAssembler();
  return result;
}

}  // namespace warpwright::cuda
