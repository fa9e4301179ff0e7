// For tests and benchmarks: an evaluator without compiler or simulator whose reports are of the size and
// shape of real ones. A report is a pure function of its request.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "src/base/hash.h"
#include "src/base/rng.h"
#include "src/contract/evaluation.h"
#include "src/rules/rules.h"

namespace warpwright::engine {

class TestEvaluator {
 public:
  enum class Reports {
    kMeasured,   // as from a GPU: about four kilobytes
    kSimulated,  // with the simulator's counters of every launch: about twenty
  };
  TestEvaluator(const std::vector<rules::SelectedWorkload>& workloads, Reports reports)
      : is_estimate_(reports == Reports::kSimulated) {
    for (const rules::SelectedWorkload& selected : workloads) {
      WorkloadReport& workload = workloads_.emplace_back();
      workload.uuids = selected.group.uuids;
      workload.axes = {selected.group.workload.axes.begin(), selected.group.workload.axes.end()};
      workload.band = selected.band;
      workload.weight = selected.group.weight();
      workload.outputs_hash = {{"new_state", "d222b20f9050fbac"}, {"output", "427cb2c2471458cc"}};
      if (is_estimate_) workload.counters = counters();
    }
  }

  // A design is drawn from the source's text; one in five is wrong, one in ten settings of any is.
  EvaluationReport operator()(const EvaluationRequest& request) const {
    std::string knobs;
    for (const auto& [name, value] : request.knobs) knobs += name + "=" + value + ",";
    const Rng design = Rng::stream(0, request.source), setting = Rng::stream(1, knobs + request.source);
    EvaluationReport report = passed(request, design, setting, knobs);
    if (request.last_stage == Stage::kCompile) return report;
    report.stage = request.last_stage;
    add_workloads(design, setting, report);
    if (Rng(design).below(5) == 0 || Rng(setting).below(10) == 0) {
      report.status = Status::kIncorrectNumerical;
      report.stage = Stage::kValidate;
      report.message = "output[0, 0, 3, 17]: expected 0.015179, got 0.5028 (scaled rms 0.31 of 0.006)";
      report.evidence.assign(6, report.message);
      for (WorkloadReport& workload : report.workloads) workload.latency_us = 0;
      report.workloads.back().status = report.status;
      return report;
    }
    if (request.race) race(*request.race, report);
    report.timing.method = is_estimate_ ? "sim-estimate" : "cupti";
    report.timing.profile = request.timing_profile;
    report.timing.device = "NVIDIA B200";
    report.timing.clocks = "1965 MHz";
    if (is_estimate_) report.timing.calibration = "c798883fb1f2";
    if (request.rival) report.duel = duel(request, report);
    return report;
  }

 private:
  static Json counters() {
    Json launch = {{"label", "kernel<8>"}, {"bound_by", "launch"}, {"text", std::string(240, 'x')}};
    for (int i = 0; i < 60; ++i) launch[fmt::format("counter_{:02}_of_launch", i)] = 1000.25 * i;
    return {{"launches", Json::array({launch})}};
  }

  // The knobs that change the program, and so its identity, are those that the source names as knob::NAME.
  EvaluationReport passed(const EvaluationRequest& request, Rng design, Rng setting,
                          const std::string& knobs) const {
    EvaluationReport report;
    report.status = Status::kPassed;
    report.stage = Stage::kCompile;
    FieldHasher identity, key;
    report.identity = identity.add(request.source).add(knobs).hex();
    key.add(report.identity).add(request.selection).add(request.device);
    if (request.race) key.add(dump_json(to_json(*request.race)));
    report.result_key = key.hex();
    // One design in ten is one of eight that others have written, too.
    const bool is_known = Rng(design).below(10) == 1;
    report.fingerprint = is_known ? fmt::format("known {} {}", Rng(design).below(8), knobs) : report.identity;
    for (int i = 0; i < 32; ++i) report.sketch += fmt::format("{:04x}", design.below(i % 4 == 0 ? 65536 : 4));
    for (int i = 0; i < 2; ++i) {
      KernelReport& kernel = report.kernels.emplace_back();
      kernel.name = fmt::format("kernel_{}<8>", i);
      kernel.registers = static_cast<int>(24 + 8 * setting.below(28));
      kernel.static_shared_bytes = static_cast<int>(1024 * setting.below(100));
      kernel.max_threads_per_block = static_cast<int>(32 << setting.below(6));
      kernel.instructions = static_cast<int>(200 + design.below(4000));
      kernel.tensor_instructions = static_cast<int>(design.below(3) * 16);
      kernel.float_operations = static_cast<int64_t>(1000 + design.below(100'000));
      kernel.global_bytes = static_cast<int64_t>(500 + design.below(10'000));
    }
    report.launches = static_cast<int>(1 + design.below(4));
    report.versions = {{"evaluator", "test"}, {"nvrtc", "13.0"}, {"cuda", "/usr/local/cuda"}};
    report.cost_s = {{"compile", 0.4}, {"validate", 0.1}, {"time", 0.1}};
    return report;
  }

  void add_workloads(Rng design, Rng setting, EvaluationReport& report) const {
    report.workloads = workloads_;
    const double base_us =
        20 + static_cast<double>(design.below(80)) + static_cast<double>(setting.below(20));
    for (WorkloadReport& workload : report.workloads) {
      workload.latency_us = base_us + 4 * design.uniform();  // some designs are better at some workloads
      workload.max_abs = 0.015179331554303843;
      workload.max_rel = 0.5028305389323641;
      workload.scaled_rms = 0.0021;
      workload.spread_us = is_estimate_ ? 0 : 0.01 * workload.latency_us;
      workload.samples = is_estimate_ ? 1 : 150;
      workload.clock_mhz = is_estimate_ ? 0 : 1965;
    }
  }

  // Stopped where the race is lost.
  static void race(const Race& race, EvaluationReport& report) {
    std::vector<WorkloadReport> run;
    std::vector<double> latencies_us;
    for (const RaceWorkload& lap : race.workloads) {
      for (const WorkloadReport& workload : report.workloads)
        if (workload.uuids.front() == lap.uuid) run.push_back(workload);
      if (run.size() == latencies_us.size()) return;  // a race of other workloads
      latencies_us.push_back(run.back().latency_us);
      const RaceStanding standing = race_standing(race, latencies_us);
      if (!standing.is_lost) continue;
      report.lost_race = true;
      report.race_bound = standing.bound;
      report.workloads = std::move(run);
      return;
    }
  }

  DuelReport duel(const EvaluationRequest& request, const EvaluationReport& report) const {
    EvaluationRequest other = request;
    other.source = request.rival->source;
    other.knobs = request.rival->knobs;
    other.rival.reset();
    const EvaluationReport rival = (*this)(other);
    DuelReport duel;
    duel.method = report.timing.method;
    duel.pairs = 30;
    duel.ratio = report.workloads.front().latency_us / std::max(rival.workloads.front().latency_us, 1.0);
    duel.low = duel.ratio * 0.99;
    duel.high = duel.ratio * 1.01;
    duel.verdict = duel.high < 1 ? "FASTER" : duel.low > 1 ? "SLOWER" : "SAME";
    return duel;
  }

  std::vector<WorkloadReport> workloads_;
  bool is_estimate_;
};

}  // namespace warpwright::engine
