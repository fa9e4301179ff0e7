#include "src/search/knob_walk.h"

#include <fmt/format.h>

#include <algorithm>

#include "src/base/check.h"
#include "src/search/state.h"

namespace warpwright::search {
namespace {

using events::DeclaredKnob;

constexpr int kDraws = 256;  // before the assignments are gone through one by one

bool is_usable(const TuneInput& input, const KnobValues& knobs) {
  return !input.tried->contains(canonical_knobs(knobs)) && (!input.accepts || input.accepts(knobs));
}

// The assignment of a number in the mixed radix of the knobs' values.
KnobValues assignment_of(const std::vector<DeclaredKnob>& declared, uint64_t number) {
  KnobValues knobs;
  for (const DeclaredKnob& knob : declared) {
    if (knob.values.empty()) continue;
    knobs[knob.name] = knob.values[number % knob.values.size()];
    number /= knob.values.size();
  }
  return knobs;
}

size_t place_of(const DeclaredKnob& knob, const KnobValues& knobs) {
  const auto set = knobs.find(knob.name);
  const std::string& value = set == knobs.end() ? knob.default_value : set->second;
  const auto at = std::find(knob.values.begin(), knob.values.end(), value);
  return at == knob.values.end() ? 0 : static_cast<size_t>(at - knob.values.begin());
}

KnobValues declared_values(const TuneInput& input) {
  KnobValues knobs;
  for (const DeclaredKnob& knob : *input.declared)
    if (!knob.values.empty()) knobs[knob.name] = knob.values[place_of(knob, *input.parent)];
  return knobs;
}

bool is_exhausted(const TuneInput& input) {
  const bool moves = std::any_of(input.declared->begin(), input.declared->end(),
                                 [](const DeclaredKnob& knob) { return knob.values.size() > 1; });
  return !moves || input.tried->size() >= space_size(*input.declared);
}

}  // namespace

std::optional<TuneMove> random_assignment(const TuneInput& input, Rng& rng) {
  CHECK(input.declared != nullptr && input.tried != nullptr);
  if (is_exhausted(input)) return std::nullopt;
  const uint64_t size = space_size(*input.declared);
  for (int draw = 0; draw < kDraws; ++draw) {
    TuneMove move{{}, "random assignment", {}};
    for (const DeclaredKnob& knob : *input.declared)
      if (!knob.values.empty()) move.knobs[knob.name] = knob.values[rng.below(knob.values.size())];
    if (is_usable(input, move.knobs)) return move;
  }
  const uint64_t start = rng.below(size);
  for (uint64_t i = 0; i < std::min(size, kMaxEnumerated); ++i) {
    TuneMove move{assignment_of(*input.declared, (start + i) % size), "random assignment", {}};
    if (is_usable(input, move.knobs)) return move;
  }
  return std::nullopt;
}

std::optional<TuneMove> neighbour_step(const TuneInput& input, Rng& rng) {
  CHECK(input.declared != nullptr && input.parent != nullptr && input.tried != nullptr);
  const KnobValues parent = declared_values(input);
  std::vector<TuneMove> moves;
  for (const DeclaredKnob& knob : *input.declared) {
    if (knob.values.empty()) continue;
    const size_t at = place_of(knob, parent);
    for (const size_t to : {at + 1, at - 1}) {  // below the first one: past the end, too
      if (to >= knob.values.size()) continue;
      TuneMove move{parent, {}, {}};
      move.knobs[knob.name] = knob.values[to];
      move.note = fmt::format("neighbour: {} {} -> {}", knob.name, knob.values[at], knob.values[to]);
      if (is_usable(input, move.knobs)) moves.push_back(std::move(move));
    }
  }
  if (moves.empty()) return std::nullopt;
  return std::move(moves[rng.below(moves.size())]);
}

}  // namespace warpwright::search
