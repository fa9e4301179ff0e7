#include "src/plan/fragment.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "src/plan/ast.h"
#include "src/plan/knob.h"
#include "src/plan/lexer.h"
#include "src/plan/source.h"
#include "src/plan/walk.h"

namespace warpwright::plan {
namespace {

bool is_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

bool contains_word(std::string_view text, std::string_view word) {
  for (size_t at = text.find(word); at != std::string_view::npos; at = text.find(word, at + 1)) {
    const bool begins = at == 0 || !is_name(text[at - 1]);
    const bool ends = at + word.size() == text.size() || !is_name(text[at + word.size()]);
    if (begins && ends) return true;
  }
  return false;
}

std::string without_outer_empty_lines(std::string text) {
  const size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string::npos) return {};
  const size_t line = text.rfind('\n', first);
  text.erase(text.find_last_not_of(" \t\r\n") + 1);
  return line == std::string::npos ? text : text.substr(line + 1);
}

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    lines.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

// Every line moved left by the same number of blanks.
std::string dedented(const std::string& text) {
  size_t margin = std::string::npos;
  for (const std::string_view line : lines_of(text))
    margin = std::min(margin, line.find_first_not_of(" \t\r"));
  std::string moved;
  for (const std::string_view line : lines_of(text)) {
    const bool is_empty = line.find_first_not_of(" \t\r") == std::string_view::npos;
    if (!is_empty) moved += line.substr(margin);
    moved += '\n';
  }
  return moved;
}

constexpr std::string_view kBridgeHead = "namespace knob {\n";
constexpr std::string_view kBridgeTail = "}\n";

std::string bridge_line(const std::string& name, const std::string& full) {
  return fmt::format("[[maybe_unused]] constexpr auto {} = ::knob::{};\n", name, full);
}

// The number of characters of the lines that a composition put at a unit's head, and which knobs they bridge
// (full name to the name that the code uses); 0 if there are none.
size_t read_bridge(std::string_view text, const std::string& prefix,
                   std::map<std::string, std::string>& names) {
  if (text.substr(0, kBridgeHead.size()) != kBridgeHead) return 0;
  size_t at = kBridgeHead.size();
  for (; text.substr(at, kBridgeTail.size()) != kBridgeTail; at = text.find('\n', at) + 1) {
    const size_t end = text.find('\n', at);
    if (end == std::string_view::npos) return 0;
    const std::string_view line = text.substr(at, end + 1 - at);
    const size_t begin = line.find("auto ") + 5;
    const std::string name(line.substr(begin, line.find(' ', begin) - begin));
    if (line != bridge_line(name, prefix + name)) return 0;
    names[prefix + name] = name;
  }
  return at + kBridgeTail.size();
}

// "P12" of "P12_scan", the names that compositions give; empty: another name.
std::string prefix_of(const std::string& unit) {
  size_t end = 1;
  while (end < unit.size() && unit[end] >= '0' && unit[end] <= '9') ++end;
  if (unit.empty() || unit[0] != 'P' || end == 1) return {};
  return end == unit.size() || unit[end] == '_' ? unit.substr(0, end) : std::string();
}

tl::unexpected<Error> refused(const std::vector<Diagnostic>& diagnostics) {
  const Diagnostic& first = diagnostics.front();
  return usage_error(fmt::format("line {}, column {}: {}", first.at.line, first.at.column, first.message));
}

}  // namespace

Result<std::string> expression_signs(std::string_view expression) {
  Diagnostics diagnostics;
  const std::vector<Token> tokens = tokenize(expression, {1, 1}, diagnostics);
  if (!diagnostics.empty()) return refused(diagnostics.take());
  std::string signs;
  for (const Token& token : tokens) signs += fmt::format("{}{}", signs.empty() ? "" : " ", token.text);
  signs.erase(signs.find_last_not_of(' ') + 1);
  return signs;
}

class FragmentReader {
 public:
  FragmentReader(const std::string& source, const trace::Definition& definition)
      : source_(source), definition_(definition) {}

  Result<Fragment> read(const KnobValues& knobs, const std::string& when,
                        const std::vector<std::string>& conditions) {
    TRY(parse());
    TRY(check_knobs(knobs));
    begin_ = 0;
    end_ = text_.size();
    if (find_branch(when, conditions)) is_branch_ = true;
    fragment_.statements_ = text_.substr(begin_, end_ - begin_);
    collect_uses();
    read_units();
    choose_names();
    add_tunes(knobs);
    add_edits();
    return std::move(fragment_);
  }

 private:
  using Kind = Fragment::Edit::Kind;

  Result<void> parse() {
    auto layout = layout_of(source_);
    if (!layout) return refused(layout.error());
    layout_ = std::move(*layout);
    auto split = split_source(source_);
    if (!split) return refused(split.error());
    text_ = split->plan_text;
    auto plan = parse_plan(*split, definition_);
    if (!plan) return refused(plan.error());
    plan_.emplace(std::move(*plan));
    Diagnostics diagnostics;
    tokens_ = tokenize(text_, split->plan_at, diagnostics);
    for (size_t i = 0; i < tokens_.size(); ++i) token_at_[{tokens_[i].at.line, tokens_[i].at.column}] = i;
    return {};
  }

  Result<void> check_knobs(const KnobValues& knobs) {
    for (const auto& [name, value] : knobs) {
      const auto& declared = plan_->knobs();
      const auto knob =
          std::find_if(declared.begin(), declared.end(), [&](const Knob& k) { return k.name == name; });
      if (knob == declared.end()) return usage_error(fmt::format("the plan has no knob '{}'", name));
      const auto known = find_knob_value(*knob, value);
      if (!known) return usage_error(known.error());
    }
    return {};
  }

  // --- places in the plan's text ---

  size_t offset(size_t token) const {
    return token + 1 == tokens_.size() ? text_.size()
                                       : static_cast<size_t>(tokens_[token].text.data() - text_.data());
  }
  size_t token_of(Position at) const { return token_at_.at({at.line, at.column}); }
  bool is(size_t token, std::string_view text) const {
    return tokens_[token].kind != TokenKind::kString && tokens_[token].text == text;
  }
  // From an opening bracket to its closing one.
  size_t closing(size_t open) const {
    const bool is_brace = is(open, "{");
    const std::string_view opening = is_brace ? "{" : "(";
    size_t at = open;
    for (int depth = 0; at + 1 < tokens_.size(); ++at) {
      if (is(at, opening)) ++depth;
      if (is(at, is_brace ? "}" : ")") && --depth == 0) break;
    }
    return at;
  }
  size_t end_of_statement(size_t token) const {
    while (!is(token, ";")) ++token;
    return offset(token) + 1;
  }
  // Past the rest of the line, if that is blank or a comment.
  size_t end_of_line(size_t at) const {
    const size_t line_end = std::min(text_.find('\n', at), text_.size());
    const std::string_view rest = std::string_view(text_).substr(at, line_end - at);
    const size_t first = rest.find_first_not_of(" \t\r");
    const bool is_free = first == std::string_view::npos || rest.substr(first, 2) == "//";
    return is_free ? line_end : at;
  }
  bool is_inside(size_t at) const { return at >= begin_ && at < end_; }

  // --- which statements ---

  // A chain of ifs is the plan's only statement beside its knobs.
  bool find_branch(const std::string& when, const std::vector<std::string>& conditions) {
    const If* chain = nullptr;
    Position at;
    for (const Statement& statement : plan_->ast().body.statements) {
      if (std::holds_alternative<Tune>(statement.node)) continue;
      if (chain != nullptr || !std::holds_alternative<If>(statement.node)) return false;
      chain = &std::get<If>(statement.node);
      at = statement.at;
    }
    return chain != nullptr && !when.empty() && find_branch(token_of(at), when, conditions);
  }

  // Every condition must be made of known ones, else nobody knows what the branches after it stand for.
  bool find_branch(size_t token, const std::string& when, const std::vector<std::string>& conditions) {
    std::optional<std::pair<size_t, size_t>> found;
    for (bool is_if = true; is_if;) {
      const size_t open = token + 1;
      const size_t close = closing(open);
      std::set<std::string> alternatives;
      if (!read_alternatives(open + 1, close, conditions, alternatives)) return false;
      const size_t brace = close + 1;
      if (alternatives.contains(when) && !found) found = {brace, closing(brace)};
      token = closing(brace) + 1;
      if (!is(token, "else")) return found && take_branch(*found);
      is_if = is(++token, "if");
    }
    if (!found) found = {token, closing(token)};
    return take_branch(*found);
  }

  bool take_branch(std::pair<size_t, size_t> braces) {
    begin_ = end_of_line(offset(braces.first) + 1);
    end_ = offset(braces.second);
    return true;
  }

  // "a", or "(a) || (b)", of tokens from `token` to `end`.
  bool read_alternatives(size_t token, size_t end, const std::vector<std::string>& conditions,
                         std::set<std::string>& alternatives) const {
    const auto known = [&](size_t from, size_t to) {
      std::string signs;
      for (size_t i = from; i < to; ++i) signs += fmt::format("{}{}", i == from ? "" : " ", tokens_[i].text);
      if (std::count(conditions.begin(), conditions.end(), signs) == 0) return false;
      alternatives.insert(signs);
      return true;
    };
    if (known(token, end)) return true;
    while (is(token, "(")) {
      const size_t close = closing(token);
      if (close >= end || !known(token + 1, close)) return false;
      if (close + 1 == end) return true;
      if (!is(close + 1, "||")) return false;
      token = close + 2;
    }
    return false;
  }

  // --- what they use ---

  void collect_uses() {
    Visitor visitor;
    visitor.expression = [&](const Expression& expression) {
      const auto* name = std::get_if<Name>(&expression.node);
      if (name == nullptr || name->kind != NameKind::kKnob) return;
      const size_t token = token_of(expression.at);
      if (is_inside(offset(token))) knob_uses_[token] = name->name;
    };
    visitor.kernel = [&](const KernelName& kernel) {
      const size_t token = token_of(kernel.at);
      if (is_inside(offset(token))) kernel_uses_[token] = kernel.unit;
    };
    walk(plan_->ast().body, visitor);
  }

  void read_units() {
    const auto device_text = [&](size_t begin, size_t end) {
      const size_t plan_begin = std::clamp(layout_.plan_begin, begin, end);
      const size_t plan_end = std::clamp(layout_.plan_end, begin, end);
      return without_outer_empty_lines(source_.substr(begin, plan_begin - begin) +
                                       source_.substr(plan_end, end - plan_end));
    };
    const auto& starts = layout_.units;
    if (starts.empty()) {
      fragment_.units_.push_back({"", device_text(0, source_.size())});
      return;
    }
    const std::string shared = device_text(0, starts[0].offset);
    for (size_t i = 0; i < starts.size(); ++i) {
      const bool is_used = std::any_of(kernel_uses_.begin(), kernel_uses_.end(),
                                       [&](const auto& use) { return use.second == starts[i].name; });
      if (is_branch_ && !is_used) continue;
      const size_t begin = std::min(source_.find('\n', starts[i].offset), source_.size());
      const size_t end = i + 1 < starts.size() ? starts[i + 1].offset : source_.size();
      std::string text = device_text(begin, end);
      fragment_.units_.push_back({starts[i].name, shared.empty() ? text : shared + "\n" + text});
    }
  }

  // The names before they were composed, where all of them can be told; else those of the file.
  void choose_names() {
    if (!is_branch_ || fragment_.units_.empty()) return;
    const std::string prefix = prefix_of(fragment_.units_.front().name);
    if (prefix.empty()) return;
    std::map<std::string, std::string> names;
    std::vector<std::string> texts;
    for (const Fragment::UnitText& unit : fragment_.units_) {
      if (prefix_of(unit.name) != prefix) return;
      texts.push_back(unit.text.substr(read_bridge(unit.text, prefix + "_", names)));
      texts.back() = without_outer_empty_lines(texts.back());
    }
    for (const auto& [token, knob] : knob_uses_)
      if (!names.contains(knob)) return;
    for (const Knob& knob : plan_->knobs())
      for (const std::string& text : texts)
        if (contains_word(text, knob.name)) return;
    base_knob_ = std::move(names);
    for (size_t i = 0; i < texts.size(); ++i) {
      Fragment::UnitText& unit = fragment_.units_[i];
      const std::string base = unit.name == prefix ? "" : unit.name.substr(prefix.size() + 1);
      base_unit_[unit.name] = base;
      unit = {base, std::move(texts[i])};
    }
  }

  std::string base_unit(const std::string& unit) const {
    const auto found = base_unit_.find(unit);
    return found == base_unit_.end() ? unit : found->second;
  }
  std::string base_knob(const std::string& knob) const {
    const auto found = base_knob_.find(knob);
    return found == base_knob_.end() ? knob : found->second;
  }

  // Of a branch: those that its statements or its device code may read.
  bool is_needed(const std::string& knob) const {
    if (!is_branch_ || base_knob_.contains(knob)) return true;
    if (std::any_of(knob_uses_.begin(), knob_uses_.end(),
                    [&](const auto& use) { return use.second == knob; }))
      return true;
    return std::any_of(fragment_.units_.begin(), fragment_.units_.end(),
                       [&](const auto& unit) { return contains_word(unit.text, knob); });
  }

  void add_tunes(const KnobValues& knobs) {
    for (const Statement& statement : plan_->ast().body.statements) {
      const auto* tune = std::get_if<Tune>(&statement.node);
      if (tune == nullptr) continue;
      const size_t token = token_of(statement.at);
      size_t in = token;
      while (!is(in, "in")) ++in;
      const size_t end = end_of_line(end_of_statement(token));
      if (!is_branch_) fragment_.edits_.push_back({offset(token), end - offset(token), Kind::kRemove, ""});
      const auto given = knobs.find(tune->knob.name);
      const std::string value =
          given == knobs.end() ? tune->knob.default_value : *find_knob_value(tune->knob, given->second);
      if (!is_needed(tune->knob.name)) continue;
      std::string rest = text_.substr(offset(in), end - offset(in));
      rest.erase(rest.find_last_not_of(" \t\r") + 1);
      fragment_.tunes_.push_back({base_knob(tune->knob.name), value, std::move(rest)});
    }
  }

  void add_edits() {
    for (const auto& [token, knob] : knob_uses_)
      fragment_.edits_.push_back({offset(token) - begin_, knob.size(), Kind::kKnob, base_knob(knob)});
    for (const auto& [token, unit] : kernel_uses_) {
      const bool is_named = is(token + 1, "::");
      fragment_.edits_.push_back({offset(token) - begin_, is_named ? unit.size() : 0,
                                  is_named ? Kind::kUnit : Kind::kInsertUnit, base_unit(unit)});
    }
    std::sort(fragment_.edits_.begin(), fragment_.edits_.end(),
              [](const auto& a, const auto& b) { return a.at < b.at; });
  }

  const std::string& source_;
  const trace::Definition& definition_;
  SourceLayout layout_;
  std::string text_;  // of the plan
  std::optional<Plan> plan_;
  std::vector<Token> tokens_;  // of text_
  std::map<std::pair<int, int>, size_t> token_at_;
  size_t begin_ = 0, end_ = 0;  // in text_: the statements wanted
  bool is_branch_ = false;
  std::map<size_t, std::string> knob_uses_;    // by token
  std::map<size_t, std::string> kernel_uses_;  // by token of the unit's name, or of the kernel's: its unit
  std::map<std::string, std::string> base_knob_, base_unit_;
  Fragment fragment_;
};

Result<Fragment> Fragment::read(const std::string& source, const KnobValues& knobs,
                                const trace::Definition& definition, const std::string& when,
                                const std::vector<std::string>& conditions) {
  return FragmentReader(source, definition).read(knobs, when, conditions);
}

Fragment::Rendered Fragment::render(const std::string& prefix) const {
  Rendered rendered;
  std::string bridge;
  for (const TuneText& tune : tunes_) {
    const std::string full = prefix + "_" + tune.name;
    rendered.knobs += fmt::format("tune {} = {} {}\n", full, tune.value, tune.rest);
    bridge += bridge_line(tune.name, full);
  }
  if (!bridge.empty()) bridge = std::string(kBridgeHead) + bridge + std::string(kBridgeTail);
  const auto unit_name = [&](const std::string& base) { return base.empty() ? prefix : prefix + "_" + base; };
  std::string statements;
  size_t copied = 0;
  for (const Edit& edit : edits_) {
    statements += statements_.substr(copied, edit.at - copied);
    copied = edit.at + edit.size;
    if (edit.kind == Edit::Kind::kKnob) statements += prefix + "_" + edit.name;
    if (edit.kind == Edit::Kind::kUnit) statements += unit_name(edit.name);
    if (edit.kind == Edit::Kind::kInsertUnit) statements += unit_name(edit.name) + "::";
  }
  statements += statements_.substr(copied);
  rendered.statements = dedented(without_outer_empty_lines(std::move(statements)));
  for (const UnitText& unit : units_) {
    rendered.unit_names.push_back(unit_name(unit.name));
    rendered.units += fmt::format("\n//@unit {}\n{}{}\n", rendered.unit_names.back(), bridge, unit.text);
  }
  return rendered;
}

}  // namespace warpwright::plan
