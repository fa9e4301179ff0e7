// warpwright show: one thing of a run, whole: a candidate's source and verdict, a model's reply, the events.
#include <fmt/format.h>

#include <iostream>

#include "src/cli/commands.h"
#include "src/engine/evolve.h"
#include "src/journal/journal.h"
#include "src/report/evaluation_text.h"
#include "src/report/run_report.h"

namespace warpwright::cli {
namespace {

Result<const events::Candidate*> find_candidate(const engine::LoadedRun& run, const std::string& text) {
  const auto id = text == "best" ? run.view.best : events::parse_candidate_id(text);
  const events::Candidate* candidate = id ? run.view.find(*id) : nullptr;
  if (candidate == nullptr)
    return usage_error(
        fmt::format("no candidate '{}' in this run; ids run from c0000 to c{:04d}, or say best", text,
                    run.view.candidates.empty() ? 0 : run.view.candidates.rbegin()->first));
  return candidate;
}

Result<int> show_candidate(const ShowOptions& options, const engine::LoadedRun& run,
                           const journal::Journal& journal) {
  TRY_ASSIGN(const events::Candidate* candidate, find_candidate(run, options.what[1]));
  TRY_ASSIGN(const std::string source, journal.blob(candidate->source_hash));
  Json report;
  auto report_hash = run.view.report_hash.find(candidate->result_key);
  if (report_hash != run.view.report_hash.end()) {
    TRY_ASSIGN(const std::string text, journal.blob(report_hash->second));
    TRY_ASSIGN(report, parse_json(text, "report"));
  }
  std::vector<std::string> ancestors;
  for (events::CandidateId id : events::lineage(run.view, candidate->id))
    ancestors.push_back(events::format_candidate_id(id));
  if (options.form == OutputForm::kJson) {
    std::cout << dump_json({{"id", ancestors.front()},
                            {"lineage", ancestors},
                            {"operator", candidate->origin.op},
                            {"note", candidate->note},
                            {"knobs", candidate->knobs},
                            {"phase", events::to_string(candidate->phase)},
                            {"score", candidate->score},
                            {"report", report},
                            {"source", source}},
                           2)
              << "\n";
    return 0;
  }
  std::cout << fmt::format("candidate {}  {}  {}\n", ancestors.front(), candidate->origin.op,
                           candidate->note);
  std::cout << fmt::format("lineage   {}\n", fmt::join(ancestors, " <- "));
  for (const auto& [name, value] : candidate->knobs)
    std::cout << fmt::format("knob      {} = {}\n", name, value);
  if (candidate->phase == events::Phase::kApplied)
    std::cout << fmt::format("score     {:.3f} times the plain seed\n", candidate->score);
  if (!report.is_null()) {
    TRY_ASSIGN(const EvaluationReport parsed, evaluation_report_from_json(report));
    std::cout << "\n" << report::render_evaluation(parsed, ancestors.front());
  }
  std::cout << "\n" << source;
  return 0;
}

Result<int> show_reply(const ShowOptions& options, const engine::LoadedRun& run,
                       const journal::Journal& journal) {
  TRY_ASSIGN(const events::Candidate* candidate, find_candidate(run, options.what[1]));
  if (candidate->reply_hash.empty())
    return usage_error(fmt::format("candidate {} came from no model: its operator is {}", options.what[1],
                                   candidate->origin.op));
  TRY_ASSIGN(const std::string reply, journal.blob(candidate->reply_hash));
  std::cout << reply;
  return 0;
}

Result<int> show_events(const journal::Journal& journal) {
  TRY_ASSIGN(const auto records, journal.read_events());
  for (const events::Record& record : records)
    std::cout << dump_json({{"seq", record.seq},
                            {"unix_ms", record.unix_ms},
                            {"kind", events::kind_of(record.event)},
                            {"event", events::to_json(record.event)}})
              << "\n";
  return 0;
}

Result<int> show(const ShowOptions& options) {
  TRY_ASSIGN(const engine::LoadedRun run, engine::load_run(options.run_dir));
  TRY_ASSIGN(const journal::Journal journal, journal::Journal::open_read_only(options.run_dir));
  const auto& what = options.what;
  if (what.size() == 2 && what[0] == "candidate") return show_candidate(options, run, journal);
  if (what.size() == 2 && what[0] == "reply") return show_reply(options, run, journal);
  if (what.size() == 1 && what[0] == "events") return show_events(journal);
  if (what.empty()) {
    report::RunReportOptions report_options;
    report_options.run_directory = options.run_dir.string();
    std::cout << report::render_text(run.view, report_options);
    return 0;
  }
  return usage_error("say what to show: candidate ID, candidate best, reply ID, or events");
}

}  // namespace

int run_show(const ShowOptions& options) {
  auto code = show(options);
  return code ? *code : report_error(code.error());
}

}  // namespace warpwright::cli
