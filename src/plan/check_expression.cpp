// Types of expressions.
#include <fmt/format.h>

#include <algorithm>

#include "src/plan/checker.h"
#include "src/plan/names.h"

namespace warpwright::plan {
namespace {

std::string mend(Type got, Type wanted, bool integer_division) {
  if (wanted == Type::kBool) return got == Type::kInt ? "; write != 0" : "";
  if (got == Type::kBool) return wanted == Type::kInt ? "; write condition ? 1 : 0" : "";
  return integer_division ? "; write i64(...), or ceil_div for a count" : "; write i64(...)";
}

bool is_comparison(Operator op) {
  return op == Operator::kLess || op == Operator::kLessEqual || op == Operator::kGreater ||
         op == Operator::kGreaterEqual;
}
bool is_equality(Operator op) {
  return op == Operator::kEqual || op == Operator::kNotEqual;
}
bool is_logic(Operator op) {
  return op == Operator::kAnd || op == Operator::kOr;
}
bool takes_integers(Operator op) {
  return op == Operator::kRemainder || op == Operator::kShiftLeft || op == Operator::kShiftRight;
}

}  // namespace

bool Checker::fail(Position at, std::string message) {
  diagnostics_.error(at, std::move(message));
  return false;
}

const Checker::Symbol* Checker::find(const std::string& name) const {
  const auto found = symbols_.find(name);
  return found == symbols_.end() ? nullptr : &found->second;
}

// `buffers`: the place takes a tensor or workspace.
void Checker::report_unknown(const std::string& name, Position at, bool buffers) {
  if (const auto ended = declared_before_.find(name); ended != declared_before_.end()) {
    return diagnostics_.error(
        at, fmt::format("'{}' of line {} ended with its block: declare it before the block", name,
                        ended->second.line));
  }
  if (const auto later = declarations_.find(name); later != declarations_.end()) {
    return diagnostics_.error(
        at, fmt::format("'{}' is used before its declaration on line {}", name, later->second.line));
  }
  std::vector<std::string> known;
  for (const auto& [text, symbol] : symbols_) known.push_back(text);
  if (!axes_only_ && !buffers) known.insert(known.end(), {"arch", "sm_count", "log2e"});
  const std::string near = did_you_mean(name, known);
  std::vector<std::string> choices;
  for (const auto& [text, symbol] : symbols_) {
    const bool is_buffer = symbol.kind == SymbolKind::kInput || symbol.kind == SymbolKind::kOutput ||
                           symbol.kind == SymbolKind::kWorkspace;
    if (is_buffer == buffers && symbol.kind != SymbolKind::kBroken) choices.push_back(text);
  }
  diagnostics_.error(
      at, fmt::format("unknown name '{}'{}", name,
                      near.empty() ? fmt::format("; known here: {}", fmt::join(choices, " ")) : near));
}

bool Checker::check(Expression& expression) {
  return std::visit(
      [&](auto& node) {
        using Node = std::decay_t<decltype(node)>;
        if constexpr (std::is_same_v<Node, Literal>) {
          return true;  // typed by the parser
        } else {
          return check(expression, node);
        }
      },
      expression.node);
}

bool Checker::check_as(ExpressionPtr& expression, Type wanted, std::string_view what) {
  if (!check(*expression)) return false;
  const Type got = expression->type;
  if (got == wanted || (got == Type::kInt && wanted == Type::kFloat)) return true;
  return fail(expression->at, fmt::format("{} must be {}, not {}{}", what, to_string(wanted), to_string(got),
                                          mend(got, wanted, true)));
}

bool Checker::check(Expression& expression, Name& name) {
  if (!axes_only_) {
    if (name.name == "arch" || name.name == "sm_count") {
      name.kind = name.name == "arch" ? NameKind::kArch : NameKind::kSmCount;
      expression.type = Type::kInt;
      return true;
    }
    if (name.name == "log2e") {
      name.kind = NameKind::kLog2e;
      expression.type = Type::kFloat;
      return true;
    }
  }
  const Symbol* symbol = find(name.name);
  if (symbol == nullptr) {
    report_unknown(name.name, expression.at, false);
    return false;
  }
  expression.type = symbol->type;
  const char* kind = "";
  switch (symbol->kind) {
    case SymbolKind::kAxis:
      name.kind = NameKind::kAxis;
      return true;
    case SymbolKind::kScalar:
      name.kind = NameKind::kScalar;
      return true;
    case SymbolKind::kConstant:
      name.kind = NameKind::kConstant;
      return true;
    case SymbolKind::kKnob:
      name.kind = NameKind::kKnob;
      return true;
    case SymbolKind::kBroken:
      return false;
    case SymbolKind::kInput:
    case SymbolKind::kOutput:
      kind = "a tensor";
      break;
    case SymbolKind::kWorkspace:
      kind = "a workspace";
      break;
    case SymbolKind::kTensorMap:
      kind = "a tensor map";
      break;
  }
  return fail(expression.at,
              fmt::format("'{}' is {}, not a number: expressions use axes, consts, knobs and scalar inputs",
                          name.name, kind));
}

bool Checker::check(Expression& expression, Unary& unary) {
  if (!check(*unary.operand)) return false;
  const Type type = unary.operand->type;
  expression.type = type;
  const bool wants_bool = unary.op == Operator::kNot;
  if (wants_bool == (type == Type::kBool)) return true;
  return fail(expression.at, wants_bool ? fmt::format("! takes a bool, not {}; write x == 0", to_string(type))
                                        : fmt::format("{} takes a number, not bool", to_string(unary.op)));
}

bool Checker::check(Expression& expression, Binary& binary) {
  const bool left_ok = check(*binary.left);
  if (!check(*binary.right) || !left_ok) return false;
  const Type left = binary.left->type, right = binary.right->type;
  const Operator op = binary.op;
  const bool numbers = left != Type::kBool && right != Type::kBool;
  const std::string_view sign = to_string(op);
  expression.type = Type::kBool;
  if (is_logic(op)) {
    if (left == Type::kBool && right == Type::kBool) return true;
    const Type other = left == Type::kBool ? right : left;
    return fail(expression.at, fmt::format("{} takes two bools, not {}{}", sign, to_string(other),
                                           mend(other, Type::kBool, false)));
  }
  if (is_equality(op)) {
    if (numbers || left == right) return true;
    return fail(expression.at,
                fmt::format("{} compares {} with {}", sign, to_string(left), to_string(right)));
  }
  if (is_comparison(op)) {
    if (numbers) return true;
    const auto* inner = std::get_if<Binary>(&binary.left->node);
    const bool chained = inner != nullptr && is_comparison(inner->op);
    return fail(expression.at, fmt::format("{} takes two numbers, not bool{}", sign,
                                           chained ? "; write a < b && b < c" : ""));
  }
  if (!numbers)
    return fail(expression.at, fmt::format("{} takes two numbers, not bool; write b ? 1 : 0", sign));
  expression.type = left == Type::kFloat || right == Type::kFloat ? Type::kFloat : Type::kInt;
  if (takes_integers(op) && expression.type == Type::kFloat) {
    return fail(expression.at, fmt::format("{} takes two ints, not float; write i64(...)", sign));
  }
  return true;
}

bool Checker::check(Expression& expression, Conditional& conditional) {
  const bool condition_ok = check_as(conditional.condition, Type::kBool, "the condition of ?:");
  const bool true_ok = check(*conditional.if_true);
  if (!check(*conditional.if_false) || !true_ok || !condition_ok) return false;
  const Type a = conditional.if_true->type, b = conditional.if_false->type;
  if ((a == Type::kBool) != (b == Type::kBool)) {
    return fail(expression.at, fmt::format("the two values of ?: are {} and {}: they need one type",
                                           to_string(a), to_string(b)));
  }
  expression.type = a == b ? a : Type::kFloat;
  return true;
}

bool Checker::check(Expression& expression, Call& call) {
  const bool integers = call.function == Function::kCeilDiv || call.function == Function::kRoundUp;
  expression.type = Type::kInt;
  bool ok = true;
  for (ExpressionPtr& argument : call.arguments) {
    if (!check(*argument)) {
      ok = false;
      continue;
    }
    if (argument->type == Type::kBool || (integers && argument->type == Type::kFloat)) {
      ok = fail(argument->at, fmt::format("{} takes {}, not {}", to_string(call.function),
                                          integers ? "two ints" : "numbers", to_string(argument->type)));
    }
    if (argument->type == Type::kFloat) expression.type = Type::kFloat;
  }
  return ok;
}

bool Checker::check(Expression& expression, CastTo& cast) {
  if (!check(*cast.operand)) return false;
  expression.type = cast.cast == Cast::kI32 || cast.cast == Cast::kI64 ? Type::kInt : Type::kFloat;
  if (cast.operand->type != Type::kBool) return true;
  return fail(expression.at,
              fmt::format("{} takes a number, not bool; write condition ? 1 : 0", to_string(cast.cast)));
}

bool Checker::check(Expression& expression, Has& has) {
  expression.type = Type::kBool;
  if (axes_only_) return fail(expression.at, "has(...) cannot be used here: only axes are known");
  if (definition_.find_input(has.input) != nullptr) return true;
  std::vector<std::string> inputs;
  for (const trace::Tensor& input : definition_.inputs) inputs.push_back(input.name);
  const std::string near = did_you_mean(has.input, inputs);
  return fail(expression.at,
              fmt::format("has({}): there is no such input{}", has.input,
                          near.empty() ? fmt::format("; inputs are {}", fmt::join(inputs, " ")) : near));
}

bool Checker::check(Expression& expression, ResidentBlocks& node) {
  expression.type = Type::kInt;
  if (axes_only_) return fail(expression.at, "resident_blocks cannot be used here: only axes are known");
  const bool kernel_ok = check_kernel(node.kernel);
  const bool threads_ok = check_as(node.threads, Type::kInt, "the threads of resident_blocks");
  return check_as(node.shared_bytes, Type::kInt, "the shared bytes of resident_blocks") && threads_ok &&
         kernel_ok;
}

bool Checker::check_kernel(KernelName& kernel) {
  bool ok = true;
  for (TemplateArgument& argument : kernel.template_arguments) {
    if (argument.value == nullptr) continue;
    const auto* name = std::get_if<Name>(&argument.value->node);
    if (name != nullptr && find(name->name) == nullptr && declarations_.count(name->name) == 0 &&
        element_type_hint(name->name).find("types are") == std::string::npos) {
      ok = fail(argument.value->at,
                fmt::format("unknown name or type '{}'{}", name->name, element_type_hint(name->name)));
      continue;
    }
    if (!check(*argument.value)) {
      ok = false;
    } else if (argument.value->type == Type::kFloat) {
      ok = fail(argument.value->at, "a template argument is an int, a bool or a type, not float");
    }
  }
  const bool has_units = !units_.empty() && !units_[0].empty();
  if (!has_units) {
    if (kernel.unit.empty()) return ok;
    return fail(kernel.at, fmt::format("'{}::{}': the file has no //@unit lines; write {}", kernel.unit,
                                       kernel.name, kernel.name));
  }
  if (kernel.unit.empty() && units_.size() == 1) kernel.unit = units_[0];
  if (kernel.unit.empty()) {
    return fail(kernel.at, fmt::format("which unit has '{}'? write UNIT::{}; units are {}", kernel.name,
                                       kernel.name, fmt::join(units_, " ")));
  }
  if (std::find(units_.begin(), units_.end(), kernel.unit) != units_.end()) return ok;
  const std::string near = did_you_mean(kernel.unit, units_);
  return fail(kernel.at,
              fmt::format("there is no unit '{}'{}", kernel.unit,
                          near.empty() ? fmt::format("; units are {}", fmt::join(units_, " ")) : near));
}

}  // namespace warpwright::plan
