#include "evaluator/ptx/lexer.h"

#include <bit>
#include <charconv>

namespace warpwright::ptx {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_word_character(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$' ||
         c == '%' || c == '.';
}
bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\v' || c == '\f';
}

bool parse_integer(std::string_view digits, int base, uint64_t& value) {
  const char* end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, value, base);
  return error == std::errc() && stop == end;
}

bool parse_fraction(std::string_view word, Literal& literal) {
  double value = 0;
  const char* end = word.data() + word.size();
  const auto [stop, error] = std::from_chars(word.data(), end, value);
  literal = {Literal::Kind::kFloat64, std::bit_cast<uint64_t>(value)};
  return error == std::errc() && stop == end;
}

}  // namespace

void Lexer::skip_blanks_and_comments() {
  while (at_ < text_.size()) {
    const std::string_view rest = text_.substr(at_, 2);
    if (is_blank(rest[0])) {
      line_ += rest[0] == '\n';
      ++at_;
    } else if (rest == "//") {
      at_ = std::min(text_.find('\n', at_), text_.size());
    } else if (rest == "/*") {
      const std::size_t close = text_.find("*/", at_ + 2);
      const std::size_t end = close == std::string_view::npos ? text_.size() : close + 2;
      for (; at_ < end; ++at_) line_ += text_[at_] == '\n';
    } else {
      return;
    }
  }
}

Token Lexer::take(Token::Kind kind, std::size_t length) {
  Token token{kind, text_.substr(at_, length), line_};
  at_ += length;
  return token;
}

std::size_t Lexer::word_length() const {
  const bool is_directive = text_[at_] == '.';
  std::size_t end = at_ + 1;
  while (end < text_.size()) {
    if (is_directive && text_[end] == '.') break;  // ".reg.b32" is two directives
    if (is_word_character(text_[end])) {
      ++end;
    } else if (text_.compare(end, 2, "::") == 0 && end + 2 < text_.size() &&
               is_word_character(text_[end + 2])) {
      end += 2;
    } else {
      break;
    }
  }
  return end - at_;
}

Token Lexer::next() {
  skip_blanks_and_comments();
  if (at_ >= text_.size()) return {Token::Kind::kEnd, {}, line_};
  const char first = text_[at_];
  if (first == '"') {
    const std::size_t close = text_.find_first_of("\"\n", at_ + 1);
    if (close == std::string_view::npos || text_[close] == '\n') return take(Token::Kind::kBad, 1);
    Token token = take(Token::Kind::kString, close + 1 - at_);
    token.text = token.text.substr(1, token.text.size() - 2);
    return token;
  }
  if (is_digit(first)) return take(Token::Kind::kNumber, word_length());
  if (is_word_character(first)) return take(Token::Kind::kWord, word_length());
  constexpr std::string_view kSymbols = "{}()[]<>,;:@!|+-*/~&^=?";
  const bool known = kSymbols.find(first) != std::string_view::npos;
  return take(known ? Token::Kind::kSymbol : Token::Kind::kBad, 1);
}

bool parse_literal(std::string_view word, Literal& literal) {
  literal = {};
  if (word.empty() || !is_digit(word[0])) return false;
  const char marker = word.size() > 1 && word[0] == '0' ? static_cast<char>(word[1] | 0x20) : ' ';
  if (marker == 'f' || marker == 'd') {
    literal.kind = marker == 'f' ? Literal::Kind::kFloat32 : Literal::Kind::kFloat64;
    const std::size_t digits = marker == 'f' ? 8 : 16;
    return word.size() == digits + 2 && parse_integer(word.substr(2), 16, literal.bits);
  }
  if (word.back() == 'U') word.remove_suffix(1);
  if (marker == 'x') return parse_integer(word.substr(2), 16, literal.bits);
  if (marker == 'b') return parse_integer(word.substr(2), 2, literal.bits);
  if (word.find_first_of(".eE") != std::string_view::npos) return parse_fraction(word, literal);
  const bool octal = word.size() > 1 && word[0] == '0';
  return parse_integer(octal ? word.substr(1) : word, octal ? 8 : 10, literal.bits);
}

}  // namespace warpwright::ptx
