// From a model's reply to a candidate. Pure. A reply that cannot be used is data for the next prompt, so
// problems are values with a reason that a model can act on; nothing unusable or unchanged is ever evaluated.
// What a reply needed to be readable (typographic quotes, a shifted indentation) is mended and reported.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "src/prompt/parsed.h"

namespace warpwright::prompt {

// A whole candidate: device code and launch plan.
struct Rewrite {
  std::string source;
};
// Another launch plan for the parent's device code.
struct NewPlan {
  std::string comment;  // from /*@plan to */
};
// One SEARCH/REPLACE block, or a hunk of a unified diff; both texts are whole lines.
struct Edit {
  std::string search;
  std::string replace;
  int line = 0;        // of the reply, where it starts
  bool exact = false;  // a hunk: matches as it stands or not at all
};
using ReplyContent = std::variant<Rewrite, NewPlan, std::vector<Edit>>;

constexpr size_t kMaxReplyIdeaBytes = 400;

struct ParsedReply {
  std::string idea;  // from a line "IDEA: ...", else the first sentence of the prose, else empty; one line
  ReplyContent content;
  std::vector<std::string> repairs;  // what was mended, a line each
};

// Thinking is left out first (clean_reply.h). Then: edits if the reply holds any `<<<<<<< SEARCH` line
// (fenced or not) or a unified diff; else a rewrite: the one fenced block (cuda, C++ or no language) that
// holds both a launch plan and a kernel, or the whole reply if it evidently is one candidate without a fence;
// else a new plan: a ```plan block, or a code block with the plan comment alone. Refused: no such block,
// several that cannot be told apart, device code without a plan, anything that is opened and not closed (a
// reply cut short).
Parsed<ParsedReply> parse_reply(std::string_view reply);

// Applies all edits to the source, or none. Each search text must occur exactly once in the original, and the
// places must not overlap. Lines are compared exactly but for space at their ends; where a block has no such
// match, with all space left out, which is proof enough if the place is unique: every other character is the
// same. Then the replacement is indented as the source is. A problem shows the lines that come nearest and
// where they part from the block.
struct Edited {
  std::string source;
  std::vector<std::string> repairs;
};
Parsed<Edited> apply_edits(std::string_view source, const std::vector<Edit>& edits);

struct CandidateReply {
  std::string source;
  std::string idea;
  std::vector<std::string> repairs;
};
// The two together, with the code's typographic characters made ASCII. Refused: edits or a plan alone without
// a parent (an empty text), and a candidate that equals its parent.
Parsed<CandidateReply> read_candidate(std::string_view reply, std::string_view parent_source);
Parsed<std::string> candidate_from_reply(std::string_view reply, std::string_view parent_source);

// Only the text inside the /*@plan comment differs (space at the end of lines aside).
bool plan_only_change(std::string_view candidate, std::string_view parent_source);
// read_candidate for the plan-only operator: the device code is the parent's, to the letter. Refused as a diff: a
// reply that changes more than the plan.
Parsed<CandidateReply> read_plan_change(std::string_view reply, std::string_view parent_source);

// What a research reply says: lines `LESSON: ...` and `DIRECTION: ...` (bullets, bold and numbers do not
// matter), each one printable line. Refused if there is none.
constexpr size_t kMaxResearchItems = 12;  // of each sort; further ones are left out
constexpr size_t kMaxResearchBytes = 300;
struct Research {
  std::vector<std::string> lessons, directions;
};
Parsed<Research> parse_research(std::string_view reply);

}  // namespace warpwright::prompt
