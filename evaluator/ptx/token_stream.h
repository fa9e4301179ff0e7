// A cursor over tokens with two tokens of lookahead, shared by the parts of the parser.
#pragma once

#include <string>

#include "evaluator/ptx/lexer.h"
#include "src/base/result.h"

namespace warpwright::ptx {

class TokenStream {
 public:
  explicit TokenStream(std::string_view text)
      : lexer_(text), current_(lexer_.next()), following_(lexer_.next()) {}

  const Token& peek() const { return current_; }
  const Token& peek_second() const { return following_; }
  bool at_end() const { return current_.kind == Token::Kind::kEnd; }

  Token take() {
    Token token = current_;
    current_ = following_;
    following_ = lexer_.next();
    return token;
  }
  template <class Expected>
  bool accept(Expected expected) {
    if (!current_.is(expected)) return false;
    take();
    return true;
  }
  Result<void> expect(char symbol) {
    if (accept(symbol)) return {};
    return fail(std::string("expected '") + symbol + "'");
  }
  Result<Token> expect_name() {
    if (current_.kind == Token::Kind::kWord && current_.text.front() != '.') return take();
    return fail("expected a name");
  }
  // Takes everything up to and including the next `symbol`.
  Result<void> skip_past(char symbol) {
    while (!current_.is(symbol)) {
      if (at_end()) return fail(std::string("expected '") + symbol + "'");
      take();
    }
    take();
    return {};
  }

  tl::unexpected<Error> fail(const std::string& message) const {
    std::string found =
        at_end() ? "the end of the text" : "'" + std::string(current_.text.substr(0, 60)) + "'";
    return usage_error("ptx line " + std::to_string(current_.line) + ": " + message + ", found " + found);
  }

 private:
  Lexer lexer_;
  Token current_;
  Token following_;
};

// A constant expression: literals, unary - ~ +, parentheses and C's binary integer operators.
Result<void> parse_constant(TokenStream& tokens, Literal& value);
// Only * / % and tighter, as after the sign in `[base + 4*2 + 1]`.
Result<void> parse_constant_term(TokenStream& tokens, Literal& value);
// True if a constant expression starts here.
bool starts_constant(const Token& token);

}  // namespace warpwright::ptx
