#include "src/prompt/reply.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "src/prompt/clean_reply.h"
#include "src/prompt/edit_blocks.h"
#include "src/prompt/fences.h"
#include "src/prompt/prose.h"
#include "src/prompt/source_text.h"

namespace warpwright::prompt {
namespace {

std::string places_of(const std::vector<Block>& blocks) {
  std::string places;
  for (const Block& block : blocks) places += fmt::format("{}{}", places.empty() ? "" : ", ", block.line);
  return places;
}

class ReplyReader {
 public:
  explicit ReplyReader(CleanReply clean) : clean_(std::move(clean)), lines_(split_lines(clean_.text)) {}

  Parsed<ParsedReply> run() {
    is_code_.assign(lines_.size(), false);
    auto content = read_content();
    if (!content) {
      if (!clean_.cut_in_thinking) return tl::unexpected(content.error());
      return problem(content.error().kind, "the reply ends inside its thinking: the answer has to follow it");
    }
    return ParsedReply{idea_of(lines_, is_code_, kMaxReplyIdeaBytes), std::move(*content),
                       std::move(clean_.repairs)};
  }

 private:
  Parsed<ReplyContent> read_content() {
    if (std::any_of(lines_.begin(), lines_.end(), is_search_line)) {
      auto edits = parse_edit_blocks(lines_, is_code_, clean_.repairs);
      if (!edits) return tl::unexpected(edits.error());
      return ReplyContent(std::move(*edits));
    }
    auto blocks = fenced_blocks(lines_, clean_.repairs);
    if (!blocks) {
      if (auto bare = candidate_before_lone_fence()) return rewrite(std::move(*bare));
      return tl::unexpected(blocks.error());
    }
    for (const Block& block : *blocks) mark_code(block.line - 1, std::min(block.end + 1, lines_.size()));
    return choose(std::move(*blocks));
  }

  void mark_code(size_t begin, size_t end) {
    std::fill(is_code_.begin() + static_cast<std::ptrdiff_t>(begin),
              is_code_.begin() + static_cast<std::ptrdiff_t>(end), true);
  }

  ReplyContent rewrite(std::string source) { return Rewrite{repair_code(source, clean_.repairs)}; }

  Parsed<ReplyContent> choose(std::vector<Block> blocks) {
    std::vector<Block> whole, plans, kernels, diffs, other;
    for (Block& block : blocks) {
      if (is_blank(block.text)) continue;
      if (is_html_escaped(block.text) && block.kind != BlockKind::kOther) {
        block.text = unescape_html(block.text);
        clean_.repairs.push_back(fmt::format("HTML entities in the block on line {} decoded", block.line));
      }
      const bool code = block.kind == BlockKind::kCandidate;
      const bool plan =
          block.kind != BlockKind::kOther && block.kind != BlockKind::kDiff && find_plan(block.text);
      const bool kernel = (code || plan) && has_kernel(block.text);
      if (block.kind == BlockKind::kDiff)
        diffs.push_back(std::move(block));
      else if (plan && (kernel || (code && !is_plan_alone(block.text))))
        whole.push_back(std::move(block));
      else if (plan || block.kind == BlockKind::kPlan)
        plans.push_back(std::move(block));
      else if (code)
        (kernel ? kernels : other).push_back(std::move(block));
    }
    return choose_among(whole, plans, kernels, diffs, other);
  }

  Parsed<ReplyContent> choose_among(std::vector<Block>& whole, std::vector<Block>& plans,
                                    std::vector<Block>& kernels, const std::vector<Block>& diffs,
                                    const std::vector<Block>& other) {
    drop_repeated(whole);
    if (whole.size() == 1) return rewrite(std::move(whole[0].text));
    if (whole.size() > 1)
      return no_code(fmt::format(
          "the reply holds {} code blocks with a launch plan (lines {}): give the whole candidate "
          "in exactly one",
          whole.size(), places_of(whole)));
    if (!diffs.empty()) return read_diffs(diffs);
    if (plans.size() == 1 && kernels.empty()) return read_plan(plans[0]);
    if (plans.size() == 1 && kernels.size() == 1) {
      auto plan = read_plan(plans[0]);
      if (!plan) return plan;
      clean_.repairs.push_back(fmt::format("the plan on line {} put before the kernel on line {}",
                                           plans[0].line, kernels[0].line));
      return rewrite(std::get<NewPlan>(*plan).comment + "\n" + kernels[0].text);
    }
    if (plans.size() > 1)
      return no_code(fmt::format("the reply holds {} launch plans (lines {}): give one", plans.size(),
                                 places_of(plans)));
    if (!kernels.empty() || !other.empty()) return without_plan(kernels.empty() ? other : kernels);
    return read_unfenced(lines_);
  }

  static void drop_repeated(std::vector<Block>& blocks) {
    for (size_t i = blocks.size(); i > 1; --i)
      if (same_text(blocks[i - 1].text, blocks[0].text))
        blocks.erase(blocks.begin() + static_cast<std::ptrdiff_t>(i) - 1);
  }

  static tl::unexpected<ReplyProblem> without_plan(const std::vector<Block>& blocks) {
    return no_code(
        fmt::format("the reply's code ({} {}) has no launch plan: a whole candidate begins with a comment "
                    "/*@plan kernel<<<grid, block>>>(arguments); */, and the plan and the kernels stand in "
                    "one ```cuda block; to change parts of the parent, write SEARCH/REPLACE blocks",
                    blocks.size() > 1 ? "blocks on lines" : "block on line", places_of(blocks)));
  }

  Parsed<ReplyContent> read_plan(const Block& block) {
    std::string plan = block.text;
    if (const auto span = find_plan(plan)) {
      if (!is_plan_alone(plan))
        return no_code(
            fmt::format("the plan block on line {} of the reply holds more than the plan", block.line));
      plan = plan.substr(span->begin, span->end - span->begin);
    } else {
      plan = "/*@plan\n" + plan + "*/";
      const auto wrapped = find_plan(plan);
      if (!wrapped || wrapped->end != plan.size())
        return no_code(fmt::format(
            "the plan block on line {} of the reply holds a */: plans have // comments only", block.line));
    }
    return ReplyContent(NewPlan{repair_code(plan, clean_.repairs)});
  }

  Parsed<ReplyContent> read_diffs(const std::vector<Block>& blocks) {
    std::vector<Edit> edits;
    for (const Block& block : blocks) {
      auto hunks = parse_unified_diff(split_lines(block.text), block.line + 1, true);
      if (!hunks) return tl::unexpected(hunks.error());
      std::move(hunks->begin(), hunks->end(), std::back_inserter(edits));
    }
    return ReplyContent(std::move(edits));
  }

  // ---- no fence ----

  static bool begins_code(std::string_view line) {
    line = trim(line);
    for (const std::string_view start :
         {"/*", "//", "#include", "#define", "#pragma", "#if", "template", "__global__", "__device__",
          "extern ", "namespace ", "using ", "constexpr ", "static ", "struct ", "typedef "})
      if (line.starts_with(start)) return true;
    return false;
  }
  static bool ends_code(std::string_view line) {
    line = trim(line);
    return line.ends_with('}') || line.ends_with(';') || line.ends_with("*/") || line.starts_with("#endif") ||
           line.starts_with("//");
  }

  struct Unfenced {
    size_t begin = 0, end = 0;
    std::string text;
  };
  // The lines from the first to the last that look like code, if they hold a plan and a kernel.
  static std::optional<Unfenced> find_unfenced(const Lines& lines) {
    Unfenced found{0, lines.size(), {}};
    while (found.begin < found.end && !begins_code(lines[found.begin])) ++found.begin;
    while (found.end > found.begin && !ends_code(lines[found.end - 1])) --found.end;
    found.text = join_lines(lines, found.begin, found.end);
    if (is_html_escaped(found.text)) found.text = unescape_html(found.text);
    if (!find_plan(found.text) || !has_kernel(found.text)) return std::nullopt;
    return found;
  }

  Parsed<ReplyContent> read_unfenced(const Lines& lines) {
    if (is_unified_diff(lines, false)) {
      auto edits = parse_unified_diff(lines, 1, false);
      if (!edits) return tl::unexpected(edits.error());
      const auto first = std::find_if(lines.begin(), lines.end(), [](std::string_view line) {
        return line.starts_with("@@") || line.starts_with("--- ") || line.starts_with("diff --git ");
      });
      mark_code(static_cast<size_t>(first - lines.begin()), lines.size());
      return ReplyContent(std::move(*edits));
    }
    auto found = find_unfenced(lines);
    if (!found)
      return no_code(
          "the reply holds no code block: give the whole candidate in one ```cuda block, or SEARCH/REPLACE "
          "blocks");
    if (!is_whole(found->text))
      return no_code(
          "the code of the reply stands in no fence and does not end: give the whole candidate in one "
          "```cuda "
          "block");
    mark_code(found->begin, found->end);
    clean_.repairs.emplace_back("code without a fence taken as the candidate");
    return rewrite(std::move(found->text));
  }

  // The opening fence was forgotten: one bare fence in all, with nothing behind it.
  std::optional<std::string> candidate_before_lone_fence() {
    std::optional<size_t> fence;
    for (size_t i = 0; i < lines_.size(); ++i) {
      if (fence && !is_blank(lines_[i])) return std::nullopt;
      if (fence_of(lines_[i])) fence = i;
    }
    if (!fence || !fence_of(lines_[*fence]).info.empty()) return std::nullopt;
    auto found = find_unfenced(Lines(lines_.begin(), lines_.begin() + static_cast<std::ptrdiff_t>(*fence)));
    if (!found || !is_whole(found->text)) return std::nullopt;
    mark_code(found->begin, *fence + 1);
    clean_.repairs.emplace_back("code with a closing fence only taken as the candidate");
    return std::move(found->text);
  }

  CleanReply clean_;
  Lines lines_;
  std::vector<bool> is_code_;
};

// The whole reply went through something that escapes HTML, markers and all.
void unescape_markers(CleanReply& clean) {
  if (clean.text.find("&lt;&lt;&lt;&lt;&lt;") == std::string::npos || !is_html_escaped(clean.text)) return;
  clean.text = unescape_html(clean.text);
  clean.repairs.emplace_back("HTML entities decoded");
}

}  // namespace

Parsed<ParsedReply> parse_reply(std::string_view reply) {
  auto clean = clean_reply(reply);
  if (!clean) return tl::unexpected(clean.error());
  unescape_markers(*clean);
  return ReplyReader(std::move(*clean)).run();
}

}  // namespace warpwright::prompt
