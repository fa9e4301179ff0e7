#include "src/contract/evaluation.h"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "src/base/check.h"
#include "src/contract/json_fields.h"

namespace warpwright {
namespace {

constexpr std::array<std::pair<Stage, std::string_view>, 5> kStages = {{{Stage::kPlan, "plan"},
                                                                        {Stage::kCompile, "compile"},
                                                                        {Stage::kSmoke, "smoke"},
                                                                        {Stage::kValidate, "validate"},
                                                                        {Stage::kTime, "time"}}};

Result<Stage> read_stage(JsonObjectReader& reader, std::string_view key) {
  TRY_ASSIGN(const std::string text, reader.string(key));
  if (auto stage = stage_from_string(text)) return *stage;
  return usage_error(fmt::format("{}: unknown stage '{}'", reader.where(), text));
}

Json to_json(const KernelReport& kernel) {
  return {{"name", kernel.name},
          {"registers", kernel.registers},
          {"spill_bytes", kernel.spill_bytes},
          {"static_shared_bytes", kernel.static_shared_bytes},
          {"dynamic_shared_bytes", kernel.dynamic_shared_bytes},
          {"max_threads_per_block", kernel.max_threads_per_block},
          {"instructions", kernel.instructions},
          {"tensor_instructions", kernel.tensor_instructions},
          {"float_operations", kernel.float_operations},
          {"global_bytes", kernel.global_bytes}};
}

Result<KernelReport> kernel_from_json(const Json& json) {
  TRY_ASSIGN(auto reader, JsonObjectReader::open(json, "report.kernels"));
  KernelReport kernel;
  TRY_ASSIGN(kernel.name, reader.string("name"));
  auto read_int = [&](std::string_view key, int& value) -> Result<void> {
    TRY_ASSIGN(value, reader.integer_or(key, 0));
    return {};
  };
  TRY(read_int("registers", kernel.registers));
  TRY(read_int("spill_bytes", kernel.spill_bytes));
  TRY(read_int("static_shared_bytes", kernel.static_shared_bytes));
  TRY(read_int("dynamic_shared_bytes", kernel.dynamic_shared_bytes));
  TRY(read_int("max_threads_per_block", kernel.max_threads_per_block));
  TRY(read_int("instructions", kernel.instructions));
  TRY(read_int("tensor_instructions", kernel.tensor_instructions));
  TRY_ASSIGN(kernel.float_operations, reader.integer_or("float_operations", 0));
  TRY_ASSIGN(kernel.global_bytes, reader.integer_or("global_bytes", 0));
  return kernel;
}

Json to_json(const WorkloadReport& workload) {
  return {{"uuids", workload.uuids},
          {"axes", workload.axes},
          {"band", workload.band},
          {"status", to_string(workload.status)},
          {"weight", workload.weight},
          {"max_abs", workload.max_abs},
          {"max_rel", workload.max_rel},
          {"scaled_rms", workload.scaled_rms},
          {"latency_us", workload.latency_us},
          {"spread_us", workload.spread_us},
          {"samples", workload.samples},
          {"dropped", workload.dropped},
          {"clock_mhz", workload.clock_mhz},
          {"outputs_hash", workload.outputs_hash},
          {"counters", workload.counters},
          {"profile", workload.profile}};
}

Result<WorkloadReport> workload_from_json(const Json& json) {
  TRY_ASSIGN(auto reader, JsonObjectReader::open(json, "report.workloads"));
  WorkloadReport workload;
  TRY_ASSIGN(workload.uuids, reader.strings_or("uuids", {}));
  using Axes = std::map<std::string, int64_t>;
  TRY_ASSIGN(workload.axes, read_map<Axes>(reader, "axes"));
  TRY_ASSIGN(workload.band, reader.string_or("band", ""));
  TRY_ASSIGN(workload.status, read_status(reader, "status"));
  TRY_ASSIGN(workload.weight, reader.number_or("weight", 1));
  TRY_ASSIGN(workload.max_abs, reader.number_or("max_abs", 0));
  TRY_ASSIGN(workload.max_rel, reader.number_or("max_rel", 0));
  TRY_ASSIGN(workload.scaled_rms, reader.number_or("scaled_rms", 0));
  TRY_ASSIGN(workload.latency_us, reader.number_or("latency_us", 0));
  TRY_ASSIGN(workload.spread_us, reader.number_or("spread_us", 0));
  TRY_ASSIGN(workload.samples, reader.integer_or("samples", 0));
  TRY_ASSIGN(workload.dropped, reader.integer_or("dropped", 0));
  TRY_ASSIGN(workload.clock_mhz, reader.number_or("clock_mhz", 0));
  using Hashes = std::map<std::string, std::string>;
  TRY_ASSIGN(workload.outputs_hash, read_map<Hashes>(reader, "outputs_hash"));
  if (const Json* counters = reader.find("counters")) workload.counters = *counters;
  if (const Json* profile = reader.find("profile")) workload.profile = *profile;
  return workload;
}

}  // namespace

std::string_view to_string(Stage stage) {
  for (const auto& [value, name] : kStages)
    if (value == stage) return name;
  CHECK(false);
}

std::optional<Stage> stage_from_string(std::string_view text) {
  for (const auto& [value, name] : kStages)
    if (name == text) return value;
  return std::nullopt;
}

Json to_json(const EvaluationRequest& request) {
  Json json = {{"id", request.id},
               {"source", request.source},
               {"source_name", request.source_name},
               {"definition", request.definition},
               {"target", request.target},
               {"executor", request.executor},
               {"device", request.device},
               {"knobs", request.knobs},
               {"selection", request.selection},
               {"last_stage", to_string(request.last_stage)},
               {"seed", request.seed},
               {"timing_profile", request.timing_profile},
               {"profile", request.profile},
               {"limits",
                {{"warp_instructions", request.limits.warp_instructions},
                 {"compile_deadline_ms", request.limits.compile_deadline_ms},
                 {"evaluation_deadline_ms", request.limits.evaluation_deadline_ms},
                 {"call_deadline_ms", request.limits.call_deadline_ms}}}};
  if (request.rival) json["rival"] = to_json(*request.rival);
  if (request.race) json["race"] = to_json(*request.race);
  if (request.min_samples > 0) json["min_samples"] = request.min_samples;
  return json;
}

Result<EvaluationRequest> evaluation_request_from_json(const Json& json) {
  TRY_ASSIGN(auto reader, JsonObjectReader::open(json, "evaluate"));
  EvaluationRequest request;
  TRY_ASSIGN(request.id, reader.string("id"));
  TRY_ASSIGN(request.source, reader.string("source"));
  TRY_ASSIGN(request.source_name, reader.string_or("source_name", request.source_name));
  TRY_ASSIGN(request.definition, reader.string("definition"));
  TRY_ASSIGN(request.target, reader.string_or("target", request.target));
  TRY_ASSIGN(request.executor, reader.string_or("executor", request.executor));
  TRY_ASSIGN(request.device, reader.string_or("device", request.device));
  TRY_ASSIGN(request.knobs, read_map<KnobValues>(reader, "knobs"));
  TRY_ASSIGN(request.selection, reader.string_or("selection", request.selection));
  if (reader.has("last_stage")) {
    TRY_ASSIGN(request.last_stage, read_stage(reader, "last_stage"));
  }
  if (const Json* seed = reader.find("seed"); seed != nullptr && seed->is_number_integer())
    request.seed = *seed;
  TRY_ASSIGN(request.timing_profile, reader.string_or("timing_profile", request.timing_profile));
  TRY_ASSIGN(request.profile, reader.boolean_or("profile", false));
  if (reader.has("limits")) {
    TRY_ASSIGN(const Json* limits_json, reader.object("limits"));
    TRY_ASSIGN(auto limits, JsonObjectReader::open(*limits_json, "evaluate.limits"));
    EvaluationLimits& l = request.limits;
    TRY_ASSIGN(l.warp_instructions,
               limits.integer_or("warp_instructions", static_cast<int64_t>(l.warp_instructions)));
    TRY_ASSIGN(l.compile_deadline_ms, limits.integer_or("compile_deadline_ms", l.compile_deadline_ms));
    TRY_ASSIGN(l.evaluation_deadline_ms,
               limits.integer_or("evaluation_deadline_ms", l.evaluation_deadline_ms));
    TRY_ASSIGN(l.call_deadline_ms, limits.integer_or("call_deadline_ms", l.call_deadline_ms));
  }
  if (reader.has("rival")) {
    TRY_ASSIGN(const Json* rival, reader.object("rival"));
    TRY_ASSIGN(request.rival, rival_from_json(*rival));
  }
  if (reader.has("race")) {
    TRY_ASSIGN(const Json* race, reader.object("race"));
    TRY_ASSIGN(request.race, race_from_json(*race));
  }
  TRY_ASSIGN(const int64_t min_samples, reader.integer_or("min_samples", 0));
  if (min_samples < 0 || min_samples > 1'000'000)
    return usage_error("evaluate: min_samples must be in 0..1000000");
  request.min_samples = static_cast<int>(min_samples);
  return request;
}

Json to_json(const EvaluationReport& report) {
  Json kernels = Json::array(), workloads = Json::array();
  for (const KernelReport& kernel : report.kernels) kernels.push_back(to_json(kernel));
  for (const WorkloadReport& workload : report.workloads) workloads.push_back(to_json(workload));
  Json json = {{"id", report.id},
               {"status", to_string(report.status)},
               {"stage", to_string(report.stage)},
               {"rule", report.rule},
               {"message", report.message},
               {"evidence", report.evidence},
               {"warnings", report.warnings},
               {"identity", report.identity},
               {"result_key", report.result_key},
               {"kernels", std::move(kernels)},
               {"launches", report.launches},
               {"workloads", std::move(workloads)},
               {"timing",
                {{"method", report.timing.method},
                 {"profile", report.timing.profile},
                 {"device", report.timing.device},
                 {"clocks", report.timing.clocks},
                 {"calibration", report.timing.calibration},
                 {"clock_difference_us", report.timing.clock_difference_us},
                 {"clock_disagreement", report.timing.clock_disagreement}}},
               {"inputs", report.inputs},
               {"dataset", report.dataset},
               {"constants", report.constants},
               {"cost_s", report.cost_s},
               {"versions", report.versions}};
  if (report.duel) json["duel"] = to_json(*report.duel);
  if (!report.fingerprint.empty()) json["fingerprint"] = report.fingerprint;
  if (!report.sketch.empty()) json["sketch"] = report.sketch;
  if (report.lost_race) json["race_bound"] = report.race_bound;
  return json;
}

Result<EvaluationReport> evaluation_report_from_json(const Json& json) {
  TRY_ASSIGN(auto reader, JsonObjectReader::open(json, "report"));
  EvaluationReport report;
  TRY_ASSIGN(report.id, reader.string("id"));
  TRY_ASSIGN(report.status, read_status(reader, "status"));
  TRY_ASSIGN(report.stage, read_stage(reader, "stage"));
  TRY_ASSIGN(report.rule, reader.string_or("rule", ""));
  TRY_ASSIGN(report.message, reader.string_or("message", ""));
  TRY_ASSIGN(report.evidence, reader.strings_or("evidence", {}));
  TRY_ASSIGN(report.warnings, reader.strings_or("warnings", {}));
  TRY_ASSIGN(report.identity, reader.string_or("identity", ""));
  TRY_ASSIGN(report.result_key, reader.string_or("result_key", ""));
  if (const Json* kernels = reader.find("kernels"); kernels != nullptr && kernels->is_array()) {
    for (const Json& item : *kernels) {
      TRY_ASSIGN(KernelReport kernel, kernel_from_json(item));
      report.kernels.push_back(std::move(kernel));
    }
  }
  TRY_ASSIGN(report.launches, reader.integer_or("launches", 0));
  if (const Json* workloads = reader.find("workloads"); workloads != nullptr && workloads->is_array()) {
    for (const Json& item : *workloads) {
      TRY_ASSIGN(WorkloadReport workload, workload_from_json(item));
      report.workloads.push_back(std::move(workload));
    }
  }
  if (reader.has("timing")) {
    TRY_ASSIGN(const Json* timing_json, reader.object("timing"));
    TRY_ASSIGN(auto timing, JsonObjectReader::open(*timing_json, "report.timing"));
    TRY_ASSIGN(report.timing.method, timing.string_or("method", ""));
    TRY_ASSIGN(report.timing.profile, timing.string_or("profile", ""));
    TRY_ASSIGN(report.timing.device, timing.string_or("device", ""));
    TRY_ASSIGN(report.timing.clocks, timing.string_or("clocks", ""));
    TRY_ASSIGN(report.timing.calibration, timing.string_or("calibration", ""));
    TRY_ASSIGN(report.timing.clock_difference_us, timing.number_or("clock_difference_us", 0));
    TRY_ASSIGN(report.timing.clock_disagreement, timing.number_or("clock_disagreement", 0));
  }
  TRY_ASSIGN(report.inputs, reader.string_or("inputs", report.inputs));
  TRY_ASSIGN(report.dataset, reader.string_or("dataset", ""));
  if (reader.has("constants")) {
    using Constants = std::map<std::string, int64_t>;
    TRY_ASSIGN(report.constants, read_map<Constants>(reader, "constants"));
  }
  using Costs = std::map<std::string, double>;
  TRY_ASSIGN(report.cost_s, read_map<Costs>(reader, "cost_s"));
  using Versions = std::map<std::string, std::string>;
  TRY_ASSIGN(report.versions, read_map<Versions>(reader, "versions"));
  if (reader.has("duel")) {
    TRY_ASSIGN(const Json* duel, reader.object("duel"));
    TRY_ASSIGN(report.duel, duel_report_from_json(*duel));
  }
  TRY_ASSIGN(report.fingerprint, reader.string_or("fingerprint", ""));
  TRY_ASSIGN(report.sketch, reader.string_or("sketch", ""));
  report.lost_race = reader.has("race_bound");
  TRY_ASSIGN(report.race_bound, reader.number_or("race_bound", 0));
  return report;
}

}  // namespace warpwright
