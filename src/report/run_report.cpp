#include "src/report/run_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "src/report/economy_text.h"
#include "src/report/ledger_text.h"
#include "src/report/models_text.h"
#include "src/report/population_text.h"
#include "src/report/tuning_text.h"
#include "src/report/trials_text.h"

namespace warpwright::report {
namespace {

using events::Candidate;
using events::CandidateId;
using events::RunView;
using events::WorkloadSummary;

std::string axes_label(const WorkloadSummary& workload) {
  std::string label;
  for (const auto& [name, value] : workload.axes)
    label += fmt::format("{}{}={}", label.empty() ? "" : " ", name, value);
  return label.empty() ? workload.uuid : label;
}

std::string unit(const events::Measure& measure) {
  return measure.is_estimate() ? "us, sim-estimate" : "us, " + measure.method;
}

std::string knobs_text(const KnobValues& knobs) {
  std::string text;
  for (const auto& [name, value] : knobs)
    text += fmt::format("{}{}={}", text.empty() ? "" : " ", name, value);
  return text.empty() ? "no knobs" : text;
}

// Applied, passed, not duplicates; the fastest first.
std::vector<const Candidate*> ranking(const RunView& view) {
  std::vector<const Candidate*> ranked;
  for (const auto& [id, candidate] : view.candidates)
    if (candidate.passed() && !candidate.duplicate_of) ranked.push_back(&candidate);
  std::stable_sort(ranked.begin(), ranked.end(),
                   [](const Candidate* a, const Candidate* b) { return a->score > b->score; });
  return ranked;
}

struct FailureGroup {
  std::string what;  // status, rule and message
  int64_t count = 0;
  CandidateId example = 0;
};

std::vector<FailureGroup> failures(const RunView& view) {
  std::map<std::string, FailureGroup> groups;
  const auto count = [&](const std::string& what, CandidateId id) {
    FailureGroup& group = groups.try_emplace(what, FailureGroup{what, 0, id}).first->second;
    ++group.count;
  };
  for (const auto& [id, candidate] : view.candidates) {
    if (candidate.phase == events::Phase::kAbandoned || candidate.phase == events::Phase::kProposalFailed) {
      count(fmt::format("{}: {}", to_string(candidate.phase), candidate.failure), id);
    } else if (candidate.phase == events::Phase::kApplied && candidate.status != Status::kPassed) {
      const events::ResultSummary* result = view.result_of(candidate);
      std::string what(to_string(candidate.status));
      if (result != nullptr && !result->rule.empty()) what += fmt::format(" [{}]", result->rule);
      if (result != nullptr) what += ": " + result->message;
      count(what, id);
    } else if (candidate.lost_race) {
      count("lost its race: clearly slower than the best, stopped early", id);
    }
  }
  std::vector<FailureGroup> sorted;
  for (auto& [what, group] : groups) sorted.push_back(std::move(group));
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const FailureGroup& a, const FailureGroup& b) { return a.count > b.count; });
  return sorted;
}

// The run was told to do without the proof that no cheat would score.
bool skipped_red_team(const RunView& view) {
  const auto config = parse_json(view.started->config_json, "configuration");
  if (!config || !config->is_object() || !config->contains("evaluation")) return false;
  return !(*config)["evaluation"].value("red_team", true);
}

std::string header_text(const RunView& view, const RunReportOptions& options) {
  std::string text = fmt::format("run {}\n", options.run_directory);
  if (!view.started) return text + "  nothing was started\n";
  text += fmt::format("  definition   {}  (from {})\n", view.started->definition, view.started->dataset);
  text += fmt::format("  state        {}\n",
                      view.finished_reason.empty() ? "not finished" : "finished: " + view.finished_reason);
  text += fmt::format("  evaluations  {} distinct programs, {} duplicates not evaluated again\n",
                      view.counters.evaluations, view.counters.duplicates);
  if (skipped_red_team(view))
    text += "  red team     SKIPPED: whether a cheat would score on this machine is not known\n";
  if (view.baseline) {
    const events::Measure& measure = view.baseline->measure;
    text += fmt::format("  measured by  {} on {} {}, profile {}{}\n", measure.method, measure.executor,
                        measure.device, measure.profile,
                        measure.is_estimate()
                            ? "\n               ESTIMATES of a model, not measurements: good for "
                              "ranking, not for claims"
                            : "");
  }
  return text;
}

std::string statuses_text(const RunView& view) {
  std::string text = "\ncandidates by status\n";
  for (const auto& [status, count] : view.counters.by_status)
    text += fmt::format("  {:<20} {:>5}\n", to_string(status), count);
  if (view.counters.by_status.empty()) text += "  none yet\n";
  return text;
}

std::string best_text(const RunView& view) {
  if (!view.best) return "\nbest candidate\n  none: no candidate passed\n";
  const Candidate& best = *view.find(*view.best);
  std::string text =
      fmt::format("\nbest candidate\n  {}  {:.3f}x the baseline {}\n", events::format_candidate_id(best.id),
                  best.score, view.baseline ? view.baseline->name : "");
  text += fmt::format("  knobs        {}\n", knobs_text(best.knobs));
  std::string way;
  for (const CandidateId id : events::lineage(view, best.id)) {
    const Candidate& step = *view.find(id);
    way += fmt::format("{}{} ({})", way.empty() ? "" : " <- ", events::format_candidate_id(id),
                       step.note.empty() ? step.origin.op : step.note);
  }
  text += fmt::format("  comes from   {}\n", way);
  const events::ResultSummary* result = view.result_of(best);
  if (result == nullptr) return text;
  for (const KernelReport& kernel : result->kernels)
    text +=
        fmt::format("  kernel       {}: {} registers, {} B spilled, {} B shared, {} threads\n", kernel.name,
                    kernel.registers, kernel.spill_bytes,
                    kernel.static_shared_bytes + kernel.dynamic_shared_bytes, kernel.max_threads_per_block);
  return text;
}

std::string workloads_text(const RunView& view, const std::vector<WorkloadComparison>& rows) {
  if (rows.empty()) return {};
  size_t width = 8;
  for (const WorkloadComparison& row : rows) width = std::max(width, row.label.size());
  std::string text =
      fmt::format("\nbest against {} ({})\n", view.baseline->name, unit(view.baseline->measure));
  text += fmt::format("  {:<{}}  {:<10} {:>6} {:>12} {:>12} {:>9}\n", "workload", width, "band", "count",
                      "baseline", "best", "ratio");
  for (const WorkloadComparison& row : rows)
    text += fmt::format("  {:<{}}  {:<10} {:>6g} {:>12.2f} {:>12.2f} {:>8.3f}x\n", row.label, width, row.band,
                        row.weight, row.baseline_us, row.latency_us, row.ratio());
  text += fmt::format("  mean ratio, weighted by count: arithmetic {:.3f}x (the score), geometric {:.3f}x\n",
                      arithmetic_mean(rows), geometric_mean(rows));
  return text;
}

// Rows of one band, in the order in which bands first appear.
std::vector<std::pair<std::string, std::vector<WorkloadComparison>>> by_band(
    const std::vector<WorkloadComparison>& rows) {
  std::vector<std::pair<std::string, std::vector<WorkloadComparison>>> bands;
  for (const WorkloadComparison& row : rows) {
    auto band =
        std::find_if(bands.begin(), bands.end(), [&](const auto& entry) { return entry.first == row.band; });
    if (band == bands.end()) band = bands.insert(bands.end(), {row.band, {}});
    band->second.push_back(row);
  }
  return bands;
}

// The champion of a band need not be the best of the run: what a dispatching kernel could gain shows here.
std::string bands_text(const RunView& view, const std::vector<const Candidate*>& ranked,
                       const std::vector<WorkloadComparison>& best_rows) {
  if (best_rows.empty()) return {};
  std::string text =
      fmt::format("\nby band\n  {:<10} {:>9} {:>9}   {}\n", "band", "workloads", "best", "fastest here");
  std::map<std::string, std::pair<double, CandidateId>> champions;
  for (const Candidate* candidate : ranked) {
    for (const auto& [band, rows] : by_band(compare_with_baseline(view, *candidate))) {
      const double mean = arithmetic_mean(rows);
      const auto [champion, is_new] = champions.try_emplace(band, mean, candidate->id);
      if (!is_new && mean > champion->second.first) champion->second = {mean, candidate->id};
    }
  }
  for (const auto& [band, rows] : by_band(best_rows)) {
    const auto& [mean, id] = champions.at(band);
    double count = 0;
    for (const WorkloadComparison& row : rows) count += row.weight;
    text += fmt::format("  {:<10} {:>9g} {:>8.3f}x   {} at {:.3f}x\n", band, count, arithmetic_mean(rows),
                        events::format_candidate_id(id), mean);
  }
  return text;
}

std::string ranking_text(const std::vector<const Candidate*>& ranked, size_t limit) {
  if (ranked.empty()) return {};
  std::string text =
      fmt::format("\nfastest distinct programs ({} of {})\n", std::min(limit, ranked.size()), ranked.size());
  for (size_t i = 0; i < std::min(limit, ranked.size()); ++i)
    text += fmt::format("  {}  {:>7.3f}x  {}\n", events::format_candidate_id(ranked[i]->id), ranked[i]->score,
                        ranked[i]->note.empty() ? ranked[i]->origin.op : ranked[i]->note);
  return text;
}

std::string failures_text(const RunView& view, size_t limit) {
  const std::vector<FailureGroup> groups = failures(view);
  if (groups.empty()) return {};
  std::string text = "\nfailures\n";
  for (size_t i = 0; i < std::min(limit, groups.size()); ++i)
    text += fmt::format("  {:>4} x  {}  (e.g. {})\n", groups[i].count, groups[i].what,
                        events::format_candidate_id(groups[i].example));
  if (groups.size() > limit) text += fmt::format("  and {} other kinds\n", groups.size() - limit);
  return text;
}

// The option that raises the budget which ended the run.
std::string more_budget(const RunView& view) {
  const std::string& reason = view.finished_reason;
  if (reason.empty()) return "";
  if (reason.starts_with("the budget of $")) return " --max-dollars ...";
  if (reason.starts_with("the budget of"))
    return reason.find(" tokens") == std::string::npos ? " --max-calls ..." : " --max-tokens ...";
  return fmt::format(" --max-evaluations {}", view.counters.evaluations * 2);
}

std::string next_steps_text(const RunView& view, const RunReportOptions& options) {
  const std::string& run = options.run_directory;
  std::string text = fmt::format("\nthe run is in {}\n", run);
  const auto step = [&](const std::string& what, const std::string& command) {
    text += fmt::format("  {:<24} {} {}\n", what, options.program, command);
  };
  if (view.best) {
    const std::string best = events::format_candidate_id(*view.best);
    text += fmt::format("  {:<24} {}/best.cu\n", "the best candidate", run);
    step("look at it", fmt::format("show --run {} candidate {}", run, best));
    step("export it", fmt::format("export --run {} --format tvm-ffi --out {}/export", run, run));
  }
  step(view.finished_reason.empty() ? "go on" : "go on with more budget",
       fmt::format("evolve --resume {}{}", run, more_budget(view)));
  return text;
}

Json comparison_json(const std::vector<WorkloadComparison>& rows) {
  Json json = Json::array();
  for (const WorkloadComparison& row : rows)
    json.push_back({{"workload", row.label},
                    {"band", row.band},
                    {"weight", row.weight},
                    {"baseline_us", row.baseline_us},
                    {"latency_us", row.latency_us},
                    {"ratio", row.ratio()}});
  return json;
}

Json candidate_json(const Candidate& candidate) {
  Json json = {{"id", events::format_candidate_id(candidate.id)},
               {"origin", candidate.origin.op},
               {"note", candidate.note},
               {"status", to_string(candidate.status)},
               {"score", candidate.score},
               {"knobs", candidate.knobs},
               {"source_hash", candidate.source_hash},
               {"identity", candidate.identity}};
  if (candidate.origin.parent) json["parent"] = events::format_candidate_id(*candidate.origin.parent);
  return json;
}

}  // namespace

std::vector<WorkloadComparison> compare_with_baseline(const RunView& view, const Candidate& candidate) {
  const events::ResultSummary* result = view.result_of(candidate);
  return result == nullptr ? std::vector<WorkloadComparison>() : compare_with_baseline(view, *result);
}

std::vector<WorkloadComparison> compare_with_baseline(const RunView& view,
                                                      const events::ResultSummary& result) {
  if (!view.baseline || !(result.measure == view.baseline->measure)) return {};
  std::map<std::string, const WorkloadSummary*> mine;
  for (const WorkloadSummary& workload : result.workloads) mine[workload.uuid] = &workload;
  std::vector<WorkloadComparison> rows;
  for (const WorkloadSummary& base : view.baseline->workloads) {
    const auto found = mine.find(base.uuid);
    if (found == mine.end() || found->second->latency_us <= 0 || base.latency_us <= 0) return {};
    rows.push_back({axes_label(base), base.band, base.weight, base.latency_us, found->second->latency_us});
  }
  return rows;
}

double arithmetic_mean(const std::vector<WorkloadComparison>& rows) {
  double sum = 0, weight = 0;
  for (const WorkloadComparison& row : rows) sum += row.weight * row.ratio(), weight += row.weight;
  return weight > 0 ? sum / weight : 0;
}

double geometric_mean(const std::vector<WorkloadComparison>& rows) {
  double sum = 0, weight = 0;
  for (const WorkloadComparison& row : rows) sum += row.weight * std::log(row.ratio()), weight += row.weight;
  return weight > 0 ? std::exp(sum / weight) : 0;
}

std::string render_text(const RunView& view, const RunReportOptions& options) {
  std::string text = header_text(view, options);
  if (!view.started) return text;
  const std::vector<const Candidate*> ranked = ranking(view);
  std::vector<WorkloadComparison> rows;
  if (view.best) rows = compare_with_baseline(view, *view.find(*view.best));
  text += statuses_text(view);
  text += failures_text(view, options.max_failures);
  text += ranking_text(ranked, options.max_candidates);
  text += best_text(view);
  text += bands_text(view, ranked, rows);
  text += workloads_text(view, rows);
  text += population_text(view);
  text += tuning_text(view);
  text += economy_text(view);
  text += models_text(view);
  text += trials_text(view);
  text += ledger_text(view);
  text += next_steps_text(view, options);
  return text;
}

Json to_json(const RunView& view, const RunReportOptions& options) {
  Json json = {{"run", options.run_directory}, {"finished", view.finished_reason}};
  if (!view.started) return json;
  json["definition"] = view.started->definition;
  json["dataset"] = view.started->dataset;
  json["evaluations"] = view.counters.evaluations;
  json["duplicates"] = view.counters.duplicates;
  json["red_team_skipped"] = skipped_red_team(view);
  for (const auto& [status, count] : view.counters.by_status)
    json["by_status"][std::string(to_string(status))] = count;
  if (view.baseline) {
    const events::Measure& measure = view.baseline->measure;
    json["baseline"] = {{"name", view.baseline->name}, {"executor", measure.executor},
                        {"device", measure.device},    {"method", measure.method},
                        {"profile", measure.profile},  {"is_estimate", measure.is_estimate()}};
  }
  if (!view.islands.empty()) json["population"] = population_json(view);
  if (!view.tuning.empty()) json["tuning"] = tuning_json(view);
  json["economy"] = economy_json(view);
  if (!view.models.empty()) json["llm"] = models_json(view);
  if (!view.trials.empty()) json["prompt_trials"] = trials_json(view);
  if (Json ledger = ledger_json(view); !ledger.is_null()) json["ledger"] = std::move(ledger);
  for (const FailureGroup& group : failures(view))
    json["failures"].push_back({{"what", group.what},
                                {"count", group.count},
                                {"example", events::format_candidate_id(group.example)}});
  for (const Candidate* candidate : ranking(view)) json["candidates"].push_back(candidate_json(*candidate));
  if (!view.best) return json;
  const Candidate& best = *view.find(*view.best);
  const auto rows = compare_with_baseline(view, best);
  json["best"] = candidate_json(best);
  json["best"]["workloads"] = comparison_json(rows);
  json["best"]["arithmetic_mean"] = arithmetic_mean(rows);
  json["best"]["geometric_mean"] = geometric_mean(rows);
  return json;
}

}  // namespace warpwright::report
