// YAML from strangers as a tree of values with their lines. The only file that knows yaml-cpp, which throws:
// its exceptions end here.
//
// Bounded: 1 MiB of text, 32 levels, 10,000 values with aliases written out (a few lines of anchors can mean
// billions). Plain words are read as PyYAML reads them: yes and off are booleans, ~ is nothing.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "src/base/json.h"

namespace warpwright::openevolve {

struct YamlNode {
  enum class Kind { kScalar, kList, kMap };
  Kind kind = Kind::kScalar;
  Json scalar;                                            // null, boolean, number or text
  std::vector<YamlNode> items;                            // of a list
  std::vector<std::pair<std::string, YamlNode>> entries;  // of a map, in the order of the file
  int line = 0;

  const YamlNode* find(std::string_view key) const;  // null: no such entry
};
Json to_json(const YamlNode& node);

// The one document of the text; an empty one is an empty map. Errors (usage): "<file>:<line>: ...".
Result<YamlNode> parse_yaml(std::string_view text, const std::string& file);

}  // namespace warpwright::openevolve
