// Module scope: header directives, variables, functions and their performance directives.
#include <unordered_map>

#include "evaluator/ptx/body.h"
#include "evaluator/ptx/declaration.h"
#include "evaluator/ptx/module.h"
#include "evaluator/ptx/token_stream.h"

namespace warpwright::ptx {
namespace {

constexpr std::size_t kMaxTextBytes = std::size_t{64} << 20;

class ModuleParser {
 public:
  explicit ModuleParser(std::string_view text) : tokens_(text) {
    context_.instructions_left = int64_t{1} << 20;
    context_.operands_left = int64_t{1} << 22;
    context_.registers_left = int64_t{1} << 20;
  }

  Result<Module> parse() {
    while (!tokens_.at_end()) TRY(parse_item());
    if (module_.version.empty()) return tokens_.fail("no .version directive");
    return std::move(module_);
  }

 private:
  Result<void> parse_item() {
    if (tokens_.accept(';')) return {};
    const Token word = tokens_.peek();
    if (word.kind != Token::Kind::kWord || word.text.front() != '.')
      return tokens_.fail("expected a directive");
    tokens_.take();
    if (word.is(".version") || word.is(".target") || word.is(".address_size")) return parse_header(word.text);
    if (word.is(".file")) return parse_file();
    if (word.is(".loc")) {
      Locations unused;
      TRY(parse_location(tokens_, unused));
      return {};
    }
    if (word.is(".section")) return skip_section();
    if (word.is(".pragma") || word.is(".alias")) return tokens_.skip_past(';');
    return parse_declaration(word);
  }

  Result<void> parse_header(std::string_view directive) {
    const std::string text(tokens_.take().text);
    if (directive == ".version") module_.version = text;
    if (directive == ".address_size") module_.address_size = text == "32" ? 32 : 64;
    if (directive == ".target") {
      module_.target = text;
      while (tokens_.accept(',')) tokens_.take();  // texmode, debug
    }
    return {};
  }

  Result<void> parse_file() {
    Literal index;
    if (!parse_literal(tokens_.peek().text, index)) return tokens_.fail("expected a file number");
    tokens_.take();
    if (tokens_.peek().kind != Token::Kind::kString) return tokens_.fail("expected a file name");
    if (module_.files.size() >= kMaxFiles) return tokens_.fail("too many files");
    module_.files[static_cast<int>(index.bits & 0x7fffffff)] = tokens_.take().text;
    while (tokens_.accept(',')) tokens_.take();  // time stamp and size
    return {};
  }

  // Debug information: nothing in it is needed.
  Result<void> skip_section() {
    while (!tokens_.peek().is('{')) {
      if (tokens_.at_end()) return tokens_.fail("expected '{'");
      tokens_.take();
    }
    return tokens_.skip_past('}');
  }

  Result<void> parse_declaration(Token word) {
    bool is_extern = false;
    while (word.is(".visible") || word.is(".weak") || word.is(".extern") || word.is(".common")) {
      is_extern |= word.is(".extern");
      word = tokens_.take();
    }
    if (word.is(".entry") || word.is(".func")) return parse_function(word, is_extern);
    const Space space = space_of(word.text);
    if (space == Space::kNone || space == Space::kReg || space == Space::kParam) {
      return tokens_.fail("unknown directive " + std::string(word.text) + " before this");
    }
    TRY_ASSIGN(const DeclaredType type, parse_declared_type(tokens_));
    do {
      if (context_.operands_left-- <= 0) return tokens_.fail("module too large");
      const std::string_view name = tokens_.peek().text;
      TRY_ASSIGN(Variable variable, parse_variable(tokens_, space, type));
      variable.is_extern = is_extern;
      context_.symbols.insert(name);
      module_.variables.push_back(std::move(variable));
    } while (tokens_.accept(','));
    return tokens_.expect(';');
  }

  Result<void> parse_function(const Token& keyword, bool is_extern) {
    Function function;
    function.is_entry = keyword.is(".entry");
    function.line = keyword.line;
    if (tokens_.peek().is('(')) TRY(parse_parameters(tokens_, function.results));
    TRY_ASSIGN(const Token name, tokens_.expect_name());
    function.name = name.text;
    if (tokens_.peek().is('(')) {
      TRY_ASSIGN(function.parameter_size, parse_parameters(tokens_, function.parameters));
    }
    TRY(parse_performance_directives(function));
    context_.symbols.insert(name.text);
    if (tokens_.accept(';') || is_extern) {
      function.is_declaration = true;
    } else {
      BodyParser body(tokens_, context_, function);
      TRY(body.parse());
    }
    return add(std::move(function), name);
  }

  Result<void> add(Function function, const Token& name) {
    const auto [found, is_new] = function_index_.emplace(name.text, module_.functions.size());
    if (is_new) {
      module_.functions.push_back(std::move(function));
      return {};
    }
    Function& earlier = module_.functions[found->second];
    if (function.is_declaration) return {};
    if (!earlier.is_declaration)
      return tokens_.fail("function '" + earlier.name + "' is defined twice, before this");
    earlier = std::move(function);
    return {};
  }

  Result<void> parse_performance_directives(Function& function) {
    while (tokens_.peek().kind == Token::Kind::kWord) {
      const Token word = tokens_.take();
      int ignored[3] = {};
      if (word.is(".maxntid")) {
        TRY(parse_counts(function.max_threads));
      } else if (word.is(".reqntid")) {
        TRY(parse_counts(function.required_threads));
      } else if (word.is(".reqnctapercluster")) {
        TRY(parse_counts(function.required_cluster));
      } else if (word.is(".minnctapersm")) {
        TRY(parse_counts(ignored));
        function.min_blocks_per_sm = ignored[0];
      } else if (word.is(".maxnreg")) {
        TRY(parse_counts(ignored));
        function.max_registers = ignored[0];
      } else if (word.is(".pragma")) {
        TRY(tokens_.skip_past(';'));
      } else if (word.text.front() == '.') {  // .noreturn, .explicitcluster, .abi_preserve 3, ...
        if (tokens_.peek().kind == Token::Kind::kNumber) TRY(parse_counts(ignored));
      } else {
        return tokens_.fail("unknown word '" + std::string(word.text.substr(0, 60)) + "' before this");
      }
    }
    return {};
  }

  // "256", "16, 16" or "8, 8, 4"; dimensions left out are 1.
  Result<void> parse_counts(int (&counts)[3]) {
    counts[1] = counts[2] = 1;
    for (int i = 0; i < 3; ++i) {
      Literal value;
      TRY(parse_constant(tokens_, value));
      if (value.bits > 0x7fffffff) return tokens_.fail("count out of range");
      counts[i] = static_cast<int>(value.bits);
      if (!tokens_.accept(',')) return {};
    }
    return {};
  }

  static constexpr std::size_t kMaxFiles = 100000;

  TokenStream tokens_;
  Module module_;
  ModuleContext context_;
  std::unordered_map<std::string_view, std::size_t> function_index_;
};

}  // namespace

Result<Module> parse(std::string_view text) {
  if (text.size() > kMaxTextBytes) return usage_error("ptx: the text is larger than 64 MiB");
  while (!text.empty() && text.back() == '\0') text.remove_suffix(1);  // NVRTC counts the terminator
  return ModuleParser(text).parse();
}

}  // namespace warpwright::ptx
