// Every expression and every kernel name of a syntax tree.
#pragma once

#include <functional>

#include "src/plan/ast.h"

namespace warpwright::plan {

struct Visitor {
  std::function<void(const Expression&)> expression;  // parents before their operands
  std::function<void(const KernelName&)> kernel;
};

void walk(const Block& block, const Visitor& visitor);
void walk(const Statement& statement, const Visitor& visitor);

}  // namespace warpwright::plan
