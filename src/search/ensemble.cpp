#include "src/search/ensemble.h"

#include "src/base/check.h"

namespace warpwright::search {

size_t choose_by_weight(const std::vector<Arm>& arms, Rng& rng) {
  CHECK(!arms.empty());
  double total = 0;
  for (const Arm& arm : arms) total += arm.weight;
  double left = rng.uniform() * total;
  for (size_t i = 0; i < arms.size(); ++i) {
    left -= arms[i].weight;
    if (left < 0) return i;
  }
  return arms.size() - 1;
}

size_t choose_by_bandit(const std::vector<Arm>& arms, Rng& rng) {
  return choose_by_weight(arms, rng);
}

}  // namespace warpwright::search
