// TOML as JSON that remembers its lines, so that one reader serves the file a person wrote and the record in
// the journal.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/json.h"

namespace warpwright::engine {

struct Located {
  std::string file;
  std::map<std::string, int> lines;               // by dotted path; empty for JSON
  std::string at(const std::string& path) const;  // "<file>:<line>", or "<file>" where no line is known
};

struct LocatedJson {
  Json json;  // an object
  Located located;
};

// Errors: "<file>:<line>:<column>: ..."; dates and times are refused.
Result<LocatedJson> parse_toml(std::string_view text, const std::string& file);

// Inline form of a value, and of a key (quoted where it must be).
std::string toml_value(const Json& value);
std::string toml_key(const std::string& key);

// The candidate with the smallest edit distance. REQUIRES: candidates not empty.
std::string nearest(const std::string& word, const std::vector<std::string>& candidates);

}  // namespace warpwright::engine
