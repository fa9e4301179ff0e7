// From a model's reply to a candidate. Pure. A reply that cannot be used is data for the next prompt, so
// problems are values with a reason that a model can act on; nothing unusable or unchanged is ever evaluated.
#pragma once

#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <variant>
#include <vector>

#include "src/events/event.h"

namespace warpwright::prompt {

struct ReplyProblem {
  events::ProposalFailed::Kind kind = events::ProposalFailed::Kind::kNoCode;
  std::string reason;
};
template <class T>
using Parsed = tl::expected<T, ReplyProblem>;

// A full rewrite: the text of the reply's one code block.
struct Rewrite {
  std::string source;
};
// One SEARCH/REPLACE block; both texts are whole lines.
struct Edit {
  std::string search;
  std::string replace;
  int line = 0;  // of the reply, where it starts
};
using ReplyContent = std::variant<Rewrite, std::vector<Edit>>;

// Edits if the reply holds any `<<<<<<< SEARCH` line, else the rewrite of its one fenced block (```cuda,
// ```cpp, ... or unnamed; other languages are ignored). Refused: no block, several candidates, an
// unterminated block.
Parsed<ReplyContent> parse_reply(std::string_view reply);

// Applies all edits to the source, or none: each search text must occur exactly once in the original, and the
// places must not overlap. The problem names the block and shows the nearest lines.
Parsed<std::string> apply_edits(std::string_view source, const std::vector<Edit>& edits);

// The two together, and refuses a candidate that equals its parent.
Parsed<std::string> candidate_from_reply(std::string_view reply, std::string_view parent_source);

}  // namespace warpwright::prompt
