// The fenced blocks of a reply in Markdown, as models write them.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "src/prompt/lines.h"
#include "src/prompt/parsed.h"

namespace warpwright::prompt {

// Three or more backticks or tildes that begin a line, and what follows them.
struct Fence {
  char mark = 0;  // 0: the line is none
  size_t length = 0;
  std::string_view info;
  explicit operator bool() const { return mark != 0; }
  bool closes(const Fence& open) const { return mark == open.mark && length >= open.length && info.empty(); }
};
Fence fence_of(std::string_view line);

enum class BlockKind {
  kCandidate,  // cuda and its other names, C and C++, or no language
  kText,       // text, txt, plain: a candidate if it reads like one
  kPlan,       // plan: the launch plan alone
  kDiff,       // diff, patch
  kOther,      // another language: an explanation
};
BlockKind kind_of_info(std::string_view info);

struct Block {
  size_t line = 0;  // of the opening fence, from 1
  size_t end = 0;   // lines [line, end) from 0 are its content
  BlockKind kind = BlockKind::kOther;
  std::string text;  // without the indentation that its fence has
};

// In order. Refused: a block that is not closed, for the reply was cut there, and more blocks than anybody
// writes. `repairs` gets a line for each liberty taken.
Parsed<std::vector<Block>> fenced_blocks(const Lines& lines, std::vector<std::string>& repairs);

}  // namespace warpwright::prompt
