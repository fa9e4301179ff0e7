#include "evaluator/cuda/shot_timer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace warpwright::cuda {
namespace {

constexpr uint64_t kGateLimitNs = 200'000'000;
constexpr int kEmptyPairs = 31, kGateTries = 3;
constexpr double kClocksApartUs = 2, kClocksApartShare = 0.10;

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<ptrdiff_t>(values.size() / 2), values.end());
  return values[values.size() / 2];
}

void invalidate(Sample& sample, std::string why) {
  if (sample.invalid.empty()) sample.invalid = std::move(why);
}

// Equal for equal operations, whatever their order.
uint64_t hash_of(const std::vector<Activity>& activities) {
  std::vector<std::string> lines;
  for (const Activity& activity : activities)
    lines.push_back(fmt::format("{} {} {}", static_cast<int>(activity.kind), activity.name, activity.bytes));
  std::sort(lines.begin(), lines.end());
  uint64_t hash = 0xcbf29ce484222325ull;  // FNV-1a
  for (const std::string& line : lines)
    for (const char c : line + "\n") hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ull;
  return hash;
}

// Kernels, copies and memsets that the plan asked for against what ran.
std::string difference(const PreparedCall& call, const std::vector<Activity>& activities) {
  const auto count = [&](Activity::Kind kind) {
    return std::count_if(activities.begin(), activities.end(),
                         [kind](const Activity& a) { return a.kind == kind; });
  };
  const auto kernels = count(Activity::Kind::kKernel), copies = count(Activity::Kind::kMemcpy),
             memsets = count(Activity::Kind::kMemset);
  if (kernels == call.launches() && copies == call.copies() && memsets == call.memsets()) return "";
  return fmt::format("CUPTI saw {} kernels, {} copies, {} memsets of {}, {}, {}", kernels, copies, memsets,
                     call.launches(), call.copies(), call.memsets());
}

}  // namespace

bool clocks_agree(double span_us, double events_us) {
  return std::abs(span_us - events_us) <= std::max(kClocksApartUs, kClocksApartShare * span_us);
}

Result<std::unique_ptr<ShotTimer>> ShotTimer::open(const Driver& driver, const Stream& stream,
                                                   Harness& harness, ActivityTracer* tracer,
                                                   int64_t l2_bytes) {
  std::unique_ptr<ShotTimer> timer(new ShotTimer(driver, stream, harness, tracer));
  TRY_ASSIGN(timer->flushed_, DeviceMemory::allocate(driver, static_cast<uint64_t>(l2_bytes) * 2 / 16 * 16));
  TRY_ASSIGN(timer->start_, Event::create(driver));
  TRY_ASSIGN(timer->end_, Event::create(driver));
  // Where the device has such lines: none are set aside, so that access policies find nothing to stay in.
  timer->has_persisting_l2_ = driver->cuCtxSetLimit.code(abi::kLimitPersistingL2CacheSize, 0) == 0;
  TRY(timer->try_gate());
  TRY(timer->measure_empty_pairs());
  return timer;
}

std::string ShotTimer::why_not_gated(const PreparedCall& call) const {
  if (!gate_works_) return "launches wait for the gate to open on this system";
  if (call.operations() <= Harness::kMaxBehindGate) return "";
  return fmt::format("{} operations are too many for the launch queue", call.operations());
}

// The first try may find things that are loaded or allocated once.
Result<void> ShotTimer::try_gate() {
  for (int i = 0; i < kGateTries && !gate_works_; ++i) {
    TRY(harness_.close_gate(kGateLimitNs));
    TRY(start_.record(stream_));
    if (tracer_ != nullptr) TRY(tracer_->begin(++region_));
    TRY(stamp_alone(0));
    if (tracer_ != nullptr) TRY(tracer_->end());
    TRY(end_.record(stream_));
    harness_.open_gate();
    TRY(stream_.synchronize());
    if (tracer_ != nullptr) TRY(tracer_->collect());
    gate_works_ = !harness_.gate_timed_out();
  }
  return {};
}

Result<void> ShotTimer::measure_empty_pairs() {
  std::vector<double> times;
  for (int i = 0; i < kEmptyPairs; ++i) {
    if (gate_works_) TRY(harness_.close_gate(kGateLimitNs));
    TRY(start_.record(stream_));
    TRY(end_.record(stream_));
    harness_.open_gate();
    TRY(stream_.synchronize());
    TRY_ASSIGN(const double time, end_.microseconds_since(start_));
    times.push_back(time);
  }
  empty_pair_us_ = median(std::move(times));
  return {};
}

Judgement ShotTimer::launch(PreparedCall& call, bool with_events) {
  if (with_events) TRY(start_.record(stream_));
  if (tracer_ != nullptr) TRY(tracer_->begin(++region_));
  auto fault = call.enqueue(stream_);
  if (tracer_ != nullptr) TRY(tracer_->end());
  if (!fault || *fault) return fault;
  if (with_events) {
    TRY_ASSIGN(auto late, judge(driver_->cuEventRecord.code(end_.get(), stream_.get()), call.label()));
    if (late) return late;
  }
  return judge(harness_.stamp(1), call.label());
}

// Launches, waits and reads the clocks; behind the gate, if there is one, which is opened whatever happens.
Result<ShotTimer::Timed> ShotTimer::run(PreparedCall& call, bool with_events, bool gated) {
  Timed timed;
  Judgement launched = launch(call, with_events);
  if (gated) harness_.open_gate();
  const Judgement finished = judge(driver_->cuStreamSynchronize.code(stream_.get()), call.label());
  TRY(launched);
  TRY(finished);
  timed.fault = *launched ? *launched : *finished;
  if (timed.fault) return timed;
  TRY_ASSIGN(timed.sample.sm_clock_mhz, harness_.sm_clock_mhz());
  TRY(read_trace(call, timed.sample));
  if (with_events) TRY(read_events(timed.sample));
  if (gated && harness_.gate_timed_out()) invalidate(timed.sample, "the gate opened before all was queued");
  return timed;
}

Result<void> ShotTimer::stamp_alone(int place) {
  const int code = harness_.stamp(place);
  if (code != 0) return infrastructure_error(describe_failure("ww_stamp", code));
  return {};
}

Result<void> ShotTimer::read_events(Sample& sample) {
  TRY_ASSIGN(const double time, end_.microseconds_since(start_));
  sample.events_us = time - empty_pair_us_;
  if (sample.events_us > 0) return {};
  sample.events_us = 0;
  invalidate(sample, "no time between the events");
  return {};
}

Result<void> ShotTimer::read_trace(const PreparedCall& call, Sample& sample) {
  if (tracer_ == nullptr) return {};
  TRY_ASSIGN(const auto traces, tracer_->collect());
  const auto found = traces.find(region_);
  if (found == traces.end()) {
    invalidate(sample, "no CUPTI records");
    return {};
  }
  const Trace& trace = found->second;
  if (!trace.invalid.empty()) {
    invalidate(sample, trace.invalid);
  } else if (const std::string wrong = difference(call, trace.activities); !wrong.empty()) {
    invalidate(sample, wrong);
  } else if (trace.end_ns <= trace.start_ns) {
    invalidate(sample, "CUPTI's span is empty");
  } else {
    sample.span_us = static_cast<double>(trace.end_ns - trace.start_ns) * 1e-3;
    sample.activities = hash_of(trace.activities);
  }
  return {};
}

Result<ShotTimer::Timed> ShotTimer::time_contest(PreparedCall& call) {
  TRY(stamp_alone(0));
  TRY(harness_.flush(flushed_, 0));
  if (tracer_ != nullptr) TRY(stream_.synchronize());
  return run(call, tracer_ == nullptr, false);
}

Result<ShotTimer::Timed> ShotTimer::time_strict(PreparedCall& call, uint64_t flush_value) {
  if (has_persisting_l2_) TRY(driver_->cuCtxResetPersistingL2Cache());
  TRY(harness_.flush(flushed_, flush_value));
  TRY(stream_.synchronize());
  const bool gated = why_not_gated(call).empty();
  TRY(stamp_alone(0));
  if (gated) TRY(harness_.close_gate(kGateLimitNs));
  TRY_ASSIGN(Timed timed, run(call, true, gated));
  Sample& sample = timed.sample;
  if (gated && sample.span_us > 0 && sample.events_us > 0 && !clocks_agree(sample.span_us, sample.events_us))
    invalidate(sample, fmt::format("the clocks disagree: CUPTI {:.2f} us, events {:.2f} us", sample.span_us,
                                   sample.events_us));
  return timed;
}

}  // namespace warpwright::cuda
