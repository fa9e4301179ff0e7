#include "src/cli/candidate.h"

#include <fmt/format.h>

#include "src/base/files.h"
#include "src/base/subprocess.h"
#include "src/engine/evaluate_once.h"
#include "src/trace/captured_input.h"

namespace warpwright::cli {
namespace fs = std::filesystem;

namespace {

constexpr size_t kMaxSourceBytes = 4 << 20;

// seeds/<definition>/x.cu needs no --definition.
Result<std::string> definition_of(const CandidateOptions& options, const trace::DatasetPath& datasets) {
  if (!options.definition.empty()) return options.definition;
  std::error_code ignored;
  const std::string folder = fs::absolute(options.candidate, ignored).parent_path().filename().string();
  for (const std::string& name : datasets.definition_names())
    if (name == folder) return name;
  return usage_error(
      fmt::format("which definition is {} for? its folder is not named after one; give --definition",
                  options.candidate.string()));
}

}  // namespace

Result<KnobValues> parse_knobs(const std::vector<std::string>& texts) {
  KnobValues knobs;
  for (const std::string& text : texts) {
    const size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == text.size())
      return usage_error(fmt::format("--knob {}: write NAME=VALUE", text));
    if (!knobs.emplace(text.substr(0, equals), text.substr(equals + 1)).second)
      return usage_error(fmt::format("--knob {} is given twice", text.substr(0, equals)));
  }
  return knobs;
}

Result<LoadedCandidate> load_candidate(const CandidateOptions& options) {
  LoadedCandidate candidate;
  TRY_ASSIGN(candidate.source, read_file(options.candidate, kMaxSourceBytes));
  candidate.source_name = options.candidate.string();
  TRY_ASSIGN(candidate.knobs, parse_knobs(options.knobs));
  TRY_ASSIGN(const fs::path home, find_home());
  TRY_ASSIGN(const trace::DatasetPath datasets, trace::DatasetPath::open(options.datasets));
  TRY_ASSIGN(candidate.definition_name, definition_of(options, datasets));
  TRY_ASSIGN(candidate.loaded, datasets.load(candidate.definition_name));
  TRY_ASSIGN(candidate.rules, rules::load_rules(candidate.loaded, home));
  return candidate;
}

Result<void> check_inputs(const LoadedCandidate& candidate, const std::string& asked) {
  trace::LoadedDefinition loaded = candidate.loaded;
  // `auto` may take fewer workloads than `all`: the worker, which knows, checks again.
  const std::string selection = candidate.rules.settle_selection(asked, true);
  TRY_ASSIGN(loaded.definition, candidate.rules.definition_for(selection, std::move(loaded.definition)));
  TRY_ASSIGN(const auto selected, candidate.rules.select(selection, loaded));
  for (const rules::SelectedWorkload& workload : selected)
    TRY(trace::check_captured_inputs(loaded.definition, workload.group.workload));
  return {};
}

Result<std::string> python_reference_versions() {
  SubprocessOptions options;
  options.argv = {engine::default_worker_path(), "python-reference"};
  options.keep_environment.insert(options.keep_environment.end(), {"WARPWRIGHT_PYTHON", "VIRTUAL_ENV"});
  TRY_ASSIGN(const CompletedProcess done, run_to_completion(options, "", 150'000, 1 << 16));
  const std::string& text = done.status.success() ? done.stdout_text : done.stderr_text;
  std::string line = text.substr(0, text.find('\n'));
  if (done.status.success()) return line;
  return infrastructure_error(line.empty() ? "python-reference " + done.status.describe() : std::move(line));
}

std::string render(const std::vector<plan::Diagnostic>& diagnostics, const LoadedCandidate& candidate) {
  std::string text;
  for (const plan::Diagnostic& diagnostic : diagnostics)
    text += diagnostic.render(candidate.source_name, candidate.source) + "\n";
  return text;
}

tl::expected<ParsedCandidate, std::string> parse_candidate(const LoadedCandidate& candidate) {
  auto split = plan::split_source(candidate.source);
  if (!split) return tl::unexpected(render(split.error(), candidate));
  auto plan = plan::parse_plan(*split, candidate.loaded.definition);
  if (!plan) return tl::unexpected(render(plan.error(), candidate));
  return ParsedCandidate{std::move(*split), std::move(*plan)};
}

}  // namespace warpwright::cli
