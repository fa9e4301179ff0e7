#include "evaluator/ptx/declaration.h"

#include <bit>

namespace warpwright::ptx {
namespace {

constexpr uint64_t kMaxVariableBytes = uint64_t{1} << 40;
constexpr int kMaxAlignment = 1 << 20;
constexpr int kMaxNesting = 16;

Result<int> parse_alignment(TokenStream& tokens) {
  Literal value;
  TRY(parse_constant(tokens, value));
  if (!std::has_single_bit(value.bits) || value.bits > kMaxAlignment) {
    return tokens.fail("alignment must be a power of two");
  }
  return static_cast<int>(value.bits);
}

struct Dimensions {
  uint64_t elements = 1;
  bool unsized = false;                // x[]
  std::vector<uint64_t> inner_extent;  // elements of one row at each brace depth
};

Result<Dimensions> parse_dimensions(TokenStream& tokens) {
  Dimensions dimensions;
  std::vector<uint64_t> extents;
  while (tokens.accept('[')) {
    if (extents.size() >= kMaxNesting) return tokens.fail("too many dimensions");
    Literal extent{Literal::Kind::kInteger, 0};
    if (!tokens.peek().is(']')) TRY(parse_constant(tokens, extent));
    TRY(tokens.expect(']'));
    if (extent.kind != Literal::Kind::kInteger || extent.bits > kMaxVariableBytes) {
      return tokens.fail("array extent out of range");
    }
    extents.push_back(extent.bits);
    dimensions.elements *= extent.bits;
    if (dimensions.elements > kMaxVariableBytes) return tokens.fail("variable too large");
  }
  dimensions.unsized = !extents.empty() && dimensions.elements == 0;
  uint64_t inner = 1;
  for (std::size_t i = extents.size(); i-- > 0;) {
    dimensions.inner_extent.insert(dimensions.inner_extent.begin(), inner);
    inner *= extents[i];
    if (inner > kMaxVariableBytes) return tokens.fail("variable too large");
  }
  return dimensions;
}

class InitialiserParser {
 public:
  InitialiserParser(TokenStream& tokens, Variable& variable, const DeclaredType& type,
                    const Dimensions& dimensions)
      : tokens_(tokens), variable_(variable), type_(type), dimensions_(dimensions) {}

  Result<void> parse() {
    TRY(parse_item(0));
    if (dimensions_.unsized) variable_.size = variable_.bytes.size();
    if (variable_.bytes.size() > variable_.size) return tokens_.fail("more initial values than elements");
    return {};
  }

 private:
  Result<void> parse_item(std::size_t depth) {
    if (tokens_.peek().kind == Token::Kind::kString) {
      variable_.bytes.resize(at_);
      variable_.bytes += tokens_.take().text;
      at_ = variable_.bytes.size();
      return {};
    }
    if (!tokens_.accept('{')) return parse_element();
    if (depth >= kMaxNesting) return tokens_.fail("initialiser nested too deeply");
    const uint64_t begin = at_;
    while (!tokens_.peek().is('}')) {
      TRY(parse_item(depth + 1));
      if (!tokens_.accept(',') && !tokens_.peek().is('}')) return tokens_.fail("expected ',' or '}'");
    }
    tokens_.take();
    if (depth > 0 && depth <= dimensions_.inner_extent.size()) {
      const uint64_t row =
          dimensions_.inner_extent[depth - 1] * static_cast<uint64_t>(variable_.element_size);
      if (at_ != begin + row) return tokens_.fail("an inner initialiser list must fill its row");
    }
    return {};
  }

  Result<void> parse_element() {
    Literal value;
    if (starts_constant(tokens_.peek())) {
      TRY(parse_constant(tokens_, value));
      if (!tokens_.peek().is('(')) return store(value);
    } else {
      return parse_address(0);
    }
    // 0xFF00(generic(symbol)): one byte of an address, as in a packed struct.
    tokens_.take();
    const int shift = value.bits == 0 ? 0 : std::countr_zero(value.bits) / 8;
    TRY(parse_address(static_cast<uint64_t>(shift)));
    return tokens_.expect(')');
  }

  Result<void> parse_address(uint64_t byte_of_address) {
    const bool generic = tokens_.accept("generic");
    if (generic) TRY(tokens_.expect('('));
    TRY_ASSIGN(const Token name, tokens_.expect_name());
    Variable::Pointer pointer{at_ - std::min(at_, byte_of_address), std::string(name.text), 0};
    if (generic) TRY(tokens_.expect(')'));
    if (tokens_.peek().is('+') || tokens_.peek().is('-')) {
      Literal offset;
      TRY(parse_constant(tokens_, offset));
      pointer.offset = static_cast<int64_t>(offset.bits);
    }
    if (byte_of_address == 0 || variable_.pointers.empty() ||
        variable_.pointers.back().symbol != pointer.symbol) {
      variable_.pointers.push_back(std::move(pointer));
    }
    return store({Literal::Kind::kInteger, 0});
  }

  Result<void> store(Literal value) {
    if (value.kind == Literal::Kind::kFloat64 && type_.type == "f32") {
      value.bits = std::bit_cast<uint32_t>(static_cast<float>(std::bit_cast<double>(value.bits)));
    }
    const uint64_t end = at_ + static_cast<uint64_t>(variable_.element_size);
    if (!dimensions_.unsized && end > variable_.size)
      return tokens_.fail("more initial values than elements");
    if (end > kMaxInitialBytes) return tokens_.fail("initialiser too large");
    variable_.bytes.resize(end);
    for (uint64_t i = at_, shift = 0; i < end && shift < 64; ++i, shift += 8) {
      variable_.bytes[i] = static_cast<char>(value.bits >> shift);
    }
    at_ = end;
    return {};
  }

  static constexpr uint64_t kMaxInitialBytes = uint64_t{1} << 28;

  TokenStream& tokens_;
  Variable& variable_;
  const DeclaredType& type_;
  const Dimensions& dimensions_;
  uint64_t at_ = 0;
};

// ".attribute(.managed, .unified(1, 2))": takes the balanced list.
Result<void> parse_attributes(TokenStream& tokens, bool& is_managed) {
  TRY(tokens.expect('('));
  for (int depth = 1; depth > 0;) {
    if (tokens.at_end()) return tokens.fail("expected ')'");
    const Token token = tokens.take();
    if (token.is(".managed")) is_managed = true;
    if (token.is('(')) ++depth;
    if (token.is(')')) --depth;
  }
  return {};
}

}  // namespace

Space space_of(std::string_view directive) {
  if (directive == ".global") return Space::kGlobal;
  if (directive == ".const") return Space::kConst;
  if (directive == ".shared") return Space::kShared;
  if (directive == ".local") return Space::kLocal;
  if (directive == ".param") return Space::kParam;
  if (directive == ".reg") return Space::kReg;
  return Space::kNone;
}

Result<DeclaredType> parse_declared_type(TokenStream& tokens) {
  DeclaredType result;
  int explicit_alignment = 0;
  int vector_length = 1;
  while (tokens.peek().kind == Token::Kind::kWord && tokens.peek().text.front() == '.') {
    const std::string_view word = tokens.peek().text;
    if (word == ".align") {
      tokens.take();
      TRY_ASSIGN(const int alignment, parse_alignment(tokens));
      if (result.type.empty())
        explicit_alignment = alignment;  // after the type it is that of a pointer's target
    } else if (word == ".attribute") {
      tokens.take();
      TRY(parse_attributes(tokens, result.is_managed));
    } else if (word == ".v2" || word == ".v4") {
      vector_length = word == ".v2" ? 2 : 4;
      tokens.take();
    } else if (const int size = type_size(word.substr(1)); size > 0 && result.type.empty()) {
      result.element_size = size;
      result.type = tokens.take().text.substr(1);
    } else if (word == ".ptr" || (!result.type.empty() && space_of(word) != Space::kNone)) {
      tokens.take();  // .ptr .global: hints about what a pointer parameter points to
    } else {
      return tokens.fail("unknown type or attribute");
    }
  }
  if (result.type.empty()) return tokens.fail("expected a type");
  result.element_size *= vector_length;
  result.alignment = std::max(explicit_alignment, result.element_size);
  if (explicit_alignment > 0 && result.element_size == 1) result.alignment = explicit_alignment;
  return result;
}

Result<Variable> parse_variable(TokenStream& tokens, Space space, const DeclaredType& type) {
  Variable variable;
  variable.space = space;
  variable.alignment = type.alignment;
  variable.element_size = type.element_size;
  variable.is_managed = type.is_managed;
  variable.line = tokens.peek().line;
  TRY_ASSIGN(const Token name, tokens.expect_name());
  variable.name = name.text;
  TRY_ASSIGN(const Dimensions dimensions, parse_dimensions(tokens));
  if (dimensions.elements > kMaxVariableBytes / 64) return tokens.fail("variable too large");
  variable.size = dimensions.elements * static_cast<uint64_t>(type.element_size);
  if (tokens.accept('=')) TRY(InitialiserParser(tokens, variable, type, dimensions).parse());
  return variable;
}

Result<uint64_t> parse_parameters(TokenStream& tokens, std::vector<Parameter>& parameters) {
  TRY(tokens.expect('('));
  uint64_t end = 0;
  while (!tokens.accept(')')) {
    if (!tokens.accept(".param")) return tokens.fail("expected .param");
    TRY_ASSIGN(const DeclaredType type, parse_declared_type(tokens));
    TRY_ASSIGN(const Variable variable, parse_variable(tokens, Space::kParam, type));
    const uint64_t alignment = static_cast<uint64_t>(variable.alignment);
    const uint64_t offset = (end + alignment - 1) / alignment * alignment;
    parameters.push_back({variable.name, offset, variable.size, variable.alignment});
    end = offset + variable.size;
    if (!tokens.accept(',') && !tokens.peek().is(')')) return tokens.fail("expected ',' or ')'");
  }
  return end;
}

}  // namespace warpwright::ptx
