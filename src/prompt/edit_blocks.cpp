#include "src/prompt/edit_blocks.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

namespace warpwright::prompt {
namespace {

constexpr size_t kMaxEdits = 256;

// ---- marker lines ----

struct Marker {
  size_t marks = 0;  // 0: the line is none
  std::string word;  // the first one behind the marks, lower case
  std::string_view rest;
  explicit operator bool() const { return marks != 0; }
};

Marker marker_of(std::string_view line, char mark) {
  constexpr size_t kLeastMarks = 5;
  line = trim(line);
  const size_t marks = std::min(line.find_first_not_of(mark), line.size());
  if (marks < kLeastMarks) return {};
  const std::string_view rest = trim(line.substr(marks));
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  const auto end = std::find_if_not(rest.begin(), rest.end(), is_letter);
  return {marks, lower_case(rest.substr(0, static_cast<size_t>(end - rest.begin()))), rest};
}

bool is_open_word(std::string_view word) {
  constexpr std::array<std::string_view, 8> kWords = {"search", "original", "old",     "head",
                                                      "before", "find",     "current", "parent"};
  return std::find(kWords.begin(), kWords.end(), word) != kWords.end();
}
bool is_close_word(std::string_view word) {
  constexpr std::array<std::string_view, 7> kWords = {"replace", "replacement", "updated", "new",
                                                      "after",   "modified",    "end"};
  return std::find(kWords.begin(), kWords.end(), word) != kWords.end();
}

constexpr size_t kUsualMarks = 7;  // then any word will do, or none

Marker search_marker(std::string_view line) {
  if (Marker found = marker_of(line, '<'); found && (found.marks >= kUsualMarks || is_open_word(found.word)))
    return found;
  // Dashes are also how headings are drawn: nothing but the word.
  Marker dashes = marker_of(line, '-');
  const bool alone = dashes.word.size() == dashes.rest.size();
  return dashes && alone && is_open_word(dashes.word) ? dashes : Marker{};
}

Marker replace_marker(std::string_view line) {
  if (Marker found = marker_of(line, '>'); found && (found.marks >= kUsualMarks || is_close_word(found.word)))
    return found;
  Marker pluses = marker_of(line, '+');
  return pluses && is_close_word(pluses.word) ? pluses : Marker{};
}

// Names, paths and remarks may follow a marker; code there would be lost.
bool has_code_behind(const Marker& marker) {
  return marker.rest.find_first_of(";{}=&|\"\\") != std::string_view::npos;
}

// ---- blocks ----

class EditReader {
 public:
  EditReader(const Lines& lines, std::vector<bool>& is_code, std::vector<std::string>& repairs)
      : lines_(lines), is_code_(is_code), repairs_(repairs) {}

  Parsed<std::vector<Edit>> run() {
    std::vector<Edit> edits;
    while (at_ < lines_.size()) {
      if (search_marker(lines_[at_])) {
        if (edits.size() == kMaxEdits)
          return diff_refused(
              fmt::format("the reply holds more than {} SEARCH blocks: give the whole candidate in "
                          "one ```cuda block",
                          kMaxEdits));
        auto edit = read_edit();
        if (!edit) return tl::unexpected(edit.error());
        edits.push_back(std::move(*edit));
        continue;
      }
      if (replace_marker(lines_[at_]))
        return diff_refused(
            fmt::format("the >>>>>>> REPLACE on line {} of the reply has no <<<<<<< SEARCH line before "
                        "it",
                        at_ + 1));
      if (fence_of(lines_[at_])) count_fence(at_);
      ++at_;
    }
    if (fences_ % 2 == 1)
      return diff_refused(
          fmt::format("the fence on line {} of the reply has no counterpart: the reply was cut short, "
                      "or a ``` line is missing",
                      last_fence_ + 1));
    return edits;
  }

 private:
  void count_fence(size_t line) {
    ++fences_;
    last_fence_ = line;
  }

  tl::unexpected<ReplyProblem> broken(size_t begin, std::string_view what) const {
    return diff_refused(fmt::format("the SEARCH block on line {} of the reply {}", begin + 1, what));
  }

  Parsed<Edit> read_edit() {
    const size_t begin = at_;
    std::vector<size_t> dividers;
    size_t end = begin + 1;
    for (; end < lines_.size() && !replace_marker(lines_[end]); ++end) {
      if (search_marker(lines_[end])) return broken(begin, "has no >>>>>>> REPLACE line");
      if (marker_of(lines_[end], '=')) dividers.push_back(end);
    }
    if (end == lines_.size()) return broken(begin, "has no >>>>>>> REPLACE line");
    const auto divider = pick_divider(dividers);
    if (!divider)
      return broken(begin, dividers.empty()
                               ? "has no ======= line"
                               : "has two ======= lines: leave the code's own lines of = out of the block");
    for (const Marker& marker :
         {search_marker(lines_[begin]), marker_of(lines_[*divider], '='), replace_marker(lines_[end])})
      if (has_code_behind(marker))
        return broken(begin, "has code behind a marker: markers stand on lines of their own");
    std::fill(is_code_.begin() + static_cast<std::ptrdiff_t>(begin),
              is_code_.begin() + static_cast<std::ptrdiff_t>(end) + 1, true);
    at_ = end + 1;
    if (lines_[end].ends_with("```")) count_fence(end);
    return Edit{section(begin + 1, *divider), section(*divider + 1, end), static_cast<int>(begin + 1)};
  }

  // Of several lines of = the one that is written as asked.
  std::optional<size_t> pick_divider(std::vector<size_t> dividers) const {
    if (dividers.size() > 1)
      std::erase_if(dividers, [&](size_t line) { return trim_right(lines_[line]) != "======="; });
    return dividers.size() == 1 ? std::optional(dividers[0]) : std::nullopt;
  }

  // Fences around the text of a section are not meant.
  std::string section(size_t begin, size_t end) {
    const auto is_bare_fence = [&](size_t line) {
      return fence_of(lines_[line]) && fence_of(lines_[line]).info.empty();
    };
    const size_t first = begin, last = end;
    if (begin < end && fence_of(lines_[begin])) count_fence(begin++);
    if (begin < end && is_bare_fence(end - 1)) count_fence(--end);
    if (begin != first || end != last)
      repairs_.push_back(fmt::format("fences inside the SEARCH/REPLACE block near line {} left out", first));
    return join_lines(lines_, begin, end);
  }

  const Lines& lines_;
  std::vector<bool>& is_code_;
  std::vector<std::string>& repairs_;
  size_t at_ = 0;
  size_t fences_ = 0, last_fence_ = 0;
};

// ---- unified diffs ----

bool is_hunk_header(std::string_view line) {
  return line.starts_with("@@");
}
bool is_file_header(const Lines& lines, size_t at) {
  return lines[at].starts_with("--- ") && at + 1 < lines.size() && lines[at + 1].starts_with("+++ ");
}
bool is_git_line(std::string_view line) {
  constexpr std::array<std::string_view, 4> kStarts = {"diff --git ", "index ", "new file mode ",
                                                       "similarity index "};
  return std::any_of(kStarts.begin(), kStarts.end(), [&](auto start) { return line.starts_with(start); });
}
bool is_hunk_line(std::string_view line) {
  return line.empty() || line[0] == ' ' || line[0] == '-' || line[0] == '+' || line[0] == '\\';
}

struct Hunk {
  size_t line = 0;
  std::vector<std::string_view> search, replace;
  size_t changes = 0;

  void add(std::string_view text) {
    const char sign = text.empty() ? ' ' : text[0];
    if (sign == '\\') return;  // No newline at end of file
    const std::string_view code = text.empty() ? text : text.substr(1);
    if (sign != '+') search.push_back(code);
    if (sign != '-') replace.push_back(code);
    changes += sign != ' ';
  }
  // Blank context at the end is as often the gap before the next paragraph.
  Edit edit() const {
    size_t blank = 0;
    const size_t shorter = std::min(search.size(), replace.size());
    while (blank < shorter && search[search.size() - 1 - blank].empty() &&
           replace[replace.size() - 1 - blank].empty())
      ++blank;
    return {join_lines(search, 0, search.size() - blank), join_lines(replace, 0, replace.size() - blank),
            static_cast<int>(line), true};
  }
};

}  // namespace

bool is_search_line(std::string_view line) {
  return bool(search_marker(line));
}
bool is_replace_line(std::string_view line) {
  return bool(replace_marker(line));
}

Parsed<std::vector<Edit>> parse_edit_blocks(const Lines& lines, std::vector<bool>& is_code,
                                            std::vector<std::string>& repairs) {
  return EditReader(lines, is_code, repairs).run();
}

bool is_unified_diff(const Lines& lines, bool is_named_diff) {
  bool header = is_named_diff, change = false;
  for (size_t i = 0; i < lines.size(); ++i) {
    header = header || is_hunk_header(lines[i]) || is_file_header(lines, i);
    change = change || (header && (lines[i].starts_with('+') || lines[i].starts_with('-')));
  }
  return change;
}

Parsed<std::vector<Edit>> parse_unified_diff(const Lines& lines, size_t first_line, bool fenced) {
  std::vector<Edit> edits;
  Hunk hunk;
  bool inside = false;
  const auto finish = [&] {
    if (hunk.changes > 0) edits.push_back(hunk.edit());
    hunk = {};
  };
  for (size_t i = 0; i < lines.size(); ++i) {
    const std::string_view line = lines[i];
    const bool header = is_hunk_header(line), file = is_file_header(lines, i);
    if (header || file || is_git_line(line)) {
      finish();
      inside = header || (file && fenced);
      hunk.line = first_line + i;
      if (file) ++i;
      continue;
    }
    if (!inside && fenced && edits.empty() && !line.empty() && is_hunk_line(line)) {
      inside = true;
      hunk.line = first_line + i;
    }
    if (!inside) continue;
    if (!is_hunk_line(line)) {
      if (fenced)
        return diff_refused(fmt::format(
            "line {} of the reply, in a diff, begins neither with a space nor with - or +", first_line + i));
      finish();
      inside = false;
      continue;
    }
    hunk.add(line);
  }
  finish();
  if (edits.empty()) return diff_refused("the diff of the reply changes nothing");
  if (edits.size() > kMaxEdits)
    return diff_refused(fmt::format("the diff has more than {} hunks: give the whole candidate", kMaxEdits));
  return edits;
}

}  // namespace warpwright::prompt
