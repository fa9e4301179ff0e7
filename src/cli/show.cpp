// warpwright show: one thing of a run, whole: a candidate's source and verdict, a model's reply, the events.
#include <fmt/format.h>

#include <iostream>

#include "src/cli/commands.h"
#include "src/engine/evolve.h"
#include "src/journal/journal.h"
#include "src/prompt/lessons.h"
#include "src/report/economy_text.h"
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
                            {"lost_race", candidate->lost_race},
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
    std::cout << fmt::format("score     {}{:.3f} times {}\n", candidate->lost_race ? "at most " : "", candidate->score,
                             run.view.baseline ? run.view.baseline->name : "the baseline");
  if (candidate->lost_race)
    std::cout << "race      " << report::lost_race_text(run.view, *candidate) << "\n";
  if (candidate->duplicate_of)
    std::cout << fmt::format("program   the same as {}\n", events::format_candidate_id(*candidate->duplicate_of));
  if (!report.is_null()) {
    TRY_ASSIGN(const EvaluationReport parsed, evaluation_report_from_json(report));
    std::cout << "\n" << report::render_evaluation(parsed, ancestors.front());
  }
  std::cout << "\n" << source;
  return 0;
}

// "17" or "17.1": a ticket, and which of its turns (the last by default).
struct TurnName {
  const events::Candidate* candidate = nullptr;
  std::optional<int> turn;
};

Result<TurnName> find_turn(const engine::LoadedRun& run, const std::string& text) {
  TurnName name;
  const size_t dot = text.find('.');
  TRY_ASSIGN(name.candidate, find_candidate(run, text.substr(0, dot)));
  if (dot != std::string::npos) {
    const auto turn = events::parse_candidate_id(text.substr(dot + 1));
    if (!turn) return usage_error(fmt::format("'{}': say 17, or 17.1 for its second turn", text));
    name.turn = static_cast<int>(*turn);
  }
  if (name.candidate->role.empty() && name.candidate->reply_hash.empty())
    return usage_error(
        fmt::format("candidate {} came from no model: its operator is {}", text, name.candidate->origin.op));
  return name;
}

// What was asked and answered at a turn: hashes of blobs, empty where there was none.
struct Turn {
  std::string prompt_hash, reply_hash;
};

Result<Turn> read_turn(const journal::Journal& journal, const TurnName& name) {
  TRY_ASSIGN(const auto records, journal.read_events());
  std::map<int, Turn> turns;
  for (const events::Record& record : records) {
    if (events::ticket_of(record.event) != name.candidate->id) continue;
    if (const auto* asked = std::get_if<events::ModelRequested>(&record.event))
      turns[0].prompt_hash = asked->prompt_hash;
    if (const auto* again = std::get_if<events::FollowUpAsked>(&record.event))
      turns[again->turn].prompt_hash = again->prompt_hash;
    if (const auto* answered = std::get_if<events::ModelAnswered>(&record.event))
      turns[answered->turn].reply_hash = answered->reply_hash;
  }
  if (turns.empty()) return usage_error("nothing was asked for this candidate");
  const auto found = name.turn ? turns.find(*name.turn) : std::prev(turns.end());
  if (found == turns.end())
    return usage_error(fmt::format("candidate {} has turns 0 to {}",
                                   events::format_candidate_id(name.candidate->id), turns.rbegin()->first));
  return found->second;
}

void print_prompt(const Json& prompt) {
  const Json conversation = prompt.value("conversation", Json::object());
  std::cout << "================ system ================\n" << conversation.value("system", "") << "\n";
  for (const Json& message : conversation.value("messages", Json::array()))
    std::cout << fmt::format("================ {} ================\n{}\n", message.value("role", ""),
                             message.value("text", ""));
  std::cout << "================ sections ================\n";
  for (const Json& section : prompt.value("sections", Json::array()))
    std::cout << fmt::format("{:8} {:24} {:7} tokens  {}\n", section.value("place", ""),
                             section.value("name", ""), section.value("tokens", 0), section.value("cut", ""));
}

Result<int> show_prompt(const ShowOptions& options, const engine::LoadedRun& run,
                        const journal::Journal& journal) {
  TRY_ASSIGN(const TurnName name, find_turn(run, options.what[1]));
  TRY_ASSIGN(const Turn turn, read_turn(journal, name));
  if (turn.prompt_hash.empty())
    return usage_error(fmt::format("candidate {}: who answered was shown no prompt", options.what[1]));
  TRY_ASSIGN(const std::string text, journal.blob(turn.prompt_hash));
  TRY_ASSIGN(const Json prompt, parse_json(text, "prompt"));
  if (options.form == OutputForm::kJson)
    std::cout << dump_json(prompt, 2) << "\n";
  else
    print_prompt(prompt);
  return 0;
}

Result<int> show_reply(const ShowOptions& options, const engine::LoadedRun& run,
                       const journal::Journal& journal) {
  TRY_ASSIGN(const TurnName name, find_turn(run, options.what[1]));
  TRY_ASSIGN(const Turn turn, read_turn(journal, name));
  if (turn.reply_hash.empty())
    return usage_error(fmt::format("candidate {} has no answer yet", options.what[1]));
  TRY_ASSIGN(const std::string reply, journal.blob(turn.reply_hash));
  std::cout << reply;
  return 0;
}

// Every attempt, one line each.
Result<int> show_calls(const ShowOptions& options, const journal::Journal& journal) {
  TRY_ASSIGN(const auto records, journal.read_events());
  for (const events::Record& record : records) {
    const auto* answered = std::get_if<events::ModelAnswered>(&record.event);
    const auto* failed = std::get_if<events::CallFailed>(&record.event);
    if (answered == nullptr && failed == nullptr) continue;
    if (options.form == OutputForm::kJson) {
      std::cout << dump_json(
                       {{"kind", events::kind_of(record.event)}, {"event", events::to_json(record.event)}})
                << "\n";
    } else if (answered != nullptr) {
      std::cout << fmt::format("t{}.{}.{}  {:12} {:10} {:7} in ({} cached) {:6} out  ${:.4f}  {:.1f} s\n",
                               answered->ticket, answered->turn, answered->attempt, answered->provider,
                               answered->finish, answered->input_tokens, answered->cached_tokens,
                               answered->output_tokens,
                               static_cast<double>(answered->cost_microdollars) / 1e6,
                               static_cast<double>(answered->total_ms) / 1e3);
    } else {
      std::cout << fmt::format("t{}.{}.{}  {:12} {:10} ${:.4f}  {}\n", failed->ticket, failed->turn,
                               failed->attempt, failed->model, failed->failure,
                               static_cast<double>(failed->charged_microdollars) / 1e6, failed->reason);
    }
  }
  return 0;
}

Result<int> show_lessons(const ShowOptions& options, const engine::LoadedRun& run) {
  for (const events::Lesson& lesson : prompt::lessons_of(run.view, run.view.lessons, 1000)) {
    if (options.form == OutputForm::kJson)
      std::cout << dump_json(events::to_json(lesson)) << "\n";
    else
      std::cout << fmt::format("{:8} {}\n         {}\n", events::to_string(lesson.outcome), lesson.idea,
                               lesson.evidence);
  }
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
  if (what.size() == 2 && what[0] == "prompt") return show_prompt(options, run, journal);
  if (what.size() == 1 && what[0] == "calls") return show_calls(options, journal);
  if (what.size() == 1 && what[0] == "lessons") return show_lessons(options, run);
  if (what.size() == 1 && what[0] == "events") return show_events(journal);
  if (what.empty()) {
    report::RunReportOptions report_options;
    report_options.run_directory = options.run_dir.string();
    std::cout << report::render_text(run.view, report_options);
    return 0;
  }
  return usage_error(
      "say what to show: candidate ID, candidate best, prompt ID, reply ID (17.1: its second turn), calls, "
      "lessons, or events");
}

}  // namespace

int run_show(const ShowOptions& options) {
  auto code = show(options);
  return code ? *code : report_error(code.error());
}

}  // namespace warpwright::cli
