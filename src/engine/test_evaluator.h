// For tests and benchmarks: an evaluator without compiler or simulator whose reports are of the size and
// shape of real ones. A report is a pure function of its request, and made within a few microseconds: what it
// takes would otherwise count as the program's.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "src/base/rng.h"
#include "src/contract/evaluation.h"
#include "src/rules/rules.h"

namespace warpwright::engine {

// A hash of 64 bits for texts that nobody tries to make collide. Fields are told apart by their lengths.
class QuickHash {
 public:
  explicit QuickHash(uint64_t seed) : state_(seed) {}
  QuickHash& add(uint64_t word) {
    state_ = (state_ ^ word) * 0x9e3779b97f4a7c15ull;
    state_ ^= state_ >> 29;
    return *this;
  }
  QuickHash& add(std::string_view field) {
    add(field.size());
    for (; field.size() >= sizeof(uint64_t); field.remove_prefix(sizeof(uint64_t)))
      add(first_bytes(field, 8));
    return field.empty() ? *this : add(first_bytes(field, field.size()));
  }
  QuickHash& add(double number) {
    uint64_t bits = 0;
    std::memcpy(&bits, &number, sizeof bits);
    return add(bits);
  }
  uint64_t value() const { return state_; }
  // As long as a SHA-256.
  std::string hex() const {
    std::string text;
    for (Rng words(state_); text.size() < 64;) append_hex(text, words.next(), 16);
    return text;
  }

  static void append_hex(std::string& text, uint64_t word, int digits) {
    while (--digits >= 0) text += "0123456789abcdef"[word >> (4 * digits) & 15];
  }

 private:
  static uint64_t first_bytes(std::string_view text, size_t count) {
    uint64_t word = 0;
    std::memcpy(&word, text.data(), count);
    return word;
  }
  uint64_t state_;
};

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
    compiled_.status = Status::kPassed;
    compiled_.stage = Stage::kCompile;
    compiled_.kernels.resize(2);
    for (size_t i = 0; i < 2; ++i) compiled_.kernels[i].name = fmt::format("kernel_{}<8>", i);
    compiled_.versions = {{"evaluator", "test"}, {"nvrtc", "13.0"}, {"cuda", "/usr/local/cuda"}};
    compiled_.cost_s = {{"compile", 0.4}, {"validate", 0.1}, {"time", 0.1}};
  }

  // A design is drawn from the source's text; one in five is wrong, one in ten settings of any is.
  EvaluationReport operator()(const EvaluationRequest& request) const {
    std::string knobs;
    for (const auto& [name, value] : request.knobs) knobs.append(name).append("=").append(value).append(",");
    const QuickHash source = QuickHash(0).add(request.source), program = QuickHash(source).add(knobs);
    const Rng design(source.value()), setting(program.value());
    EvaluationReport report = compiled_;
    report.identity = program.hex();
    report.result_key = result_key(request, program);
    add_compilation(design, setting, knobs, report);
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

  static std::string result_key(const EvaluationRequest& request, QuickHash key) {
    key.add(request.selection).add(request.device);
    if (request.race) {
      key.add(request.race->floor);
      for (const RaceWorkload& lap : request.race->workloads)
        key.add(lap.uuid).add(lap.weight).add(lap.baseline_us).add(lap.best_ratio);
    }
    return key.hex();
  }

  // One design in ten is one of eight that others have written, too.
  static void add_compilation(Rng design, Rng setting, const std::string& knobs, EvaluationReport& report) {
    const bool is_known = Rng(design).below(10) == 1;
    report.fingerprint =
        is_known ? "known " + std::to_string(Rng(design).below(8)) + " " + knobs : report.identity;
    for (int i = 0; i < 32; ++i)
      QuickHash::append_hex(report.sketch, design.below(i % 4 == 0 ? 65536 : 4), 4);
    for (KernelReport& kernel : report.kernels) {
      kernel.registers = static_cast<int>(24 + 8 * setting.below(28));
      kernel.static_shared_bytes = static_cast<int>(1024 * setting.below(100));
      kernel.max_threads_per_block = static_cast<int>(32 << setting.below(6));
      kernel.instructions = static_cast<int>(200 + design.below(4000));
      kernel.tensor_instructions = static_cast<int>(design.below(3) * 16);
      kernel.float_operations = static_cast<int64_t>(1000 + design.below(100'000));
      kernel.global_bytes = static_cast<int64_t>(500 + design.below(10'000));
    }
    report.launches = static_cast<int>(1 + design.below(4));
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
    std::vector<size_t> run;
    std::vector<double> latencies_us;
    for (const RaceWorkload& lap : race.workloads) {
      const auto at = std::find_if(report.workloads.begin(), report.workloads.end(),
                                   [&](const WorkloadReport& w) { return w.uuids.front() == lap.uuid; });
      if (at == report.workloads.end()) return;  // a race of other workloads
      run.push_back(static_cast<size_t>(at - report.workloads.begin()));
      latencies_us.push_back(at->latency_us);
      const RaceStanding standing = race_standing(race, latencies_us);
      if (!standing.is_lost) continue;
      report.lost_race = true;
      report.race_bound = standing.bound;
      std::vector<WorkloadReport> kept;
      for (const size_t i : run) kept.push_back(std::move(report.workloads[i]));
      report.workloads = std::move(kept);
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

  EvaluationReport compiled_;  // what is alike in all reports
  std::vector<WorkloadReport> workloads_;
  bool is_estimate_;
};

}  // namespace warpwright::engine
