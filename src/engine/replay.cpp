#include "src/engine/replay.h"

#include <fmt/format.h>

#include <algorithm>

#include "src/engine/decision.h"
#include "src/engine/open_run.h"
#include "src/engine/proposal.h"
#include "src/engine/shown_source.h"
#include "src/search/window.h"

namespace warpwright::engine {
namespace {

namespace fs = std::filesystem;
using events::Event;

bool is_answers_own(const Event& event) {  // what an answer comes to
  return std::holds_alternative<events::Researched>(event) ||
         std::holds_alternative<events::FollowUpAsked>(event) ||
         std::holds_alternative<events::Proposed>(event) ||
         std::holds_alternative<events::ProposalFailed>(event);
}

std::string line_of(const Event& event) {
  return fmt::format("{} {}", events::kind_of(event), dump_json(events::to_json(event)));
}

// Walks the record with a state of its own.
class Replayer {
 public:
  Replayer(journal::Journal source, std::vector<events::Record> records, Prompts prompts)
      : source_(std::move(source)), records_(std::move(records)), prompts_(prompts) {}

  Result<ReplayOutcome> run(journal::Journal& out, Clock& clock) {
    for (const events::Record& record : records_) {
      TRY(step(record));
      TRY_ASSIGN(const auto blobs, named_blobs(source_, record.event));
      TRY(out.append({record.event}, clock.wall_unix_ms(), blobs));
      if (outcome_.divergence) return outcome_;
    }
    return outcome_;
  }

 private:
  Result<void> step(const events::Record& record) {
    ++outcome_.events;
    const Event& event = record.event;
    if (is_decision(event)) {
      TRY(compare_decision(record));
    } else if (is_answers_own(event) && answered_) {
      TRY(compare_reading(record));
    }
    if (std::holds_alternative<events::EvaluationFinished>(event)) ++outcome_.evaluations;
    if (outcome_.divergence) return {};
    TRY(state_.apply(event));
    if (!std::holds_alternative<events::RunResumed>(event)) answered_.reset();  // it may be read after that
    if (const auto* answered = std::get_if<events::ModelAnswered>(&event)) answered_ = *answered;
    if (std::holds_alternative<events::RunStarted>(event) || std::holds_alternative<events::RunForked>(event))
      TRY(load());
    return {};
  }

  // Follows from the state alone.
  bool is_decision(const Event& event) const {
    if (search::is_settlement(event) || std::holds_alternative<events::ModelRequested>(event)) return true;
    const auto* proposed = std::get_if<events::Proposed>(&event);
    const auto* failed = std::get_if<events::ProposalFailed>(&event);
    return (proposed != nullptr && proposed->ticket == state_.next_ticket()) ||
           (failed != nullptr && failed->kind == events::ProposalFailed::Kind::kIdle);
  }

  Result<void> compare_decision(const events::Record& record) {
    ++outcome_.decisions;
    return search::is_settlement(record.event) ? compare_settlement(record) : compare_proposal(record);
  }

  Result<void> compare_settlement(const events::Record& record) {
    std::optional<Event> now;
    for (const search::Drain drain : {search::Drain::kNo, search::Drain::kYes, search::Drain::kNoDuels}) {
      if (now && same(*now, record.event)) return {};
      TRY_ASSIGN(auto settlement, search::next_settlement(state_, drain));
      if (settlement) now = std::move(settlement);
    }
    if (!now) return diverge(record, "nothing follows from the state");
    return compare(record, *now);
  }

  Result<void> compare_proposal(const events::Record& record) {
    if (!search::ready_to_decide(state_)) return diverge(record, "nothing could be decided yet");
    TRY_ASSIGN(Decided decided, decide_next({config_, *setup_, agent(), lookup()}, state_));
    if (!decided.exhausted.empty()) return diverge(record, "the run would be over: " + decided.exhausted);
    if (std::holds_alternative<events::ModelRequested>(decided.events.front()))
      outcome_.prompts += static_cast<int64_t>(decided.blobs.size());
    take_recorded_words(record.event, decided.events.front());
    return compare(record, decided.events.front());
  }

  Result<void> compare(const events::Record& record, const Event& now) {
    return same(now, record.event) ? Result<void>() : diverge(record, line_of(now));
  }

  // Prompts, and the line that says what a candidate is about: this program may word them otherwise.
  void take_recorded_words(const Event& recorded, Event& now) {
    if (prompts_ == Prompts::kCompared || recorded.index() != now.index()) return;
    const auto take_prompt = [&](auto& event) {
      const std::string& before = std::get<std::decay_t<decltype(event)>>(recorded).prompt_hash;
      outcome_.other_prompts += event.prompt_hash == before ? 0 : 1;
      event.prompt_hash = before;
    };
    if (auto* request = std::get_if<events::ModelRequested>(&now)) take_prompt(*request);
    if (auto* again = std::get_if<events::FollowUpAsked>(&now)) take_prompt(*again);
    if (auto* proposed = std::get_if<events::Proposed>(&now))
      if (answered_) proposed->note = std::get<events::Proposed>(recorded).note;
  }

  Result<void> compare_reading(const events::Record& record) {
    ++outcome_.answers;
    const events::Candidate& candidate = *state_.view().find(answered_->ticket);
    TRY_ASSIGN(const std::string reply, source_.blob(answered_->reply_hash));
    std::string parent_source;
    if (candidate.origin.parent) {
      const events::Candidate& parent = *state_.view().find(*candidate.origin.parent);
      TRY_ASSIGN(const std::string source, source_.blob(parent.source_hash));
      parent_source = shown_source(state_.settings(), parent, source, candidate.origin.op);
    }
    TRY_ASSIGN(const Interpretation read,
               interpret(candidate, {reply, answered_->finish}, parent_source,
                         candidate.origin.op == "scripted" ? nullptr : agent(), *setup_->sources, lookup()));
    Event now = read.event;
    take_recorded_words(record.event, now);
    return compare(record, now);
  }

  static bool same(const Event& a, const Event& b) { return line_of(a) == line_of(b); }

  Result<void> diverge(const events::Record& record, const std::string& now) {
    outcome_.divergence = fmt::format("event {}: recorded {}; now {}", record.seq,
                                      line_of(record.event).substr(0, 400), now.substr(0, 400));
    return {};
  }

  Result<void> load() {
    TRY_ASSIGN(config_, recorded_config(state_.view(), source_.path()));
    TRY_ASSIGN(RunSetup setup, load_setup(config_));
    setup_ = std::make_unique<RunSetup>(std::move(setup));
    TRY_ASSIGN(agent_, recorded_agent(state_.view(), source_));
    return {};
  }

  const Agent* agent() const { return agent_ ? &*agent_ : nullptr; }
  BlobLookup lookup() const {
    return [this](const std::string& hash) { return source_.blob(hash); };
  }

  journal::Journal source_;
  std::vector<events::Record> records_;
  Prompts prompts_;
  search::State state_;
  RunConfig config_;
  std::unique_ptr<RunSetup> setup_;
  std::optional<Agent> agent_;
  std::optional<events::ModelAnswered> answered_;  // by the event just before
  ReplayOutcome outcome_;
};

// The events whose order and content the window promises.
std::vector<std::string> promised(const std::vector<events::Record>& records, Prompts prompts) {
  std::vector<std::string> lines;
  for (const events::Record& record : records) {
    const auto* proposed = std::get_if<events::Proposed>(&record.event);
    const auto* failed = std::get_if<events::ProposalFailed>(&record.event);
    const bool is_promised =
        std::holds_alternative<events::ModelRequested>(record.event) || search::is_settlement(record.event) ||
        (proposed != nullptr && (proposed->origin.op == "seed" || proposed->origin.op == "tune" ||
                                 proposed->origin.op == "compose")) ||
        (failed != nullptr && failed->kind == events::ProposalFailed::Kind::kIdle);
    if (!is_promised) continue;
    Event event = record.event;
    auto* request = std::get_if<events::ModelRequested>(&event);
    if (request != nullptr && prompts == Prompts::kAsRecorded) request->prompt_hash.clear();
    lines.push_back(line_of(event));
  }
  return lines;
}

Result<std::vector<events::Record>> records_of(const fs::path& run_directory) {
  TRY_ASSIGN(const auto journal, journal::Journal::open_read_only(run_directory));
  return journal.read_events();
}

void compare(const std::vector<std::string>& recorded, const std::vector<std::string>& now,
             ReplayOutcome& outcome) {
  const size_t common = std::min(recorded.size(), now.size());
  for (size_t i = 0; i < common; ++i) {
    ++outcome.decisions;
    if (recorded[i] == now[i]) continue;
    outcome.divergence = fmt::format("decision {}: recorded {}; now {}", i + 1, recorded[i].substr(0, 400),
                                     now[i].substr(0, 400));
    return;
  }
  if (now.size() < recorded.size())
    outcome.divergence = fmt::format("the run ended after {} of {} decisions; next was {}", now.size(),
                                     recorded.size(), recorded[common].substr(0, 400));
}

// A forked run begins with what it took over, of which its own settings know nothing. True: there was such a
// beginning.
Result<bool> copy_beginning(const fs::path& run_directory, const std::vector<events::Record>& records,
                            const fs::path& out) {
  const auto fork = std::find_if(records.rbegin(), records.rend(), [](const events::Record& record) {
    return std::holds_alternative<events::RunForked>(record.event);
  });
  if (fork == records.rend()) return false;
  TRY_ASSIGN(const auto source, journal::Journal::open_read_only(run_directory));
  TRY_ASSIGN(auto target, journal::Journal::create(out));
  for (auto record = records.begin(); record != fork.base(); ++record) {
    TRY_ASSIGN(const auto blobs, named_blobs(source, record->event));
    TRY(target.append({record->event}, record->unix_ms, blobs));
  }
  return true;
}

}  // namespace

Result<ReplayOutcome> replay(const fs::path& run_directory, const fs::path& out, Prompts prompts,
                             Clock& clock) {
  TRY_ASSIGN(auto source, journal::Journal::open_read_only(run_directory));
  TRY_ASSIGN(auto records, source.read_events());
  TRY_ASSIGN(auto target, journal::Journal::create(out));
  return Replayer(std::move(source), std::move(records), prompts).run(target, clock);
}

Result<ReplayOutcome> rerun(const fs::path& run_directory, const fs::path& out, int workers, Prompts prompts,
                            report::LiveView& live, Clock& clock) {
  TRY_ASSIGN(const auto recorded, records_of(run_directory));
  EvolveOptions options;
  options.answers_from = run_directory;
  options.answers_to_any_prompt = prompts == Prompts::kAsRecorded;
  TRY_ASSIGN(RunConfig config, resumed_config(run_directory));
  config.worker_count = workers;
  config.red_team = false;  // these kernels were let in once
  config.max_minutes = 0;
  config.max_dollars = 0;
  config.max_tokens = config.max_calls = 0;
  int64_t evaluations = 0;
  for (const events::Record& record : recorded)
    evaluations += std::holds_alternative<events::EvaluationFinished>(record.event) ? 1 : 0;
  // A resumed run may have done more than it was begun with; the last ticket is its end in any case.
  config.max_evaluations = std::max(config.max_evaluations, evaluations + 1);
  TRY_ASSIGN(const bool is_forked, copy_beginning(run_directory, recorded, out));
  if (is_forked) options.resume = Resume::kYes;
  TRY_ASSIGN(const RunOutcome run, evolve(config, out, options, live, clock));
  if (run.stop == Stop::kInterrupted) return tl::unexpected(Error{ErrorKind::kInterrupted, run.reason});
  TRY_ASSIGN(const auto now, records_of(out));
  ReplayOutcome outcome;
  outcome.events = static_cast<int64_t>(now.size());
  outcome.evaluations = run.evaluations;
  for (const events::Record& record : now) {
    outcome.answers += std::holds_alternative<events::ModelAnswered>(record.event) ? 1 : 0;
    outcome.prompts += std::holds_alternative<events::ModelRequested>(record.event) ? 1 : 0;
  }
  compare(promised(recorded, prompts), promised(now, prompts), outcome);
  return outcome;
}

}  // namespace warpwright::engine
