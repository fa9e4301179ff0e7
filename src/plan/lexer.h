// Plan text to tokens, with positions in the candidate's file.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "src/plan/diagnostics.h"
#include "src/plan/plan.h"

namespace warpwright::plan {

enum class TokenKind { kIdentifier, kInteger, kFloat, kString, kPunctuation, kEnd };

struct Token {
  TokenKind kind = TokenKind::kEnd;
  std::string_view text;  // of the plan; a string's without its quotes
  Position at;
  int64_t integer = 0;
  double number = 0;
};

// The last token is always kEnd. Errors go to `diagnostics`; what cannot be read is left out. Tokens point
// into `text`.
std::vector<Token> tokenize(std::string_view text, Position start, Diagnostics& diagnostics);

}  // namespace warpwright::plan
