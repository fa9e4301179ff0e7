// Tokens of PTX text, made on demand so that memory does not grow with the text. Views point into the text.
#pragma once

#include <cstdint>
#include <string_view>

namespace warpwright::ptx {

struct Token {
  enum class Kind {
    kEnd,
    kWord,    // opcodes with their modifiers, directives, names, %registers; "::" is part of a word
    kNumber,  // starts with a digit
    kString,  // without its quotes
    kSymbol,  // one punctuation character
    kBad,     // a character PTX does not have
  };
  Kind kind = Kind::kEnd;
  std::string_view text;
  int line = 1;

  bool is(char symbol) const { return kind == Kind::kSymbol && text.front() == symbol; }
  bool is(std::string_view word) const { return kind == Kind::kWord && text == word; }
};

class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}
  Token next();

 private:
  void skip_blanks_and_comments();
  Token take(Token::Kind kind, std::size_t length);
  std::size_t word_length() const;

  std::string_view text_;
  std::size_t at_ = 0;
  int line_ = 1;
};

// A number as written: decimal, hex, octal, binary, an optional U, 0f/0d bit patterns, or a decimal fraction.
struct Literal {
  enum class Kind { kInteger, kFloat32, kFloat64 };
  Kind kind = Kind::kInteger;
  uint64_t bits = 0;
};
// False if the word is not a number or does not fit in 64 bits.
bool parse_literal(std::string_view word, Literal& literal);

}  // namespace warpwright::ptx
