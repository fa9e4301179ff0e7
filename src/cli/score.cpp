// warpwright score: the contest's score of evaluated traces.
#include <fmt/format.h>

#include <iostream>
#include <map>
#include <set>

#include "src/base/files.h"
#include "src/cli/commands.h"
#include "src/rules/rules.h"
#include "src/score/score_text.h"
#include "src/trace/dataset.h"

namespace warpwright::cli {
namespace {

constexpr size_t kMaxTraceBytes = size_t{1} << 30;

struct Sources {
  std::vector<trace::EvaluationTrace> traces;  // also of published records that were asked for
  std::vector<score::PublishedRecord> published;
};

Result<Sources> read_sources(const ScoreOptions& options, const std::filesystem::path& home) {
  Sources sources;
  for (const std::string& definition : score::published_definitions(home)) {
    TRY_ASSIGN(auto records, score::load_published(home, definition));
    for (auto& record : records) sources.published.push_back(std::move(record));
  }
  for (const std::string& source : options.traces) {
    if (!source.starts_with(score::kPublishedPrefix)) {
      TRY_ASSIGN(const std::string text, read_file(source, kMaxTraceBytes));
      TRY_ASSIGN(auto traces, trace::parse_evaluation_traces(text, source));
      sources.traces.insert(sources.traces.end(), traces.begin(), traces.end());
      continue;
    }
    std::set<std::string> names;
    bool found = false;
    for (const auto& record : sources.published) {
      names.insert(record.name);
      found |= record.name == source;
      if (record.name == source)
        sources.traces.insert(sources.traces.end(), record.traces.begin(), record.traces.end());
    }
    if (!found) return usage_error(fmt::format("{}: there are {}", source, fmt::join(names, ", ")));
  }
  if (!options.hardware.empty())
    std::erase_if(sources.traces, [&](const auto& trace) { return trace.hardware != options.hardware; });
  if (sources.traces.empty())
    return usage_error(options.hardware.empty()
                           ? "no evaluated traces in these files: lines with \"solution\" and \"evaluation\""
                           : fmt::format("no traces of hardware '{}' in these files", options.hardware));
  return sources;
}

// Workloads and bands, where a dataset knows the definition.
Result<score::DefinitionFacts> facts_of(const std::string& name, const trace::DatasetPath& datasets,
                                        const std::filesystem::path& home) {
  score::DefinitionFacts facts;
  facts.name = name;
  const auto names = datasets.definition_names();
  if (std::find(names.begin(), names.end(), name) == names.end()) return facts;
  TRY_ASSIGN(trace::LoadedDefinition loaded, datasets.load(name));
  TRY_ASSIGN(rules::Rules rules, rules::load_rules(loaded, home));
  for (const trace::Workload& workload : loaded.workloads)
    facts.workloads.emplace_back(workload.uuid, workload.axes);
  facts.band_of = [rules = std::move(rules), definition = std::move(loaded.definition)](
                      const trace::Axes& axes) { return rules.band_of(definition, axes); };
  return facts;
}

// Where published figures come from, beside what was made of them.
void note_published(const Sources& sources, const std::string& baseline, score::SolutionScore& scored) {
  std::set<std::string> conditions, notes;
  for (const auto& record : sources.published) {
    if (record.definition != scored.definition) continue;
    if (record.name != baseline && record.name != scored.solution) continue;
    scored.notes.push_back(
        fmt::format("{}: {} ({}; {})", record.name, record.solution, record.measured, record.source));
    conditions.insert(record.measured);
    notes.insert(record.note);
  }
  scored.notes.insert(scored.notes.end(), notes.begin(), notes.end());
  if (conditions.size() > 1)
    scored.notes.emplace_back("they were measured in different ways: read their ratio with care");
}

using BySolution = std::map<std::string, std::vector<trace::EvaluationTrace>>;

Result<void> score_definition(const ScoreOptions& options, const score::DefinitionFacts& facts,
                              const BySolution& solutions, const Sources& sources,
                              std::vector<score::SolutionScore>& scores) {
  TRY_ASSIGN(const score::Baseline baseline,
             score::find_baseline(options.baselines, facts.name, sources.traces, sources.published));
  for (const auto& [solution, traces] : solutions) {
    const bool wanted =
        options.solutions.empty() ||
        std::find(options.solutions.begin(), options.solutions.end(), solution) != options.solutions.end();
    if (!wanted || solution == baseline.name) continue;
    TRY_ASSIGN(score::SolutionScore scored, score::score_solution(facts, traces, baseline));
    note_published(sources, baseline.name, scored);
    scores.push_back(std::move(scored));
  }
  return {};
}

Result<std::vector<score::SolutionScore>> score_all(const ScoreOptions& options, const Sources& sources,
                                                    const std::filesystem::path& home) {
  TRY_ASSIGN(const trace::DatasetPath datasets, trace::DatasetPath::open(options.datasets));
  std::map<std::string, BySolution> definitions;
  for (const auto& trace : sources.traces) definitions[trace.definition][trace.solution].push_back(trace);
  std::vector<score::SolutionScore> scores;
  for (const auto& [name, solutions] : definitions) {
    TRY_ASSIGN(const score::DefinitionFacts facts, facts_of(name, datasets, home));
    TRY(score_definition(options, facts, solutions, sources, scores));
  }
  if (scores.empty()) return usage_error("nothing to score: no solution but the baseline's");
  return scores;
}

Result<int> score(const ScoreOptions& options) {
  TRY_ASSIGN(const auto home, find_home());
  TRY_ASSIGN(const Sources sources, read_sources(options, home));
  TRY_ASSIGN(const auto scores, score_all(options, sources, home));
  TRY_ASSIGN(const auto tracks, rules::load_tracks(home));
  const auto totals = score::score_tracks(tracks, scores);
  if (options.form == OutputForm::kJson)
    std::cout << dump_json(score::scores_to_json(scores, totals), 2) << "\n";
  else
    std::cout << score::render_scores(
        scores, totals, options.per_workload ? score::PerWorkload::kYes : score::PerWorkload::kNo);
  return 0;
}

}  // namespace

int run_score(const ScoreOptions& options) {
  auto done = score(options);
  return done ? *done : report_error(done.error());
}

}  // namespace warpwright::cli
