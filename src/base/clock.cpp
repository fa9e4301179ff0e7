#include "src/base/clock.h"

#include <chrono>

namespace warpwright {
namespace {
template <class StdClock>
int64_t now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(StdClock::now().time_since_epoch()).count();
}
}  // namespace
int64_t SystemClock::monotonic_ms() {
  return now_ms<std::chrono::steady_clock>();
}
int64_t SystemClock::wall_unix_ms() {
  return now_ms<std::chrono::system_clock>();
}
}  // namespace warpwright
