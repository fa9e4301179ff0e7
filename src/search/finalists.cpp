#include "src/search/finalists.h"

#include <algorithm>

namespace warpwright::search {

using events::Candidate;
using events::CandidateId;

std::vector<CandidateId> finalists_to_measure(const events::RunView& view) {
  std::vector<CandidateId> ranked;
  if (!view.best || !view.baseline || view.baseline->measure.is_estimate()) return ranked;
  for (const auto& [id, candidate] : view.candidates)
    if (candidate.passed() && !candidate.duplicate_of) ranked.push_back(id);
  const auto leads = [&](CandidateId a, CandidateId b) {
    if ((a == *view.best) != (b == *view.best)) return a == *view.best;
    return view.find(a)->score > view.find(b)->score;
  };
  std::stable_sort(ranked.begin(), ranked.end(), leads);
  if (ranked.size() > kFinalists) ranked.resize(kFinalists);
  std::erase_if(ranked, [&](CandidateId id) { return view.finalists.contains(id); });
  return ranked;
}

}  // namespace warpwright::search
