#include "evaluator/service/duel_stage.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "evaluator/service/timed_calls.h"
#include "evaluator/timing/duel.h"
#include "evaluator/timing/floor.h"
#include "src/base/check.h"

namespace warpwright::service {
namespace {

constexpr int kChallenger = 0, kIncumbent = 1, kIncumbentAgain = 2;  // in a sampler

EvaluationRequest request_of_rival(const EvaluationRequest& request) {
  EvaluationRequest of_rival = request;
  of_rival.source = request.rival->source;
  of_rival.source_name = request.rival->source_name;
  of_rival.knobs = request.rival->knobs;
  of_rival.rival.reset();
  of_rival.race.reset();  // a duel is fought to its end
  of_rival.profile = false;
  return of_rival;
}

void report_failure(DuelReport& duel, const Ending& ending) {
  duel.message = "no duel: the incumbent fails its checks: " + ending.message;
  duel.incumbent_status = ending.status;
  duel.incumbent_rule = ending.rule;
  duel.incumbent_evidence = ending.evidence;
}

DuelWorkload workload_of(const BoundWorkload& workload) {
  DuelWorkload of;
  of.uuids = workload.report.uuids;
  of.axes = workload.report.axes;
  of.weight = workload.report.weight;
  return of;
}

// "on 3 of 7 workloads FASTER, on 4 SAME"
std::string count_verdicts(const std::vector<DuelWorkload>& workloads) {
  std::map<std::string, int> counts;
  for (const DuelWorkload& workload : workloads) ++counts[workload.verdict];
  std::string text;
  for (const auto& [verdict, count] : counts)
    text += fmt::format("{}{} on {}", text.empty() ? "" : ", ", verdict, count);
  return fmt::format("{} of {} workloads", text, workloads.size());
}

// --- estimates ---

// The stages that the simulator's estimate needs and that did not run yet.
StageResult estimate_times(Evaluation& evaluation, Resources& resources) {
  TRY_ASSIGN(auto ending, validate(evaluation, resources));
  if (ending) return ending;
  return time_workloads(evaluation, resources);
}

std::string estimated_verdict(double ratio, double tie_margin) {
  if (std::abs(1 - ratio) <= tie_margin * std::min(1.0, ratio)) return "TIE";  // relative to the better
  return ratio < 1 ? "ESTIMATED_FASTER" : "ESTIMATED_SLOWER";
}

StageResult compare_estimates(Evaluation& challenger, Evaluation& incumbent, Resources& resources,
                              DuelReport& duel) {
  TRY_ASSIGN(auto lost, estimate_times(challenger, resources));
  if (lost) return lost;
  TRY_ASSIGN(auto failed, estimate_times(incumbent, resources));
  if (failed) {
    report_failure(duel, *failed);
    return kGoOn;
  }
  double weights = 0, speed_up = 0;
  for (size_t k = 0; k < challenger.workloads.size(); ++k) {
    DuelWorkload workload = workload_of(challenger.workloads[k]);
    workload.challenger_us = challenger.workloads[k].report.latency_us;
    workload.incumbent_us = incumbent.workloads[k].report.latency_us;
    workload.ratio = workload.low = workload.high = workload.challenger_us / workload.incumbent_us;
    workload.verdict = estimated_verdict(workload.ratio, challenger.request.rival->tie_margin);
    weights += workload.weight;
    speed_up += workload.weight / workload.ratio;
    duel.workloads.push_back(std::move(workload));
  }
  duel.method = challenger.report.timing.method;
  duel.ratio = duel.low = duel.high = weights / speed_up;
  duel.noise_floor = challenger.request.rival->tie_margin;
  duel.verdict = estimated_verdict(duel.ratio, duel.noise_floor);
  duel.message = fmt::format("estimates, not measurements: {}", count_verdicts(duel.workloads));
  return kGoOn;
}

// --- measurements ---

// The duel of one workload, and whose failure ended it if it has none.
class MeasuredDuel {
 public:
  MeasuredDuel(Evaluation& challenger, Evaluation& incumbent, Resources& resources, size_t index)
      : challenger_(challenger), incumbent_(incumbent), resources_(resources), index_(index) {}

  // As a check for `confirmed`: what happens must happen again in a fresh process.
  //
  // A winner has to win twice, the second time with modules loaded anew and buffers at other addresses: where
  // things lie can make one program faster than itself for as long as they lie there. The second duel is the
  // one reported: its ratio was not picked for being good.
  StageResult hold() {
    TRY_ASSIGN(auto ending, hold_once());
    if (ending || duel_->verdict != timing::Verdict::kFaster) return ending;
    TRY(challenger_.loaded_program->reload());
    TRY(incumbent_.loaded_program->reload());
    TRY_ASSIGN(ending, hold_once());
    if (!ending && duel_->verdict != timing::Verdict::kFaster) duel_->verdict = timing::Verdict::kUnclear;
    return ending;
  }

  bool of_incumbent() const { return of_incumbent_; }
  const timing::Duel& duel() const { return *duel_; }
  const BoundWorkload& workload() const { return challenger_.workloads[index_]; }

 private:
  StageResult hold_once() {
    of_incumbent_ = false;
    TRY_ASSIGN(auto calls, open({kChallenger, kIncumbent, kIncumbentAgain}));
    auto held = run(*calls);
    if (held) {
      duel_ = std::move(*held);
      return refuse_below_floor();
    }
    if (!calls->failed()) return tl::unexpected(held.error());
    if (calls->failed()->contender >= 0) return blame(*calls->failed(), calls->failed()->contender);
    return find_culprit(*calls->failed());
  }

  TimedCalls::Contender contender(int which) {
    Evaluation& its = which == kChallenger ? challenger_ : incumbent_;
    return {&its, &its.workloads[index_]};
  }
  Result<std::unique_ptr<TimedCalls>> open(std::initializer_list<int> which) {
    std::vector<TimedCalls::Contender> contenders;
    for (const int one : which) contenders.push_back(contender(one));
    return TimedCalls::open(challenger_, resources_, std::move(contenders), cuda::TimingProfile::kStrict);
  }

  Result<timing::Duel> run(TimedCalls& calls) {
    timing::DuelOptions options;
    options.versions = calls.versions();
    options.throttle.max_sm_clock_mhz = challenger_.executor->device()->max_sm_clock_mhz;
    Rng rng = Rng::stream(timed_seeds(challenger_, resources_).back(), "duel", index_);
    const timing::TakeBatch take = calls.take();
    TRY_ASSIGN(const timing::NoiseFloor floor,
               timing::measure_noise_floor(take, {kIncumbent, kIncumbentAgain}, options, rng));
    return timing::run_duel(take, {kChallenger, kIncumbent}, floor.relative, options, rng);
  }

  // A batch of several faulted: each alone, in a fresh process, shows whose fault it was.
  StageResult find_culprit(const TimedCalls::Failed& together) {
    for (const int which : {kChallenger, kIncumbent}) {
      TRY(challenger_.executor->renew());
      TRY_ASSIGN(auto calls, open({which}));
      const std::vector<cuda::Shot> shots(32);
      if (auto batch = calls->take()(shots); batch)
        continue;
      else if (!calls->failed())
        return tl::unexpected(batch.error());
      return blame(*calls->failed(), which);
    }
    return infrastructure_error("a duel failed though both contenders run alone: " +
                                together.failure.message);
  }

  StageResult blame(const TimedCalls::Failed& failed, int contender) {
    of_incumbent_ = contender != kChallenger;
    return Ending{failed.failure.status, failed.failure.rule,
                  fmt::format("{} ({})", failed.failure.message, axes_text(workload())), failed.evidence,
                  failed.failure.needs_confirmation};
  }

  StageResult refuse_below_floor() {
    TRY_ASSIGN(const auto floor, timing::physical_floor(challenger_.rules, challenger_.loaded.definition,
                                                        workload().report.axes, challenger_.device));
    for (const int which : {kChallenger, kIncumbent}) {
      const double time_us = which == kChallenger ? duel_->challenger_us : duel_->incumbent_us;
      if (auto refusal = timing::refuse_below_floor(time_us, floor))
        return blame({{Status::kRejected, std::string(timing::kBelowFloorRule), std::move(*refusal), false},
                      which,
                      {}},
                     which);
    }
    return kGoOn;
  }

  Evaluation& challenger_;
  Evaluation& incumbent_;
  Resources& resources_;
  size_t index_;
  std::optional<timing::Duel> duel_;
  bool of_incumbent_ = false;
};

DuelWorkload report_of(const BoundWorkload& workload, const timing::Duel& held) {
  DuelWorkload report = workload_of(workload);
  report.verdict = to_string(held.verdict);
  report.ratio = held.ratio;
  report.low = held.interval.low;
  report.high = held.interval.high;
  report.pairs = held.pairs();
  report.challenger_us = held.challenger_us;
  report.incumbent_us = held.incumbent_us;
  return report;
}

void judge(const std::vector<timing::Duel>& duels, uint64_t seed, DuelReport& report) {
  std::vector<timing::DuelOfWorkload> weighted;
  for (size_t k = 0; k < duels.size(); ++k) weighted.push_back({&duels[k], report.workloads[k].weight});
  Rng rng = Rng::stream(seed, "duel of a definition");
  const timing::DefinitionDuel whole = timing::judge_definition(weighted, {}, rng);
  report.verdict = to_string(whole.verdict);
  report.ratio = whole.ratio;
  report.low = whole.interval.low;
  report.high = whole.interval.high;
  report.noise_floor = whole.noise_floor;
  report.pairs = whole.pairs;
  report.method = to_string(duels.front().method);
  report.message = count_verdicts(report.workloads);
  int dropped = 0;
  for (const timing::Duel& duel : duels)
    for (const auto& [reason, count] : duel.dropped) dropped += count;
  if (dropped > 0) report.message += fmt::format("; {} rounds did not count and were taken again", dropped);
}

StageResult measure(Evaluation& challenger, Evaluation& incumbent, Resources& resources, DuelReport& report) {
  std::vector<timing::Duel> duels;
  for (size_t k = 0; k < challenger.workloads.size(); ++k) {
    MeasuredDuel duel(challenger, incumbent, resources, k);
    TRY_ASSIGN(auto ending, confirmed(challenger, [&] { return duel.hold(); }));
    if (ending && !duel.of_incumbent()) return ending;
    if (ending) {
      report.workloads.clear();
      report_failure(report, *ending);
      return kGoOn;
    }
    duels.push_back(duel.duel());
    report.workloads.push_back(report_of(duel.workload(), duel.duel()));
    if (duels.front().method != duels.back().method)
      return infrastructure_error("the timer changed its method from one workload to the next");
  }
  judge(duels, challenger.request.seed, report);
  return kGoOn;
}

// The incumbent through the stages that any candidate passes before it is timed.
StageResult prepare_incumbent(Evaluation& incumbent, Resources& resources) {
  for (auto* stage : {prepare, compile_candidate, smoke}) {
    TRY_ASSIGN(auto ending, stage(incumbent, resources));
    if (ending) return ending;
  }
  return kGoOn;
}

}  // namespace

StageResult hold_duel(Evaluation& evaluation, Resources& resources) {
  CHECK(evaluation.request.rival && evaluation.loaded_program);
  if (evaluation.measures() && !evaluation.executor->has_clock())
    return usage_error(
        fmt::format("executor {} checks and has no clock: duels need sim or cuda", evaluation.executor->name()));
  const EvaluationRequest request = request_of_rival(evaluation.request);
  Evaluation incumbent{request, evaluation.hooks, evaluation.deadline_ms};
  DuelReport& duel = evaluation.report.duel.emplace();
  TRY_ASSIGN(auto failed, prepare_incumbent(incumbent, resources));
  duel.incumbent_identity = incumbent.report.identity;
  if (failed) {
    report_failure(duel, *failed);
    return kGoOn;
  }
  CHECK(incumbent.workloads.size() == evaluation.workloads.size());
  StageResult outcome = evaluation.measures() ? measure(evaluation, incumbent, resources, duel)
                                              : compare_estimates(evaluation, incumbent, resources, duel);
  if (!outcome || *outcome) evaluation.report.duel.reset();  // the challenger's failure, or the machine's
  return outcome;
}

}  // namespace warpwright::service
