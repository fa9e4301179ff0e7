// The entry function's signature (destination passing style) and its start: axes from the tensors' shapes,
// checks of every tensor, scalars and knobs.
#pragma once

#include <string>

#include "src/base/result.h"
#include "src/contract/evaluation.h"
#include "src/plan/ast.h"
#include "src/trace/definition.h"

namespace warpwright::exporter {

struct EntryText {
  std::string signature;  // up to and including the opening brace
  std::string prologue;
};

// Usage error: an axis that no tensor carries, a data type that DLPack does not have.
Result<EntryText> entry_source(const plan::Ast& ast, const trace::Definition& definition,
                               const KnobValues& knobs);

}  // namespace warpwright::exporter
