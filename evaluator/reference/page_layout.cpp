#include "evaluator/reference/page_layout.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "src/base/check.h"

namespace warpwright::reference {
namespace {

struct Run {
  size_t row;
  int64_t first;  // place in the row
  int64_t pages;
};

// Rows cut into runs. A row of several pages that is not one run has at least two.
std::vector<Run> cut(std::span<const int64_t> needs, double one_run, Rng& rng) {
  constexpr int64_t kLongestRun = 4;
  std::vector<Run> runs;
  for (size_t row = 0; row < needs.size(); ++row) {
    const bool whole = rng.uniform() < one_run;
    const int64_t longest = whole ? needs[row] : std::clamp<int64_t>(needs[row] - 1, 1, kLongestRun);
    for (int64_t first = 0; first < needs[row];) {
      const int64_t drawn =
          whole ? longest : 1 + static_cast<int64_t>(rng.below(static_cast<uint64_t>(longest)));
      const int64_t pages = std::min(drawn, needs[row] - first);
      runs.push_back({row, first, pages});
      first += pages;
    }
  }
  return runs;
}

// Shuffles the runs and lays them out in turn, the free pages spread between them: only a row that shares
// neighbours by chance is longer than its run.
void lay_out(std::vector<Run> runs, int64_t free_pages, Rng& rng, std::vector<std::vector<int64_t>>& placed) {
  for (size_t i = runs.size(); i > 1; --i) std::swap(runs[i - 1], runs[rng.below(i)]);
  int64_t page = 0;
  for (size_t i = 0; i < runs.size(); ++i) {
    const auto left = static_cast<int64_t>(runs.size() - i);
    const auto gap = static_cast<int64_t>(rng.below(static_cast<uint64_t>(2 * free_pages / (left + 1)) + 1));
    free_pages -= gap;
    page += gap;
    for (int64_t j = 0; j < runs[i].pages; ++j)
      placed[runs[i].row][static_cast<size_t>(runs[i].first + j)] = page++;
  }
}

}  // namespace

std::vector<std::vector<int64_t>> place_pages(std::span<const int64_t> needs, int64_t num_pages,
                                              double one_run, Rng& rng) {
  std::vector<std::vector<int64_t>> placed;
  for (int64_t need : needs) {
    CHECK(need >= 0 && need <= num_pages);
    placed.emplace_back(static_cast<size_t>(need));
  }
  const int64_t total = std::accumulate(needs.begin(), needs.end(), int64_t{0});
  if (total <= num_pages) {
    lay_out(cut(needs, one_run, rng), num_pages - total, rng, placed);
    return placed;
  }
  for (size_t row = 0; row < needs.size(); ++row) {
    std::vector<Run> runs = cut(needs.subspan(row, 1), one_run, rng);
    for (Run& run : runs) run.row = row;
    lay_out(std::move(runs), num_pages - needs[row], rng, placed);
  }
  return placed;
}

}  // namespace warpwright::reference
