// The operand half of BodyParser.
#include <bit>

#include "evaluator/ptx/body.h"

namespace warpwright::ptx {
namespace {

constexpr int kMaxOperandDepth = 8;

// Special registers by their first component (PTX ISA 10).
bool is_special_register(std::string_view word) {
  static constexpr std::string_view kNames[] = {"%tid",
                                                "%ntid",
                                                "%laneid",
                                                "%warpid",
                                                "%nwarpid",
                                                "%ctaid",
                                                "%nctaid",
                                                "%smid",
                                                "%nsmid",
                                                "%gridid",
                                                "%is_explicit_cluster",
                                                "%clusterid",
                                                "%nclusterid",
                                                "%cluster_ctaid",
                                                "%cluster_nctaid",
                                                "%cluster_ctarank",
                                                "%cluster_nctarank",
                                                "%lanemask_eq",
                                                "%lanemask_le",
                                                "%lanemask_lt",
                                                "%lanemask_ge",
                                                "%lanemask_gt",
                                                "%clock",
                                                "%clock_hi",
                                                "%clock64",
                                                "%globaltimer",
                                                "%globaltimer_lo",
                                                "%globaltimer_hi",
                                                "%total_smem_size",
                                                "%aggr_smem_size",
                                                "%dynamic_smem_size",
                                                "%current_graph_exec"};
  const std::string_view head = word.substr(0, word.find('.'));
  for (const std::string_view name : kNames) {
    if (head == name) return true;
  }
  return head.starts_with("%pm") || head.starts_with("%envreg") || head.starts_with("%reserved_smem_offset");
}

// Integer registers given a floating-point literal keep its bits; f32 and f64 instructions get their own
// width.
void fit_literal(Literal& value, std::string_view type) {
  if (value.kind == Literal::Kind::kFloat64 && type == "f32") {
    value.kind = Literal::Kind::kFloat32;
    value.bits = std::bit_cast<uint32_t>(static_cast<float>(std::bit_cast<double>(value.bits)));
  } else if (value.kind == Literal::Kind::kFloat32 && type == "f64") {
    value.kind = Literal::Kind::kFloat64;
    const float narrow = std::bit_cast<float>(static_cast<uint32_t>(value.bits));
    value.bits = std::bit_cast<uint64_t>(static_cast<double>(narrow));
  }
}

}  // namespace

Result<void> BodyParser::parse_operand(Operand& operand, int depth) {
  if (depth > kMaxOperandDepth) return tokens_.fail("operand nested too deeply");
  if (context_.operands_left-- <= 0) return tokens_.fail("too many operands");
  const Token& token = tokens_.peek();
  if (tokens_.accept('!')) {
    TRY(parse_operand(operand, depth + 1));
    operand.negated = !operand.negated;
    return {};
  }
  if (token.is('-') && tokens_.peek_second().text.starts_with('%')) {  // -%r1, of video instructions
    tokens_.take();
    TRY(parse_operand(operand, depth + 1));
    operand.negated = !operand.negated;
    return {};
  }
  if (token.is('[')) return parse_memory(operand, depth);
  if (token.is('{')) {
    operand.kind = Operand::Kind::kVector;
    return parse_list(operand, '}', depth);
  }
  if (token.is('(') && current_->base() == "call") {
    operand.kind = Operand::Kind::kTuple;
    return parse_list(operand, ')', depth);
  }
  if (starts_constant(token)) return parse_immediate(operand);
  if (token.kind != Token::Kind::kWord) return tokens_.fail("expected an operand");
  return parse_name_operand(operand, depth);
}

Result<void> BodyParser::parse_list(Operand& operand, char close, int depth) {
  tokens_.take();
  while (!tokens_.accept(close)) {
    TRY(parse_operand(operand.elements.emplace_back(), depth + 1));
    if (!tokens_.accept(',') && !tokens_.peek().is(close)) {
      return tokens_.fail(std::string("expected ',' or '") + close + "'");
    }
  }
  return {};
}

// [base], [base+offset], and with coordinates: [base, {x, y}], whose vector becomes elements[1].
Result<void> BodyParser::parse_memory(Operand& operand, int depth) {
  operand.kind = Operand::Kind::kMemory;
  tokens_.take();
  TRY(parse_operand(operand.elements.emplace_back(), depth + 1));
  operand.offset = operand.elements.front().offset;
  operand.elements.front().offset = 0;
  while (tokens_.accept(',')) TRY(parse_operand(operand.elements.emplace_back(), depth + 1));
  return tokens_.expect(']');
}

Result<void> BodyParser::parse_immediate(Operand& operand) {
  Literal value;
  TRY(parse_constant(tokens_, value));
  fit_literal(value, current_->type());
  operand.kind = Operand::Kind::kImmediate;
  operand.bits = value.bits;
  operand.float_literal = value.kind != Literal::Kind::kInteger;
  return {};
}

// "%r1", or with a selector "%r1.h0" (video instructions), which is kept in `name`.
bool BodyParser::find_register_operand(std::string_view word, Operand& operand) const {
  operand.reg = scopes_.find_register(word);
  const std::size_t dot = word.rfind('.');
  if (operand.reg < 0 && dot != std::string_view::npos) {
    operand.reg = scopes_.find_register(word.substr(0, dot));
    if (operand.reg >= 0) operand.name = word.substr(dot + 1);
  }
  if (operand.reg >= 0) operand.kind = Operand::Kind::kRegister;
  return operand.reg >= 0;
}

Result<void> BodyParser::parse_name_operand(Operand& operand, int depth) {
  const Token word = tokens_.peek();
  const std::string& base = current_->base();
  const bool is_branch = base == "bra" || base == "brx";
  if (word.is("_")) {
    operand.kind = Operand::Kind::kSink;
  } else if (find_register_operand(word.text, operand)) {
    // filled in
  } else if (const std::string* variable = scopes_.find_variable(word.text)) {
    operand.kind = Operand::Kind::kSymbol;
    operand.name = *variable;
  } else if (is_special_register(word.text)) {
    operand.kind = Operand::Kind::kSpecial;
    operand.name = word.text;
  } else if (!is_branch && context_.symbols.contains(word.text)) {
    operand.kind = Operand::Kind::kSymbol;
    operand.name = word.text;
  } else if (depth == 0 && (is_branch || base == "call")) {
    operand.kind = Operand::Kind::kLabel;
    new_pending_.push_back({word.text, word.line, function_.code.size(), current_->operands.size() - 1, {}});
  } else {
    return tokens_.fail("unknown name");
  }
  tokens_.take();
  if (tokens_.accept('|')) {
    operand.second = scopes_.find_register(tokens_.peek().text);
    if (operand.second < 0 && !tokens_.peek().is("_"))
      return tokens_.fail("expected a predicate register after '|'");
    tokens_.take();
  }
  while (tokens_.peek().is('+') || tokens_.peek().is('-')) {
    const bool minus = tokens_.take().is('-');
    Literal term;
    TRY(parse_constant_term(tokens_, term));
    const uint64_t sum = static_cast<uint64_t>(operand.offset) + (minus ? 0 - term.bits : term.bits);
    operand.offset = static_cast<int64_t>(sum);
  }
  return {};
}

}  // namespace warpwright::ptx
