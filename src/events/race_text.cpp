#include "src/events/race_text.h"

#include <fmt/format.h>

#include "src/base/check.h"

namespace warpwright::events {

std::string lost_race_text(const ResultSummary& result, size_t all) {
  CHECK(result.lost_race);
  const std::string of_all = all > 0 ? fmt::format(" of {}", all) : "";
  return fmt::format("lost its race: at most {:.2f} after {}{} workloads", result.race_bound,
                     result.workloads.size(), of_all);
}

}  // namespace warpwright::events
