// Which model of a role, and which operator, a ticket goes to. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "src/base/rng.h"

namespace warpwright::search {

struct Arm {
  std::string model;
  double weight = 1;
  int64_t pulls = 0;
  double gain = 0;
  double dollars = 0;
};

// REQUIRES (both): arms not empty. The index of the chosen one.
size_t choose_by_weight(const std::vector<Arm>& arms, Rng& rng);
size_t choose_by_bandit(const std::vector<Arm>& arms, Rng& rng);

}  // namespace warpwright::search
