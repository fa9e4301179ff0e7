#include "src/plan/parser.h"

#include <fmt/format.h>

#include <algorithm>

#include "src/plan/names.h"

namespace warpwright::plan {
namespace {

// Statements of CUDA host code that people write by habit.
constexpr std::pair<std::string_view, std::string_view> kStatementHabits[] = {
    {"for", "there are no loops in a plan: launch once over a larger grid"},
    {"while", "there are no loops in a plan: launch once over a larger grid"},
    {"do", "there are no loops in a plan: launch once over a larger grid"},
    {"else", "'else' without an 'if' before it"},
    {"switch", "there is no switch: write if (...) { } else if (...) { }"},
    {"return", "a plan has no functions: leave out 'return'"},
    {"int", "write const int NAME = value;"},
    {"float", "write const float NAME = value;"},
    {"bool", "write const bool NAME = value;"},
    {"int64_t", "write const int NAME = value; (int is 64-bit in a plan)"},
    {"size_t", "write const int NAME = value; (int is 64-bit in a plan)"},
    {"double", "write const float NAME = value; (float is a double in a plan)"},
    {"auto", "write const int NAME = value; (or float, or bool)"},
    {"constexpr", "write const int NAME = value;"},
    {"dim3", "write the grid in the launch: kernel<<<dim3(x, y, z), threads>>>(...)"},
    {"cudaMemsetAsync", "write memset(buffer, byte, bytes);"},
    {"cudaMemset", "write memset(buffer, byte, bytes);"},
    {"cudaMemcpyAsync", "write copy(target, source, bytes);"},
    {"cudaMemcpy", "write copy(target, source, bytes);"},
    {"memcpy", "write copy(target, source, bytes);"},
    {"cudaMalloc", "write workspace float NAME[elements];"},
    {"cudaLaunchKernelEx", "write [[pdl]] kernel<<<grid, block, shared bytes>>>(...);"},
    {"cudaFuncSetAttribute", "leave it out: the launch sets what its shared memory and cluster need"},
    {"cudaDeviceSynchronize", "leave it out: statements run in order on one stream"},
    {"cudaStreamSynchronize", "leave it out: statements run in order on one stream"},
};

}  // namespace

// --- tokens ---

std::string Parser::shown(const Token& token) {
  if (token.kind == TokenKind::kEnd) return "the end of the plan";
  if (token.kind == TokenKind::kString) return "a string";
  constexpr size_t kShown = 40;
  if (token.text.size() > kShown) return fmt::format("'{}...'", token.text.substr(0, kShown));
  return fmt::format("'{}'", token.text);
}

const Token& Parser::peek(size_t ahead) const {
  return tokens_[std::min(next_ + ahead, tokens_.size() - 1)];
}

const Token& Parser::take() {
  const Token& token = peek();
  if (next_ + 1 < tokens_.size()) ++next_;
  return token;
}

bool Parser::next_is(std::string_view text, size_t ahead) const {
  const Token& token = peek(ahead);
  return token.text == text &&
         (token.kind == TokenKind::kPunctuation || token.kind == TokenKind::kIdentifier);
}

bool Parser::accept(std::string_view text) {
  if (!next_is(text)) return false;
  take();
  return true;
}

Parsed<void> Parser::expect(std::string_view text, std::string_view where) {
  if (accept(text)) return {};
  return fail_here(fmt::format("'{}' {}", text, where));
}

Parsed<Token> Parser::expect_name(std::string_view what) {
  if (!next_is_name()) return fail_here(what);
  return take();
}

tl::unexpected<Reported> Parser::fail(Position at, std::string message) {
  diagnostics_.error(at, std::move(message));
  return tl::unexpected(Reported{});
}

tl::unexpected<Reported> Parser::fail_here(std::string_view expected) {
  return fail(peek().at, fmt::format("expected {}, got {}", expected, shown(peek())));
}

// Past the next ';', or to the '}' that ends the block we are in.
void Parser::skip_to_next_statement() {
  for (int braces = 0; peek().kind != TokenKind::kEnd; take()) {
    if (next_is("{")) ++braces;
    if (next_is("}") && braces-- == 0) return;
    if (next_is("}") && braces == 0) {
      take();
      return;
    }
    if (next_is(";") && braces == 0) {
      take();
      return;
    }
  }
}

// --- statements ---

Ast Parser::parse_plan() {
  Ast ast;
  ast.body = parse_statements(true);
  return ast;
}

Block Parser::parse_statements(bool is_body) {
  Block block;
  while (peek().kind != TokenKind::kEnd && !diagnostics_.full() && !gave_up_) {
    if (next_is("}")) {
      if (!is_body) return block;
      static_cast<void>(fail(take().at, "'}' without a '{' before it"));
      continue;
    }
    if (accept(";")) continue;
    const Position at = peek().at;
    nesting_ = 0;
    Parsed<Statement> statement = parse_statement();
    if (!statement) {
      skip_to_next_statement();
      continue;
    }
    statement->at = at;
    block.statements.push_back(std::move(*statement));
  }
  return block;
}

Parsed<Statement> Parser::parse_statement() {
  const auto wrap = [](auto&& parsed) -> Parsed<Statement> {
    if (!parsed) return tl::unexpected(Reported{});
    return Statement{std::move(*parsed), {}};
  };
  if (next_is("tune")) return wrap(parse_tune());
  if (next_is("require")) return wrap(parse_require());
  if (next_is("const")) return wrap(parse_constant());
  if (next_is("workspace")) return wrap(parse_workspace());
  if (next_is("tensormap")) return wrap(parse_tensor_map());
  if (next_is("if")) return wrap(parse_if());
  if (next_is("memset") && next_is("(", 1)) return wrap(parse_memset());
  if (next_is("copy") && next_is("(", 1)) return wrap(parse_copy());
  const bool launch = next_is_name() && (next_is("<<<", 1) || next_is("<", 1) || next_is("::", 1));
  if (launch || next_is("[[")) return wrap(parse_launch());
  return not_a_statement();
}

tl::unexpected<Reported> Parser::not_a_statement() {
  const Token& token = peek();
  if (token.kind != TokenKind::kIdentifier) return fail_here("a declaration, if, memset, copy or a launch");
  for (const auto& [habit, mend] : kStatementHabits) {
    if (token.text == habit) return fail(token.at, std::string(mend));
  }
  if (next_is("(", 1)) {
    return fail(peek(1).at,
                fmt::format("a launch needs its grid and block: {}<<<grid, block>>>(...)", token.text));
  }
  const std::string near = did_you_mean(
      token.text, {"tune", "require", "const", "workspace", "tensormap", "if", "memset", "copy"});
  return fail(token.at,
              fmt::format("'{}' does not begin a statement{}", token.text,
                          near.empty() ? ": expected a declaration, if, memset, copy or a launch" : near));
}

// if (condition) { ... } [else { ... } | else if ...]
Parsed<If> Parser::parse_if() {
  take();
  If statement;
  TRY(expect("(", "after if"));
  TRY_ASSIGN(statement.condition, parse_expression());
  TRY(expect(")", "after the condition of if"));
  TRY_ASSIGN(statement.then_block, parse_block("after if (...)"));
  if (!next_is("else")) return statement;
  statement.has_else = true;
  take();
  if (!next_is("if")) {
    TRY_ASSIGN(statement.else_block, parse_block("after else"));
    return statement;
  }
  const Position at = peek().at;
  if (++block_nesting_ > kMaxBlockDepth) return too_many_blocks();
  TRY_ASSIGN(If nested, parse_if());
  --block_nesting_;
  statement.else_block.statements.push_back({std::move(nested), at});
  return statement;
}

tl::unexpected<Reported> Parser::too_many_blocks() {
  gave_up_ = true;
  return fail(peek().at,
              fmt::format("blocks are nested more than {} deep: write the choice as a const with ?:",
                          kMaxBlockDepth));
}

Parsed<Block> Parser::parse_block(const char* after) {
  const Position open = peek().at;
  TRY(expect("{", after));
  if (++block_nesting_ > kMaxBlockDepth) return too_many_blocks();
  Block block = parse_statements(false);
  --block_nesting_;
  if (gave_up_ || diagnostics_.full()) return tl::unexpected(Reported{});
  if (!next_is("}")) return fail_here(fmt::format("'}}' to close the block opened on line {}", open.line));
  take();
  return block;
}

// memset(view, byte, bytes);
Parsed<Memset> Parser::parse_memset() {
  take();
  take();
  Memset memset;
  TRY_ASSIGN(memset.target, parse_view());
  TRY(expect(",", "in memset(buffer, byte, bytes)"));
  TRY_ASSIGN(memset.value, parse_expression());
  TRY(expect(",", "in memset(buffer, byte, bytes)"));
  TRY_ASSIGN(memset.bytes, parse_expression());
  TRY(expect(")", "after memset(buffer, byte, bytes"));
  TRY(expect(";", "after memset(...)"));
  return memset;
}

// copy(target, source, bytes);
Parsed<Copy> Parser::parse_copy() {
  take();
  take();
  Copy copy;
  TRY_ASSIGN(copy.target, parse_view());
  TRY(expect(",", "in copy(target, source, bytes)"));
  TRY_ASSIGN(copy.source, parse_view());
  TRY(expect(",", "in copy(target, source, bytes)"));
  TRY_ASSIGN(copy.bytes, parse_expression());
  TRY(expect(")", "after copy(target, source, bytes"));
  TRY(expect(";", "after copy(...)"));
  return copy;
}

// --- launches ---

// {[[attribute]]} kernel<<<grid, block[, shared bytes]>>>(arguments);
Parsed<Launch> Parser::parse_launch() {
  Launch launch;
  TRY(parse_attributes(launch));
  TRY_ASSIGN(launch.kernel, parse_kernel_name());
  TRY(expect("<<<", "after the kernel's name"));
  TRY_ASSIGN(launch.grid, parse_extent());
  TRY(expect(",", "between grid and block"));
  TRY_ASSIGN(launch.block, parse_extent());
  if (accept(",")) {
    TRY_ASSIGN(launch.shared_bytes, parse_expression());
    if (next_is(",")) return fail(peek().at, "leave out the stream: statements run in order on one stream");
  }
  TRY(expect(">>>", "after grid, block and shared bytes"));
  TRY(expect("(", "before the kernel's arguments"));
  if (!accept(")")) {
    do {
      TRY_ASSIGN(KernelArgument argument, parse_argument());
      launch.arguments.push_back(std::move(argument));
    } while (accept(","));
    if (!next_is(")")) return fail_here("',' or ')' after an argument");
    take();
  }
  TRY(expect(";", "after the launch"));
  return launch;
}

Parsed<void> Parser::parse_attributes(Launch& launch) {
  while (accept("[[")) {
    do {
      TRY(parse_attribute(launch));
    } while (accept(","));
    TRY(expect("]]", "after the attribute"));
  }
  return {};
}

Parsed<void> Parser::parse_attribute(Launch& launch) {
  TRY_ASSIGN(const Token name,
             expect_name("an attribute: cluster(x, y, z), pdl, cooperative or carveout(percent)"));
  const auto given_before = [&](bool given) -> Parsed<void> {
    if (given) return fail(name.at, fmt::format("attribute '{}' is given twice", name.text));
    return {};
  };
  if (name.text == "pdl") {
    TRY(given_before(launch.pdl));
    launch.pdl = true;
  } else if (name.text == "cooperative") {
    TRY(given_before(launch.cooperative));
    launch.cooperative = true;
  } else if (name.text == "cluster") {
    TRY(given_before(!launch.cluster.empty()));
    TRY(expect("(", "after cluster"));
    TRY_ASSIGN(launch.cluster, parse_expressions(")"));
    if (launch.cluster.empty() || launch.cluster.size() > 3) {
      return fail(name.at, fmt::format("cluster takes one to three sizes, got {}", launch.cluster.size()));
    }
  } else if (name.text == "carveout") {
    TRY(given_before(launch.carveout_percent != nullptr));
    TRY(expect("(", "after carveout"));
    TRY_ASSIGN(launch.carveout_percent, parse_expression());
    TRY(expect(")", "after carveout(percent"));
  } else {
    const std::string near = did_you_mean(name.text, {"pdl", "cooperative", "cluster", "carveout"});
    return fail(name.at,
                fmt::format("unknown attribute '{}'{}", name.text,
                            near.empty() ? "; there are cluster(x, y, z), pdl, cooperative, carveout(percent)"
                                         : near));
  }
  return {};
}

// dim3(x[, y[, z]]) or x.
Parsed<Extent> Parser::parse_extent() {
  Extent extent;
  if (next_is("dim3") && next_is("(", 1)) {
    const Position at = take().at;
    take();
    TRY_ASSIGN(extent, parse_expressions(")"));
    if (extent.empty() || extent.size() > 3) {
      return fail(at, fmt::format("dim3 takes one to three sizes, got {}", extent.size()));
    }
    return extent;
  }
  TRY_ASSIGN(ExpressionPtr x, parse_expression());
  extent.push_back(std::move(x));
  return extent;
}

// Whether `name + expression` is a view is known once names are (checker.h).
Parsed<KernelArgument> Parser::parse_argument() {
  if (next_is("bytes") && next_is("<", 1)) {
    TRY_ASSIGN(View view, parse_view());
    return KernelArgument(std::move(view));
  }
  if (next_is("nullptr") || next_is("NULL")) {
    return fail(peek().at,
                "there is no null pointer: pass the optional tensor itself, which is null when absent");
  }
  TRY_ASSIGN(ExpressionPtr value, parse_expression());
  return KernelArgument(std::move(value));
}

}  // namespace warpwright::plan
