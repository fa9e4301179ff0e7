// Finds the plan comment and the units in a candidate's file.
//
// The file is read as C++ reads it: comments, string, character and raw string literals. A plan is a block
// comment that begins with /*@plan; the same characters inside a literal or another comment are text.
#include <fmt/format.h>

#include <algorithm>

#include "src/plan/ast.h"
#include "src/plan/diagnostics.h"
#include "src/plan/source.h"

namespace warpwright::plan {
namespace {

constexpr std::string_view kPlanMark = "@plan";
constexpr std::string_view kUnitMark = "@unit";

bool is_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}
bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\r';
}

class SourceScanner {
 public:
  explicit SourceScanner(std::string_view source) : source_(source) {}

  Checked<CandidateSource> run() {
    scan();
    if (diagnostics_.empty()) make_units();
    if (!diagnostics_.empty()) return tl::unexpected(diagnostics_.take());
    return std::move(result_);
  }

  Checked<SourceLayout> layout() {
    scan();
    if (!diagnostics_.empty()) return tl::unexpected(diagnostics_.take());
    return SourceLayout{plan_begin_, plan_end_, std::move(units_)};
  }

 private:
  void scan() {
    while (next_ < source_.size() && !diagnostics_.full()) step();
    if (plans_ == 0) diagnostics_.error({1, 1}, no_plan());
  }

  char peek(size_t ahead = 0) const { return next_ + ahead < source_.size() ? source_[next_ + ahead] : '\0'; }
  bool rest_begins(std::string_view text) const { return source_.substr(next_, text.size()) == text; }
  void advance(size_t count = 1) {
    for (; count > 0 && next_ < source_.size(); --count, ++next_) {
      if (source_[next_] == '\n') {
        ++at_.line;
        at_.column = 1;
        line_start_ = next_ + 1;
      } else {
        ++at_.column;
      }
    }
  }

  void step() {
    const char c = peek();
    if (c == '/' && peek(1) == '/') {
      line_comment();
    } else if (c == '/' && peek(1) == '*') {
      block_comment();
    } else if (c == '"' || c == '\'') {
      literal(c);
    } else if (is_name(c)) {
      word();
    } else {
      advance();
    }
  }

  // Also numbers: the quote in 1'000 begins no character literal.
  void word() {
    size_t size = 1;
    while (is_name(peek(size)) || (peek(size) == '\'' && is_name(peek(size + 1)) && peek() <= '9')) ++size;
    const std::string_view text = source_.substr(next_, size);
    advance(size);
    const bool raw = text == "R" || text == "LR" || text == "uR" || text == "UR" || text == "u8R";
    if (raw && peek() == '"') raw_string();
  }

  void raw_string() {
    constexpr size_t kMaxDelimiter = 16;
    size_t open = source_.substr(next_, kMaxDelimiter + 2).find('(');
    if (open == std::string_view::npos) return advance();
    open += next_;
    const std::string closing = fmt::format("){}\"", source_.substr(next_ + 1, open - next_ - 1));
    const size_t end = source_.find(closing, open);
    advance((end == std::string_view::npos ? source_.size() : end + closing.size()) - next_);
  }

  // To the closing quote, or to the end of the line: the compiler reports what is not closed.
  void literal(char quote) {
    advance();
    while (next_ < source_.size() && peek() != quote && peek() != '\n') {
      const bool continued = peek() == '\\' && peek(1) == '\r' && peek(2) == '\n';
      advance(continued ? 3 : peek() == '\\' ? 2 : 1);
    }
    if (peek() == quote) advance();
  }

  void line_comment() {
    const Position at = at_;
    const size_t start = line_start_;
    const bool first_of_line = std::all_of(source_.begin() + static_cast<std::ptrdiff_t>(start),
                                           source_.begin() + static_cast<std::ptrdiff_t>(next_), is_blank);
    const size_t text_start = next_ + 2;
    while (next_ < source_.size() && peek() != '\n') {
      const bool continued = peek() == '\\' && peek(1) == '\r' && peek(2) == '\n';
      advance(continued ? 3 : peek() == '\\' ? 2 : 1);
    }
    std::string_view text = source_.substr(text_start, next_ - text_start);
    if (first_of_line && text.substr(0, kUnitMark.size()) == kUnitMark) {
      text.remove_prefix(kUnitMark.size());
      if (text.empty() || !is_name(text[0])) unit_line(text, at, start);
    }
  }

  void unit_line(std::string_view text, Position at, size_t line_start) {
    while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
    while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
    const bool valid = !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), is_name) &&
                       !(text[0] >= '0' && text[0] <= '9');
    if (!valid) return diagnostics_.error(at, "a unit line is //@unit NAME, where NAME is an identifier");
    for (const UnitLine& other : units_) {
      if (other.name == text) {
        return diagnostics_.error(
            at, fmt::format("unit '{}' is begun twice; the first is on line {}", text, other.at.line));
      }
    }
    constexpr size_t kMaxUnits = 32;
    if (units_.size() == kMaxUnits)
      return diagnostics_.error(at, fmt::format("more than {} units", kMaxUnits));
    units_.push_back({std::string(text), at, line_start});
  }

  void block_comment() {
    const Position at = at_;
    const size_t begin = next_;
    advance(2);
    const bool is_plan = rest_begins(kPlanMark) && !is_name(peek(kPlanMark.size()));
    if (is_plan) advance(kPlanMark.size());
    const Position text_at = at_;
    const size_t text_start = next_;
    const size_t end = source_.find("*/", next_);
    const bool closed = end != std::string_view::npos;
    const size_t text_end = closed ? end : source_.size();
    advance(text_end - next_ + (closed ? 2 : 0));
    if (!is_plan) return;
    plan(at, text_at, source_.substr(text_start, text_end - text_start), closed);
    plan_begin_ = begin;
    plan_end_ = next_;
  }

  void plan(Position at, Position text_at, std::string_view text, bool closed) {
    if (++plans_ > 1) {
      return diagnostics_.error(
          at,
          fmt::format("a second plan; the first is on line {}: keep one, with if for the cases", plan_line_));
    }
    plan_line_ = at.line;
    if (!closed) return diagnostics_.error(at, "the plan comment is not closed: end it with */");
    if (text.size() > kMaxPlanBytes) {
      return diagnostics_.error(at, fmt::format("the plan is longer than {} KiB", kMaxPlanBytes >> 10));
    }
    result_.plan_text = text;
    result_.plan_at = text_at;
  }

  std::string no_plan() const {
    std::string message =
        "there is no launch plan: add a comment /*@plan kernel<<<grid, block>>>(arguments); */";
    if (source_.find("/*@plan") != std::string_view::npos) {
      message += " (the /*@plan in a string or inside another comment does not count)";
    }
    return message;
  }

  // What stands before the first unit line belongs to every unit.
  void make_units() {
    if (units_.empty()) {
      result_.units.push_back({"", std::string(source_)});
      return;
    }
    const std::string_view shared = source_.substr(0, units_[0].offset);
    for (size_t i = 0; i < units_.size(); ++i) {
      const size_t begin = units_[i].offset;
      const size_t end = i + 1 < units_.size() ? units_[i + 1].offset : source_.size();
      const std::string_view skipped = source_.substr(shared.size(), begin - shared.size());
      std::string text(shared);
      text.append(static_cast<size_t>(std::count(skipped.begin(), skipped.end(), '\n')), '\n');
      text += source_.substr(begin, end - begin);
      result_.units.push_back({units_[i].name, std::move(text)});
    }
  }

  std::string_view source_;
  size_t next_ = 0;
  size_t line_start_ = 0;
  Position at_{1, 1};
  Diagnostics diagnostics_;
  std::vector<UnitLine> units_;
  int plans_ = 0;
  int plan_line_ = 0;
  size_t plan_begin_ = 0, plan_end_ = 0;
  CandidateSource result_;
};

}  // namespace

Checked<CandidateSource> split_source(std::string_view source) {
  return SourceScanner(source).run();
}

Checked<SourceLayout> layout_of(std::string_view source) {
  return SourceScanner(source).layout();
}

}  // namespace warpwright::plan
