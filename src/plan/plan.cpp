#include "src/plan/plan.h"

#include <fmt/format.h>

#include "src/plan/ast.h"
#include "src/plan/binder.h"
#include "src/plan/checker.h"
#include "src/plan/diagnostics.h"
#include "src/plan/evaluate.h"
#include "src/plan/lexer.h"
#include "src/plan/parser.h"
#include "src/plan/requirements.h"

namespace warpwright::plan {
namespace {

Result<Value> evaluate_over_axes(std::string_view expression, const trace::Definition& definition,
                                 const trace::Axes& axes, std::string_view where, Type wanted,
                                 std::string_view what) {
  Diagnostics diagnostics;
  const auto failure = [&] {
    const Diagnostic first = diagnostics.take().front();
    return usage_error(fmt::format("{}: column {}: {}", where, first.at.column, first.message));
  };
  if (expression.size() > kMaxPlanBytes)
    return usage_error(fmt::format("{}: longer than {} KiB", where, kMaxPlanBytes >> 10));
  Parser parser(tokenize(expression, {1, 1}, diagnostics), diagnostics);
  const Parsed<ExpressionPtr> parsed = parser.parse_whole_expression();
  if (!diagnostics.empty()) return failure();
  if (!Checker(definition, {}, diagnostics).check_over_axes(**parsed, wanted, what)) return failure();
  BindInputs inputs;
  inputs.axes = axes;
  const std::optional<Value> value = Evaluator(definition, inputs, diagnostics).evaluate(**parsed);
  if (!value) return failure();
  return *value;
}

}  // namespace

const std::vector<Knob>& Plan::knobs() const {
  return ast_->knobs;
}

Checked<Plan> parse_plan(const CandidateSource& source, const trace::Definition& definition) {
  if (source.plan_text.size() > kMaxPlanBytes) {
    return one_diagnostic(source.plan_at, fmt::format("the plan is longer than {} KiB", kMaxPlanBytes >> 10));
  }
  Diagnostics diagnostics;
  Parser parser(tokenize(source.plan_text, source.plan_at, diagnostics), diagnostics);
  auto ast = std::make_shared<Ast>(parser.parse_plan());
  // Names are only worth checking in a plan that parses: a statement left out would be missed everywhere.
  if (diagnostics.empty()) {
    std::vector<std::string> units;
    for (const Unit& unit : source.units) units.push_back(unit.name);
    Checker(definition, std::move(units), diagnostics).check_plan(*ast, source.plan_at);
  }
  if (!diagnostics.empty()) return tl::unexpected(diagnostics.take());
  mark_requirements(*ast, definition);
  return Plan(std::move(ast));
}

Checked<BoundPlan> bind(const Plan& plan, const trace::Definition& definition, const BindInputs& inputs) {
  Diagnostics diagnostics;
  BoundPlan bound = Binder(definition, inputs, inputs.knobs, diagnostics).run(plan.ast());
  if (!diagnostics.empty()) return tl::unexpected(diagnostics.take());
  return bound;
}

bool violates_requirement(const Plan& plan, const trace::Definition& definition, const BindInputs& inputs) {
  Diagnostics diagnostics;
  return Binder(definition, inputs, inputs.knobs, diagnostics).violates_requirement(plan.ast());
}

Result<bool> evaluate_condition(std::string_view expression, const trace::Definition& definition,
                                const trace::Axes& axes, std::string_view where) {
  TRY_ASSIGN(const Value value,
             evaluate_over_axes(expression, definition, axes, where, Type::kBool, "a condition"));
  return value.integer != 0;
}

Result<int64_t> evaluate_integer(std::string_view expression, const trace::Definition& definition,
                                 const trace::Axes& axes, std::string_view where) {
  TRY_ASSIGN(const Value value,
             evaluate_over_axes(expression, definition, axes, where, Type::kInt, "a count"));
  return value.integer;
}

}  // namespace warpwright::plan
