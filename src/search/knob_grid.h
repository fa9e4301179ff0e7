// The knobs of a source that can move, as a grid: an assignment is a place on every axis.
#pragma once

#include <vector>

#include "src/events/event.h"
#include "src/search/knob_model.h"

namespace warpwright::search {

class KnobGrid {
 public:
  explicit KnobGrid(const std::vector<events::DeclaredKnob>& declared);

  const std::vector<size_t>& sizes() const { return sizes_; }  // above 1 each; empty: nothing can move
  const Places& defaults() const { return defaults_; }
  // A value that is not declared counts as the default.
  Places places_of(const KnobValues& knobs) const;
  KnobValues values_at(const Places& places) const;  // complete: knobs that cannot move, too
  // "SPLITS 8 -> 16, WARPS 2 -> 4"
  std::string changes(const Places& from, const Places& to) const;

 private:
  std::vector<events::DeclaredKnob> axes_;
  KnobValues fixed_;
  std::vector<size_t> sizes_;
  Places defaults_;
};

}  // namespace warpwright::search
