#include "src/openevolve/yaml.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <sstream>
#include <stdexcept>

namespace warpwright::openevolve {
namespace {

constexpr size_t kMaxBytes = 1 << 20;
constexpr size_t kMaxDepth = 32;
constexpr size_t kMaxNodes = 10'000;

struct Refused : std::runtime_error {  // never leaves this file
  Refused(int at, const std::string& why) : std::runtime_error(why), line(at) {}
  int line;
};

int line_of(const YAML::Mark& mark) {
  return mark.line + 1;
}

bool is_one_of(std::string_view text, const std::vector<std::string_view>& words) {
  return std::find(words.begin(), words.end(), text) != words.end();
}

Json plain_value(const std::string& text) {
  if (is_one_of(text, {"", "~", "null", "Null", "NULL"})) return {};
  if (is_one_of(text, {"true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON"})) return true;
  if (is_one_of(text, {"false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF"})) return false;
  std::string digits = text;
  std::erase(digits, '_');
  const char* begin = digits.data() + (digits.starts_with('+') ? 1 : 0);
  const char* end = digits.data() + digits.size();
  int64_t integer = 0;
  if (const auto read = std::from_chars(begin, end, integer); read.ec == std::errc() && read.ptr == end)
    return integer;
  double number = 0;
  const bool is_number = digits.find_first_not_of("0123456789+-.eE") == std::string::npos;
  const auto read = std::from_chars(begin, end, number);
  if (is_number && read.ec == std::errc() && read.ptr == end) return number;
  return text;
}

// Builds the tree from the parser's events: no recursion of ours, every bound kept as it grows.
class Builder : public YAML::EventHandler {
 public:
  YamlNode take() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override { add(scalar(mark, {}), anchor); }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto known = anchors_.find(anchor);
    if (known == anchors_.end()) throw Refused(line_of(mark), "an alias of what is not complete yet");
    nodes_ += known->second.second;
    count(line_of(mark), 0);
    add(known->second.first, 0);
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    if (tag.size() > 1 && tag != "tag:yaml.org,2002:str")
      throw Refused(line_of(mark), fmt::format("the tag '{}' means nothing here", tag));
    add(scalar(mark, tag == "?" || tag.empty() ? plain_value(value) : Json(value)), anchor);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(mark, YamlNode::Kind::kList, anchor);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(mark, YamlNode::Kind::kMap, anchor);
  }
  void OnMapEnd() override { close(); }

 private:
  struct Open {
    YamlNode node;
    YAML::anchor_t anchor = 0;
    size_t nodes_before = 0;
    std::optional<std::string> key;  // of a map: read, its value not yet
  };

  static YamlNode scalar(const YAML::Mark& mark, Json value) {
    YamlNode node;
    node.scalar = std::move(value);
    node.line = line_of(mark);
    return node;
  }

  void count(int line, size_t more) {
    nodes_ += more;
    if (nodes_ > kMaxNodes)
      throw Refused(line, fmt::format("more than {} values, aliases written out", kMaxNodes));
  }

  void open(const YAML::Mark& mark, YamlNode::Kind kind, YAML::anchor_t anchor) {
    if (open_.size() >= kMaxDepth)
      throw Refused(line_of(mark), fmt::format("more than {} levels", kMaxDepth));
    Open next;
    next.node.kind = kind;
    next.node.line = line_of(mark);
    next.anchor = anchor;
    next.nodes_before = nodes_;
    open_.push_back(std::move(next));
  }

  void close() {
    Open done = std::move(open_.back());
    open_.pop_back();
    if (done.anchor != 0) anchors_[done.anchor] = {done.node, nodes_ - done.nodes_before + 1};
    add(std::move(done.node), 0);
  }

  void add(YamlNode node, YAML::anchor_t anchor) {
    count(node.line, 1);
    if (anchor != 0) anchors_[anchor] = {node, 1};
    if (open_.empty()) {
      root_ = std::move(node);
    } else if (Open& top = open_.back(); top.node.kind == YamlNode::Kind::kList) {
      top.node.items.push_back(std::move(node));
    } else if (!top.key) {
      if (node.kind != YamlNode::Kind::kScalar) throw Refused(node.line, "a key must be a word");
      top.key = node.scalar.is_string() ? node.scalar.get<std::string>() : dump_json(node.scalar);
    } else {
      add_entry(top.node, *std::exchange(top.key, std::nullopt), std::move(node));
    }
  }

  static void add_entry(YamlNode& map, std::string key, YamlNode value) {
    if (map.find(key) != nullptr) throw Refused(value.line, fmt::format("'{}' stands twice", key));
    if (key == "<<") {  // merge: what the map does not have itself
      if (value.kind != YamlNode::Kind::kMap) throw Refused(value.line, "<< must be a map");
      for (auto& [name, entry] : value.entries)
        if (map.find(name) == nullptr) map.entries.emplace_back(name, std::move(entry));
      return;
    }
    map.entries.emplace_back(std::move(key), std::move(value));
  }

  YamlNode root_;
  std::vector<Open> open_;
  std::map<YAML::anchor_t, std::pair<YamlNode, size_t>> anchors_;  // with its number of values
  size_t nodes_ = 0;
};

}  // namespace

const YamlNode* YamlNode::find(std::string_view key) const {
  for (const auto& [name, node] : entries)
    if (name == key) return &node;
  return nullptr;
}

Json to_json(const YamlNode& node) {
  if (node.kind == YamlNode::Kind::kScalar) return node.scalar;
  if (node.kind == YamlNode::Kind::kList) {
    Json list = Json::array();
    for (const YamlNode& item : node.items) list.push_back(to_json(item));
    return list;
  }
  Json map = Json::object();
  for (const auto& [key, entry] : node.entries) map[key] = to_json(entry);
  return map;
}

Result<YamlNode> parse_yaml(std::string_view text, const std::string& file) {
  if (text.size() > kMaxBytes)
    return usage_error(fmt::format("{}: larger than {} bytes: no configuration", file, kMaxBytes));
  Builder builder;
  YamlNode root;
  root.kind = YamlNode::Kind::kMap;
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    if (parser.HandleNextDocument(builder)) root = builder.take();
    Builder rest;
    if (parser.HandleNextDocument(rest)) return usage_error(file + ": more than one document");
  } catch (const Refused& refused) {
    return usage_error(fmt::format("{}:{}: {}", file, refused.line, refused.what()));
  } catch (const YAML::Exception& error) {
    return usage_error(fmt::format("{}:{}: {}", file, error.mark.line + 1, error.msg));
  } catch (const std::exception& error) {
    return usage_error(fmt::format("{}: cannot be read as YAML: {}", file, error.what()));
  }
  if (root.kind == YamlNode::Kind::kScalar && root.scalar.is_null()) root.kind = YamlNode::Kind::kMap;
  return root;
}

}  // namespace warpwright::openevolve
