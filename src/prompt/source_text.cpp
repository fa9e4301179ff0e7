#include "src/prompt/source_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "src/prompt/lines.h"

namespace warpwright::prompt {
namespace {

constexpr std::string_view kPlanMark = "/*@plan";
constexpr char kTypographic = '\0';  // what a literal began with; any double quote ends it

bool is_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

bool begins_plan(std::string_view text) {
  return text.starts_with(kPlanMark) && (text.size() == kPlanMark.size() || !is_name(text[kPlanMark.size()]));
}

// The ASCII for what word processors and chats make of it; 0: keep the character.
char ascii_for(char32_t c) {
  if (c >= 0x2018 && c <= 0x201b) return '\'';
  if (c >= 0x201c && c <= 0x201f) return '"';
  if ((c >= 0x2010 && c <= 0x2015) || c == 0x2212) return '-';
  if (c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f ||
      c == 0x205f || c == 0x3000)
    return ' ';
  if (c < 0xff01 || c > 0xff5e) return 0;
  const char full_width = static_cast<char>(c - 0xfee0);
  return std::string_view("()[]{}<>,;:.+-=!&|%^~?").find(full_width) == std::string_view::npos ? 0
                                                                                               : full_width;
}

size_t double_quote(std::string_view text) {  // bytes of the one that `text` begins with, 0 if none
  if (text.empty()) return 0;
  if (text[0] == '"') return 1;
  if (static_cast<unsigned char>(text[0]) < 0x80) return 0;
  const Character c = first_character(text);
  return !c.broken && ascii_for(c.value) == '"' ? c.bytes : 0;
}

struct Counts {
  size_t quotes = 0, dashes = 0, spaces = 0, other = 0;
};

std::string ascii_part(std::string_view part, Counts& counts) {
  std::string result;
  while (!part.empty()) {
    const Character c = first_character(part);
    const char ascii = c.broken || c.bytes == 1 ? '\0' : ascii_for(c.value);
    if (ascii == 0) {
      result.append(part.substr(0, c.bytes));
    } else {
      result.push_back(ascii);
      ++(ascii == '"' || ascii == '\'' ? counts.quotes
         : ascii == '-'                ? counts.dashes
         : ascii == ' '                ? counts.spaces
                                       : counts.other);
    }
    part.remove_prefix(c.bytes);
  }
  return result;
}

std::string ascii_code(std::string_view source, Counts& counts) {
  std::string result;
  SourceReader reader;
  const bool ends_in_newline = source.ends_with('\n');
  for (const std::string_view line : split_lines(source)) {
    reader.read(line, [&](std::string_view part, Region region) {
      if (region == Region::kCode || region == Region::kPlan)
        result += ascii_part(part, counts);
      else
        result += part;
    });
    result.push_back('\n');
  }
  if (!ends_in_newline && !result.empty()) result.pop_back();
  return result;
}

}  // namespace

void SourceReader::read(std::string_view line, const Visit& visit) {
  size_t at = 0;
  while (at < line.size()) {
    const size_t begin = at;
    Region region = Region::kComment;
    switch (state_) {
      case State::kCode:
        at = read_code(line, at, visit);
        continue;
      case State::kPlan:
        at = read_plan(line, at, visit);
        continue;
      case State::kLineComment:
        at = line.size();
        break;
      case State::kComment:
        at = read_until(line, at, "*/");
        break;
      case State::kString:
        at = read_string(line, at, visit);
        continue;
      case State::kRaw:
        region = Region::kLiteral;
        at = read_until(line, at, raw_closing_);
        break;
    }
    visit(line.substr(begin, at - begin), region);
  }
  // A // comment and a literal end with the line unless a backslash joins the next one to it.
  const bool joined = line.ends_with('\\');
  if ((state_ == State::kLineComment || state_ == State::kString) && !joined) state_ = State::kCode;
}

// Code up to where something else begins, which becomes the state.
size_t SourceReader::read_code(std::string_view line, size_t at, const Visit& visit) {
  const size_t begin = at;
  while (at < line.size() && state_ == State::kCode) {
    const std::string_view rest = line.substr(at);
    if (rest.starts_with("//")) {
      state_ = State::kLineComment;
    } else if (rest.starts_with("/*")) {
      state_ = begins_plan(rest) ? State::kPlan : State::kComment;
      if (at > begin) visit(line.substr(begin, at - begin), Region::kCode);
      const size_t mark = state_ == State::kPlan ? kPlanMark.size() : 2;
      visit(rest.substr(0, mark), state_ == State::kPlan ? Region::kPlan : Region::kComment);
      return at + mark;
    } else if (const size_t quote = rest[0] == '\'' ? 1 : double_quote(rest); quote > 0) {
      quote_ = quote == 1 ? rest[0] : kTypographic;
      state_ = State::kString;
      at += quote;
    } else if (is_name(rest[0])) {
      at = read_word(line, at);
    } else {
      ++at;
    }
  }
  if (at > begin) visit(line.substr(begin, at - begin), Region::kCode);
  return at;
}

// Also a number, whose quotes (1'000) begin no literal, and the prefix of a raw string.
size_t SourceReader::read_word(std::string_view line, size_t at) {
  const size_t begin = at;
  const auto is_part = [&](size_t i) {
    return i < line.size() && (is_name(line[i]) || (line[i] == '\'' && line[begin] <= '9' &&
                                                    i + 1 < line.size() && is_name(line[i + 1])));
  };
  while (is_part(at)) ++at;
  const std::string_view word = line.substr(begin, at - begin);
  const bool raw = word == "R" || word == "LR" || word == "uR" || word == "UR" || word == "u8R";
  if (!raw || at == line.size() || line[at] != '"') return at;
  constexpr size_t kMaxDelimiter = 16;
  const size_t open = line.substr(at, kMaxDelimiter + 2).find('(');
  if (open == std::string_view::npos) return at + 1;
  raw_closing_ = fmt::format("){}\"", line.substr(at + 1, open - 1));
  state_ = State::kRaw;
  return at + open + 1;
}

size_t SourceReader::read_plan(std::string_view line, size_t at, const Visit& visit) {
  const size_t closing = std::min(line.find("*/", at), line.size());
  const size_t comment = std::min(line.find("//", at), closing);
  if (comment > at) visit(line.substr(at, comment - at), Region::kPlan);
  if (closing > comment) visit(line.substr(comment, closing - comment), Region::kComment);
  if (closing == line.size()) return closing;
  visit(line.substr(closing, 2), Region::kPlan);
  state_ = State::kCode;
  return closing + 2;
}

// To behind the closing quote, which is code again, or to the end of the line.
size_t SourceReader::read_string(std::string_view line, size_t at, const Visit& visit) {
  const size_t begin = at;
  size_t quote = 0;
  while (at < line.size()) {
    const std::string_view rest = line.substr(at);
    quote = quote_ == kTypographic ? double_quote(rest) : rest[0] == quote_ ? 1 : 0;
    if (quote > 0) break;
    at += rest[0] == '\\' && rest.size() > 1 ? 2 : 1;
  }
  if (at > begin) visit(line.substr(begin, at - begin), Region::kLiteral);
  if (quote > 0) {
    visit(line.substr(at, quote), Region::kCode);
    state_ = State::kCode;
  }
  return at + quote;
}

size_t SourceReader::read_until(std::string_view line, size_t at, std::string_view closing) {
  const size_t found = line.find(closing, at);
  if (found == std::string_view::npos) return line.size();
  state_ = State::kCode;
  return found + closing.size();
}

std::optional<PlanSpan> find_plan(std::string_view source) {
  SourceReader reader;
  std::optional<size_t> begin, end;
  for (const std::string_view line : split_lines(source)) {
    reader.read(line, [&](std::string_view part, Region region) {
      if (region != Region::kPlan || end) return;
      const auto at = static_cast<size_t>(part.data() - source.data());
      if (!begin) begin = at;
      if (part == "*/") end = at + 2;
    });
    if (end) return PlanSpan{*begin, *end};
  }
  return std::nullopt;
}

bool is_plan_alone(std::string_view source) {
  const auto plan = find_plan(source);
  if (!plan) return false;
  bool alone = true;
  SourceReader reader;
  for (const std::string_view line : split_lines(source))
    reader.read(line, [&](std::string_view part, Region region) {
      const bool outside =
          region == Region::kPlan && static_cast<size_t>(part.data() - source.data()) >= plan->end;
      const bool code = region == Region::kCode || region == Region::kLiteral;
      alone = alone && !outside && !(code && !is_blank(part));
    });
  return alone;
}

bool has_kernel(std::string_view source) {
  bool found = false;
  SourceReader reader;
  for (const std::string_view line : split_lines(source))
    reader.read(line, [&](std::string_view part, Region region) {
      found = found || (region == Region::kCode && part.find("__global__") != std::string_view::npos);
    });
  return found;
}

bool is_whole(std::string_view source) {
  int depth = 0;
  bool crossed = false;
  SourceReader reader;
  for (const std::string_view line : split_lines(source))
    reader.read(line, [&](std::string_view part, Region region) {
      if (region != Region::kCode) return;
      for (const char c : part) {
        depth += c == '{' ? 1 : c == '}' ? -1 : 0;
        crossed = crossed || depth < 0;
      }
    });
  return reader.in_code() && depth == 0 && !crossed;
}

std::string repair_code(std::string_view source, std::vector<std::string>& repairs) {
  // What is mended changes what is a literal; a text that does not settle is left as it is.
  constexpr int kRounds = 4;
  Counts counts;
  std::string text(source);
  for (int round = 0; round < kRounds; ++round) {
    std::string next = ascii_code(text, counts);
    if (next != text) {
      text = std::move(next);
      continue;
    }
    const std::array<std::pair<size_t, std::string_view>, 4> kinds = {{{counts.quotes, "typographic quotes"},
                                                                       {counts.dashes, "typographic dashes"},
                                                                       {counts.spaces, "non-ASCII spaces"},
                                                                       {counts.other, "full-width signs"}}};
    for (const auto& [count, name] : kinds)
      if (count > 0) repairs.push_back(fmt::format("{} in the code made ASCII: {}", name, count));
    return text;
  }
  return std::string(source);
}

bool is_html_escaped(std::string_view text) {
  return text.find('<') == std::string_view::npos && text.find("&lt;") != std::string_view::npos;
}

std::string unescape_html(std::string_view text) {
  constexpr std::array<std::pair<std::string_view, char>, 9> kEntities = {{{"&lt;", '<'},
                                                                           {"&gt;", '>'},
                                                                           {"&amp;", '&'},
                                                                           {"&quot;", '"'},
                                                                           {"&apos;", '\''},
                                                                           {"&#39;", '\''},
                                                                           {"&#x27;", '\''},
                                                                           {"&#34;", '"'},
                                                                           {"&nbsp;", ' '}}};
  std::string result;
  while (!text.empty()) {
    const auto* entity = std::find_if(kEntities.begin(), kEntities.end(),
                                      [&](const auto& known) { return text.starts_with(known.first); });
    const bool known = text[0] == '&' && entity != kEntities.end();
    result.push_back(known ? entity->second : text[0]);
    text.remove_prefix(known ? entity->first.size() : 1);
  }
  return result;
}

}  // namespace warpwright::prompt
