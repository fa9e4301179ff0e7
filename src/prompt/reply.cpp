#include "src/prompt/reply.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "src/prompt/lines.h"

namespace warpwright::prompt {
namespace {

using Kind = events::ProposalFailed::Kind;
using Lines = std::vector<std::string_view>;

tl::unexpected<ReplyProblem> problem(Kind kind, std::string reason) {
  return tl::unexpected(ReplyProblem{kind, std::move(reason)});
}

std::string join(const Lines& lines, size_t begin, size_t end) {
  std::string text;
  for (size_t i = begin; i < end; ++i) {
    text += lines[i];
    text += '\n';
  }
  return text;
}

// ---- fenced blocks ----

struct Fence {
  char mark = 0;  // 0: not a fence
  size_t length = 0;
  std::string_view info;
};

// Three or more backticks or tildes that begin a line; a backtick fence has no backtick in its info text, so
// that `inline code` at the start of a line is none.
Fence fence_of(std::string_view line) {
  line = trim(line);
  if (line.empty() || (line[0] != '`' && line[0] != '~')) return {};
  const size_t length = std::min(line.find_first_not_of(line[0]), line.size());
  const std::string_view info = trim(line.substr(length));
  if (length < 3 || (line[0] == '`' && info.find('`') != std::string_view::npos)) return {};
  return {line[0], length, info};
}

bool is_candidate_language(std::string_view info) {
  constexpr std::array<std::string_view, 10> kLanguages = {"",    "cuda", "cu", "cpp",  "c++",
                                                           "cxx", "cc",   "c",  "CUDA", "C++"};
  const std::string_view language = info.substr(0, std::min(info.find_first_of(" \t{:,"), info.size()));
  return std::find(kLanguages.begin(), kLanguages.end(), language) != kLanguages.end();
}

struct Block {
  size_t line = 0;  // of the opening fence, from 1
  std::string text;
  bool has_plan() const { return text.find("/*@plan") != std::string::npos; }
};

Parsed<std::vector<Block>> candidate_blocks(const Lines& lines) {
  std::vector<Block> blocks;
  for (size_t i = 0; i < lines.size(); ++i) {
    const Fence open = fence_of(lines[i]);
    if (open.mark == 0) continue;
    size_t close = i + 1;
    for (; close < lines.size(); ++close) {
      const Fence fence = fence_of(lines[close]);
      if (fence.mark == open.mark && fence.length >= open.length && fence.info.empty()) break;
    }
    if (close == lines.size())
      return problem(
          Kind::kNoCode,
          fmt::format("the code block opened on line {} of the reply is not closed: the reply was cut short",
                      i + 1));
    if (is_candidate_language(open.info)) blocks.push_back({i + 1, join(lines, i + 1, close)});
    i = close;
  }
  return blocks;
}

std::string places_of(const std::vector<Block>& blocks) {
  std::string places;
  for (const Block& block : blocks) places += fmt::format("{}{}", places.empty() ? "" : ", ", block.line);
  return places;
}

Parsed<ReplyContent> parse_rewrite(const Lines& lines) {
  auto blocks = candidate_blocks(lines);
  if (!blocks) return tl::unexpected(blocks.error());
  std::erase_if(*blocks, [](const Block& block) {
    return block.text.find_first_not_of(" \t\r\n") == std::string::npos;
  });
  if (blocks->empty())
    return problem(
        Kind::kNoCode,
        "the reply holds no code block: give the whole candidate in one ```cuda block, or SEARCH/REPLACE "
        "blocks");
  if (blocks->size() > 1) {
    std::vector<Block> with_plan;
    std::copy_if(blocks->begin(), blocks->end(), std::back_inserter(with_plan),
                 [](const Block& block) { return block.has_plan(); });
    if (with_plan.size() != 1)
      return problem(
          Kind::kNoCode,
          fmt::format("the reply holds {} code blocks (lines {}), {} with a launch plan: give the whole "
                      "candidate in exactly one",
                      blocks->size(), places_of(*blocks), with_plan.size()));
    *blocks = std::move(with_plan);
  }
  return ReplyContent(Rewrite{std::move(blocks->front().text)});
}

// ---- SEARCH/REPLACE blocks ----

// `<<<<<<< SEARCH` with five or more marks; `=======` has no word.
bool is_marker(std::string_view line, char mark, std::string_view word) {
  line = trim(line);
  const size_t marks = std::min(line.find_first_not_of(mark), line.size());
  return marks >= 5 && trim(line.substr(marks)) == word;
}
bool is_search(std::string_view line) {
  return is_marker(line, '<', "SEARCH");
}
bool is_divider(std::string_view line) {
  return is_marker(line, '=', "");
}
bool is_replace(std::string_view line) {
  return is_marker(line, '>', "REPLACE");
}

Parsed<Edit> parse_edit(const Lines& lines, size_t& at) {
  const size_t begin = at;
  std::optional<size_t> divider;
  for (++at; at < lines.size(); ++at) {
    if (is_search(lines[at])) break;
    if (is_divider(lines[at])) {
      if (divider)
        return problem(
            Kind::kDiffRefused,
            fmt::format("the SEARCH block on line {} of the reply has two ======= lines", begin + 1));
      divider = at;
    }
    if (!is_replace(lines[at])) continue;
    if (!divider)
      return problem(Kind::kDiffRefused,
                     fmt::format("the SEARCH block on line {} of the reply has no ======= line", begin + 1));
    return Edit{join(lines, begin + 1, *divider), join(lines, *divider + 1, at), static_cast<int>(begin + 1)};
  }
  return problem(
      Kind::kDiffRefused,
      fmt::format("the SEARCH block on line {} of the reply has no >>>>>>> REPLACE line", begin + 1));
}

Parsed<ReplyContent> parse_edits(const Lines& lines) {
  std::vector<Edit> edits;
  for (size_t at = 0; at < lines.size(); ++at) {
    if (!is_search(lines[at])) continue;
    auto edit = parse_edit(lines, at);
    if (!edit) return tl::unexpected(edit.error());
    edits.push_back(std::move(*edit));
  }
  return ReplyContent(std::move(edits));
}

// Equal but for space at the end of lines, which no compiler sees and models rarely keep.
bool same_text(std::string_view a, std::string_view b) {
  const Lines a_lines = split_lines(a), b_lines = split_lines(b);
  return std::equal(a_lines.begin(), a_lines.end(), b_lines.begin(), b_lines.end(),
                    [](std::string_view x, std::string_view y) { return trim_right(x) == trim_right(y); });
}

}  // namespace

Parsed<ReplyContent> parse_reply(std::string_view reply) {
  const Lines lines = split_lines(reply);
  return std::any_of(lines.begin(), lines.end(), is_search) ? parse_edits(lines) : parse_rewrite(lines);
}

Parsed<std::string> candidate_from_reply(std::string_view reply, std::string_view parent_source) {
  auto content = parse_reply(reply);
  if (!content) return tl::unexpected(content.error());
  std::string candidate;
  if (auto* rewrite = std::get_if<Rewrite>(&*content)) {
    candidate = std::move(rewrite->source);
  } else {
    auto edited = apply_edits(parent_source, std::get<std::vector<Edit>>(*content));
    if (!edited) return edited;
    candidate = std::move(*edited);
  }
  if (same_text(candidate, parent_source))
    return problem(Kind::kUnchanged, "the reply changes nothing: the candidate equals its parent");
  return candidate;
}

}  // namespace warpwright::prompt
