#include "src/openevolve/reader.h"

#include <fmt/format.h>

#include <algorithm>

#include "src/base/edit_distance.h"

namespace warpwright::openevolve {
namespace {

constexpr size_t kMaxModels = 64;

const char* name_of(KeyType type) {
  switch (type) {
    case KeyType::kInteger:
      return "a whole number";
    case KeyType::kNumber:
      return "a number";
    case KeyType::kText:
      return "a text";
    case KeyType::kFlag:
      return "true or false";
    case KeyType::kTexts:
      return "a list of texts";
    case KeyType::kMap:
      return "a table";
    case KeyType::kAny:
      break;
  }
  return "anything";
}

bool fits(KeyType type, const Json& value) {
  switch (type) {
    case KeyType::kInteger:
      return value.is_number_integer();
    case KeyType::kNumber:
      return value.is_number();
    case KeyType::kText:
      return value.is_string();
    case KeyType::kFlag:
      return value.is_boolean();
    case KeyType::kTexts:
      return value.is_array() &&
             std::all_of(value.begin(), value.end(), [](const Json& item) { return item.is_string(); });
    case KeyType::kMap:
      return value.is_object();
    case KeyType::kAny:
      break;
  }
  return true;
}

bool is_table(const std::string& path) {
  return path == "llm" || path == "prompt" || path == "database" || path == "evaluator" ||
         path == "evolution_trace";
}

}  // namespace

Result<Reader> Reader::open(const YamlNode& root, const std::string& file) {
  Reader reader;
  reader.file_ = file;
  if (root.kind != YamlNode::Kind::kMap)
    return usage_error(fmt::format("{}:{}: a configuration is a table of keys", file, root.line));
  TRY(reader.read_table(root, ""));
  return reader;
}

std::string Reader::where(const Value& value) const {
  return value.is_default() ? file_ : fmt::format("{}:{}", file_, value.line);
}

tl::unexpected<Error> Reader::refuse(const std::string& path, const Value& value,
                                     const std::string& problem) const {
  return usage_error(fmt::format("{}: {} {}", where(value), path, problem));
}

Value Reader::get(const std::string& path) const {
  if (const auto found = values_.find(path); found != values_.end()) return found->second;
  const KnownKey* key = find_known_key(path);
  return {key == nullptr ? Json() : key->default_value, 0};
}

Result<void> Reader::check_type(const KnownKey& key, const Value& value) const {
  if (value.json.is_null() || fits(key.type, value.json)) return {};
  return refuse(std::string(key.path), value, fmt::format("must be {}", name_of(key.type)));
}

void Reader::note_unknown(const std::string& prefix, const std::string& key, int line) {
  const auto known = keys_below(prefix);
  const std::string near =
      *std::min_element(known.begin(), known.end(), [&](const std::string& a, const std::string& b) {
        return edit_distance(key, a) < edit_distance(key, b);
      });
  unknown_.push_back({prefix.empty() ? key : prefix + "." + key, near, line});
}

Result<void> Reader::read_table(const YamlNode& table, const std::string& prefix) {
  for (const auto& [key, node] : table.entries)
    TRY(read_entry(node, key, prefix.empty() ? key : prefix + "." + key));
  return {};
}

Result<void> Reader::read_entry(const YamlNode& node, const std::string& key, const std::string& path) {
  const size_t dot = path.size() - key.size();
  const std::string prefix = dot == 0 ? "" : path.substr(0, dot - 1);
  if (prefix.empty() && is_table(path)) {
    if (node.kind == YamlNode::Kind::kScalar && node.scalar.is_null()) return {};
    if (node.kind != YamlNode::Kind::kMap)
      return usage_error(fmt::format("{}:{}: {} must be a table", file_, node.line, path));
    return read_table(node, path);
  }
  const KnownKey* known = find_known_key(path);
  if (known == nullptr) {
    note_unknown(prefix, key, node.line);
    return {};
  }
  if (path == "llm.models") return read_models(node);
  const Value value{to_json(node), node.line};
  TRY(check_type(*known, value));
  values_[path] = value;
  given_.emplace_back(path, value);
  return {};
}

Result<void> Reader::read_models(const YamlNode& list) {
  if (list.kind == YamlNode::Kind::kScalar && list.scalar.is_null()) return {};
  if (list.kind != YamlNode::Kind::kList || list.items.size() > kMaxModels)
    return usage_error(
        fmt::format("{}:{}: llm.models must be a list of at most {} tables", file_, list.line, kMaxModels));
  for (const YamlNode& item : list.items) {
    if (item.kind != YamlNode::Kind::kMap)
      return usage_error(fmt::format("{}:{}: an entry of llm.models must be a table", file_, item.line));
    std::map<std::string, Value>& model = models_.emplace_back();
    for (const auto& [key, node] : item.entries) {
      const KnownKey* known = find_known_key("llm.models[]." + key);
      if (known == nullptr) {
        note_unknown("llm.models[]", key, node.line);
        continue;
      }
      model[key] = Value{to_json(node), node.line};
      TRY(check_type(*known, model[key]));
    }
  }
  return {};
}

}  // namespace warpwright::openevolve
