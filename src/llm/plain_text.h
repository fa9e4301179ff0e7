// A conversation as text that a program or a person can read: what providers without a wire format hand over.
#pragma once

#include <string>

#include "src/llm/conversation.h"

namespace warpwright::llm {

// Each part stands below a line of its own, its text as it is, and ends with a newline:
//
//   ===== SYSTEM =====
//   You write CUDA kernels ...
//
//   ===== USER =====
//   ...
//
//   ===== ASSISTANT =====
//   ...
//
// An empty system text is left out. The last part is the user's: what is to be answered.
std::string plain_text(const Conversation& conversation);

// What a program printed or a person saved, as text that a journal keeps without changing it: bytes that are
// no UTF-8 become U+FFFD. A run and its replay then read the same.
std::string well_formed(const std::string& bytes);

}  // namespace warpwright::llm
