// Synthetic timers with known truth, for tests of duels and for the table of their power.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numbers>
#include <string>
#include <vector>

#include "evaluator/timing/duel.h"
#include "src/base/rng.h"

namespace warpwright::timing {

// Noise of a device over time, multiplied onto a contender's true time. Standard deviations and sizes are of
// the logarithm, so about relative.
struct NoiseModel {
  std::string name;
  double sigma = 0.01;       // independent, normal
  double outlier_share = 0;  // of samples that take exp(Exponential(outlier_size)) longer
  double outlier_size = 0.5;
  double drift_per_shot = 0;  // the device warms up
  double drift_period = 0;    // shots; 0: drift goes on, else it comes and goes (sine, same slope)
  double mode_share = 0;      // of samples in the slow mode (where a buffer lies in the L2)
  double mode_size = 0;
  double mode_switch = 1;  // chance per shot that the mode is drawn anew: below 1 it persists
  double correlation = 0;  // of one shot's sigma noise with the next's (AR(1))
};

// The models that a duel must withstand.
inline std::vector<NoiseModel> noise_models() {
  std::vector<NoiseModel> models;
  for (const double sigma : {0.005, 0.01, 0.02, 0.05}) {
    NoiseModel model;
    model.sigma = sigma;
    char text[32];
    std::snprintf(text, sizeof text, "lognormal %.1f %%", sigma * 100);
    model.name = text;
    models.push_back(model);
  }
  auto add = [&](NoiseModel model, std::string name) {
    model.name = std::move(name);
    models.push_back(std::move(model));
  };
  add({.name = {}, .sigma = 0.01, .outlier_share = 0.1}, "1 %, every tenth an outlier");
  add({.name = {}, .sigma = 0.01, .drift_per_shot = 0.0005}, "1 %, drift 0.05 % a shot");
  add({.name = {}, .sigma = 0.01, .drift_per_shot = 0.002, .drift_period = 60}, "1 %, thermal waves of 4 %");
  add({.name = {}, .sigma = 0.01, .mode_share = 0.5, .mode_size = 0.06}, "1 %, two modes 6 % apart");
  add({.name = {}, .sigma = 0.01, .mode_share = 0.3, .mode_size = 0.06, .mode_switch = 0.05},
      "1 %, two modes that persist");
  add({.name = {}, .sigma = 0.03, .correlation = 0.95}, "3 %, correlated 0.95");
  return models;
}

// Contender k takes true_us[k] times the noise.
class NoisyTimer {
 public:
  NoisyTimer(NoiseModel model, std::vector<double> true_us, uint64_t seed)
      : model_(std::move(model)), true_us_(std::move(true_us)), rng_(seed) {}

  TakeBatch take() {
    return [this](std::span<const cuda::Shot> shots) -> Result<std::vector<cuda::Sample>> {
      std::vector<cuda::Sample> samples;
      for (const cuda::Shot& shot : shots) {
        cuda::Sample sample;
        sample.span_us = true_us_.at(static_cast<size_t>(shot.contender)) * std::exp(next_noise());
        sample.events_us = sample.span_us + 0.5;
        sample.activities = static_cast<uint64_t>(shot.contender);
        samples.push_back(sample);
      }
      shots_ += static_cast<int>(shots.size());
      return samples;
    };
  }
  int shots() const { return shots_; }

 private:
  double normal() {  // Box and Muller
    const double u = 1 - rng_.uniform(), v = rng_.uniform();
    return std::sqrt(-2 * std::log(u)) * std::cos(2 * std::numbers::pi * v);
  }

  double next_noise() {
    const double rho = model_.correlation;
    correlated_ = time_ == 0 ? normal() : rho * correlated_ + std::sqrt(1 - rho * rho) * normal();
    double noise = model_.sigma * correlated_ + drift();
    if (model_.outlier_share > 0 && rng_.uniform() < model_.outlier_share)
      noise += -model_.outlier_size * std::log(1 - rng_.uniform());
    if (model_.mode_share > 0) {
      if (time_ == 0 || rng_.uniform() < model_.mode_switch) slow_mode_ = rng_.uniform() < model_.mode_share;
      noise += slow_mode_ ? model_.mode_size : 0;
    }
    ++time_;
    return noise;
  }

  double drift() const {
    if (model_.drift_period <= 0) return model_.drift_per_shot * time_;
    const double phase = 2 * std::numbers::pi / model_.drift_period;
    return model_.drift_per_shot / phase * std::sin(phase * time_);
  }

  NoiseModel model_;
  std::vector<double> true_us_;
  Rng rng_;
  int time_ = 0, shots_ = 0;
  double correlated_ = 0;
  bool slow_mode_ = false;
};

// An A/A run for the floor, then the duel, as an evaluation does it: challenger 0, incumbent 1 and again 2.
inline Result<Duel> simulate_duel(const NoiseModel& model, double true_ratio, const DuelOptions& options,
                                  uint64_t seed) {
  NoisyTimer timer(model, {10 * true_ratio, 10, 10}, seed);
  Rng rng = Rng::stream(seed, "duel");
  const TakeBatch take = timer.take();
  TRY_ASSIGN(const NoiseFloor floor, measure_noise_floor(take, {1, 2}, options, rng));
  return run_duel(take, {0, 1}, floor.relative, options, rng);
}

}  // namespace warpwright::timing
