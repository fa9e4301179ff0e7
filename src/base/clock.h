// Time as an argument: the engine and the search read it only through a Clock, so that tests and replay can
// set it.
#pragma once

#include <cstdint>

namespace warpwright {

class Clock {
 public:
  virtual ~Clock() = default;
  virtual int64_t monotonic_ms() = 0;  // for deadlines; survives changes of the wall clock
  virtual int64_t wall_unix_ms() = 0;  // for records shown to people
};

class SystemClock final : public Clock {
 public:
  int64_t monotonic_ms() override;
  int64_t wall_unix_ms() override;
};

class FakeClock final : public Clock {
 public:
  int64_t monotonic_ms() override { return now_ms; }
  int64_t wall_unix_ms() override { return now_ms; }
  int64_t now_ms = 0;
};

}  // namespace warpwright
