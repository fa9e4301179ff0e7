// The stage ledger: what the evaluators and the models of a run did with their time, and what they waited
// for. One record per process of the run (LedgerNoted); the engine keeps it (engine/ledger.h), this folder
// reads it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "src/events/run_view.h"

namespace warpwright::report {

// Times in milliseconds of one place: an evaluator, or one of the calls that may be in flight at once. The
// reasons to be idle are those of idle_reasons().
struct StageLedger {
  int64_t wall_ms = 0;
  struct Evaluators {
    int64_t slot_ms = 0;     // wall time by the number of evaluators
    int64_t device_ms = 0;   // candidates were run: smoke, validate, time
    int64_t compile_ms = 0;  // plan and compile
    std::map<std::string, int64_t> idle_ms;
  } evaluators;
  struct Calls {
    int64_t slot_ms = 0;  // wall time by the number of calls that may be in flight; 0: nobody is asked
    int64_t busy_ms = 0;
    std::map<std::string, int64_t> idle_ms;
  } calls;
  int window = 0, evaluator_count = 0, call_limit = 0;  // as they were last
};

// Of evaluators and of calls alike:
//   window        too few tickets may be open: the next one waits for outcomes
//   models        evaluators: nothing to do before an answer comes, and no further call may go out
//   evaluators    calls: answers wait for evaluators, and so the next tickets for outcomes
//   rate          an endpoint asks for patience, or its requests per minute are used
//   money         the budget holds calls back
//   starting      evaluators that have not said hello yet
//   duel          settling waits for a duel
//   draining      the run ends: nothing new is begun
//   unwanted      calls: the search asks for fewer
//   program       none of these: the program itself, its disk
Json to_json(const StageLedger& ledger);
std::optional<StageLedger> stage_ledger_from_json(const Json& json);  // none: written by another version
StageLedger& operator+=(StageLedger& sum, const StageLedger& other);

// "device busy 57 %, idle 41 %: too few tickets open; raise run.window to 48". One line; empty without time.
std::string verdict(const StageLedger& ledger);

// Of all processes of the run, summed; empty if none kept one.
std::string ledger_text(const events::RunView& view);
Json ledger_json(const events::RunView& view);

}  // namespace warpwright::report
