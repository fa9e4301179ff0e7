#include "src/search/knob_model.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "src/base/check.h"

namespace warpwright::search {
namespace {

constexpr double kLength = 0.7;  // of a knob's whole range
constexpr double kWeights[] = {0.05, 0.4, 2.5};
constexpr double kWeightPrior[] = {0, 0, -0.5};  // log: few knobs matter much
constexpr size_t kFirstWeight = 1;
constexpr double kScale = 0.15;     // of log scores, expected before any is known, ...
constexpr double kScaleTrials = 3;  // ... worth so many trials
constexpr size_t kFewTrials = 20;   // up to which the weights are fitted in two rounds, else in one

size_t row_at(size_t row) {
  return row * (row + 1) / 2;
}

}  // namespace

KnobModel::KnobModel(const std::vector<size_t>& sizes, std::vector<ScoredPlaces> trials, double noise)
    : sizes_(sizes), trials_(std::move(trials)), noise_(noise) {
  CHECK(!trials_.empty());
  for (const ScoredPlaces& trial : trials_) mean_ += trial.log_score / static_cast<double>(trials_.size());
  weights_.assign(sizes_.size(), kWeights[kFirstWeight]);
  tables_.resize(sizes_.size());
  for (size_t knob = 0; knob < sizes_.size(); ++knob) fill_tables(knob);
  fit();
}

void KnobModel::fill_tables(size_t knob) {
  const size_t size = sizes_[knob];
  const double weight = weights_[knob];
  tables_[knob].resize(size * size);
  for (size_t i = 0; i < size; ++i)
    for (size_t j = 0; j < size; ++j) {
      const double distance =
          std::abs(static_cast<double>(i) - static_cast<double>(j)) / static_cast<double>(size - 1);
      tables_[knob][i * size + j] = (1 + weight * std::exp(-distance / kLength)) / (1 + weight);
    }
}

double KnobModel::covariance(const Places& a, const Places& b) const {
  double product = 1;
  for (size_t knob = 0; knob < sizes_.size(); ++knob)
    product *= tables_[knob][a[knob] * sizes_[knob] + b[knob]];
  return product;
}

bool KnobModel::extend() {
  const size_t row = trials_.size() - 1;
  factor_.resize(row_at(row + 1));
  double* own = factor_.data() + row_at(row);
  double rest = 1 + noise_ * noise_ / (kScale * kScale);
  for (size_t i = 0; i < row; ++i) {
    const double* other = factor_.data() + row_at(i);
    double sum = covariance(trials_[row].places, trials_[i].places);
    for (size_t k = 0; k < i; ++k) sum -= own[k] * other[k];
    own[i] = sum / other[i];
    rest -= own[i] * own[i];
  }
  own[row] = std::sqrt(std::max(rest, 1e-9));
  return rest > 1e-9;
}

void KnobModel::solve() {
  const size_t count = trials_.size();
  solved_.resize(count);
  for (size_t i = 0; i < count; ++i) {
    double sum = trials_[i].log_score - mean_;
    for (size_t k = 0; k < i; ++k) sum -= factor_[row_at(i) + k] * solved_[k];
    solved_[i] = sum / factor_[row_at(i) + i];
  }
  for (size_t i = count; i-- > 0;) {
    double sum = solved_[i];
    for (size_t k = i + 1; k < count; ++k) sum -= factor_[row_at(k) + i] * solved_[k];
    solved_[i] = sum / factor_[row_at(i) + i];
  }
}

double KnobModel::factorize() {
  std::vector<ScoredPlaces> all;
  all.swap(trials_);
  double log_determinant = 0;
  for (size_t i = 0; i < all.size(); ++i) {
    trials_.push_back(std::move(all[i]));
    extend();
    log_determinant += 2 * std::log(factor_[row_at(i) + i]);
  }
  solve();
  double quadratic = kScaleTrials * kScale * kScale;
  for (size_t i = 0; i < trials_.size(); ++i) quadratic += (trials_[i].log_score - mean_) * solved_[i];
  const double freedom = kScaleTrials + static_cast<double>(trials_.size());
  amplitude_ = quadratic / freedom;
  return -0.5 * log_determinant - 0.5 * freedom * std::log(quadratic);
}

void KnobModel::fit() {
  std::vector<size_t> chosen(sizes_.size(), kFirstWeight);
  double best = factorize() + static_cast<double>(sizes_.size()) * kWeightPrior[kFirstWeight];
  const int rounds = trials_.size() <= 2 ? 0 : trials_.size() <= kFewTrials ? 2 : 1;
  for (int round = 0; round < rounds; ++round) {
    for (size_t knob = 0; knob < sizes_.size(); ++knob) {
      const size_t before = chosen[knob];
      for (size_t w = 0; w < std::size(kWeights); ++w) {
        if (w == before) continue;
        weights_[knob] = kWeights[w];
        fill_tables(knob);
        double prior = 0;
        for (size_t k = 0; k < sizes_.size(); ++k) prior += kWeightPrior[k == knob ? w : chosen[k]];
        const double value = factorize() + prior;
        if (value > best) {
          best = value;
          chosen[knob] = w;
        }
      }
      weights_[knob] = kWeights[chosen[knob]];
      fill_tables(knob);
    }
  }
  factorize();
}

Prediction KnobModel::predict(const Places& places) const {
  const size_t count = trials_.size();
  static thread_local std::vector<double> row;
  row.resize(count);
  double mean = mean_, rest = 1;
  for (size_t i = 0; i < count; ++i) {
    const double with = covariance(places, trials_[i].places);
    mean += with * solved_[i];
    double sum = with;
    const double* other = factor_.data() + row_at(i);
    for (size_t k = 0; k < i; ++k) sum -= row[k] * other[k];
    row[i] = sum / other[i];
    rest -= row[i] * row[i];
  }
  return {mean, std::sqrt(amplitude_ * std::max(rest, 0.0))};
}

void KnobModel::believe(const Places& places) {
  trials_.push_back({places, predict(places).mean});
  extend();
  solve();
}

}  // namespace warpwright::search
