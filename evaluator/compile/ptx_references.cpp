#include "evaluator/compile/ptx_references.h"

#include <cctype>
#include <map>

namespace warpwright::compile {
namespace {

bool is_symbol_character(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '$' || c == '%' || c == '.';
}

// One statement at module scope: its words outside braces (among which its own name) and inside.
struct Statement {
  std::vector<std::string_view> head, body;
};

// Yields identifiers and the characters { } ; = of a PTX text.
class Tokens {
 public:
  explicit Tokens(std::string_view text) : text_(text) {}

  std::string_view next() {
    while (at_ < text_.size()) {
      const std::string_view rest = text_.substr(at_);
      if (rest.starts_with("//")) {
        skip_past("\n");
      } else if (rest.starts_with("/*")) {
        skip_past("*/");
      } else if (rest.front() == '"') {
        ++at_;
        skip_past("\"");
      } else if (is_symbol_character(rest.front())) {
        const size_t begin = at_;
        while (at_ < text_.size() && is_symbol_character(text_[at_])) ++at_;
        return text_.substr(begin, at_ - begin);
      } else if (std::string_view("{};=").find(rest.front()) != std::string_view::npos) {
        return text_.substr(at_++, 1);
      } else {
        ++at_;
      }
    }
    return "";
  }

 private:
  void skip_past(std::string_view end) {
    const size_t found = text_.find(end, at_);
    at_ = found == std::string_view::npos ? text_.size() : found + end.size();
  }

  std::string_view text_;
  size_t at_ = 0;
};

// A statement ends with a semicolon outside braces, or with the brace that closes a function's body (an
// initialiser's braces follow an equals sign and end with a semicolon).
bool read_statement(Tokens& tokens, Statement& statement) {
  statement = {};
  int depth = 0;
  bool initialiser = false;
  for (std::string_view token = tokens.next(); !token.empty(); token = tokens.next()) {
    if (token == "{") {
      ++depth;
    } else if (token == "}") {
      if (--depth <= 0 && !initialiser) return true;
    } else if (token == "=" && depth == 0) {
      initialiser = true;
    } else if (token == ";") {
      if (depth == 0) return true;
    } else if (is_symbol_character(token.front())) {
      (depth > 0 || initialiser ? statement.body : statement.head).push_back(token);
    }
  }
  return !statement.head.empty();
}

}  // namespace

std::set<std::string, std::less<>> reachable_symbols(std::string_view ptx,
                                                     const std::vector<std::string>& roots) {
  // Each word of a head leads to the body: its name among them, and the names of types, which nothing
  // reaches.
  std::vector<Statement> statements;
  std::map<std::string_view, std::vector<size_t>> by_word;
  Tokens tokens(ptx);
  for (Statement statement; read_statement(tokens, statement);) {
    for (const std::string_view word : statement.head) {
      // Types and directives also stand in bodies; keyed on, they would lead everywhere.
      if (word.front() != '.' && std::isdigit(static_cast<unsigned char>(word.front())) == 0)
        by_word[word].push_back(statements.size());
    }
    statements.push_back(std::move(statement));
  }
  std::set<std::string, std::less<>> reached(roots.begin(), roots.end());
  std::vector<std::string> open(roots.begin(), roots.end());
  while (!open.empty()) {
    const std::string word = std::move(open.back());
    open.pop_back();
    const auto found = by_word.find(word);
    if (found == by_word.end()) continue;
    for (const size_t index : found->second)
      for (const std::string_view next : statements[index].body)
        if (reached.emplace(next).second) open.emplace_back(next);
  }
  return reached;
}

}  // namespace warpwright::compile
