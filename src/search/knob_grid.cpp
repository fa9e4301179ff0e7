#include "src/search/knob_grid.h"

#include <fmt/format.h>

#include <algorithm>

namespace warpwright::search {
namespace {

constexpr size_t kMaxPlaces = 256;  // of one knob; what is declared beyond is not looked at

size_t place_in(const events::DeclaredKnob& knob, const std::string& value, size_t otherwise) {
  const auto found = std::find(knob.values.begin(), knob.values.end(), value);
  return found == knob.values.end() ? otherwise : static_cast<size_t>(found - knob.values.begin());
}

}  // namespace

KnobGrid::KnobGrid(const std::vector<events::DeclaredKnob>& declared) {
  for (const events::DeclaredKnob& knob : declared) {
    if (knob.values.empty()) continue;
    if (knob.values.size() == 1) {
      fixed_[knob.name] = knob.values.front();
      continue;
    }
    axes_.push_back(knob);
    if (axes_.back().values.size() > kMaxPlaces) axes_.back().values.resize(kMaxPlaces);
    sizes_.push_back(axes_.back().values.size());
    defaults_.push_back(static_cast<uint8_t>(place_in(axes_.back(), knob.default_value, 0)));
  }
}

Places KnobGrid::places_of(const KnobValues& knobs) const {
  Places places = defaults_;
  for (size_t i = 0; i < axes_.size(); ++i)
    if (const auto value = knobs.find(axes_[i].name); value != knobs.end())
      places[i] = static_cast<uint8_t>(place_in(axes_[i], value->second, defaults_[i]));
  return places;
}

KnobValues KnobGrid::values_at(const Places& places) const {
  KnobValues values = fixed_;
  for (size_t i = 0; i < axes_.size(); ++i) values[axes_[i].name] = axes_[i].values[places[i]];
  return values;
}

std::string KnobGrid::changes(const Places& from, const Places& to) const {
  std::string text;
  for (size_t i = 0; i < axes_.size(); ++i) {
    if (from[i] == to[i]) continue;
    text += fmt::format("{}{} {} -> {}", text.empty() ? "" : ", ", axes_[i].name, axes_[i].values[from[i]],
                        axes_[i].values[to[i]]);
  }
  return text;
}

}  // namespace warpwright::search
