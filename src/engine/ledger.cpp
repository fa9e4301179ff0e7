#include "src/engine/ledger.h"

#include <algorithm>

namespace warpwright::engine {

std::string why_evaluators_idle(const LoopMoment& m) {
  if (m.is_draining) return "draining";
  if (m.has_duel && m.calls_in_flight == 0) return "duel";
  // What could still come without any mend is asked first: answers that are under way.
  if (m.calls_at_gate > 0 || (m.calls_in_flight > 0 && m.calls_in_flight >= m.calls_allowed)) return "models";
  if (m.calls_held_back > 0) return "rate";
  if (m.calls_without_money > 0) return "money";
  if (m.has_duel) return "duel";
  if (m.window_is_full) return "window";
  return "program";
}

std::string why_calls_idle(const LoopMoment& m) {
  if (m.is_draining) return "draining";
  if (m.calls_held_back > 0) return "rate";
  if (m.calls_without_money > 0) return "money";
  if (m.has_duel) return "duel";
  const bool evaluators_are_full = m.on_device + m.compiling >= m.ready;
  if (m.window_is_full) return evaluators_are_full ? "evaluators" : "window";
  return "unwanted";
}

void Ledger::note(const LoopMoment& moment, int64_t now_ms) {
  if (moment_) {
    const LoopMoment& m = *moment_;
    const int64_t ms = std::max<int64_t>(0, now_ms - since_ms_);
    totals_.wall_ms += ms;
    auto& e = totals_.evaluators;
    const int busy = m.on_device + m.compiling;
    e.slot_ms += ms * m.evaluators;
    e.device_ms += ms * m.on_device;
    e.compile_ms += ms * m.compiling;
    const int starting = std::max(0, m.evaluators - std::max(m.ready, busy));
    const int idle = std::max(0, m.evaluators - busy - starting);
    if (starting > 0) e.idle_ms["starting"] += ms * starting;
    if (idle > 0) e.idle_ms[why_evaluators_idle(m)] += ms * idle;
    auto& c = totals_.calls;
    const int places = std::max(m.calls_allowed, m.calls_in_flight);
    c.slot_ms += ms * places;
    c.busy_ms += ms * m.calls_in_flight;
    if (places > m.calls_in_flight) c.idle_ms[why_calls_idle(m)] += ms * (places - m.calls_in_flight);
  }
  totals_.window = moment.window;
  totals_.evaluator_count = moment.evaluators;
  totals_.call_limit = moment.calls_allowed;
  moment_ = moment;
  since_ms_ = now_ms;
}

}  // namespace warpwright::engine
