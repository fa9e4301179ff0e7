// Fits a calibration to measured times, and says how good a calibration is.
//
// Fitted are the resources' weights, the latency's, and the launch costs, none below zero; the exponent is
// tried at 1, 2, 4, 8 and 16. Minimised is
//     sum_i (log estimate_i - log measured_i)^2 + ridge * sum_j (w_j / start_j - 1)^2
// by Gauss-Newton steps, each a non-negative least-squares problem solved by coordinate descent. The ridge
// keeps what the measurements say nothing about where it was. Deterministic.
#pragma once

#include <string>
#include <vector>

#include "src/estimate/estimate.h"

namespace warpwright::estimate {

// One measured call.
struct Sample {
  std::string definition;
  std::string workload;  // samples of one definition and workload compete
  std::string kernel;    // which program: source and knobs
  std::vector<LaunchTerms> launches;
  double measured_us = 0;
};

inline constexpr double kRidge = 1e-3;

// REQUIRES: measured times above zero, and at least one launch in each sample.
rules::Calibration fit(const std::vector<Sample>& samples, const rules::Calibration& start,
                       double ridge = kRidge);

// How estimates order and match measurements. Pairs are of samples of one definition and workload whose times
// differ at all; `clear` ones by more than 10 %.
struct Quality {
  int samples = 0, pairs = 0, clear_pairs = 0;
  double kendall_tau = 0;        // over the pairs; 0 if there are none
  double spearman = 0;           // over all samples
  double clear_pairs_right = 0;  // share of the clear pairs that are ordered right
  double median_abs_log_ratio = 0;
};
Quality judge(const std::vector<Sample>& samples, const std::vector<double>& estimates_us);
std::vector<double> estimates_of(const std::vector<Sample>& samples, const rules::Calibration& calibration);

// Each sample estimated by a calibration fitted without its definition; with one definition alone, without
// its kernel; with one kernel alone, empty.
struct LeftOut {
  std::string what;  // "definition" or "kernel"; empty if nothing can be left out
  std::vector<double> estimates_us;
};
LeftOut estimate_left_out(const std::vector<Sample>& samples, const rules::Calibration& start,
                          double ridge = kRidge);

std::string describe(const Quality& quality);  // one line

}  // namespace warpwright::estimate
