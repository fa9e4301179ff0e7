// Composition: several candidates become one, which dispatches to one of them by conditions on axes (the
// bands of the rules). Text to text, so that the result is a candidate like any other: it can be read, tuned,
// changed and exported.
//
//   * The device code of a part becomes units of its own (P0, P0_UNIT), its plan a branch: workspaces of the
//   other
//     branches are not allocated, its `require` statements hold for its branch alone.
//   * Its knobs become P0_NAME, with the part's values as defaults. The device code still reads knob::NAME,
//   by lines
//     at the head of its units. Other names of its plan need no change: they end with the branch.
//   * Equal parts (same code, same knob values) become one branch.
//   * Of a part that is itself such a composition, the branch of its condition is taken instead of the whole,
//   with the
//     names that it had before.
#pragma once

#include <string>
#include <vector>

#include "src/plan/plan.h"

namespace warpwright::plan {

struct Part {
  std::string name;    // for people, in comments: "c0012 (small)"
  std::string when;    // a plan expression over axes
  std::string source;  // of the candidate
  KnobValues knobs;    // missing: the declared default
};

// One branch per part, in order; the last one is the else, whatever its `when` says. Conditions must not
// overlap. Error (usage): there is nothing to compose, a part is no candidate, a limit of the plan language
// is passed, or the result does not bind for one of `workloads`. Where these bring no resident_blocks, one
// block counts as resident.
Result<std::string> compose(const std::vector<Part>& parts, const trace::Definition& definition,
                            const std::vector<BindInputs>& workloads);

}  // namespace warpwright::plan
