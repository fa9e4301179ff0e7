// The parts that run every seed: times and costs, duels, and what happens between kernels that hang and
// fault.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "src/cli/gpu_check/check.h"

namespace warpwright::cli::gpu_check {
namespace {

// Share of samples that may differ between CUPTI and events by more than max(2 us, 10 %).
constexpr double kMostDisagreement = 0.05;
constexpr int kRounds = 20;

double weighted_mean_us(const EvaluationReport& report) {
  double sum = 0, weight = 0;
  for (const WorkloadReport& workload : report.workloads) {
    sum += workload.weight * workload.latency_us;
    weight += workload.weight;
  }
  return weight > 0 ? sum / weight : 0;
}

double largest_spread(const EvaluationReport& report) {
  double largest = 0;
  for (const WorkloadReport& workload : report.workloads)
    if (workload.latency_us > 0) largest = std::max(largest, workload.spread_us / workload.latency_us);
  return largest;
}

std::string samples_text(const EvaluationReport& report) {
  int fewest = 0, dropped = 0;
  for (const WorkloadReport& workload : report.workloads) {
    fewest = fewest == 0 ? workload.samples : std::min(fewest, workload.samples);
    dropped += workload.dropped;
  }
  return fmt::format("{} ({} dropped)", fewest, dropped);
}

std::string clock_text(const EvaluationReport& report) {
  double low = 0, high = 0;
  for (const WorkloadReport& workload : report.workloads) {
    if (workload.clock_mhz <= 0) continue;
    low = low == 0 ? workload.clock_mhz : std::min(low, workload.clock_mhz);
    high = std::max(high, workload.clock_mhz);
  }
  return high > 0 ? fmt::format("{:.0f} to {:.0f}", low, high) : "unknown";
}

std::string cost_text(const EvaluationReport& report) {
  std::string text;
  for (const char* stage : {"compile", "smoke", "validate", "time"})
    if (const auto cost = report.cost_s.find(stage); cost != report.cost_s.end())
      text += fmt::format("{}{} {:.2f}", text.empty() ? "" : ", ", stage, cost->second);
  return text;
}

std::string status_text(const EvaluationReport& report) {
  return std::string(to_string(report.status)) + (report.rule.empty() ? "" : " " + report.rule);
}

void add_workloads(const Context& context, const Seed& seed, const EvaluationReport& contest,
                   PartResult& result) {
  Table table{
      fmt::format("{} of {}, {} (contest profile)", seed.short_name(), seed.definition, context.times),
      {"workload", "us", "spread us", "samples", "MHz"},
      {}};
  for (const WorkloadReport& workload : contest.workloads)
    table.rows.push_back({axes_text(workload.axes), fmt::format("{:.2f}", workload.latency_us),
                          fmt::format("{:.2f}", workload.spread_us), std::to_string(workload.samples),
                          fmt::format("{:.0f}", workload.clock_mhz)});
  result.tables.push_back(std::move(table));
}

struct Villain {
  std::string name;
  EvaluationRequest request;
};

constexpr const char* kHang = R"(/*@plan
hang<<<1, 32>>>(output, new_state);
*/
#include <cuda_bf16.h>
__global__ void hang(volatile __nv_bfloat16* output, float* new_state) {
  volatile unsigned* word = reinterpret_cast<volatile unsigned*>(output);
  while (*word != 0x12345678u) new_state[0] = 1;
})";
constexpr const char* kFault = R"(/*@plan
fault<<<1, 32>>>(output, new_state);
*/
#include <cuda_bf16.h>
__global__ void fault(__nv_bfloat16* output, float* new_state) {
  *reinterpret_cast<volatile float*>(64) = 1;
})";

std::vector<Villain> hang_and_fault(const Context& context) {
  std::vector<Villain> villains;
  for (const auto& [name, source] : {std::pair{"hang", kHang}, std::pair{"fault", kFault}}) {
    Villain villain{name, {}};
    villain.request.source = source;
    villain.request.source_name = std::string(name) + ".cu";
    villain.request.definition = "gdn_decode_qk4_v8_d128_k_last";
    villain.request.target = villain.request.device = "auto";
    villain.request.executor = context.options.executor;
    villain.request.selection = "smoke";
    villain.request.last_stage = Stage::kSmoke;
    villain.request.limits.call_deadline_ms = 2000;  // a right kernel takes microseconds
    villain.request.limits.warp_instructions = 2'000'000;
    villains.push_back(std::move(villain));
  }
  return villains;
}

// By workload and output.
using Bits = std::map<std::string, std::map<std::string, std::string>>;
Bits bits_of(const EvaluationReport& report) {
  Bits bits;
  for (const WorkloadReport& workload : report.workloads)
    bits[axes_text(workload.axes)] = workload.outputs_hash;
  return bits;
}

}  // namespace

Result<PartResult> check_seeds(Context& context) {
  PartResult result;
  Table table{
      fmt::format("Seeds on {} workloads, {}", context.options.quick ? "the cheapest" : "all", context.times),
      {"seed", "definition", "status", "contest us", "strict us", "largest spread", "samples", "MHz",
       "events - CUPTI", "disagree", "cost in s (contest)"},
      {}};
  for (const Seed& seed : context.seeds) {
    context.progress(seed.source_name);
    EvaluationRequest request = context.request_of(seed);
    if (!context.options.quick) request.selection = context.options.executor == "sim" ? "sim" : "all";
    TRY_ASSIGN(const EvaluationReport contest, context.session.run(request));
    request.timing_profile = "strict";
    TRY_ASSIGN(const EvaluationReport strict, context.session.run(request));
    if (context.precompiles()) continue;
    table.rows.push_back(
        {seed.short_name(), seed.definition, status_text(contest),
         fmt::format("{:.2f}", weighted_mean_us(contest)), fmt::format("{:.2f}", weighted_mean_us(strict)),
         fmt::format("{:.1f} %", largest_spread(contest) * 100), samples_text(contest), clock_text(contest),
         fmt::format("{:+.2f} us", contest.timing.clock_difference_us),
         fmt::format("{:.1f} %", contest.timing.clock_disagreement * 100), cost_text(contest)});
    for (const EvaluationReport* report : {&contest, &strict})
      if (report->status != Status::kPassed)
        result.fail(fmt::format("{}: {} {}", seed.source_name, status_text(*report), report->message));
    if (contest.timing.clock_disagreement > kMostDisagreement)
      result.fail(fmt::format("{}: CUPTI and events disagree in {:.1f} % of the samples", seed.source_name,
                              contest.timing.clock_disagreement * 100));
    if (contest.status == Status::kPassed) add_workloads(context, seed, contest, result);
  }
  result.tables.insert(result.tables.begin(), std::move(table));
  result.notes.push_back(fmt::format(
      "The two clocks agree if at most {:.0f} % of the samples differ by more than max(2 us, 10 %).",
      kMostDisagreement * 100));
  return result;
}

Result<PartResult> check_duels(Context& context) {
  PartResult result;
  Table table{fmt::format("Duels, {}", context.times),
              {"challenger", "incumbent", "verdict", "ratio", "interval", "noise floor", "pairs", "method"},
              {}};
  const auto fight = [&](const Seed& challenger, const Seed& incumbent) -> Result<void> {
    context.progress(fmt::format("{} against {}", challenger.short_name(), incumbent.short_name()));
    EvaluationRequest request = context.request_of(challenger);
    request.last_stage = Stage::kValidate;
    request.timing_profile = "strict";
    request.rival = Rival{incumbent.candidate.source, incumbent.source_name, {}, 0.15};
    TRY_ASSIGN(const EvaluationReport report, context.session.run(std::move(request)));
    if (context.precompiles()) return {};
    const std::string names = fmt::format("{} against {}", challenger.short_name(), incumbent.short_name());
    if (!report.duel || report.duel->verdict.empty()) {
      result.fail(fmt::format("{}: no verdict: {} {}", names, status_text(report),
                              report.duel ? report.duel->message : report.message));
      return {};
    }
    const DuelReport& duel = *report.duel;
    table.rows.push_back(
        {challenger.short_name(), incumbent.short_name(), duel.verdict, fmt::format("{:.4f}", duel.ratio),
         fmt::format("{:.4f} to {:.4f}", duel.low, duel.high),
         fmt::format("{:.2f} %", duel.noise_floor * 100), std::to_string(duel.pairs), duel.method});
    if (&challenger == &incumbent && duel.verdict.find("FASTER") != std::string::npos)
      result.fail(fmt::format("{}: a seed is {} than itself", names, duel.verdict));
    return {};
  };
  for (const Seed& seed : context.seeds) TRY(fight(seed, seed));
  for (size_t a = 0; a < context.seeds.size(); ++a)
    for (size_t b = a + 1; b < context.seeds.size(); ++b)
      if (context.seeds[a].definition == context.seeds[b].definition)
        TRY(fight(context.seeds[b], context.seeds[a]));
  result.tables.push_back(std::move(table));
  return result;
}

Result<PartResult> check_survival(Context& context) {
  PartResult result;
  const auto villains = hang_and_fault(context);
  const int rounds = context.options.quick || context.precompiles() ? 2 : kRounds;
  const Seed& seed = context.cheap_seed();
  EvaluationRequest innocent = context.request_of(seed);
  innocent.last_stage = Stage::kValidate;
  TRY_ASSIGN(const EvaluationReport first, context.session.run(innocent));
  if (first.status != Status::kPassed && !context.precompiles())
    result.fail(fmt::format("{}: {} {}", seed.source_name, status_text(first), first.message));
  Table table{"Kernels in a row", {"kernel", "rounds", "charged as", "seed between them"}, {}};
  for (const Villain& villain : villains) {
    std::set<std::string> charged;
    int harmed = 0;
    for (int round = 0; round < rounds; ++round) {
      context.progress(fmt::format("{} {}/{}", villain.name, round + 1, rounds));
      TRY_ASSIGN(const EvaluationReport bad, context.session.run(villain.request));
      charged.insert(status_text(bad));
      if (bad.status == Status::kPassed || bad.status == Status::kWorkerLost)
        if (!context.precompiles())
          result.fail(fmt::format("{}: {} {}", villain.name, status_text(bad), bad.message));
      TRY_ASSIGN(const EvaluationReport between, context.session.run(innocent));
      harmed += between.status != first.status || bits_of(between) != bits_of(first) ? 1 : 0;
    }
    std::string statuses;
    for (const std::string& one : charged) statuses += (statuses.empty() ? "" : ", ") + one;
    table.rows.push_back({villain.name, std::to_string(rounds), statuses,
                          harmed == 0 ? "the same bits every time" : fmt::format("HARMED {} times", harmed)});
    if (harmed > 0 && !context.precompiles())
      result.fail(fmt::format("after {} a seed's result changed", villain.name));
  }
  result.notes.push_back(fmt::format("Workers lost meanwhile: {}.", context.session.workers_lost()));
  result.tables.push_back(std::move(table));
  return result;
}

Result<PartResult> check_bits(Context& context) {
  PartResult result;
  Table table{"Outputs", {"seed", "definition", "output", "workloads", "equal bits"}, {}};
  for (const Seed& seed : context.seeds) {
    context.progress(seed.source_name);
    EvaluationRequest request = context.request_of(seed);
    request.last_stage = Stage::kValidate;
    TRY_ASSIGN(const EvaluationReport here, context.session.run(request));
    TRY_ASSIGN(const EvaluationReport simulated, context.session.run(context.on_simulator(request)));
    if (context.precompiles()) continue;
    for (const EvaluationReport* report : {&here, &simulated})
      if (report->status != Status::kPassed)
        result.fail(fmt::format("{}: {} {}", seed.source_name, status_text(*report), report->message));
    const Bits bits = bits_of(here), expected = bits_of(simulated);
    std::map<std::string, std::pair<int, int>> by_output;  // equal, all
    for (const auto& [axes, outputs] : expected) {
      const auto same = bits.find(axes);
      for (const auto& [output, hash] : outputs) {
        auto& [equal, all] = by_output[output];
        ++all;
        if (same != bits.end() && same->second.contains(output) && same->second.at(output) == hash) ++equal;
      }
    }
    for (const auto& [output, counts] : by_output)
      table.rows.push_back({seed.short_name(), seed.definition, output, std::to_string(counts.second),
                            std::to_string(counts.first)});
  }
  result.notes.push_back(
      "A difference is no failure by itself: PTX leaves the last bits of approximate instructions (ex2, lg2, "
      "rsqrt, "
      "rcp) to the hardware, and every output passed its tolerances on both.");
  result.tables.push_back(std::move(table));
  return result;
}

// What is handed in should be clean under the vendor's own checker too, wherever that is installed.
Result<PartResult> check_with_sanitizer(Context& context) {
  PartResult result;
  if (context.options.executor == "sim" || context.precompiles()) {
    result.outcome = PartResult::Outcome::kSkipped;
    result.message = "only on a GPU";
    return result;
  }
  Table table{"", {"seed", "memcheck", "racecheck", "initcheck", "synccheck"}, {}};
  for (const Seed& seed : context.seeds) {
    std::vector<std::string> row = {seed.source_name};
    for (size_t k = 1; k < table.header.size(); ++k) {
      EvaluationRequest request = context.request_of(seed);
      request.executor = "cuda+" + table.header[k];
      request.last_stage = Stage::kValidate;
      context.progress(fmt::format("{} under {}", seed.source_name, table.header[k]));
      TRY_ASSIGN(const auto report, context.session.run(std::move(request)));
      if (report.status == Status::kWorkerLost && report.message.find("is not here") != std::string::npos) {
        result.outcome = PartResult::Outcome::kSkipped;
        result.message = report.message;
        return result;
      }
      row.push_back(report.status == Status::kPassed ? "clean" : status_text(report));
      if (report.status != Status::kPassed) result.fail(fmt::format("{}: {}", seed.source_name, report.message));
    }
    table.rows.push_back(std::move(row));
  }
  result.tables.push_back(std::move(table));
  return result;
}

}  // namespace warpwright::cli::gpu_check
