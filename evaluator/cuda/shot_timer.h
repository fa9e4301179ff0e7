// One timed call: CUPTI's span of what it ran, events round it, and the SM clock meanwhile.
#pragma once

#include <memory>
#include <string>

#include "evaluator/cuda/cupti.h"
#include "evaluator/cuda/harness.h"
#include "evaluator/cuda/prepared_call.h"

namespace warpwright::cuda {

// Within what events may add to a span: the larger of 2 us and a tenth.
bool clocks_agree(double span_us, double events_us);

class ShotTimer {
 public:
  // `tracer` null: events are the only clock. All outlive it.
  static Result<std::unique_ptr<ShotTimer>> open(const Driver& driver, const Stream& stream, Harness& harness,
                                                 ActivityTracer* tracer, int64_t l2_bytes);

  struct Timed {
    std::optional<DeviceFault> fault;
    Sample sample;  // times, clock, activities, invalid
  };
  // REQUIRES of both: nothing is in flight but the harness's own work.
  Result<Timed> time_contest(PreparedCall& call);
  // `flush_value`: not 0.
  Result<Timed> time_strict(PreparedCall& call, uint64_t flush_value);

  // Why time_strict launches the call live instead of queueing it behind the gate; empty: it does not. Its
  // events then hold what its first launch takes, and are not held against CUPTI's span.
  std::string why_not_gated(const PreparedCall& call) const;

 private:
  ShotTimer(const Driver& driver, const Stream& stream, Harness& harness, ActivityTracer* tracer)
      : driver_(driver), stream_(stream), harness_(harness), tracer_(tracer) {}
  // Whether launches, events and CUPTI work while the gate is closed.
  Result<void> try_gate();
  Result<void> measure_empty_pairs();
  Result<void> stamp_alone(int place);
  // The call between two events (if asked for) inside one region of the tracer, and the second stamp.
  Judgement launch(PreparedCall& call, bool with_events);
  Result<Timed> run(PreparedCall& call, bool with_events, bool gated);
  Result<void> read_events(Sample& sample);
  Result<void> read_trace(const PreparedCall& call, Sample& sample);

  const Driver& driver_;
  const Stream& stream_;
  Harness& harness_;
  ActivityTracer* tracer_;
  bool has_persisting_l2_ = false, gate_works_ = false;
  DeviceMemory flushed_;
  Event start_, end_;
  double empty_pair_us_ = 0;
  uint64_t region_ = 0;
};

}  // namespace warpwright::cuda
