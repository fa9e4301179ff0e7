#include "evaluator/compile/diagnostics.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>

namespace warpwright::compile {
namespace {

constexpr size_t kMaxMessageBytes = 1000;

bool is_identifier(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

std::string_view take_line(std::string_view& text) {
  const size_t end = std::min(text.find('\n'), text.size());
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

// Comments and literals become spaces.
std::string strip_comments(std::string_view source) {
  std::string text(source);
  auto blank = [&](size_t from, size_t to) {
    for (size_t at = from; at < std::min(to, text.size()); ++at) text[at] = ' ';
  };
  for (size_t at = 0; at < text.size(); ++at) {
    const std::string_view rest = std::string_view(text).substr(at);
    size_t end = at;
    if (rest.starts_with("//")) {
      end = text.find('\n', at);
    } else if (rest.starts_with("/*")) {
      end = text.find("*/", at + 2);
      if (end != std::string::npos) end += 2;
    } else if (rest.front() == '"') {
      end = at + 1;
      while (end < text.size() && text[end] != '"' && text[end] != '\n') end += text[end] == '\\' ? 2 : 1;
      ++end;
    } else {
      continue;
    }
    end = std::min(end, text.size());
    blank(at, end);
    at = end == at ? at : end - 1;
  }
  return text;
}

size_t skip_spaces(std::string_view text, size_t at) {
  while (at < text.size() && std::isspace(static_cast<unsigned char>(text[at])) != 0) ++at;
  return at;
}

// After the parenthesis that closes the one at `at`.
size_t skip_parentheses(std::string_view text, size_t at) {
  int depth = 0;
  for (; at < text.size(); ++at) {
    if (text[at] == '(') ++depth;
    if (text[at] == ')' && --depth == 0) return at + 1;
  }
  return at;
}

// The function's name in what follows __global__; empty if there is none before the body.
std::string declared_name(std::string_view text) {
  size_t at = 0;
  while (at < text.size() && text[at] != '{' && text[at] != ';') {
    if (!is_identifier(text[at])) {
      ++at;
      continue;
    }
    size_t end = at;
    while (end < text.size() && is_identifier(text[end])) ++end;
    const std::string_view word = text.substr(at, end - at);
    const size_t next = skip_spaces(text, end);
    at = end;
    if (next >= text.size() || text[next] != '(') continue;
    if (!word.starts_with("__")) return std::string(word);
    at = skip_parentheses(text,
                          next);  // __launch_bounds__(128), __cluster_dims__(2, 1, 1), __attribute__((..))
  }
  return "";
}

bool is_error_line(std::string_view line) {
  for (const std::string_view mark : {"): error", "): catastrophic error", "): internal error"})
    if (line.find(mark) != std::string_view::npos) return true;
  for (const std::string_view start : {"nvrtc: error", "nvrtc-fatal", "At end of source: error"})
    if (line.starts_with(start)) return true;
  return line.starts_with("ptxas") &&
         (line.find("error") != std::string_view::npos || line.find("fatal") != std::string_view::npos);
}

// NVRTC reports a bad name expression at a line of its own making:
//   __nv_name_map(2): error: identifier "baz" is undefined
//     #pragma nv_mangled_name baz
std::string name_expression_error(std::string_view line, std::string_view rest,
                                  const std::string& source_name, std::string_view source) {
  constexpr std::string_view kPragma = "#pragma nv_mangled_name ";
  const std::string_view next = take_line(rest);
  const size_t at = next.find(kPragma);
  const std::string_view expression =
      at != std::string_view::npos ? next.substr(at + kPragma.size()) : std::string_view("?");
  std::string_view name = expression.substr(0, expression.find('<'));
  while (!name.empty() && name.back() == ' ') name.remove_suffix(1);
  std::vector<std::string> kernels = global_functions(source);
  if (std::find(kernels.begin(), kernels.end(), name) == kernels.end()) {
    const std::string known = kernels.empty()
                                  ? "it has no __global__ function"
                                  : fmt::format("its __global__ functions: {}", fmt::join(kernels, ", "));
    return fmt::format("{}: error: kernel `{}` named by the plan is not in the source; {}", source_name, name,
                       known);
  }
  constexpr std::string_view kError = "error: ";
  const size_t text = line.find(kError);
  return fmt::format("{}: error: kernel `{}` named by the plan: {}", source_name, expression,
                     text == std::string_view::npos ? line : line.substr(text + kError.size()));
}

bool is_statistics(std::string_view line) {
  return line.starts_with("ptxas info") || line.starts_with("ptxas         .") ||
         line.starts_with("Remark: The warnings can be suppressed");
}

// Paragraphs with an error in them before the others, up to the limit.
std::string errors_first(const std::string& text, size_t max_bytes) {
  std::string errors, others;
  std::string_view rest = text;
  while (!rest.empty()) {
    const size_t gap = rest.find("\n\n");
    const std::string_view paragraph = rest.substr(0, gap == std::string_view::npos ? rest.size() : gap + 2);
    rest.remove_prefix(paragraph.size());
    std::string& target = is_error_line(paragraph.substr(0, paragraph.find('\n'))) ? errors : others;
    if (target.size() < max_bytes) target += paragraph;
  }
  const std::string note = fmt::format("\n[cut: the whole log has {} bytes]", text.size());
  std::string kept = (errors + others).substr(0, max_bytes - std::min(max_bytes, note.size()));
  while (!kept.empty() && (static_cast<unsigned char>(kept.back()) & 0x80) != 0) kept.pop_back();
  return kept + note;
}

}  // namespace

std::vector<std::string> global_functions(std::string_view source) {
  constexpr std::string_view kKeyword = "__global__";
  const std::string text = strip_comments(source);
  std::vector<std::string> names;
  for (size_t at = text.find(kKeyword); at != std::string::npos; at = text.find(kKeyword, at + 1)) {
    std::string name = declared_name(std::string_view(text).substr(at + kKeyword.size()));
    if (!name.empty() && std::find(names.begin(), names.end(), name) == names.end())
      names.push_back(std::move(name));
  }
  return names;
}

std::string clean_log(std::string_view log, size_t max_bytes) {
  std::string text;
  bool blank = true;  // drops blank lines at the start and doubled ones
  while (!log.empty()) {
    const std::string_view line = take_line(log);
    if (is_statistics(line) || (line.empty() && blank)) continue;
    blank = line.empty();
    for (const char c : line)
      if (static_cast<unsigned char>(c) >= 0x20 || c == '\t') text.push_back(c);
    text.push_back('\n');
  }
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text.size() <= max_bytes ? text : errors_first(text, max_bytes);
}

bool has_error(std::string_view log) {
  while (!log.empty())
    if (is_error_line(take_line(log))) return true;
  return false;
}

std::string first_error(std::string_view log, const std::string& source_name, std::string_view source) {
  while (!log.empty()) {
    const std::string_view line = take_line(log);
    if (!is_error_line(line)) continue;
    if (line.starts_with("__nv_name_map(")) return name_expression_error(line, log, source_name, source);
    if (line.starts_with("ptxas")) return fmt::format("{}: error: {}", source_name, line);
    return std::string(line.substr(0, kMaxMessageBytes));
  }
  return fmt::format("{}: error: the compiler failed and did not say why", source_name);
}

}  // namespace warpwright::compile
