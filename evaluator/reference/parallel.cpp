#include "evaluator/reference/parallel.h"

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

namespace warpwright::reference {
namespace {

std::atomic<int> limit{0};

int thread_count(int64_t rows) {
  const int asked = limit.load();
  const int most =
      asked > 0 ? asked : std::clamp(static_cast<int>(std::thread::hardware_concurrency()), 1, 16);
  return static_cast<int>(std::min<int64_t>(rows, most));
}

}  // namespace

void for_each_row(int64_t rows, const std::function<void(int64_t)>& work) {
  std::atomic<int64_t> next{0};
  const auto worker = [&] {
    for (int64_t row = next++; row < rows; row = next++) work(row);
  };
  std::vector<std::jthread> helpers;
  for (int i = 1; i < thread_count(rows); ++i) helpers.emplace_back(worker);
  worker();
}

void limit_threads(int threads) {
  limit = threads;
}

}  // namespace warpwright::reference
