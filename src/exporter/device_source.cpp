#include "src/exporter/device_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <set>
#include <vector>

#include "src/exporter/cxx_expression.h"

namespace warpwright::exporter {
namespace {

std::string_view trim(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t\r");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r") - begin + 1);
}

// The word after `#directive`, or empty.
std::string_view directive_word(std::string_view line, std::string_view directive) {
  line = trim(line);
  if (line.empty() || line[0] != '#') return {};
  line = trim(line.substr(1));
  if (line.substr(0, directive.size()) != directive) return {};
  line.remove_prefix(directive.size());
  if (line.empty() || (line[0] != ' ' && line[0] != '\t' && line[0] != '<' && line[0] != '"')) return {};
  line = trim(line);
  if (directive == "include") return line;
  size_t end = 0;
  while (end < line.size() && (line[end] == '_' || std::isalnum(static_cast<unsigned char>(line[end]))))
    ++end;
  return line.substr(0, end);
}

// The plan is in kernel.cu, as a comment and as code.
std::string without_plan(std::string text, const std::string& plan_text) {
  const std::string comment = "/*@plan" + plan_text + "*/";
  const size_t begin = text.find(comment);
  return begin == std::string::npos ? text : text.erase(begin, comment.size());
}

// Follows block comments from line to line. Quotes are not read: "/*" in a string is rare, and costs only
// that an #include below it stays where it is.
class CommentTracker {
 public:
  bool inside() const { return inside_; }
  void read(std::string_view line) {
    for (size_t i = 0; i + 1 < line.size(); ++i) {
      const std::string_view two = line.substr(i, 2);
      if (!inside_ && two == "//") return;
      if (two == (inside_ ? "*/" : "/*")) {
        inside_ = !inside_;
        ++i;
      }
    }
  }

 private:
  bool inside_ = false;
};

struct SplitUnit {
  std::vector<std::string> includes;
  std::set<std::string> macros;
  std::string body;
};

SplitUnit split_unit(const plan::Unit& unit, const std::string& plan_text) {
  SplitUnit split;
  const std::string text = without_plan(unit.text, plan_text);
  CommentTracker comment;
  size_t at = 0;
  while (at < text.size()) {
    const size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view line = std::string_view(text).substr(at, end - at);
    at = end + 1;
    const bool is_code = !comment.inside();
    comment.read(line);
    if (is_code && trim(line).substr(0, 7) == "//@unit") continue;
    if (const std::string_view header = directive_word(line, "include"); is_code && !header.empty()) {
      split.includes.emplace_back(header);
      continue;
    }
    if (const std::string_view macro = directive_word(line, "define"); is_code && !macro.empty())
      split.macros.emplace(macro);
    // The text is padded with empty lines, so that compilers' messages have the file's line numbers.
    const bool after_empty =
        split.body.empty() || split.body.substr(std::max<size_t>(split.body.size(), 2) - 2) == "\n\n";
    if (after_empty && trim(line).empty()) continue;
    split.body += line;
    split.body += '\n';
  }
  return split;
}

}  // namespace

std::string device_source(const plan::CandidateSource& candidate, const trace::Definition& definition,
                          const std::vector<plan::Knob>& knobs, const KnobValues& values) {
  std::vector<SplitUnit> units;
  std::string includes =
      "#include <cuda_runtime.h>\n\n#include <cfloat>\n#include <climits>\n#include <cmath>\n#include "
      "<cstdint>\n";
  std::set<std::string> seen;
  for (const plan::Unit& unit : candidate.units) {
    units.push_back(split_unit(unit, candidate.plan_text));
    for (const std::string& header : units.back().includes) {
      if (seen.insert(header).second) includes += fmt::format("#include {}\n", header);
    }
  }
  std::string text = fmt::format(
      "// The candidate's device code. Each compilation unit has its own namespace; includes moved to the "
      "top.\n"
      "#pragma once\n\n{}\n// What the candidate was compiled with: constant axes, and the knobs as "
      "chosen.\n{}",
      includes, plan::make_prelude(definition, knobs, values));
  for (size_t i = 0; i < units.size(); ++i) {
    const std::string name = cxx_unit_namespace(candidate.units[i].name);
    text += fmt::format("\nnamespace {} {{\n\n{}\n", name, units[i].body);
    for (const std::string& macro : units[i].macros) text += fmt::format("#undef {}\n", macro);
    text += fmt::format("}}  // namespace {}\n", name);
  }
  return text;
}

}  // namespace warpwright::exporter
