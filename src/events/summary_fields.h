// Which fields a result's summary has in the journal's text: one list for all who write or read it, in the
// order of the text (keys alphabetical). Private to events.
//
// A field is left out where it has its default. Only what older versions of the program insist on is always
// there; they read all else as it is read here, so the event's kind stands.
#pragma once

#include <concepts>

#include "src/events/result_summary.h"

namespace warpwright::events {

// const for those who write.
template <class Value, class Structure>
concept Either = std::same_as<std::remove_const_t<Value>, Structure>;

// An Archive has
//   field(name, value[, default])     a text, a number, a map of numbers, or a list of described structures
//   always(name, value)               a text, a number, Status or Stage
//   structure(name, value)            a described structure
//   first_of_list(name, text)         a list of texts of which only the first is kept
//   value_if(name, is_there, value)   written exactly if the flag is set
// The fields are taken apart by structured bindings so that a new one does not compile until it is named
// here.
template <class Archive>
void describe(Archive& archive, Either<KernelReport> auto& kernel) {
  auto& [name, registers, spill_bytes, static_shared_bytes, dynamic_shared_bytes, max_threads_per_block,
         instructions, tensor_instructions, float_operations, global_bytes] = kernel;
  archive.field("dynamic_shared_bytes", dynamic_shared_bytes);
  archive.field("float_operations", float_operations);
  archive.field("global_bytes", global_bytes);
  archive.field("instructions", instructions);
  archive.field("max_threads_per_block", max_threads_per_block);
  archive.always("name", name);
  archive.field("registers", registers);
  archive.field("spill_bytes", spill_bytes);
  archive.field("static_shared_bytes", static_shared_bytes);
  archive.field("tensor_instructions", tensor_instructions);
}

template <class Archive>
void describe(Archive& archive, Either<WorkloadSummary> auto& workload) {
  auto& [uuid, axes, band, weight, status, latency_us, spread_us] = workload;
  archive.field("axes", axes);
  archive.field("band", band);
  archive.field("latency_us", latency_us);
  archive.field("spread_us", spread_us);
  archive.always("status", status);
  archive.first_of_list("uuids", uuid);
  archive.field("weight", weight, 1.0);
}

template <class Archive>
void describe(Archive& archive, Either<Measure> auto& measure) {
  auto& [executor, device, method, profile, calibration] = measure;
  static_cast<void>(executor);  // stands in the summary
  archive.field("calibration", calibration);
  archive.field("device", device);
  archive.field("method", method);
  archive.field("profile", profile);
}

template <class Archive>
void describe(Archive& archive, Either<ResultSummary> auto& summary) {
  auto& [status, stage, rule, message, identity, launches, kernels, workloads, measure, lost_race,
         race_bound] = summary;
  archive.field("executor", measure.executor);
  archive.field("identity", identity);
  archive.field("kernels", kernels);
  archive.field("launches", launches);
  archive.field("message", message);
  archive.value_if("race_bound", lost_race, race_bound);
  archive.field("rule", rule);
  archive.always("stage", stage);
  archive.always("status", status);
  archive.structure("timing", measure);
  archive.field("workloads", workloads);
}

}  // namespace warpwright::events
