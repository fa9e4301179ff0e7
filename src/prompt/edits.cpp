// apply_edits: where each SEARCH text stands in the source, or why it cannot be said.
#include <fmt/format.h>

#include <algorithm>

#include "src/prompt/lines.h"
#include "src/prompt/reply.h"

namespace warpwright::prompt {
namespace {

using Lines = std::vector<std::string_view>;

constexpr size_t kShownLines = 12;      // of the source, in a problem's text
constexpr size_t kComparedLines = 24;   // of a search text, when the nearest place is looked for
constexpr size_t kComparedBytes = 160;  // of a line, there

struct Place {
  size_t begin = 0, end = 0;  // lines of the source
  const Edit* edit = nullptr;
};

tl::unexpected<ReplyProblem> refused(const Edit& edit, const std::string& reason) {
  return tl::unexpected(
      ReplyProblem{events::ProposalFailed::Kind::kDiffRefused,
                   fmt::format("the SEARCH block on line {} of the reply {}", edit.line, reason)});
}

bool matches_at(const Lines& source, size_t at, const Lines& search) {
  return std::equal(search.begin(), search.end(), source.begin() + static_cast<std::ptrdiff_t>(at),
                    [](std::string_view a, std::string_view b) { return trim_right(a) == trim_right(b); });
}

std::vector<size_t> find_all(const Lines& source, const Lines& search) {
  std::vector<size_t> places;
  for (size_t at = 0; at + search.size() <= source.size(); ++at)
    if (matches_at(source, at, search)) places.push_back(at);
  return places;
}

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
  for (size_t at = 0; at < source.size(); ++at) {
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

// The source's lines at the nearest place, numbered; those that differ are marked.
std::string show_nearest(const Lines& source, const Lines& search) {
  if (source.empty()) return "the source is empty";
  const size_t begin = nearest_place(source, search);
  const size_t count = std::min(search.size(), kShownLines);
  std::string text = "nearest lines of the source (* differs):";
  for (size_t i = begin; i < std::min(begin + count, source.size()); ++i) {
    const bool differs = trim_right(source[i]) != trim_right(search[i - begin]);
    text += fmt::format("\n{}{:5} | {}", differs ? '*' : ' ', i + 1, source[i]);
  }
  if (search.size() > count) text += fmt::format("\n  ... {} more lines", search.size() - count);
  return text;
}

Parsed<Place> locate(const Lines& source, const Edit& edit) {
  const Lines search = split_lines(edit.search);
  if (std::all_of(search.begin(), search.end(), [](std::string_view line) { return trim(line).empty(); }))
    return refused(edit, "has no text to search for");
  const std::vector<size_t> places = find_all(source, search);
  if (places.empty()) return refused(edit, "does not occur in the source; " + show_nearest(source, search));
  if (places.size() > 1) {
    std::string lines;
    for (size_t i = 0; i < std::min(places.size(), kShownLines); ++i)
      lines += fmt::format("{}{}", i == 0 ? "" : ", ", places[i] + 1);
    return refused(edit,
                   fmt::format("occurs {} times in the source (lines {}{}); add lines around it until it is "
                               "unique",
                               places.size(), lines, places.size() > kShownLines ? ", ..." : ""));
  }
  return Place{places[0], places[0] + search.size(), &edit};
}

}  // namespace

Parsed<std::string> apply_edits(std::string_view source, const std::vector<Edit>& edits) {
  const Lines lines = split_lines(source);
  std::vector<Place> places;
  for (const Edit& edit : edits) {
    auto place = locate(lines, edit);
    if (!place) return tl::unexpected(place.error());
    places.push_back(*place);
  }
  std::sort(places.begin(), places.end(), [](const Place& a, const Place& b) { return a.begin < b.begin; });
  std::string result;
  size_t at = 0;
  for (const Place& place : places) {
    if (place.begin < at) return refused(*place.edit, "overlaps another one");
    for (; at < place.begin; ++at) result.append(lines[at]).push_back('\n');
    result += place.edit->replace;
    at = place.end;
  }
  for (; at < lines.size(); ++at) result.append(lines[at]).push_back('\n');
  return result;
}

}  // namespace warpwright::prompt
