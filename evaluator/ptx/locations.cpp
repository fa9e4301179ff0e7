#include "evaluator/ptx/locations.h"

namespace warpwright::ptx {

SourceLocation Locations::add(const Position& position) {
  return keep(position, {{position.file, position.line}, position.file});
}

SourceLocation Locations::add(const Position& position, const Position& caller) {
  const auto found = known_.find({caller.file, caller.line, caller.column});
  Known known = found != known_.end() ? found->second : Known{{caller.file, caller.line}, caller.file};
  if (position.file == known.user_file) known.location = {position.file, position.line};
  return keep(position, known);
}

SourceLocation Locations::keep(const Position& position, const Known& known) {
  known_.insert_or_assign({position.file, position.line, position.column}, known);
  return known.location;
}

}  // namespace warpwright::ptx
