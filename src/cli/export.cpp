// warpwright export: a candidate, from a file or a run, as a FlashInfer-Bench solution.
#include <fmt/format.h>

#include <iostream>

#include "src/base/files.h"
#include "src/base/hash.h"
#include "src/cli/candidate.h"
#include "src/cli/commands.h"
#include "src/engine/evolve.h"
#include "src/exporter/tvm_ffi.h"
#include "src/journal/journal.h"
#include "src/rules/device.h"
#include "src/rules/workload_binding.h"

namespace warpwright::cli {
namespace {

// The candidate of a run, in the shape of one from a file.
Result<LoadedCandidate> load_from_run(const ExportOptions& options, std::string& description) {
  TRY_ASSIGN(const engine::LoadedRun run, engine::load_run(options.run_dir));
  const auto id =
      options.candidate_id.empty() ? run.view.best : events::parse_candidate_id(options.candidate_id);
  const events::Candidate* chosen = id ? run.view.find(*id) : nullptr;
  if (chosen == nullptr)
    return usage_error(
        options.candidate_id.empty()
            ? fmt::format("the run in {} has no passed candidate yet", options.run_dir.string())
            : fmt::format("no candidate '{}' in {}", options.candidate_id, options.run_dir.string()));
  if (!chosen->passed())
    return usage_error(fmt::format("candidate {} did not pass; only passed candidates are exported",
                                   events::format_candidate_id(chosen->id)));
  TRY_ASSIGN(const journal::Journal journal, journal::Journal::open_read_only(options.run_dir));
  LoadedCandidate candidate;
  TRY_ASSIGN(candidate.source, journal.blob(chosen->source_hash));
  candidate.source_name = events::format_candidate_id(chosen->id) + ".cu";
  candidate.definition_name = run.config.definition;
  candidate.knobs = chosen->knobs;
  std::vector<std::filesystem::path> folders(run.config.datasets.begin(), run.config.datasets.end());
  TRY_ASSIGN(const auto datasets, trace::DatasetPath::open(folders));
  TRY_ASSIGN(candidate.loaded, datasets.load(candidate.definition_name));
  TRY_ASSIGN(const auto home, find_home());
  TRY_ASSIGN(candidate.rules, rules::load_rules(candidate.loaded, home));
  const events::ResultSummary* result = run.view.result_of(*chosen);
  description = fmt::format(
      "Found by warpwright: candidate {}, {:.3f} times {}{}.", events::format_candidate_id(chosen->id),
      chosen->score, run.view.baseline ? run.view.baseline->name : "the baseline",
      result != nullptr && result->measure.is_estimate()
          ? fmt::format(" by sim-estimate for {} (a model's estimate, not a measurement)",
                        result->measure.device)
          : "");
  return candidate;
}

Result<exporter::ExportRequest> make_request(const ExportOptions& options, const LoadedCandidate& candidate,
                                             std::string description) {
  exporter::ExportRequest request;
  request.definition = candidate.loaded.definition;
  request.source = candidate.source;
  request.source_name = candidate.source_name;
  request.knobs = candidate.knobs;
  request.author = options.author;
  request.description = std::move(description);
  request.solution_name = options.name.empty() ? fmt::format("warpwright_{}_{}", candidate.definition_name,
                                                             sha256_hex(candidate.source).substr(0, 8))
                                               : options.name;
  TRY_ASSIGN(const rules::DeviceModel device, rules::load_device("b200"));
  plan::DeviceFacts facts;
  facts.arch = device.arch;
  facts.sm_count = device.sm_count;
  for (const trace::WorkloadGroup& group : trace::group_workloads(candidate.loaded.workloads))
    request.workloads.push_back(rules::bind_inputs(candidate.loaded.definition, group.workload,
                                                   candidate.rules, candidate.knobs, facts));
  return request;
}

Result<void> export_candidate(const ExportOptions& options) {
  if (options.format != "tvm-ffi")
    return usage_error(fmt::format("--format {}: this version writes tvm-ffi", options.format));
  if (options.run_dir.empty() == options.candidate.candidate.empty())
    return usage_error("give either a candidate's file or --run DIR");
  std::string description;
  TRY_ASSIGN(const LoadedCandidate candidate, options.run_dir.empty() ? load_candidate(options.candidate)
                                                                      : load_from_run(options, description));
  TRY_ASSIGN(const exporter::ExportRequest request, make_request(options, candidate, std::move(description)));
  TRY_ASSIGN(const exporter::ExportedSolution solution, exporter::export_tvm_ffi(request));
  TRY(exporter::write_solution(
      solution, options.out,
      options.overwrite ? exporter::Overwrite::kAnything : exporter::Overwrite::kOwnExports));
  std::cout << fmt::format("{}  {} for {}, serving {} workload shapes\n",
                           (options.out / "solution.json").string(), request.solution_name,
                           candidate.definition_name, request.workloads.size());
  return {};
}

}  // namespace

int run_export(const ExportOptions& options) {
  auto done = export_candidate(options);
  return done ? 0 : report_error(done.error());
}

}  // namespace warpwright::cli
