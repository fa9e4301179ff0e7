#include "src/engine/pool_wait.h"

#include <map>

#include <algorithm>

#include "src/base/subprocess.h"

namespace warpwright::engine {

std::vector<workers::PoolEvent> turn(workers::WorkerPool& pool, Clock& clock) {
  constexpr int64_t kLongestWaitMs = 200;
  pool.tick(clock.monotonic_ms());
  if (pool.has_events()) return pool.take_events();
  std::vector<pollfd> descriptors;
  pool.add_poll_descriptors(descriptors);
  const int64_t now_ms = clock.monotonic_ms();
  const int64_t deadline_ms = pool.next_deadline_ms(now_ms).value_or(now_ms + kLongestWaitMs);
  const int64_t timeout_ms = std::clamp<int64_t>(deadline_ms - now_ms, 0, kLongestWaitMs);
  if (::poll(descriptors.data(), descriptors.size(), static_cast<int>(timeout_ms)) > 0)
    for (const pollfd& ready : descriptors) pool.on_ready(ready.fd, ready.revents, clock.monotonic_ms());
  return pool.take_events();
}

Result<HelloMessage> first_hello(workers::WorkerPool& pool, Clock& clock, const std::string& executor) {
  while (!interrupted()) {
    for (workers::PoolEvent& event : turn(pool, clock)) {
      if (auto* started = std::get_if<workers::WorkerStarted>(&event)) {
        if (executor == "cuda" && !started->hello.no_gpu.empty())
          return infrastructure_error(started->hello.no_gpu);
        return std::move(started->hello);
      }
      if (const auto* unusable = std::get_if<workers::PoolUnusable>(&event))
        return infrastructure_error("no worker can be started: " + unusable->reason);
    }
  }
  return tl::unexpected(Error{ErrorKind::kInterrupted, "interrupted before a worker was ready"});
}

Result<std::vector<workers::RequestFinished>> evaluate_all(
    workers::WorkerPool& pool, std::vector<EvaluationRequest> requests, Clock& clock,
    const std::function<void(size_t done, size_t of)>& on_progress) {
  std::vector<workers::RequestFinished> results(requests.size());
  std::map<std::string, size_t> places;
  for (size_t k = 0; k < requests.size(); ++k) {
    places[requests[k].id] = k;
    pool.submit(std::move(requests[k]));
  }
  for (size_t done = 0; done < results.size();) {
    if (interrupted()) return tl::unexpected(Error{ErrorKind::kInterrupted, "interrupted"});
    for (workers::PoolEvent& event : turn(pool, clock)) {
      if (auto* finished = std::get_if<workers::RequestFinished>(&event)) {
        results[places.at(finished->report.id)] = std::move(*finished);
        on_progress(++done, results.size());
      } else if (const auto* unusable = std::get_if<workers::PoolUnusable>(&event)) {
        return infrastructure_error("no worker can be started: " + unusable->reason);
      }
    }
  }
  return results;
}

}  // namespace warpwright::engine
