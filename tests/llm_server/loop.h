// The smallest event loop: what the engine does with a provider, for tests and the benchmark.
#pragma once

#include <poll.h>

#include <algorithm>
#include <functional>
#include <vector>

#include "src/base/clock.h"
#include "src/llm/provider.h"

namespace warpwright::llm_server {

// Waits as the engine would, then polls. At most `limit_ms`.
inline std::vector<llm::Completion> turn(llm::Provider& provider, int64_t limit_ms = 100) {
  llm::WaitSet waits;
  waits.wake_within(limit_ms);
  provider.wait_on(waits);
  ::poll(waits.descriptors.data(), waits.descriptors.size(),
         static_cast<int>(std::min(waits.timeout_ms, limit_ms)));
  return provider.poll();
}

// Until `count` calls have completed or the time is over.
inline std::vector<llm::Completion> collect(llm::Provider& provider, size_t count,
                                            int64_t limit_ms = 20'000) {
  SystemClock clock;
  const int64_t end_ms = clock.monotonic_ms() + limit_ms;
  std::vector<llm::Completion> all;
  while (all.size() < count && clock.monotonic_ms() < end_ms)
    for (llm::Completion& completion : turn(provider)) all.push_back(std::move(completion));
  return all;
}

}  // namespace warpwright::llm_server
