#include "src/plan/diagnostics.h"

#include <fmt/format.h>

namespace warpwright::plan {
namespace {

constexpr size_t kShownColumns = 160;  // of a source line; more would bury the message

std::string_view line_of(std::string_view source, int line) {
  for (int i = 1; i < line; ++i) {
    const size_t end = source.find('\n');
    if (end == std::string_view::npos) return {};
    source.remove_prefix(end + 1);
  }
  std::string_view text = source.substr(0, source.find('\n'));
  if (!text.empty() && text.back() == '\r') text.remove_suffix(1);
  return text;
}

bool is_continuation_byte(char c) {
  return (static_cast<unsigned char>(c) & 0xc0) == 0x80;
}

}  // namespace

std::string Diagnostic::render(std::string_view source_name, std::string_view source) const {
  std::string text = fmt::format("{}:{}:{}: error: {}", source_name, at.line, at.column, message);
  std::string_view line = line_of(source, at.line);
  size_t column = at.column > 0 ? static_cast<size_t>(at.column - 1) : 0;
  if (line.empty() || column > line.size()) return text;
  if (column > kShownColumns / 2) {  // a long line: show the part around the column
    size_t cut = column - kShownColumns / 2;
    while (cut < column && is_continuation_byte(line[cut])) ++cut;
    line.remove_prefix(cut);
    column -= cut;
  }
  if (line.size() > kShownColumns) line = line.substr(0, kShownColumns);
  std::string shown, padding;
  for (size_t i = 0; i < line.size(); ++i) {
    const auto byte = static_cast<unsigned char>(line[i]);
    const bool control = byte < 0x20 && line[i] != '\t';
    shown += control ? '?' : line[i];
    if (i < column && !is_continuation_byte(line[i])) padding += line[i] == '\t' ? '\t' : ' ';
  }
  return text + "\n  " + shown + "\n  " + padding + "^";
}

}  // namespace warpwright::plan
