// What a reply says in words, beside its code.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "src/prompt/lines.h"

namespace warpwright::prompt {

// The text of a line "LABEL: text", whatever Markdown stands around it: "- **Label 2:** text", "## LABEL -
// text". The plural is the label too. `label` in lower case. None: another line; empty: a label alone.
std::optional<std::string_view> labelled_text(std::string_view line, std::string_view label);
// The text of a list item ("- text", "2. text"); none: no item.
std::optional<std::string_view> list_item(std::string_view line);

// The idea that a reply states, else the first sentence of its prose; lines of code are flagged.
std::string idea_of(const Lines& lines, const std::vector<bool>& is_code, size_t max_bytes);

}  // namespace warpwright::prompt
