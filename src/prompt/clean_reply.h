// A model's reply made fit to be read: well-formed text without what its chat template and its thinking left
// in.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "src/prompt/parsed.h"

namespace warpwright::prompt {

constexpr size_t kMaxReplyBytes = 1 << 20;

struct CleanReply {
  std::string text;  // UTF-8 with \n ends; its lines have (all but always) the reply's numbers
  std::vector<std::string> repairs;  // what was done, a line each
  bool cut_in_thinking = false;      // the reply ends before its thinking does
};

// Refused: a reply longer than kMaxReplyBytes. Cleaning a cleaned text changes nothing.
Parsed<CleanReply> clean_reply(std::string_view reply);

// The text without <think>...</think> and its kin, which become empty lines: drafts are no answer. What
// stands before a closing tag without its opening one (chat templates open it in the prompt) is thinking, and
// so is what follows an opening tag that is never closed.
std::string remove_thinking(std::string text, std::vector<std::string>& repairs, bool& cut);

}  // namespace warpwright::prompt
