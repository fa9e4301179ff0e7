#include "src/prompt/template.h"

#include <fmt/format.h>

#include <algorithm>

#include "src/base/edit_distance.h"
#include "src/prompt/lines.h"

namespace warpwright::prompt {
namespace {

using Known = std::vector<std::string>;

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}
bool begins_name(char c) {
  return is_name_character(c) && !(c >= '0' && c <= '9') && c != '-';
}

std::string_view name_at(std::string_view text) {
  if (text.empty() || !begins_name(text[0])) return {};
  size_t length = 1;
  while (length < text.size() && is_name_character(text[length])) ++length;
  return text.substr(0, length);
}

bool is_known(std::string_view name, const Known& known) {
  return std::find(known.begin(), known.end(), name) != known.end();
}

std::string nearest(std::string_view name, const Known& known) {
  return *std::min_element(known.begin(), known.end(), [&](const std::string& a, const std::string& b) {
    return edit_distance(name, a) < edit_distance(name, b);
  });
}

// What stands at a brace: `length` bytes of the line that mean a field (`name`) or the text (`text`).
struct Brace {
  size_t length = 0;
  std::string name, text;
};

// A brace that closes what nothing opened: `name}`. The text before it ends in a known name.
bool ends_in_known_name(std::string_view before, const Known& known) {
  size_t begin = before.size();
  while (begin > 0 && is_name_character(before[begin - 1])) --begin;
  return is_known(before.substr(begin), known);
}

Result<Brace> read_brace(std::string_view line, size_t at, const Known& known) {
  const std::string_view rest = line.substr(at);
  if (rest[0] == '}') {
    if (ends_in_known_name(line.substr(0, at), known))
      return usage_error("a '}' without its '{': write {name} for a field");
    return Brace{1, "", "}"};
  }
  const bool doubled = rest.starts_with("{{");
  const size_t begin = std::min(rest.find_first_not_of(" \t", doubled ? 2 : 1), rest.size());
  const std::string_view name = name_at(rest.substr(begin));
  if (name.empty()) return Brace{1, "", "{"};
  const size_t end = std::min(rest.find_first_not_of(" \t", begin + name.size()), rest.size());
  const bool closed = end < rest.size() && rest[end] == '}';
  if (doubled) {
    if (rest.substr(end).starts_with("}}")) return Brace{end + 2, "", fmt::format("{{{}}}", name)};
    return Brace{2, "", "{{"};
  }
  if (!closed) {
    if (is_known(name, known)) return usage_error(fmt::format("'{{{}' without its '}}'", name));
    return Brace{1, "", "{"};
  }
  if (!is_known(name, known))
    return usage_error(
        fmt::format("unknown field '{{{}}}'; did you mean '{{{}}}'? (the text itself: {{{{{}}}}})", name,
                    nearest(name, known), name));
  return Brace{end + 1, std::string(name), ""};
}

}  // namespace

Result<Template> Template::parse(std::string_view text, const std::string& path, const Known& known) {
  Template result;
  result.path_ = path;
  int number = 0;
  for (const std::string_view line : split_lines(text)) {
    ++number;
    Line pieces;
    std::string literal;
    const auto flush = [&] {
      if (!literal.empty()) pieces.push_back({false, std::exchange(literal, {})});
    };
    for (size_t at = 0; at < line.size();) {
      if (line[at] != '{' && line[at] != '}') {
        literal += line[at++];
        continue;
      }
      auto brace = read_brace(line, at, known);
      if (!brace) return add_context(brace.error(), fmt::format("{}:{}", path, number));
      at += brace->length;
      literal += brace->text;
      if (brace->name.empty()) continue;
      flush();
      pieces.push_back({true, brace->name});
      if (!result.uses(brace->name)) result.fields_.push_back(brace->name);
    }
    flush();
    result.lines_.push_back(std::move(pieces));
  }
  return result;
}

bool Template::uses(std::string_view field) const {
  return is_known(field, fields_);
}

std::string Template::render_line(const Line& line, const Values& values) {
  std::string rendered;
  for (const Piece& piece : line) {
    const auto value = piece.is_field ? values.find(piece.text) : values.end();
    rendered += !piece.is_field ? piece.text : value == values.end() ? std::string() : value->second;
  }
  // What a field brings ends its last line itself or not: the template's line end is the one that counts.
  while (!line.empty() && line.back().is_field && rendered.ends_with('\n')) rendered.pop_back();
  return rendered;
}

bool Template::is_vanishing(const Line& line, const Values& values) {
  const bool has_field =
      std::any_of(line.begin(), line.end(), [](const Piece& piece) { return piece.is_field; });
  return has_field && trim(render_line(line, values)).empty();
}

// Is this a heading with fields without content below it, and nothing else? Of a top heading all up to the next one
// counts; a lower one ends where the template goes on with text of its own.
bool Template::heads_nothing(size_t heading, const Values& values) const {
  const size_t level = heading_level(heading);
  if (level == 0) return false;
  bool found = false;
  for (size_t i = heading + 1; i < lines_.size(); ++i) {
    if (lines_[i].empty()) continue;
    if (is_vanishing(lines_[i], values)) {
      found = true;
      continue;
    }
    const size_t next = heading_level(i);
    if (next > 0) return found && next <= level;
    return found && level > 1 &&
           !std::any_of(lines_[i].begin(), lines_[i].end(), [](const Piece& p) { return p.is_field; });
  }
  return found;
}

// 2 of "## Title"; 0: no heading.
size_t Template::heading_level(size_t index) const {
  const Line& line = lines_[index];
  if (line.size() != 1 || line[0].is_field) return 0;
  const size_t marks = line[0].text.find_first_not_of('#');
  return marks != std::string::npos && line[0].text[marks] == ' ' ? marks : 0;
}

std::string Template::render(const Values& values) const {
  std::string text;
  bool skip_empty = false;
  for (size_t i = 0; i < lines_.size(); ++i) {
    if (is_vanishing(lines_[i], values) || heads_nothing(i, values)) {
      skip_empty = true;
      continue;
    }
    if (lines_[i].empty() && std::exchange(skip_empty, false)) continue;
    skip_empty = false;
    text += render_line(lines_[i], values) + "\n";
  }
  return text;
}

}  // namespace warpwright::prompt
