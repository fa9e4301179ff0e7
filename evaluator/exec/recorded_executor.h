// A device by script, for tests of the evaluator: calls run on the simulator, times and mishaps are what a
// recording says. Nothing is started and nothing waits.
//
// Strict about the rules of executor.h: after a mishap that costs the device process nothing works until
// renew(), and sessions and samplers from before renew() stay dead.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>

#include "evaluator/exec/executor.h"

namespace warpwright::exec {

// What goes wrong instead of an answer.
enum class Mishap {
  kNone,
  kFault,         // sticky: RUNTIME_ERROR to be confirmed, the process is lost
  kHang,          // killed at the deadline: TIMEOUT to be confirmed, the process is lost
  kMachineError,  // a Result error; the process lives
  kDeviceSick,    // a Result error; the process is lost. Of renew: the device does not work
};

struct RecordedEvent {
  enum class Kind { kLoad, kCall, kTake, kRenew };
  Kind kind = Kind::kCall;
  std::string source;  // of kLoad and kCall: PTX of the program's first unit; of kTake: of contender 0
  int index = 0;       // how many of its kind came before, in this executor
  int generation = 0;  // renewals before
};

struct RecordedShot {
  cuda::Shot shot;
  std::string source;  // PTX of the contender's first unit
  int sampler = 0;     // which of the executor's, in the order they were opened
  int64_t index = 0;   // among the sampler's shots
};

struct Recording {
  cuda::DeviceFacts device;  // see recorded_device()

  // A sample of a shot. Hashes it leaves 0 become those of what the simulator computes for the shot's
  // contender and version, which costs one simulated call per contender and version.
  std::function<cuda::Sample(const RecordedShot&)> sample = [](const RecordedShot&) {
    cuda::Sample steady;
    steady.span_us = steady.events_us = 10;
    steady.sm_clock_mhz = 1965;
    return steady;
  };
  // Asked before everything; the n-th call that hangs, every call of one program that faults, ...
  std::function<Mishap(const RecordedEvent&)> mishap = [](const RecordedEvent&) { return Mishap::kNone; };
  // Changes an output that a kept shot left: a program that computes something else when it is timed.
  std::function<void(const RecordedShot&, const std::string& output, std::span<std::byte>)> tamper = {};
};

// A B200 by its published figures, timed by "recorded".
cuda::DeviceFacts recorded_device();

// name() is "cuda".
std::unique_ptr<Executor> make_recorded_executor(Recording recording);

}  // namespace warpwright::exec
