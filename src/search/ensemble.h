// Which model of a role, and which operator, a ticket goes to. Pure, reproducible from the Rng.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "src/base/rng.h"

namespace warpwright::search {

// What is known of one choice (a model, or an operator under the same name).
struct Arm {
  std::string model;
  double weight = 1;   // the user's word before there is evidence; 0: never chosen
  double pulls = 0;    // calls whose outcome has settled, those long ago for less (arm_memory.h)
  double gain = 0;     // their summed gain (gain.h), mostly zeros
  double dollars = 0;  // what they cost
};

// REQUIRES (both): arms not empty. The index of the chosen one.

// In proportion to the weights, as OpenEvolve does.
size_t choose_by_weight(const std::vector<Arm>& arms, Rng& rng);

// By gain per dollar (per call where nothing costs anything): Thompson sampling for budgeted bandits (Xia,
// Li, Qin, Yu, Liu, IJCAI 2015), with gain per dollar as the rate of a Poisson process whose exposure is the
// money, so that its posterior is a Gamma distribution (the conjugate pair; Gelman et al., Bayesian Data
// Analysis, 2.6). The largest draw wins:
//
//   lambda_i ~ Gamma(shape  k w_i + gain_i / u,  rate  k / pooled + exposure_i)
//
//   u         0.1: the gain that counts as one event, 10 % faster
//   w_i       weights, scaled to a mean of 1
//   k         0.5: events of prior. Of small shapes the largest draw falls on i nearly with probability
//             w_i / sum, so that without evidence the choice is the weights'.
//   pooled    gain per exposure over all arms, one event and one call added: what is expected of new arms
//   exposure  dollars; a call counts at least 1 % of the dearest arm's: an answer costs an evaluation too
//
// One choice in ten explores, whatever the evidence, with probability in proportion to w_i / price_i: equal
// money for equal weights, so that dear arms do not eat the budget. Outcomes are not stationary (repairs pay
// late, gains get rarer as a run goes on), and an arm that was useless for long must be able to show that it
// no longer is.
size_t choose_by_bandit(const std::vector<Arm>& arms, Rng& rng);

}  // namespace warpwright::search
