// A belief about the scores of a source's knob assignments after some of them were tried: a Gaussian process
// over the grid of declared values, of the logarithm of the score.
//
// Covariance: the product over the knobs of (1 + w k) / (1 + w), with k = exp(-|distance of the places| /
// length) along a knob's declared order (a functional ANOVA kernel: Stitson et al., "Support vector ANOVA
// decomposition", 1997; Duvenaud et al., "Additive Gaussian processes", NeurIPS 2011). Multiplied out it is
// main effects, pairs, triples, ...; a knob's weight w says how much the score hangs on it, and small weights
// mean that effects add up. Weights are fitted by the marginal likelihood with a prior, from a short list,
// one knob after another; the amplitude is integrated out of it. Deterministic; no allocation grows beyond
// trials x trials.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace warpwright::search {

using Places = std::vector<uint8_t>;  // for every knob that can move, the index of its value

struct ScoredPlaces {
  Places places;
  double log_score = 0;
};

struct Prediction {
  double mean = 0, deviation = 0;  // of the log score
};

class KnobModel {
 public:
  // REQUIRES: at least one trial; sizes above 1; places within them. `noise`: relative standard deviation of
  // a score.
  KnobModel(const std::vector<size_t>& sizes, std::vector<ScoredPlaces> trials, double noise);

  Prediction predict(const Places& places) const;
  // A trial whose outcome is not known: its score is taken to be what is expected of it, so that the doubt
  // around it goes and the expectation stays ("kriging believer", Ginsbourger et al. 2010).
  void believe(const Places& places);

  const std::vector<double>& weights() const { return weights_; }

 private:
  void fit();
  void fill_tables(size_t knob);
  double covariance(const Places& a, const Places& b) const;
  double factorize();  // of trials_, with the weights as they stand; the log of the likelihood and the prior
  bool extend();       // the factor by the last trial
  void solve();

  std::vector<size_t> sizes_;
  std::vector<ScoredPlaces> trials_;
  double noise_ = 0;
  double mean_ = 0;
  double amplitude_ = 0;  // variance
  std::vector<double> weights_;
  std::vector<std::vector<double>> tables_;  // per knob: factor by pair of places
  std::vector<double> factor_;               // Cholesky, rows packed: row i begins at i (i + 1) / 2
  std::vector<double> solved_;               // covariance^-1 (log score - mean)
};

}  // namespace warpwright::search
