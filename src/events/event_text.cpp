#include "src/events/event_text.h"

#include "src/contract/report_text.h"

namespace warpwright::events {
namespace {

// As a report writes it: the fields that a summary lacks stand with their defaults, as they always did.
void write_json(JsonWriter& writer, const WorkloadSummary& workload) {
  const auto& [uuid, axes, band, weight, status, latency_us, spread_us] = workload;
  writer.begin_object()
      .field("axes", axes)
      .field("band", band)
      .field("clock_mhz", 0.0)
      .field("dropped", 0)
      .field("latency_us", latency_us)
      .key("outputs_hash")
      .raw("{}")
      .field("spread_us", spread_us)
      .field("status", to_string(status))
      .key("uuids")
      .begin_array()
      .value(uuid)
      .end_array()
      .field("weight", weight)
      .end_object();
}

void write_json(JsonWriter& writer, const Measure& measure) {
  const auto& [executor, device, method, profile, calibration] = measure;
  writer.begin_object()
      .field("calibration", calibration)
      .field("clock_difference_us", 0.0)
      .field("clock_disagreement", 0.0)
      .field("clocks", "")
      .field("device", device)
      .field("method", method)
      .field("profile", profile)
      .end_object();
}

void write_json(JsonWriter& writer, const ResultSummary& summary) {
  const auto& [status, stage, rule, message, identity, launches, kernels, workloads, measure, lost_race,
               race_bound] = summary;
  writer.begin_object().key("constants").raw("{}");
  writer.field("executor", measure.executor).field("identity", identity).key("kernels").begin_array();
  for (const KernelReport& kernel : kernels) warpwright::write_json(writer, kernel);
  writer.end_array().field("launches", launches).field("message", message);
  if (lost_race) writer.field("race_bound", race_bound);
  writer.field("rule", rule)
      .field("stage", to_string(stage))
      .field("status", to_string(status))
      .key("timing");
  write_json(writer, measure);
  writer.key("workloads").begin_array();
  for (const WorkloadSummary& workload : workloads) write_json(writer, workload);
  writer.end_array().end_object();
}

}  // namespace

std::string to_json_text(const ResultSummary& summary) {
  JsonWriter writer;
  write_json(writer, summary);
  return writer.take();
}

std::string to_json_text(const Event& event) {
  const auto* finished = std::get_if<EvaluationFinished>(&event);
  if (finished == nullptr) return dump_json(to_json(event));
  const auto& [ticket, result_key, report_hash, summary] = *finished;
  JsonWriter writer;
  writer.begin_object().field("report", report_hash).field("result_key", result_key).key("summary");
  write_json(writer, summary);
  writer.field("ticket", ticket).end_object();
  return writer.take();
}

}  // namespace warpwright::events
