#include "src/estimate/fit.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

namespace warpwright::estimate {
namespace {

using rules::Calibration;

// The fitted numbers in one vector: resources, latency, three launch costs.
constexpr size_t kParameters = rules::kResourceCount + 4;
constexpr size_t kLatency = rules::kResourceCount;
using Vector = std::array<double, kParameters>;
using Matrix = std::array<Vector, kParameters>;

constexpr int kMaxSteps = 60;
constexpr int kMaxSweeps = 400;
constexpr int kMaxHalvings = 20;

Vector parameters_of(const Calibration& c) {
  Vector v = {};
  std::copy(c.weights.begin(), c.weights.end(), v.begin());
  v[kLatency] = c.latency_weight;
  v[kLatency + 1] = c.first_launch_us;
  v[kLatency + 2] = c.next_launch_us;
  v[kLatency + 3] = c.dependent_launch_us;
  return v;
}

Calibration with_parameters(Calibration c, const Vector& v) {
  std::copy(v.begin(), v.begin() + rules::kResourceCount, c.weights.begin());
  c.latency_weight = v[kLatency];
  c.first_launch_us = v[kLatency + 1];
  c.next_launch_us = v[kLatency + 2];
  c.dependent_launch_us = v[kLatency + 3];
  return c;
}

double power(double x, int exponent) {
  double result = 1;
  for (; exponent > 0; --exponent) result *= x;
  return result;
}

// d(call time) / d(parameters).
Vector gradient(const Calibration& c, const std::vector<LaunchTerms>& launches) {
  Vector g = {};
  for (const LaunchTerms& terms : launches) {
    const double soft = soft_maximum(c, terms);
    for (size_t k = 0; k < terms.resource_us.size() && soft > 0; ++k)
      g[k] += power(c.weights[k] * terms.resource_us[k] / soft, c.exponent - 1) * terms.resource_us[k];
    g[kLatency] += terms.latency_us;
    g[kLatency + 1 + static_cast<size_t>(terms.kind)] += 1;
  }
  return g;
}

// A time that no real call goes below, so that the logarithm exists for any weights.
double positive_us(double us) {
  return std::max(us, 1e-6);
}

class Fit {
 public:
  Fit(const std::vector<Sample>& samples, const Calibration& start, double ridge)
      : samples_(samples), best_(start), start_(parameters_of(start)), ridge_(ridge) {
    for (double& value : start_) value = std::max(value, 0.05);  // the ridge's scale
  }

  double run() {
    double cost = cost_of(best_);
    for (int step = 0; step < kMaxSteps; ++step) {
      const Vector now = parameters_of(best_), goal = solve(now);
      double share = 1, lowest = cost;
      Calibration found = best_;
      for (int halving = 0; halving < kMaxHalvings && lowest >= cost; ++halving, share /= 2) {
        Vector tried;
        for (size_t k = 0; k < kParameters; ++k) tried[k] = now[k] + share * (goal[k] - now[k]);
        found = with_parameters(best_, tried);
        lowest = cost_of(found);
      }
      if (lowest >= cost * (1 - 1e-9)) break;
      cost = lowest;
      best_ = found;
    }
    return cost;
  }
  const Calibration& best() const { return best_; }

 private:
  double cost_of(const Calibration& c) const {
    double sum = 0;
    for (const Sample& sample : samples_) {
      const double residual = std::log(positive_us(call_us(c, sample.launches)) / sample.measured_us);
      sum += residual * residual;
    }
    const Vector v = parameters_of(c);
    for (size_t k = 0; k < kParameters; ++k) {
      const double shift = v[k] / start_[k] - 1;
      sum += ridge_ * shift * shift;
    }
    return sum;
  }

  // The linearised problem's minimum over parameters from zero: normal equations, coordinate descent.
  Vector solve(const Vector& now) const {
    Matrix a = {};
    Vector b = {};
    for (const Sample& sample : samples_) {
      const double estimate = positive_us(call_us(best_, sample.launches));
      Vector row = gradient(best_, sample.launches);
      double target = std::log(sample.measured_us / estimate);
      for (size_t k = 0; k < kParameters; ++k) {
        row[k] /= estimate;
        target += row[k] * now[k];
      }
      for (size_t k = 0; k < kParameters; ++k) {
        b[k] += row[k] * target;
        for (size_t j = 0; j < kParameters; ++j) a[k][j] += row[k] * row[j];
      }
    }
    for (size_t k = 0; k < kParameters; ++k) {
      a[k][k] += ridge_ / (start_[k] * start_[k]);
      b[k] += ridge_ / start_[k];
    }
    return descend(a, b, now);
  }

  static Vector descend(const Matrix& a, const Vector& b, Vector v) {
    for (int sweep = 0; sweep < kMaxSweeps; ++sweep) {
      double moved = 0;
      for (size_t k = 0; k < kParameters; ++k) {
        if (a[k][k] <= 0) continue;
        double rest = b[k];
        for (size_t j = 0; j < kParameters; ++j)
          if (j != k) rest -= a[k][j] * v[j];
        const double next = std::max(0.0, rest / a[k][k]);
        moved = std::max(moved, std::abs(next - v[k]));
        v[k] = next;
      }
      if (moved < 1e-10) break;
    }
    return v;
  }

  const std::vector<Sample>& samples_;
  Calibration best_;
  Vector start_;
  double ridge_;
};

std::vector<double> ranks(const std::vector<double>& values) {
  std::vector<size_t> order(values.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return values[a] < values[b]; });
  std::vector<double> result(values.size());
  for (size_t begin = 0; begin < order.size();) {
    size_t end = begin;
    while (end < order.size() && values[order[end]] == values[order[begin]]) ++end;
    for (size_t k = begin; k < end; ++k) result[order[k]] = (static_cast<double>(begin + end) - 1) / 2;
    begin = end;
  }
  return result;
}

double correlation(const std::vector<double>& x, const std::vector<double>& y) {
  const auto n = static_cast<double>(x.size());
  const double mean_x = std::accumulate(x.begin(), x.end(), 0.0) / n;
  const double mean_y = std::accumulate(y.begin(), y.end(), 0.0) / n;
  double xy = 0, xx = 0, yy = 0;
  for (size_t k = 0; k < x.size(); ++k) {
    xy += (x[k] - mean_x) * (y[k] - mean_y);
    xx += (x[k] - mean_x) * (x[k] - mean_x);
    yy += (y[k] - mean_y) * (y[k] - mean_y);
  }
  return xx > 0 && yy > 0 ? xy / std::sqrt(xx * yy) : 0;
}

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

void judge_pairs(const std::vector<Sample>& samples, const std::vector<double>& estimates, Quality& quality) {
  int concordance = 0, right = 0;
  for (size_t i = 0; i < samples.size(); ++i) {
    for (size_t j = i + 1; j < samples.size(); ++j) {
      if (samples[i].definition != samples[j].definition || samples[i].workload != samples[j].workload)
        continue;
      const double measured = samples[i].measured_us - samples[j].measured_us;
      const double estimated = estimates[i] - estimates[j];
      if (measured == 0) continue;
      ++quality.pairs;
      concordance += estimated * measured > 0 ? 1 : estimated * measured < 0 ? -1 : 0;
      if (std::max(samples[i].measured_us, samples[j].measured_us) <=
          1.1 * std::min(samples[i].measured_us, samples[j].measured_us))
        continue;
      ++quality.clear_pairs;
      right += estimated * measured > 0 ? 1 : 0;
    }
  }
  if (quality.pairs > 0) quality.kendall_tau = static_cast<double>(concordance) / quality.pairs;
  if (quality.clear_pairs > 0) quality.clear_pairs_right = static_cast<double>(right) / quality.clear_pairs;
}

}  // namespace

Calibration fit(const std::vector<Sample>& samples, const Calibration& start, double ridge) {
  Calibration best = start;
  double lowest = HUGE_VAL;
  for (const int exponent : {1, 2, 4, 8, 16}) {
    Calibration from = start;
    from.exponent = exponent;
    Fit attempt(samples, from, ridge);
    if (const double cost = attempt.run(); cost < lowest) {
      lowest = cost;
      best = attempt.best();
    }
  }
  return best;
}

std::vector<double> estimates_of(const std::vector<Sample>& samples, const Calibration& calibration) {
  std::vector<double> estimates;
  for (const Sample& sample : samples) estimates.push_back(call_us(calibration, sample.launches));
  return estimates;
}

Quality judge(const std::vector<Sample>& samples, const std::vector<double>& estimates_us) {
  Quality quality;
  quality.samples = static_cast<int>(samples.size());
  if (samples.empty()) return quality;
  std::vector<double> measured, ratios;
  for (size_t k = 0; k < samples.size(); ++k) {
    measured.push_back(samples[k].measured_us);
    ratios.push_back(std::abs(std::log(positive_us(estimates_us[k]) / samples[k].measured_us)));
  }
  quality.spearman = correlation(ranks(measured), ranks(estimates_us));
  quality.median_abs_log_ratio = median(std::move(ratios));
  judge_pairs(samples, estimates_us, quality);
  return quality;
}

LeftOut estimate_left_out(const std::vector<Sample>& samples, const Calibration& start, double ridge) {
  const auto groups_by = [&](std::string Sample::*field) {
    std::set<std::string> groups;
    for (const Sample& sample : samples) groups.insert(sample.*field);
    return groups;
  };
  LeftOut result;
  std::string Sample::*field = &Sample::definition;
  result.what = "definition";
  std::set<std::string> groups = groups_by(field);
  if (groups.size() < 2) {
    field = &Sample::kernel;
    result.what = "kernel";
    groups = groups_by(field);
  }
  if (groups.size() < 2) return {};
  result.estimates_us.resize(samples.size());
  for (const std::string& group : groups) {
    std::vector<Sample> others;
    std::copy_if(samples.begin(), samples.end(), std::back_inserter(others),
                 [&](const Sample& sample) { return sample.*field != group; });
    const Calibration fitted = fit(others, start, ridge);
    for (size_t k = 0; k < samples.size(); ++k)
      if (samples[k].*field == group) result.estimates_us[k] = call_us(fitted, samples[k].launches);
  }
  return result;
}

std::string describe(const Quality& q) {
  return fmt::format(
      "Kendall tau {:.3f} ({} pairs), Spearman {:.3f}, {:.1f} % of {} pairs more than 10 % apart "
      "ordered right, median error {:.1f} %",
      q.kendall_tau, q.pairs, q.spearman, 100 * q.clear_pairs_right, q.clear_pairs,
      100 * (std::exp(q.median_abs_log_ratio) - 1));
}

}  // namespace warpwright::estimate
