// apply_edits: where each SEARCH text stands in the source, or why it cannot be said.
#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "src/base/quotable.h"
#include "src/prompt/lines.h"
#include "src/prompt/mismatch.h"
#include "src/prompt/reply.h"
#include "src/prompt/source_text.h"

namespace warpwright::prompt {
namespace {

using Kind = events::ProposalFailed::Kind;

constexpr size_t kShownPlaces = 12;
constexpr size_t kShownMismatches = 4;
constexpr size_t kMaxReasonBytes = 8000;

std::string name_of(const Edit& edit) {
  return fmt::format("the {} on line {} of the reply", edit.exact ? "diff's hunk" : "SEARCH block",
                     edit.line);
}

struct Place {
  size_t begin = 0, end = 0;  // lines of the source
  std::string replacement;
  const Edit* edit = nullptr;
};

std::string without_space(std::string_view line) {
  std::string text;
  for (const char c : line)
    if (c != ' ' && c != '\t' && c != '\r') text.push_back(c);
  return text;
}

// A line without its space, and where it stands.
struct Dense {
  std::string text;
  size_t line = 0;
};
std::vector<Dense> dense_lines(const Lines& lines) {
  std::vector<Dense> dense;
  for (size_t i = 0; i < lines.size(); ++i)
    if (std::string text = without_space(lines[i]); !text.empty()) dense.push_back({std::move(text), i});
  return dense;
}

// How the indentation of the source differs from that of the search text, if it does so on every line alike.
struct Shift {
  bool adds = false;
  std::string space;

  std::string apply(std::string_view line) const {
    if (is_blank(line)) return {};
    if (adds) return space + std::string(line);
    return std::string(
        line.substr(line.starts_with(space) ? space.size() : std::min(space.size(), indent_of(line).size())));
  }
};
std::optional<Shift> shift_between(std::string_view source, std::string_view search) {
  const std::string_view theirs = indent_of(source), ours = indent_of(search);
  if (theirs.ends_with(ours)) return Shift{true, std::string(theirs.substr(0, theirs.size() - ours.size()))};
  if (ours.ends_with(theirs)) return Shift{false, std::string(ours.substr(0, ours.size() - theirs.size()))};
  return std::nullopt;
}

// Where `wanted` (not empty) begins in `text`, overlapping places too; linear (Knuth, Morris, Pratt), since
// generated code repeats itself.
template <class T, class Same>
std::vector<size_t> find_all(const std::vector<T>& text, const std::vector<T>& wanted, const Same& same) {
  std::vector<size_t> border(wanted.size(), 0);
  for (size_t i = 1, length = 0; i < wanted.size(); ++i) {
    while (length > 0 && !same(wanted[i], wanted[length])) length = border[length - 1];
    if (same(wanted[i], wanted[length])) ++length;
    border[i] = length;
  }
  std::vector<size_t> places;
  for (size_t i = 0, length = 0; i < text.size(); ++i) {
    while (length > 0 && !same(text[i], wanted[length])) length = border[length - 1];
    if (same(text[i], wanted[length])) ++length;
    if (length < wanted.size()) continue;
    places.push_back(i + 1 - length);
    length = border[length - 1];
  }
  return places;
}

class Locator {
 public:
  explicit Locator(std::string_view source) : lines_(split_lines(source)) {}

  const Lines& lines() const { return lines_; }

  // One place, or the reason why there is none or more.
  tl::expected<Place, std::string> locate(const Edit& edit, std::vector<std::string>& repairs) {
    const std::vector<Edit> forms = forms_of(edit);
    const auto is_empty = [](const Edit& form) { return is_blank(form.search); };
    if (std::any_of(forms.begin(), forms.end(), is_empty))
      return tl::unexpected(std::string(
          "has no text to search for: to insert lines, search for a line beside them and repeat it in "
          "the replacement"));
    for (const Edit& form : forms) {
      const Lines form_search = split_lines(form.search);
      const bool as_written = form.search == edit.search;
      if (const auto places = find_exact(form_search); !places.empty()) {
        if (places.size() > 1) return tl::unexpected(several(places, ""));
        if (!as_written) repairs.push_back(name_of(edit) + " matched after its typography was mended");
        return Place{places[0], places[0] + form_search.size(), form.replace, &edit};
      }
      if (edit.exact) break;
      const auto places = find_dense(form_search);
      if (places.size() > 1) return tl::unexpected(several(first_lines(places), ", space left out"));
      if (!places.empty()) return indented(form, edit, places[0], repairs);
    }
    return tl::unexpected("does not occur in the source; " + show_nearest(lines_, split_lines(edit.search)));
  }

 private:
  struct DensePlace {
    size_t first = 0, count = 0;  // of dense_
  };

  // The edit as written, then as it was meant before a chat interface changed its characters.
  static std::vector<Edit> forms_of(const Edit& edit) {
    std::vector<Edit> forms = {edit};
    std::vector<std::string> ignored;
    Edit mended = edit;
    mended.search = repair_code(edit.search, ignored);
    mended.replace = repair_code(edit.replace, ignored);
    if (mended.search != edit.search) forms.push_back(std::move(mended));
    if (is_html_escaped(edit.search))
      forms.push_back({unescape_html(edit.search), unescape_html(edit.replace), edit.line, edit.exact});
    return forms;
  }

  std::vector<size_t> find_exact(const Lines& search) const {
    return find_all(lines_, search,
                    [](std::string_view a, std::string_view b) { return trim_right(a) == trim_right(b); });
  }

  std::vector<DensePlace> find_dense(const Lines& search) {
    if (dense_.empty()) dense_ = dense_lines(lines_);
    const std::vector<Dense> wanted = dense_lines(search);
    std::vector<DensePlace> places;
    for (const size_t at :
         find_all(dense_, wanted, [](const Dense&a, const Dense&b) { return a.text == b.text; }))
      places.push_back({at, wanted.size()});
    return places;
  }

  std::vector<size_t> first_lines(const std::vector<DensePlace>& places) const {
    std::vector<size_t> lines;
    for (const DensePlace& place : places) lines.push_back(dense_[place.first].line);
    return lines;
  }

  // The replacement moved as far as the source is from the search text.
  Place indented(const Edit& form, const Edit& edit, const DensePlace& place,
                 std::vector<std::string>& repairs) const {
    const Lines search = split_lines(form.search);
    const std::vector<Dense> wanted = dense_lines(search);
    std::optional<Shift> shift;
    for (size_t i = 0; i < wanted.size(); ++i) {
      const auto next = shift_between(lines_[dense_[place.first + i].line], search[wanted[i].line]);
      if (i == 0) shift = next;
      const bool alike =
          shift && next && next->space == shift->space && (next->adds == shift->adds || next->space.empty());
      if (!alike) shift.reset();
      if (!shift) break;
    }
    std::string replacement;
    for (const std::string_view line : split_lines(form.replace))
      replacement.append(shift ? shift->apply(line) : std::string(line)).push_back('\n');
    repairs.push_back(fmt::format("{} matched with space left out{}", name_of(edit),
                                  !shift                 ? ""
                                  : shift->space.empty() ? ""
                                                         : "; its replacement was indented alike"));
    return {dense_[place.first].line, dense_[place.first + place.count - 1].line + 1, std::move(replacement),
            &edit};
  }

  static std::string several(const std::vector<size_t>& places, std::string_view how) {
    std::string lines;
    for (size_t i = 0; i < std::min(places.size(), kShownPlaces); ++i)
      lines += fmt::format("{}{}", i == 0 ? "" : ", ", places[i] + 1);
    return fmt::format("occurs {} times in the source (lines {}{}{}); add lines around it until it is unique",
                       places.size(), lines, places.size() > kShownPlaces ? ", ..." : "", how);
  }

  Lines lines_;
  std::vector<Dense> dense_;
};

// In the order of the source; refused if two of them overlap.
Parsed<Edited> put_together(const Lines& lines, std::vector<Place> places, std::vector<std::string> repairs) {
  std::sort(places.begin(), places.end(), [](const Place& a, const Place& b) { return a.begin < b.begin; });
  std::string result;
  size_t at = 0;
  for (const Place& place : places) {
    if (place.begin < at)
      return diff_refused(name_of(*place.edit) +
                          " overlaps another one: put changes of the same lines into one block");
    result += join_lines(lines, at, place.begin);
    result += place.replacement;
    at = place.end;
  }
  result += join_lines(lines, at, lines.size());
  return Edited{std::move(result), std::move(repairs)};
}

std::string mismatches(const std::vector<std::string>& reasons, size_t edits) {
  std::string text =
      edits > reasons.size()
          ? fmt::format("{} of {} blocks do not apply, and none was applied; ", reasons.size(), edits)
          : "";
  for (size_t i = 0; i < std::min(reasons.size(), kShownMismatches); ++i)
    text += (i == 0 ? "" : "\n") + reasons[i];
  if (reasons.size() > kShownMismatches)
    text += fmt::format("\nand {} more", reasons.size() - kShownMismatches);
  return quotable_text(text, kMaxReasonBytes);
}

}  // namespace

Parsed<Edited> apply_edits(std::string_view source, const std::vector<Edit>& edits) {
  Locator locator(source);
  std::vector<Place> places;
  std::vector<std::string> reasons, repairs;
  const Edit* without_effect = nullptr;
  for (const Edit& edit : edits) {
    if (!is_blank(edit.search) && same_text(edit.search, edit.replace)) {
      without_effect = &edit;
      repairs.push_back(name_of(edit) + " changes nothing: left out");
      continue;
    }
    if (auto place = locator.locate(edit, repairs))
      places.push_back(std::move(*place));
    else
      reasons.push_back(name_of(edit) + " " + place.error());
  }
  if (!reasons.empty()) return diff_refused(mismatches(reasons, edits.size()));
  if (places.empty() && without_effect)
    return problem(Kind::kUnchanged,
                   name_of(*without_effect) + " changes nothing: its two texts are the same");
  return put_together(locator.lines(), std::move(places), std::move(repairs));
}

}  // namespace warpwright::prompt
