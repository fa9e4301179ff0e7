#include "evaluator/ptx/body.h"

#include <optional>

#include "evaluator/ptx/declaration.h"

namespace warpwright::ptx {
namespace {

constexpr std::size_t kMaxScopeDepth = 64;
constexpr std::size_t kNoInstruction = static_cast<std::size_t>(-1);

RegisterClass class_of(std::string_view type, int size) {
  if (type == "pred") return RegisterClass::kPred;
  if (size <= 2) return RegisterClass::k16;
  if (size <= 4) return RegisterClass::k32;
  return size == 8 ? RegisterClass::k64 : RegisterClass::k128;
}

std::vector<std::string> split_at_dots(std::string_view opcode) {
  std::vector<std::string> parts;
  for (;;) {
    const std::size_t dot = opcode.find('.');
    parts.emplace_back(opcode.substr(0, dot));
    if (dot == std::string_view::npos) return parts;
    opcode.remove_prefix(dot + 1);
  }
}

}  // namespace

namespace {

Result<Locations::Position> parse_position(TokenStream& tokens) {
  Literal values[3];
  for (Literal& value : values) {
    if (tokens.peek().kind != Token::Kind::kNumber) return tokens.fail("expected a number");
    if (!parse_literal(tokens.take().text, value)) return tokens.fail("bad number before this");
  }
  const auto number = [&](int k) { return static_cast<int>(values[k].bits & 0x7fffffff); };
  return Locations::Position{number(0), number(1), number(2)};
}

}  // namespace

Result<SourceLocation> parse_location(TokenStream& tokens, Locations& locations) {
  TRY_ASSIGN(const Locations::Position position, parse_position(tokens));
  std::optional<Locations::Position> caller;
  while (tokens.accept(',')) {
    const bool is_caller = tokens.peek().is("inlined_at");
    TRY(tokens.expect_name());
    if (is_caller) {
      TRY_ASSIGN(caller, parse_position(tokens));
    }
    while (tokens.peek().kind == Token::Kind::kNumber || tokens.peek().is('+') ||
           (tokens.peek().kind == Token::Kind::kWord && tokens.peek().text.starts_with("$L__info"))) {
      tokens.take();
    }
  }
  return caller ? locations.add(position, *caller) : locations.add(position);
}

BodyParser::BodyParser(TokenStream& tokens, ModuleContext& context, Function& function)
    : tokens_(tokens), context_(context), function_(function), scopes_(function) {
  label_scopes_.emplace_back();
  for (const Parameter& parameter : function.parameters) scopes_.declare_variable(parameter.name);
  for (const Parameter& result : function.results) scopes_.declare_variable(result.name);
}

Result<void> BodyParser::parse() {
  TRY(tokens_.expect('{'));
  while (scopes_.depth() > 0) {
    if (tokens_.at_end()) return tokens_.fail("the body of " + function_.name + " does not end");
    TRY(parse_statement());
  }
  return {};
}

Result<void> BodyParser::open_scope() {
  if (scopes_.depth() >= kMaxScopeDepth) return tokens_.fail("scopes nested too deeply");
  tokens_.take();
  scopes_.open();
  label_scopes_.emplace_back();
  return {};
}

Result<void> BodyParser::close_scope() {
  tokens_.take();
  std::vector<PendingLabel> pending = std::move(label_scopes_.back().pending);
  const auto labels = std::move(label_scopes_.back().labels);
  label_scopes_.pop_back();
  scopes_.close();
  for (PendingLabel& label : pending) {
    if (const auto found = labels.find(label.name); found != labels.end()) {
      settle(label, found->second);
    } else if (label_scopes_.empty()) {
      return usage_error("ptx line " + std::to_string(label.line) + ": no label '" + std::string(label.name) +
                         "'");
    } else {
      label_scopes_.back().pending.push_back(std::move(label));
    }
  }
  return {};
}

void BodyParser::settle(const PendingLabel& pending, const std::string& unique_name) {
  if (pending.instruction == kNoInstruction) {
    function_.branch_targets[pending.list][pending.operand] = unique_name;
  } else {
    function_.code[pending.instruction].operands[pending.operand].name = unique_name;
  }
}

Result<void> BodyParser::parse_statement() {
  const Token& token = tokens_.peek();
  if (token.is('{')) return open_scope();
  if (token.is('}')) return close_scope();
  if (tokens_.accept(';')) return {};
  if (token.kind == Token::Kind::kWord && token.text.front() == '.') return parse_directive();
  if (token.kind == Token::Kind::kWord && tokens_.peek_second().is(':')) return parse_label();
  return parse_instruction();
}

Result<void> BodyParser::parse_directive() {
  const Token directive = tokens_.take();
  if (directive.is(".reg")) return parse_registers();
  if (directive.is(".loc")) {
    TRY_ASSIGN(location_, parse_location(tokens_, locations_));
    return {};
  }
  if (directive.is(".pragma") || directive.is(".callprototype")) return tokens_.skip_past(';');
  const Space space = space_of(directive.text);
  if (space == Space::kNone)
    return tokens_.fail("unknown directive " + std::string(directive.text) + " before this");
  TRY_ASSIGN(const DeclaredType type, parse_declared_type(tokens_));
  do {
    if (context_.operands_left-- <= 0) return tokens_.fail("module too large");
    const std::string_view name = tokens_.peek().text;
    TRY_ASSIGN(Variable variable, parse_variable(tokens_, space, type));
    variable.name = scopes_.declare_variable(name);
    function_.variables.push_back(std::move(variable));
  } while (tokens_.accept(','));
  return tokens_.expect(';');
}

Result<void> BodyParser::parse_registers() {
  TRY_ASSIGN(const DeclaredType type, parse_declared_type(tokens_));
  if (type.element_size != type_size(type.type)) return tokens_.fail("vector registers are not supported");
  const RegisterClass cls = class_of(type.type, type.element_size);
  do {
    TRY_ASSIGN(const Token name, tokens_.expect_name());
    Literal count{Literal::Kind::kInteger, 1};
    const bool is_range = tokens_.accept('<');
    if (is_range) {
      TRY(parse_constant(tokens_, count));
      TRY(tokens_.expect('>'));
    }
    if (count.bits > static_cast<uint64_t>(context_.registers_left))
      return tokens_.fail("too many registers");
    context_.registers_left -= static_cast<int64_t>(count.bits);
    if (is_range) {
      scopes_.declare_registers(name.text, static_cast<int>(count.bits), cls);
    } else {
      scopes_.declare_register(name.text, cls);
    }
  } while (tokens_.accept(','));
  return tokens_.expect(';');
}

Result<void> BodyParser::parse_label() {
  const Token name = tokens_.take();
  tokens_.take();
  std::string unique = scopes_.unique_name(name.text);
  if (!label_scopes_.back().labels.emplace(name.text, unique).second) {
    return tokens_.fail("label '" + std::string(name.text) +
                        "' is defined twice, the second time before this");
  }
  if (tokens_.accept(".branchtargets")) return parse_branch_targets(unique);
  if (tokens_.peek().is(".callprototype") || tokens_.peek().is(".calltargets")) return tokens_.skip_past(';');
  function_.labels[std::move(unique)] = static_cast<int>(function_.code.size());
  return {};
}

Result<void> BodyParser::parse_branch_targets(const std::string& name) {
  std::vector<std::string>& targets = function_.branch_targets[name];
  do {
    if (context_.operands_left-- <= 0) return tokens_.fail("module too large");
    TRY_ASSIGN(const Token target, tokens_.expect_name());
    label_scopes_.back().pending.push_back({target.text, target.line, kNoInstruction, targets.size(), name});
    targets.emplace_back();
  } while (tokens_.accept(','));
  return tokens_.expect(';');
}

Result<void> BodyParser::parse_instruction() {
  if (context_.instructions_left-- <= 0) return tokens_.fail("too many instructions");
  Instruction instruction;
  instruction.line = tokens_.peek().line;
  instruction.source = location_;
  if (tokens_.accept('@')) {
    instruction.predicate_negated = tokens_.accept('!');
    instruction.predicate = scopes_.find_register(tokens_.peek().text);
    if (instruction.predicate < 0) return tokens_.fail("expected a predicate register");
    tokens_.take();
  }
  if (tokens_.peek().kind != Token::Kind::kWord) return tokens_.fail("expected an instruction");
  instruction.opcode = tokens_.take().text;
  instruction.parts = split_at_dots(instruction.opcode);
  current_ = &instruction;
  new_pending_.clear();
  while (!tokens_.peek().is(';')) {
    Operand& operand = instruction.operands.emplace_back();
    TRY(parse_operand(operand, 0));
    if (!tokens_.accept(',') && !tokens_.peek().is(';')) return tokens_.fail("expected ',' or ';'");
  }
  tokens_.take();
  for (PendingLabel& label : new_pending_) label_scopes_.back().pending.push_back(std::move(label));
  function_.code.push_back(std::move(instruction));
  return {};
}

}  // namespace warpwright::ptx
