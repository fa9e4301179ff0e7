// Edits: an applied one stands where its text was found, once; every other line is as it was. The input is a
// source, then pairs of search and replacement texts, separated by lines of %%%%.
#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "src/prompt/reply.h"
#include "src/prompt/source_text.h"
#include "tests/fuzz_text/harness.h"
#include "tests/fuzz_text/text_checks.h"

namespace warpwright::prompt {
namespace {

struct Input {
  std::string source;
  std::vector<Edit> edits;
};

Input input_of(std::string_view text) {
  std::vector<std::string> parts(1);
  for (const std::string_view line : split_lines(text))
    if (line == "%%%%")
      parts.emplace_back();
    else
      parts.back().append(line).push_back('\n');
  for (std::string& part : parts) std::erase(part, '\r');  // neither sources nor cleaned replies have any
  Input input{parts[0], {}};
  for (size_t i = 1; i + 1 < parts.size() && input.edits.size() < 8; i += 2)
    input.edits.push_back({parts[i], parts[i + 1], static_cast<int>(i), false});
  return input;
}

std::string dense(std::string_view text) {
  std::string result;
  for (const char c : text)
    if (c != ' ' && c != '\t' && c != '\r') result.push_back(c);
  return result;
}
// Line by line, blank ones left out.
std::vector<std::string> dense_lines(std::string_view text) {
  std::vector<std::string> lines;
  for (const std::string_view line : split_lines(text))
    if (!is_blank(line)) lines.push_back(dense(line));
  return lines;
}

// Found by trying every place, unlike the code under test.
struct Place {
  size_t begin = 0, end = 0;
  bool exact = false;
};
std::vector<Place> places_of(const Lines& source, const Edit& edit) {
  const Lines search = split_lines(edit.search);
  std::vector<Place> exact, loose;
  for (size_t at = 0; at + search.size() <= source.size(); ++at) {
    bool same = true;
    for (size_t i = 0; i < search.size(); ++i)
      same = same && trim_right(source[at + i]) == trim_right(search[i]);
    if (same) exact.push_back({at, at + search.size(), true});
  }
  if (!exact.empty() || edit.exact) return exact;
  const std::vector<std::string> wanted = dense_lines(edit.search);
  for (size_t at = 0; at < source.size(); ++at) {
    if (is_blank(source[at])) continue;
    size_t line = at, matched = 0;
    for (; line < source.size() && matched < wanted.size(); ++line) {
      if (is_blank(source[line])) continue;
      if (dense(source[line]) != wanted[matched]) break;
      ++matched;
    }
    if (matched == wanted.size()) loose.push_back({at, line, false});
  }
  return loose;
}

bool has_other_forms(const Edit& edit) {
  return !fuzz::is_ascii_text(edit.search) || edit.search.find("&lt;") != std::string::npos;
}

void check_result(const Input& input, const std::string& result) {
  const Lines source = split_lines(input.source);
  std::vector<std::pair<Place, const Edit*>> applied;
  for (const Edit& edit : input.edits) {
    if (!is_blank(edit.search) && same_text(edit.search, edit.replace)) continue;
    const std::vector<Place> places = places_of(source, edit);
    if (places.empty() && has_other_forms(edit)) return;
    MUST(places.size() == 1);
    applied.push_back({places[0], &edit});
  }
  std::sort(applied.begin(), applied.end(),
            [](const auto& a, const auto& b) { return a.first.begin < b.first.begin; });
  std::string expected;
  size_t at = 0;
  bool exact = true;
  for (const auto& [place, edit] : applied) {
    MUST(place.begin >= at);
    expected += join_lines(source, at, place.begin) + edit->replace;
    at = place.end;
    exact = exact && place.exact;
  }
  expected += join_lines(source, at, source.size());
  MUST(exact ? result == expected : dense(result) == dense(expected));
}

void check_application(const Input& input) {
  const auto edited = apply_edits(input.source, input.edits);
  if (edited) return check_result(input, edited->source);
  MUST(!edited.error().reason.empty() && edited.error().reason.size() <= 8200);
  MUST(fuzz::is_utf8(edited.error().reason));
  // Refused as a whole, so at least one of them alone has a reason, or two meet.
  if (input.edits.size() != 1 || has_other_forms(input.edits[0])) return;
  const Edit& edit = input.edits[0];
  MUST(is_blank(edit.search) || same_text(edit.search, edit.replace) ||
       places_of(split_lines(input.source), edit).size() != 1);
}

// Lines that a reply's reader would not take for markers, fences or entities.
bool is_plain(std::string_view text) {
  const Lines lines = split_lines(text);
  return fuzz::is_ascii_text(text) && text.find('&') == std::string_view::npos &&
         text.find("hink") == std::string_view::npos &&
         std::none_of(lines.begin(), lines.end(),
                      [](std::string_view line) { return trim(line).find_first_of("<>=+-~`[") == 0; });
}

// What is written as SEARCH/REPLACE blocks is read as the same edits.
void check_writing(const Input& input) {
  std::string reply;
  for (const Edit& edit : input.edits) {
    if (!is_plain(edit.search) || !is_plain(edit.replace)) return;
    reply += "<<<<<<< SEARCH\n" + edit.search + "=======\n" + edit.replace + ">>>>>>> REPLACE\n";
  }
  if (input.edits.empty() || reply.find('<', 1) == std::string::npos) return;
  const auto parsed = parse_reply(reply);
  MUST(parsed && std::holds_alternative<std::vector<Edit>>(parsed->content));
  const auto& edits = std::get<std::vector<Edit>>(parsed->content);
  MUST(edits.size() == input.edits.size());
  for (size_t i = 0; i < edits.size(); ++i)
    MUST(edits[i].search == input.edits[i].search && edits[i].replace == input.edits[i].replace);
}

}  // namespace
}  // namespace warpwright::prompt

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace warpwright::prompt;
  Input input = input_of(warpwright::fuzz::text_of(data, size));
  const auto untouched = apply_edits(input.source, {});
  MUST(untouched && untouched->source == input.source && untouched->repairs.empty());
  check_application(input);
  check_writing(input);
  for (Edit& edit : input.edits) edit.exact = true;
  check_application(input);
  return 0;
}
