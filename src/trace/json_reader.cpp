#include "src/trace/json_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <set>
#include <vector>

namespace warpwright::trace {
namespace {

// Remembers the first repeated key while the library parses.
class DuplicateKeys {
 public:
  bool operator()(int /*depth*/, OrderedJson::parse_event_t event, OrderedJson& parsed) {
    using Event = OrderedJson::parse_event_t;
    if (event == Event::object_start) open_.emplace_back();
    if (event == Event::object_end && !open_.empty()) open_.pop_back();
    if (event == Event::key && !open_.empty() && parsed.is_string()) {
      const auto& key = parsed.get_ref<const std::string&>();
      if (!open_.back().insert(key).second && first_.empty()) first_ = key;
    }
    return true;
  }
  const std::string& first() const { return first_; }

 private:
  std::vector<std::set<std::string>> open_;
  std::string first_;
};

std::string position(std::string_view text, size_t byte) {
  const std::string_view before = text.substr(0, std::min(byte > 0 ? byte - 1 : 0, text.size()));
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');
  const size_t start = before.rfind('\n');
  const size_t column = before.size() - (start == std::string_view::npos ? 0 : start + 1) + 1;
  return line == 1 ? fmt::format("column {}", column) : fmt::format("line {}, column {}", line, column);
}

}  // namespace

Result<OrderedJson> parse_ordered_json(std::string_view text, const std::string& where) {
  DuplicateKeys duplicates;
  try {
    OrderedJson value = OrderedJson::parse(text, std::ref(duplicates));
    if (!duplicates.first().empty())
      return usage_error(fmt::format("{}: key '{}' is given twice in one object", where, duplicates.first()));
    return value;
  } catch (const OrderedJson::parse_error& error) {
    const std::string what = error.what();
    const size_t detail = what.find(": ");  // after the library's own position
    return usage_error(fmt::format("{}: not valid JSON at {}: {}", where, position(text, error.byte),
                                   detail == std::string::npos ? what : what.substr(detail + 2)));
  } catch (const OrderedJson::exception& error) {
    return usage_error(fmt::format("{}: not valid JSON: {}", where, error.what()));
  }
}

Result<const OrderedJson*> require_object(const OrderedJson& parent, const char* key,
                                          const std::string& where) {
  const auto it = parent.find(key);
  if (it == parent.end())
    return usage_error(fmt::format("{}: '{}' is missing (expected an object)", where, key));
  if (!it->is_object())
    return usage_error(fmt::format("{}: '{}' must be an object, not {}", where, key, it->type_name()));
  return &*it;
}

Result<std::string> require_string(const OrderedJson& parent, const char* key, const std::string& where) {
  const auto it = parent.find(key);
  if (it == parent.end())
    return usage_error(fmt::format("{}: '{}' is missing (expected a string)", where, key));
  if (!it->is_string())
    return usage_error(fmt::format("{}: '{}' must be a string, not {}", where, key, it->type_name()));
  if (it->get_ref<const std::string&>().empty())
    return usage_error(fmt::format("{}: '{}' must not be empty", where, key));
  return it->get<std::string>();
}

Result<std::string> optional_string(const OrderedJson& parent, const char* key, const std::string& where) {
  const auto it = parent.find(key);
  if (it == parent.end() || it->is_null()) return std::string();
  if (!it->is_string())
    return usage_error(fmt::format("{}: '{}' must be a string, not {}", where, key, it->type_name()));
  return it->get<std::string>();
}

bool is_identifier(std::string_view text) {
  if (text.empty() || std::isdigit(static_cast<unsigned char>(text.front())) != 0) return false;
  return std::all_of(text.begin(), text.end(),
                     [](unsigned char c) { return c < 128 && (std::isalnum(c) != 0 || c == '_'); });
}

}  // namespace warpwright::trace
