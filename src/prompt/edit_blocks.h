// Edits of the parent as models write them: SEARCH/REPLACE blocks and unified diffs.
#pragma once

#include <vector>

#include "src/prompt/fences.h"
#include "src/prompt/lines.h"
#include "src/prompt/parsed.h"
#include "src/prompt/reply.h"

namespace warpwright::prompt {

// The lines that begin and end a block: `<<<<<<< SEARCH`, `>>>>>>> REPLACE` and their variants.
bool is_search_line(std::string_view line);
bool is_replace_line(std::string_view line);

// All SEARCH/REPLACE blocks, fenced or not. Refused: a block that is not whole, and a reply that was cut
// short. `is_code` gets the lines that belong to blocks.
Parsed<std::vector<Edit>> parse_edit_blocks(const Lines& lines, std::vector<bool>& is_code,
                                            std::vector<std::string>& repairs);

// Whether a block (its text) or a reply without fences is a unified diff.
bool is_unified_diff(const Lines& lines, bool is_named_diff);
// Its hunks as edits that must match exactly. `first_line` is the number of lines[0] in the reply. Without a
// fence, what follows the last hunk is prose.
Parsed<std::vector<Edit>> parse_unified_diff(const Lines& lines, size_t first_line, bool fenced);

}  // namespace warpwright::prompt
