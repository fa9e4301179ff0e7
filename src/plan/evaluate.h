// Evaluates checked expressions: 64-bit integers with every overflow caught, doubles that stay finite.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "src/plan/ast.h"
#include "src/plan/diagnostics.h"
#include "src/plan/plan.h"

namespace warpwright::plan {

struct Value {
  Type type = Type::kInt;
  int64_t integer = 0;  // kInt; kBool: 0 or 1
  double number = 0;    // kFloat

  double as_number() const { return type == Type::kFloat ? number : static_cast<double>(integer); }
};

class Evaluator {
 public:
  // Borrows everything. `inputs` gives axes, scalars, presence and device; constant axes come from the
  // definition.
  Evaluator(const trace::Definition& definition, const BindInputs& inputs, Diagnostics& diagnostics)
      : definition_(definition), inputs_(inputs), diagnostics_(diagnostics) {}

  void set(const std::string& name, Value value) { values_[name] = value; }  // a const or knob

  // None: an error stands in the diagnostics.
  std::optional<Value> evaluate(const Expression& expression);
  std::optional<int64_t> integer(const Expression& expression);
  std::optional<bool> condition(const Expression& expression);
  bool is_present(const std::string& input) const;
  // "split<16>", what NVRTC instantiates.
  std::optional<std::string> name_expression(const KernelName& kernel);

 private:
  using Maybe = std::optional<Value>;
  Maybe evaluate(const Expression& at, const Literal& literal);
  Maybe evaluate(const Expression& at, const Name& name);
  Maybe evaluate(const Expression& at, const Unary& unary);
  Maybe evaluate(const Expression& at, const Binary& binary);
  Maybe evaluate(const Expression& at, const Conditional& conditional);
  Maybe evaluate(const Expression& at, const Call& call);
  Maybe evaluate(const Expression& at, const CastTo& cast);
  Maybe evaluate(const Expression& at, const Has& has);
  Maybe evaluate(const Expression& at, const ResidentBlocks& node);
  Maybe logic(const Binary& binary);
  Maybe integer_operation(const Expression& at, Operator op, int64_t a, int64_t b);
  Maybe shift(const Expression& at, Operator op, int64_t a, int64_t b);
  Maybe divide(const Expression& at, Operator op, int64_t a, int64_t b);
  Maybe float_operation(const Expression& at, Operator op, double a, double b);
  Maybe round(const Expression& at, Function function, int64_t a, int64_t b);
  Maybe axis(const Expression& at, const std::string& name);
  Maybe scalar(const Expression& at, const std::string& name, Type type);
  Maybe fail(const Expression& at, std::string message);

  const trace::Definition& definition_;
  const BindInputs& inputs_;
  Diagnostics& diagnostics_;
  std::map<std::string, Value> values_;
};

}  // namespace warpwright::plan
