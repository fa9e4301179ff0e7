// The next assignment of a tuning session: of those not tried yet, the one of which the most improvement is
// expected.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string_view>
#include <vector>

#include "src/base/rng.h"
#include "src/search/knob_model.h"

namespace warpwright::search {

struct KnobTrial {
  enum class Outcome {
    kScored,   // passed
    kBounded,  // stopped early: its score is at most `score`
    kFailed,
    kUnknown,  // still under way
  };
  Places places;
  Outcome outcome = Outcome::kUnknown;
  double score = 0;
};

struct KnobChoiceInput {
  std::vector<size_t> sizes;  // values of every knob that can move, above 1 each
  Places defaults;
  std::vector<KnobTrial> trials;               // distinct places
  double noise = 0.003;                        // relative, of a score
  std::function<bool(const Places&)> accepts;  // REQUIRES: not empty; asked in the order of promise
};

struct KnobChoice {
  Places places;
  double gain = 0;   // expected, of the log score over the best known
  size_t steps = 0;  // knobs that differ from the best known
};

// None: nothing acceptable is left among the assignments looked at (all, up to kMaxListed of them).
inline constexpr size_t kMaxListed = 192;
std::optional<KnobChoice> choose_knobs(const KnobChoiceInput& input, Rng& rng);

}  // namespace warpwright::search
