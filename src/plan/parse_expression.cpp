// Expressions, kernel names and views.
#include <fmt/format.h>

#include <algorithm>

#include "src/plan/names.h"
#include "src/plan/parser.h"

namespace warpwright::plan {
namespace {

struct BinaryOperator {
  std::string_view text;
  Operator op;
  int precedence;
};
constexpr int kLowest = 1, kAdditive = 6;
constexpr BinaryOperator kBinaryOperators[] = {
    {"||", Operator::kOr, 1},         {"&&", Operator::kAnd, 2},
    {"==", Operator::kEqual, 3},      {"!=", Operator::kNotEqual, 3},
    {"<", Operator::kLess, 4},        {"<=", Operator::kLessEqual, 4},
    {">", Operator::kGreater, 4},     {">=", Operator::kGreaterEqual, 4},
    {"<<", Operator::kShiftLeft, 5},  {">>", Operator::kShiftRight, 5},
    {"+", Operator::kAdd, kAdditive}, {"-", Operator::kSubtract, kAdditive},
    {"*", Operator::kMultiply, 7},    {"/", Operator::kDivide, 7},
    {"%", Operator::kRemainder, 7},
};

const BinaryOperator* binary_operator(const Token& token) {
  if (token.kind != TokenKind::kPunctuation) return nullptr;
  for (const BinaryOperator& entry : kBinaryOperators) {
    if (entry.text == token.text) return &entry;
  }
  return nullptr;
}

constexpr std::pair<std::string_view, Function> kFunctions[] = {
    {"min", Function::kMin},
    {"max", Function::kMax},
    {"ceil_div", Function::kCeilDiv},
    {"round_up", Function::kRoundUp},
};
constexpr std::pair<std::string_view, Cast> kCasts[] = {
    {"i32", Cast::kI32}, {"i64", Cast::kI64}, {"f32", Cast::kF32}, {"f64", Cast::kF64}};

// What C++ programmers call these.
constexpr std::pair<std::string_view, std::string_view> kFunctionHabits[] = {
    {"int", "i32"},
    {"float", "f32"},
    {"double", "f64"},
    {"int64_t", "i64"},
    {"int32_t", "i32"},
    {"cdiv", "ceil_div"},
    {"div_up", "ceil_div"},
    {"ceildiv", "ceil_div"},
    {"divup", "ceil_div"},
    {"align_up", "round_up"},
    {"sizeof", "the number of bytes"},
};

int depth_of(const ExpressionPtr& expression) {
  return expression ? expression->depth : 0;
}

std::string unknown_function(std::string_view name) {
  for (const auto& [habit, mend] : kFunctionHabits) {
    if (name == habit) return fmt::format("there is no function '{}' in a plan; write {}", name, mend);
  }
  std::string near = did_you_mean(
      name, {"min", "max", "ceil_div", "round_up", "has", "resident_blocks", "i32", "i64", "f32", "f64"});
  if (near.empty()) {
    near = "; there are min max ceil_div round_up has resident_blocks and the casts i32 i64 f32 f64";
  }
  return fmt::format("there is no function '{}' in a plan{}", name, near);
}

}  // namespace

Parsed<ExpressionPtr> Parser::make(Expression::Node node, Position at, int depth) {
  if (depth > kMaxDepth) {
    gave_up_ = true;
    return fail(at, fmt::format("the expression is nested more than {} deep: name parts of it with const",
                                kMaxDepth));
  }
  auto expression = std::make_unique<Expression>();
  expression->node = std::move(node);
  expression->at = at;
  expression->depth = depth;
  return expression;
}

Parsed<ExpressionPtr> Parser::parse_whole_expression() {
  TRY_ASSIGN(ExpressionPtr result, parse_expression());
  if (peek().kind != TokenKind::kEnd) return fail_here("the end of the expression");
  return result;
}

Parsed<ExpressionPtr> Parser::parse_expression() {
  TRY_ASSIGN(ExpressionPtr condition, parse_binary(kLowest));
  if (!next_is("?")) return condition;
  const Position at = take().at;
  if (++nesting_ > kMaxDepth) return make(Literal{}, at, kMaxDepth + 1);
  TRY_ASSIGN(ExpressionPtr if_true, parse_expression());
  TRY(expect(":", "between the two values of ?:"));
  TRY_ASSIGN(ExpressionPtr if_false, parse_expression());
  --nesting_;
  const int depth = 1 + std::max({condition->depth, if_true->depth, if_false->depth});
  return make(Conditional{std::move(condition), std::move(if_true), std::move(if_false)}, at, depth);
}

Parsed<ExpressionPtr> Parser::parse_binary(int least_precedence) {
  TRY_ASSIGN(ExpressionPtr left, parse_unary());
  for (;;) {
    const BinaryOperator* found = binary_operator(peek());
    if (found == nullptr || found->precedence < least_precedence) return left;
    const Position at = take().at;
    TRY_ASSIGN(ExpressionPtr right, parse_binary(found->precedence + 1));
    const int depth = 1 + std::max(left->depth, right->depth);
    TRY_ASSIGN(left, make(Binary{found->op, std::move(left), std::move(right)}, at, depth));
  }
}

Parsed<ExpressionPtr> Parser::parse_unary() {
  const Token& sign = peek();
  if (!next_is("-") && !next_is("+") && !next_is("!")) return parse_primary();
  take();
  if (++nesting_ > kMaxDepth) return make(Literal{}, sign.at, kMaxDepth + 1);
  TRY_ASSIGN(ExpressionPtr operand, parse_unary());
  --nesting_;
  Operator op = Operator::kNot;
  if (sign.text == "-") op = Operator::kNegate;
  if (sign.text == "+") op = Operator::kPlus;
  const int depth = 1 + operand->depth;
  return make(Unary{op, std::move(operand)}, sign.at, depth);
}

Parsed<ExpressionPtr> Parser::parse_parenthesized() {
  const Token& open = take();
  if (++nesting_ > kMaxDepth) return make(Literal{}, open.at, kMaxDepth + 1);
  TRY_ASSIGN(ExpressionPtr inner, parse_expression());
  if (!next_is(")")) {
    return fail_here(fmt::format("')' to close the '(' of line {}, column {}", open.at.line, open.at.column));
  }
  take();
  --nesting_;
  return inner;
}

Parsed<ExpressionPtr> Parser::parse_primary() {
  const Token& token = peek();
  if (next_is("(")) return parse_parenthesized();
  if (token.kind == TokenKind::kInteger || token.kind == TokenKind::kFloat) {
    take();
    TRY_ASSIGN(ExpressionPtr literal, make(Literal{token.integer, token.number}, token.at, 1));
    literal->type = token.kind == TokenKind::kInteger ? Type::kInt : Type::kFloat;
    return literal;
  }
  if (token.kind != TokenKind::kIdentifier) return fail_here("an expression");
  take();
  if (token.text == "true" || token.text == "false") {
    TRY_ASSIGN(ExpressionPtr literal, make(Literal{token.text == "true" ? 1 : 0, 0}, token.at, 1));
    literal->type = Type::kBool;
    return literal;
  }
  if (next_is("(")) return parse_call(token);
  if (next_is("[")) {
    return fail(peek().at, fmt::format("'{}[': a plan cannot read device data; pass the buffer to a kernel",
                                       token.text));
  }
  return make(Name{std::string(token.text)}, token.at, 1);
}

Parsed<std::vector<ExpressionPtr>> Parser::parse_expressions(std::string_view closing) {
  std::vector<ExpressionPtr> list;
  if (accept(closing)) return list;
  do {
    TRY_ASSIGN(ExpressionPtr value, parse_expression());
    list.push_back(std::move(value));
  } while (accept(","));
  if (!next_is(closing)) return fail_here(fmt::format("',' or '{}'", closing));
  take();
  return list;
}

Parsed<ExpressionPtr> Parser::parse_call(const Token& name) {
  take();  // the parenthesis
  if (++nesting_ > kMaxDepth) return make(Literal{}, name.at, kMaxDepth + 1);
  if (name.text == "resident_blocks") return parse_resident_blocks(name);
  if (name.text == "has") {
    TRY_ASSIGN(Token input, expect_name("the name of an input"));
    TRY(expect(")", "after has(input"));
    --nesting_;
    return make(Has{std::string(input.text)}, name.at, 1);
  }
  TRY_ASSIGN(std::vector<ExpressionPtr> arguments, parse_expressions(")"));
  --nesting_;
  int depth = 1;
  for (const ExpressionPtr& argument : arguments) depth = std::max(depth, 1 + argument->depth);
  for (const auto& [text, function] : kFunctions) {
    if (name.text != text) continue;
    const bool any_number = function == Function::kMin || function == Function::kMax;
    if (arguments.size() < 2 || (arguments.size() > 2 && !any_number)) {
      return fail(name.at, fmt::format("{} takes {} arguments, got {}", text,
                                       any_number ? "two or more" : "two", arguments.size()));
    }
    return make(Call{function, std::move(arguments)}, name.at, depth);
  }
  for (const auto& [text, cast] : kCasts) {
    if (name.text != text) continue;
    if (arguments.size() != 1) {
      return fail(name.at, fmt::format("{} takes one argument, got {}", text, arguments.size()));
    }
    return make(CastTo{cast, std::move(arguments[0])}, name.at, depth);
  }
  return fail(name.at, unknown_function(name.text));
}

Parsed<ExpressionPtr> Parser::parse_resident_blocks(const Token& name) {
  ResidentBlocks node;
  TRY_ASSIGN(node.kernel, parse_kernel_name());
  TRY(expect(",", "in resident_blocks(kernel, threads, shared bytes)"));
  TRY_ASSIGN(node.threads, parse_expression());
  TRY(expect(",", "in resident_blocks(kernel, threads, shared bytes)"));
  TRY_ASSIGN(node.shared_bytes, parse_expression());
  TRY(expect(")", "after resident_blocks(kernel, threads, shared bytes"));
  --nesting_;
  int depth = 1 + std::max(node.threads->depth, node.shared_bytes->depth);
  for (const TemplateArgument& argument : node.kernel.template_arguments) {
    depth = std::max(depth, 1 + depth_of(argument.value));
  }
  return make(std::move(node), name.at, depth);
}

// [unit ::] name [< value or type, ... >]
Parsed<KernelName> Parser::parse_kernel_name() {
  TRY_ASSIGN(Token name, expect_name("a kernel's name"));
  KernelName kernel;
  kernel.at = name.at;
  if (accept("::")) {
    kernel.unit = name.text;
    TRY_ASSIGN(name, expect_name("a kernel's name after '::'"));
    if (next_is("::")) return fail_here("unit::kernel; kernels inside namespaces cannot be named");
  }
  kernel.name = name.text;
  if (!accept("<")) return kernel;
  do {
    TemplateArgument argument;
    const bool alone = next_is(",", 1) || next_is(">", 1);
    const ElementType* type = alone && next_is_name() ? find_element_type(peek().text) : nullptr;
    if (type != nullptr) {
      argument.type = type->name;
      take();
    } else {
      TRY_ASSIGN(argument.value, parse_binary(kAdditive));
    }
    kernel.template_arguments.push_back(std::move(argument));
  } while (accept(","));
  if (next_is("<") || next_is("<<") || next_is(">>") || next_is("?") || next_is("==")) {
    return fail(peek().at, "put this template argument in parentheses");
  }
  TRY(expect(">", "after the template arguments"));
  return kernel;
}

// bytes<type>(name, offset), or name [+ offset].
Parsed<View> Parser::parse_view() {
  View view;
  view.at = peek().at;
  if (next_is("bytes") && next_is("<", 1)) {
    take();
    take();
    view.in_bytes = true;
    TRY_ASSIGN(view.element_type, parse_element_type(&view.element_bits));
    TRY(expect(">", "after bytes<type"));
    TRY(expect("(", "after bytes<type>"));
    TRY_ASSIGN(Token name, expect_name("a tensor or workspace"));
    view.buffer = name.text;
    TRY(expect(",", "in bytes<type>(buffer, byte offset)"));
    TRY_ASSIGN(view.offset, parse_expression());
    TRY(expect(")", "after bytes<type>(buffer, byte offset"));
    return view;
  }
  TRY_ASSIGN(Token name, expect_name("a tensor or workspace"));
  view.buffer = name.text;
  if (accept("+")) {
    TRY_ASSIGN(view.offset, parse_expression());
  }
  return view;
}

Parsed<std::string> Parser::parse_element_type(int* bits) {
  TRY_ASSIGN(Token name, expect_name("an element type"));
  const ElementType* type = find_element_type(name.text);
  if (type == nullptr) {
    return fail(name.at, fmt::format("unknown type '{}'{}", name.text, element_type_hint(name.text)));
  }
  *bits = type->bits;
  return std::string(type->name);
}

}  // namespace warpwright::plan
