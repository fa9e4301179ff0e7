// Constant expressions (PTX ISA 4.5), by precedence climbing.
#include "evaluator/ptx/token_stream.h"

namespace warpwright::ptx {
namespace {

constexpr int kMaxDepth = 64;
constexpr int kTermPrecedence = 5;

struct Operator {
  char symbol = 0;
  int precedence = -1;  // -1: not an operator
};

Operator peek_operator(const TokenStream& tokens) {
  const Token& token = tokens.peek();
  if (token.kind != Token::Kind::kSymbol) return {};
  const char symbol = token.text.front();
  switch (symbol) {
    case '*':
    case '/':
    case '%':
      return {symbol, kTermPrecedence};
    case '+':
    case '-':
      return {symbol, 4};
    case '<':
    case '>':
      return tokens.peek_second().is(symbol) ? Operator{symbol, 3} : Operator{};
    case '&':
      return {symbol, 2};
    case '^':
      return {symbol, 1};
    case '|':
      return {symbol, 0};
    default:
      return {};
  }
}

uint64_t apply(char symbol, uint64_t a, uint64_t b) {
  switch (symbol) {
    case '*':
      return a * b;
    case '/':
      return b == 0 ? 0 : a / b;
    case '%':
      return b == 0 ? 0 : a % b;
    case '+':
      return a + b;
    case '-':
      return a - b;
    case '<':
      return b > 63 ? 0 : a << b;
    case '>':
      return b > 63 ? 0 : a >> b;
    case '&':
      return a & b;
    case '^':
      return a ^ b;
    default:
      return a | b;
  }
}

void negate(Literal& value) {
  if (value.kind == Literal::Kind::kInteger) value.bits = 0 - value.bits;
  if (value.kind == Literal::Kind::kFloat32) value.bits ^= uint64_t{1} << 31;
  if (value.kind == Literal::Kind::kFloat64) value.bits ^= uint64_t{1} << 63;
}

Result<void> parse_binary(TokenStream& tokens, Literal& value, int min_precedence, int depth);

Result<void> parse_unary(TokenStream& tokens, Literal& value, int depth) {
  if (depth > kMaxDepth) return tokens.fail("constant nested too deeply");
  if (tokens.accept('+')) return parse_unary(tokens, value, depth + 1);
  if (tokens.accept('-')) {
    TRY(parse_unary(tokens, value, depth + 1));
    negate(value);
    return {};
  }
  if (tokens.accept('~')) {
    TRY(parse_unary(tokens, value, depth + 1));
    value.bits = ~value.bits;
    return {};
  }
  if (tokens.accept('(')) {
    TRY(parse_binary(tokens, value, 0, depth + 1));
    return tokens.expect(')');
  }
  if (tokens.peek().is("WARP_SZ")) {
    value = {Literal::Kind::kInteger, 32};
  } else if (!parse_literal(tokens.peek().text, value)) {
    return tokens.fail("expected a number");
  }
  tokens.take();
  return {};
}

Result<void> parse_binary(TokenStream& tokens, Literal& value, int min_precedence, int depth) {
  TRY(parse_unary(tokens, value, depth));
  for (;;) {
    const Operator op = peek_operator(tokens);
    if (op.precedence < min_precedence || value.kind != Literal::Kind::kInteger) return {};
    tokens.take();
    if (op.symbol == '<' || op.symbol == '>') tokens.take();
    Literal right;
    TRY(parse_binary(tokens, right, op.precedence + 1, depth + 1));
    if (right.kind != Literal::Kind::kInteger) return tokens.fail("expected an integer");
    value.bits = apply(op.symbol, value.bits, right.bits);
  }
}

}  // namespace

Result<void> parse_constant(TokenStream& tokens, Literal& value) {
  return parse_binary(tokens, value, 0, 0);
}

Result<void> parse_constant_term(TokenStream& tokens, Literal& value) {
  return parse_binary(tokens, value, kTermPrecedence, 0);
}

bool starts_constant(const Token& token) {
  return token.kind == Token::Kind::kNumber || token.is('-') || token.is('+') || token.is('~') ||
         token.is('(') || token.is("WARP_SZ");
}

}  // namespace warpwright::ptx
