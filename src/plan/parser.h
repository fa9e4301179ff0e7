// Tokens to syntax tree: recursive descent, one statement at a time. Types and names are not looked at
// (checker.h). After an error the parser goes on with the next statement.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "src/plan/ast.h"
#include "src/plan/diagnostics.h"
#include "src/plan/knob.h"
#include "src/plan/lexer.h"

namespace warpwright::plan {

struct Reported {};  // the error stands in the diagnostics
template <class T>
using Parsed = tl::expected<T, Reported>;

class Parser {
 public:
  // `diagnostics` may hold the lexer's errors already.
  Parser(std::vector<Token> tokens, Diagnostics& diagnostics)
      : tokens_(std::move(tokens)), diagnostics_(diagnostics) {}

  Ast parse_plan();
  Parsed<ExpressionPtr> parse_whole_expression();  // nothing may follow it

 private:
  // parser.cpp: statements
  Block parse_statements(bool is_body);
  Parsed<Statement> parse_statement();
  Parsed<If> parse_if();
  Parsed<Block> parse_block(const char* after);
  Parsed<Memset> parse_memset();
  Parsed<Copy> parse_copy();
  Parsed<Launch> parse_launch();
  Parsed<void> parse_attributes(Launch& launch);
  Parsed<void> parse_attribute(Launch& launch);
  Parsed<Extent> parse_extent();
  Parsed<KernelArgument> parse_argument();
  tl::unexpected<Reported> not_a_statement();
  tl::unexpected<Reported> too_many_blocks();

  // parse_declaration.cpp
  Parsed<Tune> parse_tune();
  Parsed<KnobLiteral> parse_knob_literal();
  Parsed<void> set_knob_values(Tune& tune, const std::vector<KnobLiteral>& literals);
  Parsed<Require> parse_require();
  Parsed<Constant> parse_constant();
  Parsed<Workspace> parse_workspace();
  Parsed<TensorMap> parse_tensor_map();
  Parsed<void> parse_tensor_map_option(TensorMap& map);

  // parse_expression.cpp
  Parsed<ExpressionPtr> parse_expression();
  Parsed<ExpressionPtr> parse_binary(int least_precedence);
  Parsed<ExpressionPtr> parse_unary();
  Parsed<ExpressionPtr> parse_primary();
  Parsed<ExpressionPtr> parse_parenthesized();
  Parsed<ExpressionPtr> parse_call(const Token& name);
  Parsed<ExpressionPtr> parse_resident_blocks(const Token& name);
  Parsed<std::vector<ExpressionPtr>> parse_expressions(std::string_view closing);
  Parsed<KernelName> parse_kernel_name();
  Parsed<View> parse_view();
  Parsed<std::string> parse_element_type(int* bits);
  Parsed<ExpressionPtr> make(Expression::Node node, Position at, int depth);

  // Tokens.
  const Token& peek(size_t ahead = 0) const;
  const Token& take();
  bool next_is(std::string_view text, size_t ahead = 0) const;  // punctuation or identifier
  bool next_is_name(size_t ahead = 0) const { return peek(ahead).kind == TokenKind::kIdentifier; }
  bool accept(std::string_view text);
  Parsed<void> expect(std::string_view text, std::string_view where);
  Parsed<Token> expect_name(std::string_view what);
  tl::unexpected<Reported> fail(Position at, std::string message);
  tl::unexpected<Reported> fail_here(std::string_view expected);  // "expected ';' after ..., got 'x'"
  void skip_to_next_statement();
  static std::string shown(const Token& token);

  std::vector<Token> tokens_;
  size_t next_ = 0;
  Diagnostics& diagnostics_;
  int nesting_ = 0;        // of expressions being parsed
  int block_nesting_ = 0;  // of blocks being parsed
  bool gave_up_ = false;   // nested too deeply: nothing after that is worth reading
};

}  // namespace warpwright::plan
