// Numeric search over the knobs that a source declares: a step to a neighbouring value, a crossover of two
// candidates of the same source, a random restart; and when these keep hitting what was tried, whatever is
// left.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "src/base/rng.h"
#include "src/events/event.h"

namespace warpwright::search {

struct Mate {
  events::CandidateId id = 0;
  KnobValues knobs;
};

struct TuneInput {
  const std::vector<events::DeclaredKnob>* declared = nullptr;
  const KnobValues* parent = nullptr;
  std::vector<Mate> mates;                       // other passed candidates of the same source
  const std::set<std::string>* tried = nullptr;  // canonical_knobs
  std::function<bool(const KnobValues&)> accepts;
};

struct TuneMove {
  KnobValues knobs;  // complete
  std::string note;
  std::optional<events::CandidateId> mate;  // of a crossover
};

// Number of assignments of the declared knobs; saturates.
uint64_t space_size(const std::vector<events::DeclaredKnob>& declared);

// An acceptable assignment never tried, or none: the source's space is exhausted (exactly so up to
// kMaxEnumerated assignments; in a larger space, that many in a row from a random place were tried or
// refused).
inline constexpr uint64_t kMaxEnumerated = 65'536;
std::optional<TuneMove> tune(const TuneInput& input, Rng& rng);

}  // namespace warpwright::search
