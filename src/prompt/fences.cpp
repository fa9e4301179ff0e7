#include "src/prompt/fences.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "src/prompt/source_text.h"

namespace warpwright::prompt {
namespace {

constexpr size_t kMaxBlocks = 256;

template <size_t N>
bool is_one_of(std::string_view name, const std::array<std::string_view, N>& names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool is_code_file(std::string_view name) {
  constexpr std::array<std::string_view, 7> kEndings = {".cu", ".cuh", ".cpp", ".cc", ".cxx", ".h", ".hpp"};
  return std::any_of(kEndings.begin(), kEndings.end(), [&](auto ending) { return name.ends_with(ending); });
}

// The language of ```cuda, ```CUDA title=k.cu, ```{.cuda .numberLines}, ```language-cuda, ```cuda:k.cu
std::string language_of(std::string_view info) {
  while (!info.empty() && (info[0] == '{' || info[0] == '.' || info[0] == ' ')) info.remove_prefix(1);
  std::string language = lower_case(info.substr(0, std::min(info.find_first_of(" \t{}:,;("), info.size())));
  for (const std::string_view prefix : {"language-", "lang-"})
    if (language.starts_with(prefix)) language.erase(0, prefix.size());
  return language.find('=') == std::string::npos ? language : "";
}

// The indentation that the opening fence has, taken from a line of its block.
std::string_view without_indent(std::string_view line, size_t indent) {
  return line.substr(std::min(indent, indent_of(line).size()));
}

// A fence line that wraps whole Markdown is prose: the blocks are inside.
bool is_wrapper(const Fence& fence) {
  const std::string language = language_of(fence.info);
  return fence && (language == "markdown" || language == "md");
}

class BlockReader {
 public:
  BlockReader(const Lines& lines, std::vector<std::string>& repairs) : lines_(lines), repairs_(repairs) {}

  Parsed<std::vector<Block>> run() {
    std::vector<Block> blocks;
    while (next_ < lines_.size()) {
      const Fence open = fence_of(lines_[next_]);
      if (!open || is_wrapper(open) || closes_wrapper(open)) {
        wrapped_ = wrapped_ || is_wrapper(open);
        ++next_;
        continue;
      }
      if (blocks.size() == kMaxBlocks)
        return no_code(
            fmt::format("the reply holds more than {} code blocks: give the candidate in one", kMaxBlocks));
      auto block = read_block(open);
      if (!block) return tl::unexpected(block.error());
      blocks.push_back(std::move(*block));
    }
    return blocks;
  }

 private:
  bool closes_wrapper(const Fence& fence) const {
    if (!wrapped_ || !fence.info.empty()) return false;
    return std::none_of(lines_.begin() + static_cast<std::ptrdiff_t>(next_) + 1, lines_.end(),
                        [](std::string_view line) { return bool(fence_of(line)); });
  }

  Parsed<Block> read_block(const Fence& open) {
    const size_t first = next_ + 1;
    const BlockKind kind = kind_of_info(open.info);
    const bool is_code = kind == BlockKind::kCandidate;
    std::optional<size_t> close = is_code ? close_of_code(open, first) : close_of_other(open, first);
    const bool behind_code = !close && is_code && (close = close_behind_code(open, first));
    if (!close)
      return no_code(
          fmt::format("the code block opened on line {} of the reply is not closed: the reply was cut "
                      "short, or a closing ``` line is missing",
                      first));
    Block block{first, *close, kind, {}};
    const size_t indent = indent_of(lines_[next_]).size();
    if (const size_t plan = open.info.find("/*@plan"); plan != std::string_view::npos)
      block.text.append(open.info.substr(plan)).push_back('\n');
    for (size_t i = first; i < *close; ++i)
      block.text.append(without_indent(lines_[i], indent)).push_back('\n');
    if (behind_code) {
      const std::string_view line = trim_right(lines_[*close]);
      const size_t code = line.find_last_not_of(open.mark) + 1;
      block.text.append(without_indent(line.substr(0, code), indent)).push_back('\n');
      repairs_.push_back(
          fmt::format("the fence behind the code on line {} taken as the block's end", *close + 1));
    }
    next_ = *close + 1;
    return block;
  }

  std::optional<size_t> close_of_other(const Fence& open, size_t first) const {
    for (size_t i = first; i < lines_.size(); ++i)
      if (fence_of(lines_[i]).closes(open)) return i;
    return std::nullopt;
  }

  // A fence inside a comment is the comment's, if the comment ends and another fence follows. One that opens
  // a block outside a comment is no code: the block before it was never closed. Without a named language a
  // block may be anything, and what looks like a comment (src/*) be none.
  std::optional<size_t> close_of_code(const Fence& open, size_t first) const {
    const bool has_comments = !open.info.empty();
    std::optional<size_t> in_comment;
    bool nested = false;  // a block inside the comment
    SourceReader reader;
    for (size_t i = first; i < lines_.size(); ++i) {
      const Fence fence = fence_of(lines_[i]);
      const bool closes = fence.closes(open);
      const bool opens = fence && !closes && fence.mark == open.mark && fence.length >= open.length;
      if (!has_comments || !reader.in_comment()) {
        if (closes) return i;
        if (opens) return in_comment;
      } else if (opens) {
        if (in_comment) return in_comment;
        nested = true;
      } else if (closes && nested) {
        nested = false;
      } else if (closes && !in_comment) {
        in_comment = i;
      }
      if (has_comments) reader.read(lines_[i], [](std::string_view, Region) {});
    }
    return in_comment;
  }

  // `}```: backticks are no code.
  std::optional<size_t> close_behind_code(const Fence& open, size_t first) const {
    SourceReader reader;
    for (size_t i = first; i < lines_.size(); ++i) {
      if (fence_of(lines_[i])) return std::nullopt;
      const std::string_view line = trim_right(lines_[i]);
      const size_t marks = line.size() - (line.find_last_not_of(open.mark) + 1);
      if (marks >= open.length && marks < line.size() && !reader.in_comment() &&
          line.find("//") == std::string_view::npos)
        return i;
      reader.read(lines_[i], [](std::string_view, Region) {});
    }
    return std::nullopt;
  }

  const Lines& lines_;
  std::vector<std::string>& repairs_;
  size_t next_ = 0;
  bool wrapped_ = false;
};

}  // namespace

// A backtick fence has no backtick in its info text, so that `inline code` at the start of a line is none.
Fence fence_of(std::string_view line) {
  line = trim(line);
  if (line.empty() || (line[0] != '`' && line[0] != '~')) return {};
  const size_t length = std::min(line.find_first_not_of(line[0]), line.size());
  const std::string_view info = trim(line.substr(length));
  if (length < 3 || (line[0] == '`' && info.find('`') != std::string_view::npos)) return {};
  return {line[0], length, info};
}

BlockKind kind_of_info(std::string_view info) {
  constexpr std::array<std::string_view, 17> kCandidate = {
      "",    "cuda", "cu", "cuh",  "cpp",   "c++",       "cxx",    "cc",     "c",
      "hpp", "h",    "hh", "nvcc", "nvrtc", "candidate", "kernel", "/*@plan"};
  constexpr std::array<std::string_view, 7> kText = {"text", "txt",  "plain", "plaintext",
                                                     "code", "none", "raw"};
  constexpr std::array<std::string_view, 4> kPlan = {"plan", "@plan", "launch-plan", "launch_plan"};
  const std::string language = language_of(info);
  if (is_one_of(language, kCandidate) || language.starts_with("cuda") || is_code_file(language))
    return BlockKind::kCandidate;
  if (is_one_of(language, kText)) return BlockKind::kText;
  if (is_one_of(language, kPlan)) return BlockKind::kPlan;
  return language == "diff" || language == "patch" || language == "udiff" ? BlockKind::kDiff
                                                                          : BlockKind::kOther;
}

Parsed<std::vector<Block>> fenced_blocks(const Lines& lines, std::vector<std::string>& repairs) {
  return BlockReader(lines, repairs).run();
}

}  // namespace warpwright::prompt
