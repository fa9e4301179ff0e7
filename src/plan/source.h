// Where the plan and the units stand in a candidate's file, for who takes the file apart (compose.h).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "src/plan/plan.h"

namespace warpwright::plan {

struct UnitLine {
  std::string name;
  Position at;
  size_t offset = 0;  // of the line's first character
};

struct SourceLayout {
  size_t plan_begin = 0, plan_end = 0;  // of the plan's comment, with its /* and */
  std::vector<UnitLine> units;          // in order; empty: the file is one unnamed unit
};

// Errors: as split_source.
Checked<SourceLayout> layout_of(std::string_view source);

}  // namespace warpwright::plan
