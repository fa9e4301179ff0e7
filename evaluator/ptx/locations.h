// Which line of the user's source an instruction belongs to. `.loc` names the innermost position, which for
// inlined library code is a line of a header; what a user can act on is the line that called it.
#pragma once

#include <map>
#include <tuple>

#include "evaluator/ptx/module.h"

namespace warpwright::ptx {

// The positions of one function, in the order of their `.loc` directives. A compiler writes a caller's
// position before those of what was inlined there.
class Locations {
 public:
  struct Position {
    int file = 0, line = 0, column = 0;
  };

  // Of a position without inlined_at: the position itself, and its file is the user's.
  SourceLocation add(const Position& position);
  // Of a position inlined at `caller`: itself if it lies in the user's file, else where its caller lies.
  SourceLocation add(const Position& position, const Position& caller);

 private:
  struct Known {
    SourceLocation location;
    int user_file = 0;
  };
  SourceLocation keep(const Position& position, const Known& known);

  std::map<std::tuple<int, int, int>, Known> known_;
};

}  // namespace warpwright::ptx
