#include "src/prompt/mismatch.h"

#include <fmt/format.h>

#include <algorithm>

#include "src/base/quotable.h"

namespace warpwright::prompt {
namespace {

constexpr size_t kShownLines = 14;       // of the source
constexpr size_t kShownBytes = 200;      // of a line
constexpr size_t kComparedLines = 24;    // of the search text, when the nearest place is looked for
constexpr size_t kComparedBytes = 160;   // of a line, there
constexpr size_t kSourceLines = 20'000;  // where it is looked for

// In 0..1: how much of the longer line the common start and end cover, indentation aside.
double similarity(std::string_view a, std::string_view b) {
  a = trim(a).substr(0, kComparedBytes);
  b = trim(b).substr(0, kComparedBytes);
  if (a == b) return a.empty() ? 0.1 : 1;  // an empty line says little
  const size_t shorter = std::min(a.size(), b.size());
  size_t prefix = 0, suffix = 0;
  while (prefix < shorter && a[prefix] == b[prefix]) ++prefix;
  while (suffix < shorter - prefix && a[a.size() - 1 - suffix] == b[b.size() - 1 - suffix]) ++suffix;
  return static_cast<double>(prefix + suffix) / static_cast<double>(std::max(a.size(), b.size()));
}

size_t nearest_place(const Lines& source, const Lines& search) {
  size_t best = 0;
  double best_score = -1;
  for (size_t at = 0; at < std::min(source.size(), kSourceLines); ++at) {
    double score = 0;
    for (size_t i = 0; i < std::min(search.size(), kComparedLines) && at + i < source.size(); ++i)
      score += similarity(source[at + i], search[i]);
    if (score > best_score) {
      best_score = score;
      best = at;
    }
  }
  return best;
}

// Under the first character that differs; nothing where the line is shown cut.
std::string caret(std::string_view ours, std::string_view theirs) {
  const auto [at, other] = std::mismatch(ours.begin(), ours.end(), theirs.begin(), theirs.end());
  const auto same = static_cast<size_t>(at - ours.begin());
  if (same >= kShownBytes) return {};
  std::string padding;
  for (const char c : ours.substr(0, same))
    if ((static_cast<unsigned char>(c) & 0xc0) != 0x80) padding.push_back(c == '\t' ? '\t' : ' ');
  return fmt::format("\n       | {}^", padding);
}

}  // namespace

std::string show_nearest(const Lines& source, const Lines& search) {
  if (source.empty()) return "the source is empty";
  const size_t begin = nearest_place(source, search);
  const size_t count = std::min(search.size(), kShownLines);
  std::string text = "nearest lines of the source (* differs; > is the block's line there):";
  for (size_t i = 0; i < count; ++i) {
    if (begin + i == source.size()) {
      text += "\n  the source ends here";
      break;
    }
    const std::string_view theirs = trim_right(source[begin + i]), ours = trim_right(search[i]);
    const bool differs = ours != theirs;
    text +=
        fmt::format("\n{}{:5} | {}", differs ? '*' : ' ', begin + i + 1, quotable_line(theirs, kShownBytes));
    if (differs)
      text += fmt::format("\n>      | {}{}", quotable_line(ours, kShownBytes), caret(ours, theirs));
  }
  if (search.size() > count) text += fmt::format("\n  ... {} more lines", search.size() - count);
  return text;
}

}  // namespace warpwright::prompt
