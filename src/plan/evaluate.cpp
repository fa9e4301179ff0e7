#include "src/plan/evaluate.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>

namespace warpwright::plan {
namespace {

constexpr double kLog2E = 1.4426950408889634074;  // log2(e)
constexpr double kTwoTo63 = 9223372036854775808.0;

Value integer_value(int64_t integer) {
  return {Type::kInt, integer, 0};
}
Value bool_value(bool value) {
  return {Type::kBool, value ? 1 : 0, 0};
}
Value float_value(double number) {
  return {Type::kFloat, 0, number};
}

Value convert(Value value, Type type) {
  return type == Type::kFloat && value.type == Type::kInt ? float_value(value.as_number()) : value;
}

template <class T>
bool compare(Operator op, T a, T b) {
  if (op == Operator::kLess) return a < b;
  if (op == Operator::kLessEqual) return a <= b;
  if (op == Operator::kGreater) return a > b;
  if (op == Operator::kGreaterEqual) return a >= b;
  return (a == b) == (op == Operator::kEqual);
}

bool is_relation(Operator op) {
  return op >= Operator::kLess && op <= Operator::kNotEqual;
}

}  // namespace

std::optional<Value> Evaluator::fail(const Expression& at, std::string message) {
  diagnostics_.error(at.at, std::move(message));
  return std::nullopt;
}

std::optional<Value> Evaluator::evaluate(const Expression& expression) {
  return std::visit([&](const auto& node) { return evaluate(expression, node); }, expression.node);
}

std::optional<int64_t> Evaluator::integer(const Expression& expression) {
  const Maybe value = evaluate(expression);
  return value ? std::optional(value->integer) : std::nullopt;
}

std::optional<bool> Evaluator::condition(const Expression& expression) {
  const Maybe value = evaluate(expression);
  return value ? std::optional(value->integer != 0) : std::nullopt;
}

std::optional<Value> Evaluator::evaluate(const Expression& at, const Literal& literal) {
  return Value{at.type, literal.integer, literal.number};
}

std::optional<Value> Evaluator::evaluate(const Expression& at, const Name& name) {
  switch (name.kind) {
    case NameKind::kAxis:
      return axis(at, name.name);
    case NameKind::kScalar:
      return scalar(at, name.name, at.type);
    case NameKind::kArch:
      return integer_value(inputs_.device.arch);
    case NameKind::kSmCount:
      return integer_value(inputs_.device.sm_count);
    case NameKind::kLog2e:
      return float_value(kLog2E);
    case NameKind::kConstant:
    case NameKind::kKnob:
      break;
  }
  const auto found = values_.find(name.name);
  if (found == values_.end()) return fail(at, fmt::format("'{}' has no value", name.name));
  return found->second;
}

std::optional<Value> Evaluator::axis(const Expression& at, const std::string& name) {
  const trace::Axis* found = definition_.find_axis(name);
  if (found != nullptr && found->is_constant) return integer_value(found->value);
  const auto given = inputs_.axes.find(name);
  if (given == inputs_.axes.end())
    return fail(at, fmt::format("axis '{}' has no value in this workload", name));
  return integer_value(given->second);
}

std::optional<Value> Evaluator::scalar(const Expression& at, const std::string& name, Type type) {
  const auto given = inputs_.scalars.find(name);
  if (given == inputs_.scalars.end()) {
    return fail(at, fmt::format("scalar '{}' has no value in this workload", name));
  }
  const double number = given->second;
  if (type == Type::kFloat) return float_value(number);
  if (!(std::abs(number) < kTwoTo63) || number != std::trunc(number)) {
    return fail(at, fmt::format("scalar '{}' is {}, which is no integer", name, number));
  }
  if (type == Type::kBool) return bool_value(number != 0);
  return integer_value(static_cast<int64_t>(number));
}

std::optional<Value> Evaluator::evaluate(const Expression& at, const Unary& unary) {
  const Maybe operand = evaluate(*unary.operand);
  if (!operand) return std::nullopt;
  if (unary.op == Operator::kNot) return bool_value(operand->integer == 0);
  if (unary.op == Operator::kPlus) return operand;
  if (operand->type == Type::kFloat) return float_value(-operand->number);
  return integer_operation(at, Operator::kSubtract, 0, operand->integer);
}

std::optional<Value> Evaluator::logic(const Binary& binary) {
  const std::optional<bool> left = condition(*binary.left);
  if (!left) return std::nullopt;
  if (*left == (binary.op == Operator::kOr)) return bool_value(*left);
  const std::optional<bool> right = condition(*binary.right);
  return right ? Maybe(bool_value(*right)) : std::nullopt;
}

std::optional<Value> Evaluator::evaluate(const Expression& at, const Binary& binary) {
  if (binary.op == Operator::kAnd || binary.op == Operator::kOr) return logic(binary);
  const Maybe left = evaluate(*binary.left);
  const Maybe right = left ? evaluate(*binary.right) : std::nullopt;
  if (!left || !right) return std::nullopt;
  const bool floats = left->type == Type::kFloat || right->type == Type::kFloat;
  if (is_relation(binary.op)) {
    return bool_value(floats ? compare(binary.op, left->as_number(), right->as_number())
                             : compare(binary.op, left->integer, right->integer));
  }
  return floats ? float_operation(at, binary.op, left->as_number(), right->as_number())
                : integer_operation(at, binary.op, left->integer, right->integer);
}

std::optional<Value> Evaluator::integer_operation(const Expression& at, Operator op, int64_t a, int64_t b) {
  int64_t result = 0;
  bool overflow = false;
  if (op == Operator::kAdd) {
    overflow = __builtin_add_overflow(a, b, &result);
  } else if (op == Operator::kSubtract) {
    overflow = __builtin_sub_overflow(a, b, &result);
  } else if (op == Operator::kMultiply) {
    overflow = __builtin_mul_overflow(a, b, &result);
  } else if (op == Operator::kShiftLeft || op == Operator::kShiftRight) {
    return shift(at, op, a, b);
  } else {
    return divide(at, op, a, b);
  }
  if (overflow) return fail(at, fmt::format("{} {} {} overflows a 64-bit integer", a, to_string(op), b));
  return integer_value(result);
}

std::optional<Value> Evaluator::shift(const Expression& at, Operator op, int64_t a, int64_t b) {
  if (b < 0 || b > 62) return fail(at, fmt::format("{} {} {}: a shift is by 0 to 62", a, to_string(op), b));
  if (op == Operator::kShiftRight) return integer_value(a >> b);
  int64_t result = 0;
  if (__builtin_mul_overflow(a, int64_t{1} << b, &result)) {
    return fail(at, fmt::format("{} << {} overflows a 64-bit integer", a, b));
  }
  return integer_value(result);
}

std::optional<Value> Evaluator::divide(const Expression& at, Operator op, int64_t a, int64_t b) {
  if (b == 0) return fail(at, fmt::format("division by zero: {} {} 0", a, to_string(op)));
  if (b == -1) {  // the one division that can overflow
    if (op == Operator::kRemainder) return integer_value(0);
    return integer_operation(at, Operator::kSubtract, 0, a);
  }
  return integer_value(op == Operator::kDivide ? a / b : a % b);
}

std::optional<Value> Evaluator::float_operation(const Expression& at, Operator op, double a, double b) {
  if (op == Operator::kDivide && b == 0) return fail(at, fmt::format("division by zero: {} / {}", a, b));
  double result = 0;
  if (op == Operator::kAdd) result = a + b;
  if (op == Operator::kSubtract) result = a - b;
  if (op == Operator::kMultiply) result = a * b;
  if (op == Operator::kDivide) result = a / b;
  if (!std::isfinite(result)) return fail(at, fmt::format("{} {} {} is not finite", a, to_string(op), b));
  return float_value(result);
}

std::optional<Value> Evaluator::evaluate(const Expression&, const Conditional& conditional) {
  const std::optional<bool> condition_value = condition(*conditional.condition);
  if (!condition_value) return std::nullopt;
  const Expression& taken = *condition_value ? *conditional.if_true : *conditional.if_false;
  const Maybe value = evaluate(taken);
  const bool to_float =
      conditional.if_true->type == Type::kFloat || conditional.if_false->type == Type::kFloat;
  return value ? Maybe(convert(*value, to_float ? Type::kFloat : value->type)) : std::nullopt;
}

std::optional<Value> Evaluator::evaluate(const Expression& at, const Call& call) {
  Maybe result;
  for (const ExpressionPtr& argument : call.arguments) {
    Maybe value = evaluate(*argument);
    if (!value) return std::nullopt;
    value = convert(*value, at.type);
    if (!result) {
      result = value;
    } else if (call.function == Function::kMin || call.function == Function::kMax) {
      const bool less =
          at.type == Type::kFloat ? value->number < result->number : value->integer < result->integer;
      const bool greater =
          at.type == Type::kFloat ? value->number > result->number : value->integer > result->integer;
      if (call.function == Function::kMin ? less : greater) result = value;
    } else {
      result = round(at, call.function, result->integer, value->integer);
    }
  }
  return result;
}

std::optional<Value> Evaluator::round(const Expression& at, Function function, int64_t a, int64_t b) {
  if (a < 0 || b <= 0) {
    return fail(at, fmt::format("{}({}, {}): the first must not be negative, the second must be positive",
                                to_string(function), a, b));
  }
  const int64_t quotient = a / b + (a % b != 0 ? 1 : 0);
  if (function == Function::kCeilDiv) return integer_value(quotient);
  return integer_operation(at, Operator::kMultiply, quotient, b);
}

std::optional<Value> Evaluator::evaluate(const Expression& at, const CastTo& cast) {
  const Maybe operand = evaluate(*cast.operand);
  if (!operand) return std::nullopt;
  const double number = operand->as_number();
  if (cast.cast == Cast::kF64) return float_value(number);
  if (cast.cast == Cast::kF32) {
    const auto rounded = static_cast<double>(static_cast<float>(number));
    if (std::isfinite(number) && !std::isfinite(rounded)) {
      return fail(at, fmt::format("{} does not fit in a float: pass f64(...) and take a double", number));
    }
    return float_value(rounded);
  }
  int64_t integer = operand->integer;
  if (operand->type == Type::kFloat) {
    if (!(number > -kTwoTo63 && number < kTwoTo63)) {
      return fail(at, fmt::format("{} does not fit in a 64-bit integer", number));
    }
    integer = static_cast<int64_t>(number);
  }
  if (cast.cast == Cast::kI32 && integer != static_cast<int32_t>(integer)) {
    return fail(at, fmt::format("{} does not fit in an int: pass i64(...) and take a long long", integer));
  }
  return integer_value(integer);
}

bool Evaluator::is_present(const std::string& input) const {
  const auto given = inputs_.present.find(input);
  return given == inputs_.present.end() || given->second;
}

std::optional<Value> Evaluator::evaluate(const Expression&, const Has& has) {
  return bool_value(is_present(has.input));
}

std::optional<std::string> Evaluator::name_expression(const KernelName& kernel) {
  if (kernel.template_arguments.empty()) return kernel.name;
  std::vector<std::string> texts;
  for (const TemplateArgument& argument : kernel.template_arguments) {
    if (argument.value == nullptr) {
      texts.push_back(argument.type);
      continue;
    }
    const Maybe value = evaluate(*argument.value);
    if (!value) return std::nullopt;
    texts.push_back(value->type == Type::kBool ? (value->integer != 0 ? "true" : "false")
                                               : fmt::format("{}", value->integer));
  }
  return fmt::format("{}<{}>", kernel.name, fmt::join(texts, ", "));
}

std::optional<Value> Evaluator::evaluate(const Expression& at, const ResidentBlocks& node) {
  const std::optional<int64_t> threads = integer(*node.threads);
  const std::optional<int64_t> shared_bytes = integer(*node.shared_bytes);
  std::optional<std::string> kernel = name_expression(node.kernel);
  if (!threads || !shared_bytes || !kernel) return std::nullopt;
  if (!node.kernel.unit.empty()) kernel = node.kernel.unit + "::" + *kernel;
  if (*threads < 1 || *threads > 1024 || *shared_bytes < 0) {
    return fail(
        at, fmt::format("resident_blocks({}, {}, {}): a block has 1 to 1024 threads and no negative shared "
                        "memory",
                        *kernel, *threads, *shared_bytes));
  }
  if (!inputs_.device.resident_blocks) {
    return fail(
        at, fmt::format("resident_blocks({}, ...) is not known here: it needs the compiled kernel", *kernel));
  }
  const std::optional<int64_t> blocks = inputs_.device.resident_blocks(*kernel, *threads, *shared_bytes);
  if (!blocks)
    return fail(at, fmt::format("resident_blocks: there is no kernel '{}' in the device code", *kernel));
  return integer_operation(at, Operator::kMultiply, *blocks, inputs_.device.sm_count);
}

}  // namespace warpwright::plan
