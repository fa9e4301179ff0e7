// Outputs that name the best of each row, in any order (reference::Ranking). Position by position nothing can
// be said; the rules are
//   always    the first min(slots, candidates) slots name candidates of the row, none twice; the rest is -1
//   official  the scores of what was named, sorted, match the best scores (FlashInfer-Bench)
//   strict    nothing is named or missed whose score is beyond the border by more than rounding explains
#pragma once

#include "evaluator/reference/oracle.h"
#include "evaluator/validate/compare.h"

namespace warpwright::validate {

// Statistics: max_abs and max_rel are of the sorted scores; scaled_max is the worst candidate's distance from
// the border as a share of term sizes; unmatched counts wrong slots and scores. Error: the shape is not
// [rows, slots].
Result<Comparison> compare_ranked(const TensorView& output, const reference::Ranking& ranking,
                                  const rules::OfficialTolerance* official,
                                  const rules::StrictTolerance* strict);

}  // namespace warpwright::validate
