#include "src/search/portfolio.h"

#include <algorithm>
#include <set>

#include "src/events/objectives.h"

namespace warpwright::search {

using events::Candidate;
using events::CandidateId;
using events::RunView;

void Portfolio::start(const events::Baseline& baseline) {
  std::set<std::string> names;
  for (const events::WorkloadSummary& w : baseline.workloads) names.insert(w.band);
  for (const std::string& name : names) bands_.push_back({name, 0, -1, 0, {}});
  for (const events::WorkloadSummary& w : baseline.workloads) {
    const auto band = static_cast<size_t>(std::distance(names.begin(), names.find(w.band)));
    weights_.push_back(w.weight);
    band_of_.push_back(band);
    bands_[band].weight += w.weight;
    total_weight_ += w.weight;
  }
  best_.assign(weights_.size(), 0);
}

double Portfolio::score_of(const Band& band, const std::vector<double>& ratios) const {
  double sum = 0;
  for (size_t i = 0; i < ratios.size(); ++i)
    if (&bands_[band_of_[i]] == &band) sum += weights_[i] * ratios[i];
  return sum / band.weight;
}

double Portfolio::enter(RunView& view, const Candidate& candidate) {
  const events::ResultSummary* result = view.result_of(candidate);
  if (!view.baseline || result == nullptr) return 0;
  if (best_.empty()) start(*view.baseline);
  const std::vector<double> ratios = events::ratios_of(*view.baseline, *result);
  if (ratios.empty() || ratios.size() != best_.size()) return 0;

  double sum = 0;
  for (size_t i = 0; i < ratios.size(); ++i) {
    best_[i] = std::max(best_[i], ratios[i]);
    sum += weights_[i] * best_[i];
  }
  const double gain = sum / total_weight_ - score_;
  score_ = sum / total_weight_;

  bool is_champion = false;
  for (Band& band : bands_) {
    const double score = score_of(band, ratios);
    if (score <= band.score) continue;  // of equals the older stays
    band.score = score;
    band.champion = candidate.id;
    band.ratios = ratios;
    view.champions[band.name] = {candidate.id, score, band.weight};
    is_champion = true;
  }
  if (is_champion) weigh_champions();
  return gain;
}

// O(bands^2 x workloads), and only when a champion changes.
void Portfolio::weigh_champions() {
  std::set<CandidateId> champions;
  for (const Band& band : bands_) champions.insert(band.champion);
  stakes_.clear();
  for (const CandidateId id : champions) {
    double loss = 0;
    for (size_t i = 0; i < weights_.size(); ++i) {
      double with = 0, without = 0;
      for (const Band& band : bands_) {
        with = std::max(with, band.ratios[i]);
        if (band.champion != id) without = std::max(without, band.ratios[i]);
      }
      loss += weights_[i] * (with - without);
    }
    stakes_.push_back({id, loss / total_weight_});
  }
}

}  // namespace warpwright::search
