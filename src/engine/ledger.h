// Keeps the stage ledger (report/ledger_text.h): every moment of the loop is booked to what each evaluator
// and each call that may be in flight did, or waited for. Pure: time is an argument.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "src/report/ledger_text.h"

namespace warpwright::engine {

// How the loop stands, from the time it is told until it is told again.
struct LoopMoment {
  int evaluators = 0;     // in all
  int ready = 0;          // of them, said hello
  int on_device = 0;      // of them, run a candidate: smoke, validate, time, duel
  int compiling = 0;      // of them, bind plans or compile
  int calls_allowed = 0;  // at once, over all models; 0: nobody is asked
  int calls_in_flight = 0;
  int calls_at_gate = 0;    // wait for one of those in flight to end
  int calls_held_back = 0;  // wait as the endpoint asked, or for its rate
  int calls_without_money = 0;
  bool has_duel = false;        // settling waits for one
  bool window_is_full = false;  // the next ticket waits for outcomes
  bool is_draining = false;
  int window = 0;
};

class Ledger {
 public:
  // Books the time since the last call to the moment told then.
  void note(const LoopMoment& moment, int64_t now_ms);
  const report::StageLedger& totals() const { return totals_; }

 private:
  std::optional<LoopMoment> moment_;
  int64_t since_ms_ = 0;
  report::StageLedger totals_;
};

// Why evaluators that are ready have nothing to do, and why fewer calls are in flight than may be. Names as
// in report/ledger_text.h.
std::string why_evaluators_idle(const LoopMoment& moment);
std::string why_calls_idle(const LoopMoment& moment);

}  // namespace warpwright::engine
