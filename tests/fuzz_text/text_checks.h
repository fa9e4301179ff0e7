// Checks of texts that more than one fuzzer makes.
#pragma once

#include <string>
#include <string_view>

#include "src/prompt/lines.h"

namespace warpwright::fuzz {

inline bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const prompt::Character c = prompt::first_character(text);
    if (c.broken) return false;
    text.remove_prefix(c.bytes);
  }
  return true;
}

inline bool is_ascii_text(std::string_view text) {
  for (const char c : text)
    if ((c < ' ' || c > '~') && c != '\n' && c != '\t') return false;
  return true;
}

}  // namespace warpwright::fuzz
