#include "src/plan/lexer.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <limits>
#include <string>

namespace warpwright::plan {
namespace {

// Longest first: the first that matches is taken.
constexpr std::string_view kPunctuation[] = {
    "<<<", ">>>", "::", "[[", "]]", "<<", ">>", "<=", ">=", "==", "!=", "&&", "||", "(", ")", "{",
    "}",   "[",   "]",  ",",  ";",  "=",  "<",  ">",  "+",  "-",  "*",  "/",  "%",  "!", "?", ":",
};

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_name_start(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool is_name(char c) {
  return is_name_start(c) || is_digit(c);
}

class Lexer {
 public:
  Lexer(std::string_view text, Position start, Diagnostics& diagnostics)
      : text_(text), at_(start), diagnostics_(diagnostics) {}

  std::vector<Token> run() {
    for (;;) {
      skip_blanks();
      if (next_ >= text_.size() || diagnostics_.full()) break;
      read_token();
    }
    tokens_.push_back({TokenKind::kEnd, {}, at_});
    return std::move(tokens_);
  }

 private:
  char peek(size_t ahead = 0) const { return next_ + ahead < text_.size() ? text_[next_ + ahead] : '\0'; }
  void advance(size_t count = 1) {
    for (; count > 0 && next_ < text_.size(); --count, ++next_) {
      if (text_[next_] == '\n') {
        ++at_.line;
        at_.column = 1;
      } else {
        ++at_.column;
      }
    }
  }

  void skip_blanks() {
    while (next_ < text_.size()) {
      const char c = peek();
      if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
        advance();
      } else if (c == '/' && peek(1) == '/') {
        while (next_ < text_.size() && peek() != '\n') advance();
      } else if (c == '/' && peek(1) == '*') {
        diagnostics_.error(at_, "the plan is a /* */ comment itself: comments in it begin with //");
        advance(2);
      } else {
        return;
      }
    }
  }

  void read_token() {
    const char c = peek();
    if (is_name_start(c)) {
      size_t size = 1;
      while (is_name(peek(size))) ++size;
      push(TokenKind::kIdentifier, size);
    } else if (is_digit(c) || (c == '.' && is_digit(peek(1)))) {
      read_number();
    } else if (c == '"') {
      read_string();
    } else {
      read_punctuation();
    }
  }

  void push(TokenKind kind, size_t size) {
    tokens_.push_back({kind, text_.substr(next_, size), at_});
    advance(size);
  }

  void read_string() {
    size_t size = 1;
    while (next_ + size < text_.size() && peek(size) != '"' && peek(size) != '\n') ++size;
    if (peek(size) != '"') {
      diagnostics_.error(at_, "the string has no closing \" on this line");
      advance(size);
      return;
    }
    tokens_.push_back({TokenKind::kString, text_.substr(next_ + 1, size - 1), at_});
    advance(size + 1);
  }

  void read_punctuation() {
    const std::string_view rest = text_.substr(next_);
    for (const std::string_view sign : kPunctuation) {
      if (rest.substr(0, sign.size()) == sign) return push(TokenKind::kPunctuation, sign.size());
    }
    const char c = peek();
    std::string mend;
    if (c == '&' || c == '|') mend = fmt::format(": write {}{} for a condition", c, c);
    if (c == '~' || c == '^') mend = ": there are no bit operations but << and >>";
    if (c == '.') mend = ": there are no members; write q, not q.data()";
    if (c == '#') mend = ": there is no preprocessor in a plan";
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte >= 0x7f) {
      diagnostics_.error(at_, fmt::format("unexpected byte 0x{:02x}{}", byte, mend));
      while (static_cast<unsigned char>(peek(1)) >= 0x80) advance();
    } else {
      diagnostics_.error(at_, fmt::format("unexpected '{}'{}", c, mend));
    }
    advance();
  }

  // The characters that belong to the number, as a preprocessor would take them: 0x1f, 1'000, 1.5e-3f.
  size_t number_size() const {
    size_t size = 1;
    const bool hex = peek() == '0' && (peek(1) == 'x' || peek(1) == 'X');
    for (;; ++size) {
      const char c = peek(size);
      const char before = peek(size - 1);
      const bool exponent_sign = (c == '+' || c == '-') && (before == 'e' || before == 'E') && !hex;
      if (!is_name(c) && c != '.' && c != '\'' && !exponent_sign) return size;
    }
  }

  void read_number() {
    const size_t size = number_size();
    std::string digits;
    for (const char c : text_.substr(next_, size)) {
      if (c != '\'') digits += c;
    }
    Token token{TokenKind::kInteger, text_.substr(next_, size), at_};
    const bool based = digits.size() > 1 && digits[0] == '0' && (digits[1] | 0x20) >= 'a';
    const bool is_float = !based && digits.find_first_of(".eE") != std::string::npos;
    std::string problem = is_float ? read_float(digits, token) : read_integer(digits, token);
    if (!problem.empty()) {
      diagnostics_.error(at_, std::move(problem));
      token.integer = 1;  // the parser goes on, and finds more
      token.number = 1;
    }
    tokens_.push_back(token);
    advance(size);
  }

  static std::string read_float(const std::string& digits, Token& token) {
    token.kind = TokenKind::kFloat;
    const char* first = digits.data();
    const char* last = first + digits.size();
    const auto [end, error] = std::from_chars(first, last, token.number);
    if (error == std::errc::result_out_of_range) return fmt::format("{} is out of a double's range", digits);
    const bool suffixed = end + 1 == last && (*end == 'f' || *end == 'F');
    if (error != std::errc() || (end != last && !suffixed)) {
      return fmt::format("'{}' is not a number", digits);
    }
    if (suffixed) token.number = static_cast<double>(static_cast<float>(token.number));
    if (!std::isfinite(token.number)) return fmt::format("{} is out of a float's range", digits);
    return {};
  }

  static std::string read_integer(const std::string& digits, Token& token) {
    int base = 10;
    std::string_view body = digits;
    if (body.size() > 1 && body[0] == '0') {
      const char mark = static_cast<char>(body[1] | 0x20);
      if (is_digit(body[1])) return fmt::format("'{}': leave out the leading zero", digits);
      if (mark == 'x') base = 16;
      if (mark == 'b') base = 2;
      if (base != 10) body.remove_prefix(2);
    }
    const char* last = body.data() + body.size();
    const auto [end, error] = std::from_chars(body.data(), last, token.integer, base);
    if (error == std::errc::result_out_of_range) {
      return fmt::format("{} does not fit in a 64-bit integer (at most {})", digits,
                         std::numeric_limits<int64_t>::max());
    }
    if (error != std::errc()) return fmt::format("'{}' is not a number", digits);
    if (end == last) return {};
    const std::string_view suffix(end, static_cast<size_t>(last - end));
    if (suffix.find_first_not_of("uUlL") == std::string_view::npos) {
      return fmt::format("'{}': integers are 64-bit and signed; leave out the suffix '{}'", digits, suffix);
    }
    return fmt::format("'{}' is not a number", digits);
  }

  std::string_view text_;
  size_t next_ = 0;
  Position at_;
  Diagnostics& diagnostics_;
  std::vector<Token> tokens_;
};

}  // namespace

std::vector<Token> tokenize(std::string_view text, Position start, Diagnostics& diagnostics) {
  return Lexer(text, start, diagnostics).run();
}

}  // namespace warpwright::plan
