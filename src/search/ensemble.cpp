#include "src/search/ensemble.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "src/base/check.h"

namespace warpwright::search {
namespace {

constexpr double kGainUnit = 0.1, kPriorEvents = 0.5, kExploration = 0.1, kLeastPrice = 0.01;

double nonnegative(double x) {
  return std::isfinite(x) && x > 0 ? x : 0;
}

double pulls_of(const Arm& arm) {
  return nonnegative(arm.pulls);
}

// All zero: all the same.
std::vector<double> weights_of(const std::vector<Arm>& arms) {
  std::vector<double> weights;
  double total = 0;
  for (const Arm& arm : arms) total += weights.emplace_back(nonnegative(arm.weight));
  if (total == 0) weights.assign(arms.size(), 1);
  return weights;
}

double sum(const std::vector<double>& values) {
  double total = 0;
  for (double value : values) total += value;
  return total;
}

double positive_uniform(Rng& rng) {
  return 1 - rng.uniform();
}

double draw_normal(Rng& rng) {  // Box and Muller
  const double radius = std::sqrt(-2 * std::log(positive_uniform(rng)));
  return radius * std::cos(2 * std::numbers::pi * rng.uniform());
}

// The logarithm of a draw from Gamma(shape, 1); of a small shape the draw itself may underflow. Marsaglia and
// Tsang, "A simple method for generating gamma variables" (2000); below 1 by Gamma(a) = Gamma(a + 1) U^(1/a).
double draw_log_gamma(double shape, Rng& rng) {
  if (shape < 1) {
    const double above = draw_log_gamma(shape + 1, rng);
    return above + std::log(positive_uniform(rng)) / shape;
  }
  const double d = shape - 1.0 / 3, c = 1 / std::sqrt(9 * d);
  for (;;) {
    const double x = draw_normal(rng);
    const double t = 1 + c * x;
    const double u = positive_uniform(rng);
    if (t <= 0) continue;
    const double v = t * t * t;
    if (std::log(u) < x * x / 2 + d - d * v + d * std::log(v)) return std::log(d * v);
  }
}

// What a call of each arm costs: money, or one where nothing costs anything. An arm that was never tried is
// taken for an average one.
std::vector<double> prices_of(const std::vector<Arm>& arms) {
  double dearest = 0, total = 0;
  int tried = 0;
  const auto price_of = [](const Arm& arm) { return nonnegative(arm.dollars) / arm.pulls; };
  for (const Arm& arm : arms) {
    if (arm.pulls <= 0) continue;
    dearest = std::max(dearest, price_of(arm));
    total += price_of(arm);
    ++tried;
  }
  if (dearest == 0) return std::vector<double>(arms.size(), 1);
  std::vector<double> prices;
  for (const Arm& arm : arms)
    prices.push_back(std::max(arm.pulls > 0 ? price_of(arm) : total / tried, kLeastPrice * dearest));
  return prices;
}

// Gain in events per exposure over all arms, one event and one average call added.
double pooled_rate(const std::vector<Arm>& arms, const std::vector<double>& prices) {
  double events = 1, exposure = sum(prices) / static_cast<double>(prices.size());
  for (size_t i = 0; i < arms.size(); ++i) {
    events += nonnegative(arms[i].gain) / kGainUnit;
    exposure += pulls_of(arms[i]) * prices[i];
  }
  return events / exposure;
}

size_t draw_in_proportion(const std::vector<double>& weights, Rng& rng) {
  double left = rng.uniform() * sum(weights);
  size_t last = 0;
  for (size_t i = 0; i < weights.size(); ++i) {
    if (weights[i] == 0) continue;
    last = i;
    left -= weights[i];
    if (left < 0) break;
  }
  return last;
}

}  // namespace

size_t choose_by_weight(const std::vector<Arm>& arms, Rng& rng) {
  CHECK(!arms.empty());
  return draw_in_proportion(weights_of(arms), rng);
}

size_t choose_by_bandit(const std::vector<Arm>& arms, Rng& rng) {
  CHECK(!arms.empty());
  std::vector<double> weights = weights_of(arms);
  const std::vector<double> prices = prices_of(arms);
  const bool explores = rng.uniform() < kExploration;
  if (explores) {
    for (size_t i = 0; i < arms.size(); ++i) weights[i] /= prices[i];
    return draw_in_proportion(weights, rng);
  }
  const double mean_weight = sum(weights) / static_cast<double>(arms.size());
  const double prior_exposure = kPriorEvents / pooled_rate(arms, prices);
  size_t best = 0;
  double largest = -std::numeric_limits<double>::infinity();
  for (size_t i = 0; i < arms.size(); ++i) {
    if (weights[i] == 0) continue;
    const double shape = kPriorEvents * weights[i] / mean_weight + nonnegative(arms[i].gain) / kGainUnit;
    const double draw = draw_log_gamma(shape, rng) - std::log(prior_exposure + pulls_of(arms[i]) * prices[i]);
    if (draw <= largest) continue;
    largest = draw;
    best = i;
  }
  return best;
}

}  // namespace warpwright::search
