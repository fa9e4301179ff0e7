#include "src/prompt/test_run.h"

namespace warpwright::prompt {
namespace {

using events::CandidateId;

WorkloadReport workload(int64_t rows, double latency_us) {
  WorkloadReport report;
  report.uuids = {"w" + std::to_string(rows)};
  report.axes = {{"rows", rows}};
  report.band = rows <= 8 ? "small" : "large";
  report.weight = rows <= 8 ? 3 : 1;
  report.latency_us = latency_us;
  return report;
}

Json counters_of(double latency_us) {
  return {{"launches",
           {{{"text", "scale: " + std::to_string(static_cast<int>(latency_us)) +
                          " us, bound by latency; launch 1.90 us"},
             {"counters",
              {{"blocks", 4096},
               {"warp_instructions", 120000},
               {"sectors_read", 16384.0},
               {"sectors_written", 16384.0},
               {"unique_sectors_read", 16384.0},
               {"unique_sectors_written", 16384.0},
               {"barriers", 0},
               {"critical_path_cycles", 900.0}}}}}}};
}

Json profile() {
  const Json finding = {{"message", "line 11: each warp reads 4 sectors where 2 would do"}, {"weight", 0.25}};
  const Json hot = {
      {"location", "line 11"},   {"issue_share", 0.4},
      {"wait_share", 0.7},       {"sectors", 4096.0},
      {"ideal_sectors", 2048.0}, {"text", "y[at] = __float2bfloat16(__bfloat162float(x[at]) * w + bias);"}};
  const Json cold = {
      {"location", "line 9"}, {"issue_share", 0.001}, {"wait_share", 0.0}, {"text", "for (int i"}};
  return Json::array({{{"label", "scale"}, {"findings", {finding}}, {"lines", {hot, cold}}}});
}

EvaluationReport passed(double small_us, double large_us) {
  EvaluationReport report;
  report.status = Status::kPassed;
  report.stage = Stage::kTime;
  report.identity = "identity";
  report.launches = 1;
  report.kernels = {{"scale<32>", 18, 0, 0, 0, 32}};
  report.workloads = {workload(4, small_us), workload(8, small_us), workload(4096, large_us)};
  for (WorkloadReport& one : report.workloads) one.counters = counters_of(one.latency_us);
  report.workloads.back().profile = profile();
  report.timing = {"sim-estimate", "contest", "NVIDIA B200", "", "c0ffee", 0, 0};
  return report;
}

EvaluationReport failed(Status status, Stage stage, std::string message, std::vector<std::string> evidence) {
  EvaluationReport report;
  report.status = status;
  report.stage = stage;
  report.message = std::move(message);
  report.evidence = std::move(evidence);
  return report;
}

struct Entry {
  std::string op;
  std::optional<CandidateId> parent;
  EvaluationReport report;
  double score = 0;
  std::string note;
  KnobValues knobs = {};
};

std::vector<Entry> entries() {
  const std::string error = "candidate.cu(11): error: identifier \"__float2bf16\" is undefined";
  EvaluationReport wrong =
      failed(Status::kIncorrectNumerical, Stage::kSmoke, "y: 64 of 256 elements wrong (rows=4)",
             {"64 of 256 elements wrong, all of y[3]; the first:\ny[3, 0]: expected 0.5, got 0"});
  wrong.workloads = {workload(4, 0)};
  wrong.workloads[0].status = Status::kIncorrectNumerical;
  return {{"seed", {}, passed(4, 12), 1, "plain.cu"},
          {"scratch", {}, passed(3, 6), 1.6, "one warp per row: coalesced loads", {{"THREADS", "32"}}},
          {"tune", 1, passed(2.5, 6), 1.7, "", {{"THREADS", "64"}}},
          {"diff", 1,
           failed(Status::kCompileError, Stage::kCompile, error,
                  {error + "\n    y[at] = __float2bf16(v);\n            ^"}),
           0, "convert in pairs: half the conversions"},
          {"diff", 1, wrong, 0, "four rows per block: fewer blocks"},
          {"rewrite", 1, passed(3.2, 6.4), 1.5, "persistent blocks: one wave"}};
}

}  // namespace

TestRun::TestRun() {
  definition = value_of(
      trace::parse_definition(value_of(read_file("src/prompt/testdata/row_scale.json")), "row_scale.json"));
  rules.bands = {{"small", "rows <= 8"}, {"large", "rows > 8"}};
  rules.floor = {"rows * width * 2", "", ""};
  device = value_of(rules::load_device_file("configs/devices/b200.toml"));
  device.calibration = {};
  for (const WorkloadReport& one : passed(4, 12).workloads) {
    rules::SelectedWorkload selected;
    selected.group.workload.uuid = one.uuids[0];
    selected.group.workload.axes = one.axes;
    selected.group.uuids.assign(static_cast<size_t>(one.weight), one.uuids[0]);
    selected.band = one.band;
    workloads.push_back(selected);
  }
  for (Entry& entry : entries()) {
    const auto id = static_cast<CandidateId>(shown.size());
    events::Candidate candidate;
    candidate.id = id;
    candidate.phase = events::Phase::kApplied;
    candidate.origin = {entry.op, 0, entry.parent, {}};
    candidate.source_hash = entry.op == "tune" ? "source1" : "source" + std::to_string(id);
    candidate.knobs = entry.knobs;
    candidate.note = entry.note;
    candidate.status = entry.report.status;
    candidate.score = entry.score;
    candidate.result_key = "key" + std::to_string(id);
    const events::ResultSummary& result = view.results[candidate.result_key] =
        events::summarize(entry.report, "sim");
    view.candidates[id] = candidate;
    std::string source(kParentSource);
    if (id != 1 && id != 2) source += "// c" + std::to_string(id) + "\n";
    shown.push_back(
        {id, source, entry.knobs, entry.report.status, entry.score, &result, entry.report, entry.note});
  }
  view.started = events::RunStarted{};
  view.applied = static_cast<int64_t>(shown.size());
  view.baseline =
      events::Baseline{"plain.cu", 0, view.results["key0"].measure, view.results["key0"].workloads};
  view.best = 2;
}

PromptContext TestRun::context(std::string op) const {
  PromptContext context;
  context.op = std::move(op);
  context.definition = &definition;
  context.rules = &rules;
  context.workloads = workloads;
  context.device = &device;
  context.target = "sm_100a";
  context.executor = "sim";
  context.view = &view;
  if (context.op != "scratch") context.parent = context.op == "repair" ? shown[3] : shown[1];
  if (context.op == "crossover") context.second_parent = shown[5];
  context.top = {shown[0]};
  context.diverse = {shown[5]};
  context.failures = {shown[4], shown[3]};
  const events::Lesson open = {"two rows per warp: fewer launches of nothing", events::Lesson::Outcome::kOpen,
                               "", "", 9};
  context.lessons = lessons_of(view, {open}, 20);
  return context;
}

}  // namespace warpwright::prompt
