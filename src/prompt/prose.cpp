#include "src/prompt/prose.h"

#include <algorithm>

#include "src/base/quotable.h"
#include "src/prompt/fences.h"

namespace warpwright::prompt {
namespace {

constexpr std::string_view kEmphasis = "*_` \t";

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

std::string_view strip_left(std::string_view text, std::string_view set) {
  return text.substr(std::min(text.find_first_not_of(set), text.size()));
}
std::string_view strip(std::string_view text, std::string_view set) {
  text = strip_left(text, set);
  return text.substr(0, text.find_last_not_of(set) + 1);
}

// Headings, quotes, bullets and numbers in front of a line.
std::string_view without_list_marks(std::string_view line) {
  while (!line.empty()) {
    const std::string_view before = line;
    line = strip_left(line, " \t#>*-_+`|/");
    if (line.starts_with("•") || line.starts_with("–")) line.remove_prefix(3);
    const size_t digits = std::min(line.find_first_not_of("0123456789"), line.size());
    if (digits > 0 && digits <= 3 && digits < line.size() && (line[digits] == '.' || line[digits] == ')'))
      line.remove_prefix(digits + 1);
    if (line == before) break;
  }
  return line;
}

// Behind ':' or a dash that stands free; none if there is neither.
std::optional<std::string_view> behind_separator(std::string_view text) {
  const bool spaced = !text.empty() && (text[0] == ' ' || text[0] == '\t');
  text = strip_left(text, kEmphasis);
  if (!text.empty() && text[0] == '#') text.remove_prefix(1);
  while (!text.empty() && is_digit(text[0])) text.remove_prefix(1);
  text = strip_left(text, kEmphasis);
  if (text.empty()) return text;
  for (const std::string_view mark : {":", "：", "—", "–", "-"}) {
    if (!text.starts_with(mark)) continue;
    const std::string_view rest = text.substr(mark.size());
    if (mark == "-" && !spaced && !rest.starts_with(' ')) return std::nullopt;
    return strip(rest, kEmphasis);
  }
  return std::nullopt;
}

std::string_view first_sentence(std::string_view text) {
  for (size_t i = 0; i + 1 < text.size(); ++i)
    if ((text[i] == '.' || text[i] == '!' || text[i] == '?') && text[i + 1] == ' ')
      return text.substr(0, i + 1);
  return text;
}

// The first sentence that does not merely announce what follows it.
std::string first_prose(const Lines& lines, const std::vector<bool>& is_code) {
  constexpr size_t kMaxParagraph = 2000;
  std::string paragraph;
  for (size_t i = 0; i <= lines.size(); ++i) {
    const bool prose = i < lines.size() && !is_code[i] && !is_blank(lines[i]) && !fence_of(lines[i]);
    if (prose) {
      const std::string_view text = strip(without_list_marks(lines[i]), kEmphasis);
      if (paragraph.size() < kMaxParagraph && !text.empty())
        paragraph.append(paragraph.empty() ? "" : " ").append(text);
      continue;
    }
    const std::string_view sentence = first_sentence(paragraph);
    if (!sentence.empty() && !sentence.ends_with(':')) return std::string(sentence);
    paragraph.clear();
  }
  return {};
}

}  // namespace

std::optional<std::string_view> labelled_text(std::string_view line, std::string_view label) {
  line = without_list_marks(line);
  if (lower_case(line.substr(0, label.size())) != label) return std::nullopt;
  line.remove_prefix(label.size());
  if (line.starts_with('s') || line.starts_with('S')) line.remove_prefix(1);
  return behind_separator(line);
}

std::optional<std::string_view> list_item(std::string_view line) {
  const std::string_view text = trim(line);
  const std::string_view item = without_list_marks(text);
  const bool marked = item.size() < text.size() && text[0] != '#' && text[0] != '>' && text[0] != '|';
  return marked && !item.empty() ? std::optional(strip(item, kEmphasis)) : std::nullopt;
}

std::string idea_of(const Lines& lines, const std::vector<bool>& is_code, size_t max_bytes) {
  // The prose first; an idea in a comment of the code counts too.
  for (const bool code : {false, true})
    for (size_t i = 0; i < lines.size(); ++i) {
      if (is_code[i] != code || (code && !trim(lines[i]).starts_with("//"))) continue;
      auto text = labelled_text(lines[i], "idea");
      for (size_t next = i + 1; text && text->empty() && next < lines.size() && is_code[next] == code; ++next)
        text = strip(without_list_marks(lines[next]), kEmphasis);
      if (text && !text->empty()) return quotable_line(*text, max_bytes);
    }
  return quotable_line(first_prose(lines, is_code), max_bytes);
}

}  // namespace warpwright::prompt
