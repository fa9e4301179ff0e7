#include "src/plan/requirements.h"

#include <algorithm>

#include "src/plan/binder.h"
#include "src/plan/walk.h"

namespace warpwright::plan {
namespace {

bool mark(Block& block);

bool has_requirement(Statement& statement) {
  if (auto* branches = std::get_if<If>(&statement.node)) {
    const bool in_then = mark(branches->then_block);
    return mark(branches->else_block) || in_then;
  }
  return std::holds_alternative<Require>(statement.node);
}

bool mark(Block& block) {
  for (size_t i = 0; i < block.statements.size(); ++i)
    if (has_requirement(block.statements[i])) block.requirements_end = i + 1;
  return block.requirements_end > 0;
}

bool varies(const Expression& expression, const trace::Definition& definition) {
  if (std::holds_alternative<Has>(expression.node) || std::holds_alternative<ResidentBlocks>(expression.node))
    return true;
  const auto* name = std::get_if<Name>(&expression.node);
  if (name == nullptr) return false;
  if (name->kind != NameKind::kAxis) return name->kind == NameKind::kScalar;
  const trace::Axis* axis = definition.find_axis(name->name);
  return axis == nullptr || !axis->is_constant;
}

// What reads buffers, or branches, counts as varying: `require` hardly ever stands behind such a statement.
bool varies(const Statement& statement, const trace::Definition& definition) {
  if (std::holds_alternative<Tune>(statement.node)) return false;
  if (!std::holds_alternative<Require>(statement.node) && !std::holds_alternative<Constant>(statement.node) &&
      !std::holds_alternative<Workspace>(statement.node))
    return true;
  bool found = false;
  Visitor visitor;
  visitor.expression = [&](const Expression& e) { found = found || varies(e, definition); };
  walk(statement, visitor);
  return found;
}

}  // namespace

void mark_requirements(Ast& ast, const trace::Definition& definition) {
  mark(ast.body);
  const auto begin = ast.body.statements.begin();
  ast.requirements_vary =
      std::any_of(begin, begin + static_cast<std::ptrdiff_t>(ast.body.requirements_end),
                  [&](const Statement& statement) { return varies(statement, definition); });
}

bool meets_requirements(const Plan& plan, const trace::Definition& definition,
                        const std::vector<BindInputs>& workloads, const KnobValues& knobs) {
  const Ast& ast = plan.ast();
  if (ast.body.requirements_end == 0) return true;
  const auto begin = workloads.begin();
  const auto end = ast.requirements_vary || workloads.empty() ? workloads.end() : begin + 1;
  return std::none_of(begin, end, [&](const BindInputs& inputs) {
    Diagnostics diagnostics;
    return Binder(definition, inputs, knobs, diagnostics).violates_requirement(ast);
  });
}

}  // namespace warpwright::plan
