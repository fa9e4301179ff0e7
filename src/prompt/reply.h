// From a model's reply to a candidate. Pure. A reply that cannot be used is data for the next prompt, so
// problems are values with a reason that a model can act on; nothing unusable or unchanged is ever evaluated.
#pragma once

#include <optional>
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

// Edits if the reply holds any `<<<<<<< SEARCH` line (fenced or not), else a rewrite: its fenced block in
// cuda, cu, cpp, c++, c or without a language; of several, the one that holds the plan. Refused: no such
// block, several that cannot be told apart, anything that is opened and not closed (a reply cut short).
Parsed<ReplyContent> parse_reply(std::string_view reply);

// Applies all edits to the source, or none. Each search text must occur exactly once in the original, line by
// line (space at the end of lines aside), and the places must not overlap. A problem names the block and
// shows the lines that come nearest.
Parsed<std::string> apply_edits(std::string_view source, const std::vector<Edit>& edits);

// The two together; refuses edits without a parent (an empty text), and a candidate that equals its parent.
Parsed<std::string> candidate_from_reply(std::string_view reply, std::string_view parent_source);

}  // namespace warpwright::prompt
