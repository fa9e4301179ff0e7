#include "src/search/gain.h"

#include <algorithm>
#include <cmath>

namespace warpwright::search {

double gain_of(const events::RunView& view, const events::Candidate& candidate) {
  const events::Candidate* reference = nullptr;
  for (events::CandidateId id : events::lineage(view, candidate.id)) {
    const events::Candidate* ancestor = view.find(id);
    if (id == candidate.id || !ancestor->passed()) continue;
    reference = ancestor;
    break;
  }
  if (reference == nullptr && view.best) reference = view.find(*view.best);
  if (reference == nullptr) return 1;
  if (!(reference->score > 0) || !(candidate.score > 0)) return 0;
  return std::max(0.0, std::log(candidate.score / reference->score));
}

}  // namespace warpwright::search
