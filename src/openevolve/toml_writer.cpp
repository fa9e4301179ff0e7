#include "src/openevolve/toml_writer.h"

#include <fmt/format.h>

#include <algorithm>

namespace warpwright::openevolve {
namespace {

bool is_bare(const std::string& key) {
  return !key.empty() && std::all_of(key.begin(), key.end(), [](unsigned char c) {
    return (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z') || c == '_' || c == '-';
  });
}

std::string one_line(std::string text) {  // whatever a comment quotes cannot end it
  std::replace_if(
      text.begin(), text.end(), [](unsigned char c) { return c < ' ' || c == 127; }, ' ');
  return text;
}

}  // namespace

std::string toml_text(const Json& value) {
  std::vector<std::string> parts;
  if (value.is_array()) {
    for (const Json& item : value) parts.push_back(toml_text(item));
    return fmt::format("[{}]", fmt::join(parts, ", "));
  }
  if (value.is_object()) {
    for (const auto& [key, item] : value.items())
      parts.push_back(fmt::format("{} = {}", is_bare(key) ? key : dump_json(key), toml_text(item)));
    return fmt::format("{{{}}}", fmt::join(parts, ", "));
  }
  return dump_json(value);
}

void TomlWriter::key(const std::string& table, const std::string& key, const Json& value,
                     const std::string& comment) {
  auto found = std::find_if(tables_.begin(), tables_.end(), [&](const Table& t) { return t.name == table; });
  if (found == tables_.end()) found = tables_.insert(tables_.end(), {table, ""});
  std::string line = fmt::format("{} = {}", key, toml_text(value));
  if (!comment.empty()) line = fmt::format("{:<40} # {}", line, one_line(comment));
  found->lines += line + "\n";
}

std::string TomlWriter::take() {
  std::string text = one_line(head_.substr(0, head_.empty() ? 0 : head_.size() - 1)) + "\n";
  for (const Table& table : tables_) text += fmt::format("\n[{}]\n{}", table.name, table.lines);
  return text;
}

}  // namespace warpwright::openevolve
