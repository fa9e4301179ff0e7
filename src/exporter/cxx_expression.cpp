#include "src/exporter/cxx_expression.h"

#include <fmt/format.h>

#include <array>
#include <cctype>
#include <limits>

namespace warpwright::exporter {

using plan::Expression;
using plan::Operator;
using plan::Type;

namespace {

constexpr size_t kColumns = 110;

constexpr int kPrimary = 20;
constexpr int kPrefix = 15;
constexpr int kTernary = 1;

int precedence(Operator op) {
  switch (op) {
    case Operator::kMultiply:
    case Operator::kDivide:
    case Operator::kRemainder:
      return 13;
    case Operator::kAdd:
    case Operator::kSubtract:
      return 12;
    case Operator::kShiftLeft:
    case Operator::kShiftRight:
      return 11;
    case Operator::kLess:
    case Operator::kLessEqual:
    case Operator::kGreater:
    case Operator::kGreaterEqual:
      return 10;
    case Operator::kEqual:
    case Operator::kNotEqual:
      return 9;
    case Operator::kAnd:
      return 5;
    case Operator::kOr:
      return 4;
    case Operator::kNegate:
    case Operator::kPlus:
    case Operator::kNot:
      return kPrefix;
  }
  return 0;
}

bool is_comparison(Operator op) {
  return precedence(op) == 10 || precedence(op) == 9;
}

// Parentheses beyond C++'s need, where readers and compilers stumble: shifts, && in ||, comparisons.
bool needs_parentheses(int child, int parent, bool is_right) {
  if (child < parent || (is_right && child == parent)) return true;
  if (child == parent || child >= kPrefix) return false;
  const bool is_shift = parent == 11, is_relation = parent == 10 || parent == 9, is_or = parent == 4;
  return is_shift || (is_relation && child <= 11) || (is_or && child == 5);
}

constexpr std::array kReserved = {
    "alignas",       "alignof",     "and",       "and_eq",    "asm",          "assert",
    "auto",          "axis",        "bitand",    "bitor",     "bool",         "break",
    "candidate",     "case",        "catch",     "char",      "char16_t",     "char32_t",
    "class",         "compl",       "const",     "constexpr", "continue",     "const_cast",
    "decltype",      "default",     "delete",    "do",        "double",       "else",
    "enum",          "errno",       "explicit",  "export",    "extern",       "false",
    "float",         "for",         "friend",    "goto",      "if",           "inline",
    "int",           "knob",        "long",      "mutable",   "namespace",    "new",
    "noexcept",      "not",         "not_eq",    "nullptr",   "operator",     "or",
    "or_eq",         "private",     "protected", "public",    "register",     "return",
    "run",           "short",       "signed",    "sizeof",    "solution",     "static",
    "static_assert", "static_cast", "std",       "stderr",    "stdin",        "stdout",
    "struct",        "switch",      "template",  "this",      "thread_local", "throw",
    "true",          "try",         "tvm",       "typedef",   "typeid",       "typename",
    "union",         "unsigned",    "using",     "virtual",   "void",         "volatile",
    "wchar_t",       "while",       "xor",       "xor_eq",    "NULL",         "EOF",
    "INFINITY",      "NAN",         "dim3",      "size_t",    "dynamic_cast", "reinterpret_cast",
    "cuda",          "nvcuda"};

}  // namespace

std::string cxx_name(std::string_view name) {
  bool reserved = name.substr(0, 2) == "ww" || name.substr(0, 4) == "cuda" || name.substr(0, 2) == "__" ||
                  name.substr(0, 4) == "arg_" || name.substr(0, 5) == "plan_" ||
                  std::isdigit(static_cast<unsigned char>(name[0])) != 0;
  for (std::string_view word : kReserved) reserved = reserved || word == name;
  std::string identifier(name);
  for (char& c : identifier) {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_') continue;
    c = '_';  // a dataset's names need not be C++'s
    reserved = true;
  }
  return (reserved ? "plan_" : "") + identifier;
}

std::string cxx_integer(int64_t value) {
  if (value == std::numeric_limits<int64_t>::min()) return "(-9223372036854775807 - 1)";
  return fmt::to_string(value);
}

std::string cxx_float(double value) {
  std::string text = fmt::format("{}", value);  // the shortest that reads back as the same double
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  return fmt::format("ww::Float({})", text);
}

std::string cxx_string(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    if (static_cast<unsigned char>(c) < 0x20) {
      quoted += fmt::format("\\{:03o}", static_cast<unsigned char>(c));
    } else {
      quoted += c;
    }
    if (c == '?') quoted += "\"\"";  // no trigraphs
  }
  return quoted + "\"";
}

std::string wrapped_call(const std::string& indent, const std::string& prefix,
                         const std::vector<std::string>& arguments) {
  std::string text;
  std::string line = indent + prefix + "(";
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string piece = arguments[i] + (i + 1 < arguments.size() ? "," : ");");
    const bool is_first = i == 0;
    if (!is_first && line.size() + 1 + piece.size() > kColumns) {
      text += line + "\n";
      line = indent + "    " + piece;
    } else {
      line += (is_first ? "" : " ") + piece;
    }
  }
  if (arguments.empty()) line += ");";
  return text + line + "\n";
}

std::string CxxExpressions::emit(const Expression& expression) const {
  return convert(expression).text;
}

std::string CxxExpressions::emit_float(const Expression& expression) const {
  return convert_as(expression, Type::kFloat).text;
}

std::string CxxExpressions::emit_primary(const Expression& expression) const {
  const Text text = convert(expression);
  if (text.is_literal) return fmt::format("ww::Int({})", text.text);
  return text.precedence == kPrimary ? text.text : fmt::format("({})", text.text);
}

CxxExpressions::Text CxxExpressions::convert(const Expression& expression) const {
  struct Visitor {
    const CxxExpressions& self;
    Type type;
    Text operator()(const plan::Literal& node) const {
      switch (type) {
        case Type::kInt:
          return {cxx_integer(node.integer), node.integer < 0 ? kPrefix : kPrimary, true};
        case Type::kFloat:
          return {cxx_float(node.number), kPrimary};
        case Type::kBool:
          return {node.integer != 0 ? "true" : "false", kPrimary};
      }
      return {};
    }
    Text operator()(const plan::Name& node) const {
      if (node.kind == plan::NameKind::kLog2e) return {"ww::Float(1.4426950408889634)", kPrimary};
      if (node.kind == plan::NameKind::kArch) return {"ww_call.arch()", kPrimary};
      if (node.kind == plan::NameKind::kSmCount) return {"ww_call.sm_count()", kPrimary};
      return {cxx_name(node.name), kPrimary};
    }
    Text operator()(const plan::Unary& node) const { return self.unary(node); }
    Text operator()(const plan::Binary& node) const { return self.binary(node, type); }
    Text operator()(const plan::Conditional& node) const { return self.conditional(node, type); }
    Text operator()(const plan::Call& node) const { return self.call(node, type); }
    Text operator()(const plan::CastTo& node) const { return self.cast(node); }
    Text operator()(const plan::Has& node) const { return {"ww_has_" + cxx_name(node.input), kPrimary}; }
    Text operator()(const plan::ResidentBlocks& node) const { return self.resident_blocks(node); }
  };
  return std::visit(Visitor{*this, expression.type}, expression.node);
}

// `type` is the expression's own, or float where the expression is an int.
CxxExpressions::Text CxxExpressions::convert_as(const Expression& expression, Type type) const {
  Text text = convert(expression);
  if (type == Type::kFloat && expression.type == Type::kInt) {
    if (text.is_literal) text.text = fmt::format("ww::Int({})", text.text);
    return {fmt::format("ww::Float({})", text.text), kPrimary};
  }
  return text;
}

CxxExpressions::Text CxxExpressions::unary(const plan::Unary& node) const {
  const Text operand = convert(*node.operand);
  const bool bare = operand.precedence >= kPrimary;
  const std::string sign(plan::to_string(node.op));
  const bool plain_literal = operand.is_literal && bare && node.op == Operator::kNegate;
  return {sign + (bare ? operand.text : fmt::format("({})", operand.text)), kPrefix,
          plain_literal || (operand.is_literal && node.op == Operator::kPlus)};
}

CxxExpressions::Text CxxExpressions::binary(const plan::Binary& node, Type result) const {
  const bool is_float =
      node.left->type == Type::kFloat || node.right->type == Type::kFloat || result == Type::kFloat;
  const Type operand_type = is_float ? Type::kFloat : node.left->type;
  Text left = convert_as(*node.left, operand_type);
  Text right = convert_as(*node.right, operand_type);
  if (left.is_literal && right.is_literal && !is_comparison(node.op)) {
    left = {fmt::format("ww::Int({})", left.text), kPrimary};
  }
  const int own = precedence(node.op);
  const auto wrap = [own](const Text& side, bool is_right) {
    return needs_parentheses(side.precedence, own, is_right) ? fmt::format("({})", side.text) : side.text;
  };
  return {fmt::format("{} {} {}", wrap(left, false), plan::to_string(node.op), wrap(right, true)), own};
}

CxxExpressions::Text CxxExpressions::conditional(const plan::Conditional& node, Type result) const {
  const Text condition = convert(*node.condition);
  Text if_true = convert_as(*node.if_true, result);
  Text if_false = convert_as(*node.if_false, result);
  if (if_true.is_literal && if_false.is_literal) {
    if_true = {fmt::format("ww::Int({})", if_true.text), kPrimary};
  }
  const auto wrap = [](const Text& part) {
    return part.precedence <= kTernary ? fmt::format("({})", part.text) : part.text;
  };
  return {fmt::format("{} ? {} : {}", wrap(condition), wrap(if_true), wrap(if_false)), kTernary};
}

CxxExpressions::Text CxxExpressions::call(const plan::Call& node, Type result) const {
  std::string arguments;
  for (const auto& argument : node.arguments) {
    if (!arguments.empty()) arguments += ", ";
    arguments += convert_as(*argument, result).text;
  }
  const bool variadic = node.function == plan::Function::kMin || node.function == plan::Function::kMax;
  const char* const form = variadic ? "ww::{}({{{}}})" : "ww::{}({})";
  return {fmt::format(fmt::runtime(form), plan::to_string(node.function), arguments), kPrimary};
}

CxxExpressions::Text CxxExpressions::cast(const plan::CastTo& node) const {
  const bool to_int = node.cast == plan::Cast::kI32 || node.cast == plan::Cast::kI64;
  const std::string operand = emit_primary(*node.operand);
  return {fmt::format("ww::{}(ww::{}({}))", to_int ? "Int" : "Float", plan::to_string(node.cast), operand),
          kPrimary};
}

CxxExpressions::Text CxxExpressions::resident_blocks(const plan::ResidentBlocks& node) const {
  return {fmt::format("ww_call.resident_blocks({}, &{}, {}, {})", cxx_string(plan_text(node.kernel)),
                      cxx_kernel(node.kernel), emit(*node.threads), emit(*node.shared_bytes)),
          kPrimary};
}

std::string cxx_unit_namespace(std::string_view unit) {
  return unit.empty() ? "candidate" : cxx_name(unit);
}

namespace {

std::string template_arguments(const plan::KernelName& kernel, bool as_cxx) {
  if (kernel.template_arguments.empty()) return "";
  std::string text;
  for (const plan::TemplateArgument& argument : kernel.template_arguments) {
    if (!text.empty()) text += ", ";
    if (argument.value == nullptr) {
      text += argument.type;
    } else if (!as_cxx || argument.value->type == Type::kBool) {
      text += as_cxx ? fmt::format("({})", CxxExpressions().emit(*argument.value))
                     : CxxExpressions().emit(*argument.value);
    } else if (const auto* literal = std::get_if<plan::Literal>(&argument.value->node)) {
      text += cxx_integer(literal->integer);
    } else {
      text += CxxExpressions().emit_primary(*argument.value) + ".value";
    }
  }
  return fmt::format("<{}>", text);
}

}  // namespace

std::string cxx_kernel(const plan::KernelName& kernel) {
  return fmt::format("{}::{}{}", cxx_unit_namespace(kernel.unit), kernel.name,
                     template_arguments(kernel, true));
}

std::string plan_text(const plan::KernelName& kernel) {
  const std::string unit = kernel.unit.empty() ? "" : kernel.unit + "::";
  return fmt::format("{}{}{}", unit, kernel.name, template_arguments(kernel, false));
}

namespace {

struct NameCollector {
  NamesUsed& names;

  void visit(const plan::ExpressionPtr& expression) const {
    if (expression != nullptr) collect_names(*expression, names);
  }
  void operator()(const plan::Literal&) const {}
  void operator()(const plan::Name& node) const {
    switch (node.kind) {
      case plan::NameKind::kAxis:
        names.axes.insert(node.name);
        break;
      case plan::NameKind::kConstant:
        names.constants.insert(node.name);
        break;
      case plan::NameKind::kKnob:
        names.knobs.insert(node.name);
        break;
      case plan::NameKind::kScalar:
        names.scalars.insert(node.name);
        break;
      case plan::NameKind::kArch:
        names.arch = true;
        break;
      case plan::NameKind::kSmCount:
        names.sm_count = true;
        break;
      case plan::NameKind::kLog2e:
        break;
    }
  }
  void operator()(const plan::Unary& node) const { visit(node.operand); }
  void operator()(const plan::Binary& node) const {
    visit(node.left);
    visit(node.right);
  }
  void operator()(const plan::Conditional& node) const {
    visit(node.condition);
    visit(node.if_true);
    visit(node.if_false);
  }
  void operator()(const plan::Call& node) const {
    for (const auto& argument : node.arguments) visit(argument);
  }
  void operator()(const plan::CastTo& node) const { visit(node.operand); }
  void operator()(const plan::Has& node) const { names.inputs_tested.insert(node.input); }
  void operator()(const plan::ResidentBlocks& node) const {
    names.resident_kernels.push_back(&node.kernel);
    for (const auto& argument : node.kernel.template_arguments) visit(argument.value);
    visit(node.threads);
    visit(node.shared_bytes);
  }
};

}  // namespace

void collect_names(const Expression& expression, NamesUsed& names) {
  std::visit(NameCollector{names}, expression.node);
}

}  // namespace warpwright::exporter
