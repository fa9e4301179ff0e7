#include "src/search/tune.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "src/base/check.h"
#include "src/search/state.h"

namespace warpwright::search {
namespace {

using events::DeclaredKnob;

// Shares of the three moves; what is left restarts at random.
constexpr double kNeighbourShare = 0.6;
constexpr double kCrossoverShare = 0.25;
constexpr int kDraws = 32;

// Place of a value in its knob's declared order; an unknown value counts as the default.
size_t place_of(const DeclaredKnob& knob, const KnobValues& knobs) {
  auto find = [&](const std::string& value) {
    return std::find(knob.values.begin(), knob.values.end(), value);
  };
  auto it = knobs.find(knob.name);
  auto place = it == knobs.end() ? knob.values.end() : find(it->second);
  if (place == knob.values.end()) place = find(knob.default_value);
  return place == knob.values.end() ? 0 : static_cast<size_t>(place - knob.values.begin());
}

class Tuner {
 public:
  Tuner(const TuneInput& input, Rng& rng) : input_(input), rng_(rng) {
    for (const DeclaredKnob& knob : *input.declared) {
      if (!knob.values.empty()) knobs_.push_back(&knob);
      if (knob.values.size() > 1) movable_.push_back(&knob);
    }
    for (const DeclaredKnob* knob : knobs_)
      parent_[knob->name] = knob->values[place_of(*knob, *input.parent)];
  }

  std::optional<TuneMove> run() {
    const uint64_t size = space_size(*input_.declared);
    if (movable_.empty() || input_.tried->size() >= size) return std::nullopt;
    for (int draw = 0; draw < kDraws; ++draw) {
      TuneMove move = draw_move();
      if (!usable(move.knobs)) continue;
      if (changed_ != nullptr) move.note = note_on(*changed_, move.knobs);
      return move;
    }
    return enumerate(size);
  }

 private:
  bool usable(const KnobValues& knobs) const {
    return !input_.tried->contains(canonical_knobs(knobs)) && (!input_.accepts || input_.accepts(knobs));
  }

  // Only of the move that is made: many are drawn in vain.
  std::string note_on(const DeclaredKnob& knob, const KnobValues& knobs) const {
    return fmt::format("neighbour: {} {} -> {}", knob.name, parent_.at(knob.name), knobs.at(knob.name));
  }

  TuneMove draw_move() {
    changed_ = nullptr;
    const double share = rng_.uniform();
    if (share < kNeighbourShare) return neighbour();
    if (share < kNeighbourShare + kCrossoverShare && !input_.mates.empty()) return crossover();
    return restart();
  }

  TuneMove neighbour() {
    const DeclaredKnob& knob = *movable_[rng_.below(movable_.size())];
    const size_t at = place_of(knob, parent_);
    const bool up = at == 0 || (at + 1 < knob.values.size() && rng_.below(2) == 1);
    TuneMove move{parent_, {}, {}};
    move.knobs[knob.name] = knob.values[up ? at + 1 : at - 1];
    changed_ = &knob;
    return move;
  }

  TuneMove crossover() {
    const Mate& mate = input_.mates[rng_.below(input_.mates.size())];
    TuneMove move{parent_, fmt::format("crossover with {}", events::format_candidate_id(mate.id)), mate.id};
    for (const DeclaredKnob* knob : knobs_)
      if (rng_.below(2) == 1) move.knobs[knob->name] = knob->values[place_of(*knob, mate.knobs)];
    return move;
  }

  TuneMove restart() {
    TuneMove move{{}, "random restart", {}};
    for (const DeclaredKnob* knob : knobs_)
      move.knobs[knob->name] = knob->values[rng_.below(knob->values.size())];
    return move;
  }

  // Every assignment in a fixed order from a random place, as the digits of a number in a mixed radix.
  std::optional<TuneMove> enumerate(uint64_t size) {
    const uint64_t start = rng_.below(size);
    for (uint64_t i = 0; i < std::min(size, kMaxEnumerated); ++i) {
      uint64_t number = (start + i) % size;
      TuneMove move{{}, "enumeration", {}};
      for (const DeclaredKnob* knob : knobs_) {
        move.knobs[knob->name] = knob->values[number % knob->values.size()];
        number /= knob->values.size();
      }
      if (usable(move.knobs)) return move;
    }
    return std::nullopt;
  }

  const TuneInput& input_;
  Rng& rng_;
  std::vector<const DeclaredKnob*> knobs_;    // with values
  std::vector<const DeclaredKnob*> movable_;  // with more than one
  KnobValues parent_;                         // complete, declared values only
  const DeclaredKnob* changed_ = nullptr;     // by the move drawn last, if it is to a neighbour
};

}  // namespace

uint64_t space_size(const std::vector<DeclaredKnob>& declared) {
  constexpr uint64_t kMost = std::numeric_limits<uint64_t>::max() / 2;  // leaves room to add an offset
  uint64_t size = 1;
  for (const DeclaredKnob& knob : declared) {
    const uint64_t values = std::max<uint64_t>(knob.values.size(), 1);
    if (size > kMost / values) return kMost;
    size *= values;
  }
  return size;
}

std::optional<TuneMove> tune(const TuneInput& input, Rng& rng) {
  CHECK(input.declared != nullptr && input.parent != nullptr && input.tried != nullptr);
  return Tuner(input, rng).run();
}

}  // namespace warpwright::search
