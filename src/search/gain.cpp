#include "src/search/gain.h"

#include <algorithm>
#include <cmath>

namespace warpwright::search {

double gain_of(const events::RunView& view, const events::Candidate& candidate) {
  // The nearest ancestor that passed; not by events::lineage, which walks all the way.
  const events::Candidate* reference = &candidate;
  do {
    const auto& parent = reference->origin.parent;
    reference = parent && *parent < reference->id ? view.find(*parent) : nullptr;
  } while (reference != nullptr && !reference->passed());
  if (reference == nullptr && view.best) reference = view.find(*view.best);
  if (reference == nullptr) return 1;
  if (!(reference->score > 0) || !(candidate.score > 0)) return 0;
  return std::max(0.0, std::log(candidate.score / reference->score));
}

}  // namespace warpwright::search
