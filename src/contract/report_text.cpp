#include "src/contract/report_text.h"

namespace warpwright {

// The fields are taken apart by structured bindings so that a new one does not compile until it is written
// here.
void write_json(JsonWriter& writer, const KernelReport& kernel) {
  const auto& [name, registers, spill_bytes, static_shared_bytes, dynamic_shared_bytes, max_threads_per_block,
               instructions, tensor_instructions, float_operations, global_bytes] = kernel;
  writer.begin_object()
      .field("dynamic_shared_bytes", dynamic_shared_bytes)
      .field("float_operations", float_operations)
      .field("global_bytes", global_bytes)
      .field("instructions", instructions)
      .field("max_threads_per_block", max_threads_per_block)
      .field("name", name)
      .field("registers", registers)
      .field("spill_bytes", spill_bytes)
      .field("static_shared_bytes", static_shared_bytes)
      .field("tensor_instructions", tensor_instructions)
      .end_object();
}

namespace {

void write_tree(JsonWriter& writer, std::string_view name, const Json& tree) {
  writer.key(name);
  if (tree.is_null())
    writer.raw("null");
  else
    writer.raw(dump_json(tree));
}

void write_json(JsonWriter& writer, const WorkloadReport& workload) {
  const auto& [uuids, axes, band, status, weight, max_abs, max_rel, scaled_rms, latency_us, spread_us,
               samples, dropped, clock_mhz, outputs_hash, counters, profile] = workload;
  writer.begin_object().field("axes", axes).field("band", band).field("clock_mhz", clock_mhz);
  write_tree(writer, "counters", counters);
  writer.field("dropped", dropped)
      .field("latency_us", latency_us)
      .field("max_abs", max_abs)
      .field("max_rel", max_rel)
      .field("outputs_hash", outputs_hash);
  write_tree(writer, "profile", profile);
  writer.field("samples", samples)
      .field("scaled_rms", scaled_rms)
      .field("spread_us", spread_us)
      .field("status", to_string(status))
      .field("uuids", uuids)
      .field("weight", weight)
      .end_object();
}

void write_json(JsonWriter& writer, const TimingReport& timing) {
  const auto& [method, profile, device, clocks, calibration, clock_difference_us, clock_disagreement] =
      timing;
  writer.begin_object()
      .field("calibration", calibration)
      .field("clock_difference_us", clock_difference_us)
      .field("clock_disagreement", clock_disagreement)
      .field("clocks", clocks)
      .field("device", device)
      .field("method", method)
      .field("profile", profile)
      .end_object();
}

template <class Items>
void write_all(JsonWriter& writer, std::string_view name, const Items& items) {
  writer.key(name).begin_array();
  for (const auto& item : items) write_json(writer, item);
  writer.end_array();
}

}  // namespace

std::string to_json_text(const EvaluationReport& report) {
  const auto& [id, status, stage, rule, message, evidence, warnings, identity, result_key, fingerprint,
               sketch, lost_race, race_bound, kernels, launches, workloads, timing, inputs, dataset,
               constants, cost_s, versions, duel] = report;
  JsonWriter writer;
  writer.begin_object().field("constants", constants).field("cost_s", cost_s).field("dataset", dataset);
  if (duel) writer.key("duel").raw(dump_json(to_json(*duel)));
  writer.field("evidence", evidence);
  if (!fingerprint.empty()) writer.field("fingerprint", fingerprint);
  writer.field("id", id).field("identity", identity).field("inputs", inputs);
  write_all(writer, "kernels", kernels);
  writer.field("launches", launches).field("message", message);
  if (lost_race) writer.field("race_bound", race_bound);
  writer.field("result_key", result_key).field("rule", rule);
  if (!sketch.empty()) writer.field("sketch", sketch);
  writer.field("stage", to_string(stage)).field("status", to_string(status)).key("timing");
  write_json(writer, timing);
  writer.field("versions", versions).field("warnings", warnings);
  write_all(writer, "workloads", workloads);
  writer.end_object();
  return writer.take();
}

}  // namespace warpwright
