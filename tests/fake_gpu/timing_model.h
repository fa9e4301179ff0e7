// How long things take on the fake GPU: deterministic, made up, and shaped like hardware where the harness
// looks: a floor, bytes through a cold or a warm L2, throttled clocks, noise. Times are ns of a clock that
// only moves when the fake does something.
#pragma once

#include <cstdint>
#include <list>
#include <random>
#include <unordered_map>

#include "evaluator/sim/simulator.h"
#include "tests/fake_gpu/settings.h"

namespace warpwright::fake_gpu {

inline constexpr uint64_t kCallNs = 100;       // of the host, any call
inline constexpr uint64_t kSubmitNs = 1'500;   // of the host, a launch, copy or memset
inline constexpr uint64_t kSyncNs = 3'000;     // of the host, after the device is done
inline constexpr uint64_t kArrivalNs = 2'000;  // from the call to the device's start at the earliest
inline constexpr uint64_t kGapNs =
    1'000;  // between two operations of a stream, not with programmatic launches
inline constexpr uint64_t kEventNs = 500;  // an event's time stamp
inline constexpr double kKernelFloorUs = 2, kTransferFloorUs = 1.5;
inline constexpr double kHostBytesPerUs = 25e3, kL2Speedup = 4;

// Whole 4 KiB lines, least recently used goes first.
class L2 {
 public:
  explicit L2(uint64_t bytes) : capacity_(bytes / kLineBytes) {}
  static constexpr uint64_t kLineBytes = 4096;
  bool touch(uint64_t line);  // true: it was there

 private:
  uint64_t capacity_;
  std::list<uint64_t> order_;  // most recent first
  std::unordered_map<uint64_t, std::list<uint64_t>::iterator> places_;
};

struct Traffic {
  uint64_t cold_bytes = 0, warm_bytes = 0;
};

class TimingModel {
 public:
  explicit TimingModel(const Settings& settings);

  double sm_mhz(uint64_t now_ns) const;
  uint64_t sm_cycles(uint64_t now_ns) const;  // since time 0
  bool is_throttled(uint64_t now_ns) const;

  // Call once for every operation in the order they run: they draw the noise.
  uint64_t kernel_ns(const sim::Counters& counters, uint64_t threads_per_block, const Traffic& traffic,
                     uint64_t start_ns);
  uint64_t transfer_ns(uint64_t device_bytes, uint64_t host_bytes);

  // The footprint of the launch that has just run, through L2.
  Traffic pass_through_l2(sim::Memory& memory);
  void touch(uint64_t address, uint64_t bytes);  // by a copy or memset

 private:
  double noise();

  const Settings& settings_;
  std::mt19937_64 random_;
  L2 l2_;
};

}  // namespace warpwright::fake_gpu
