// Keys of endpoints: read from the environment or a file, shown nowhere.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "src/llm/model_config.h"

namespace warpwright::llm {

struct Key {
  std::string value;    // trimmed; printable ASCII without spaces
  std::string source;   // the variable or the file, which is what may be shown
  std::string warning;  // empty, or why the file is not safe
};

// None where the configuration names neither variable nor file. Errors (usage): a variable that is not set, a
// file that cannot be read, an empty key, one that cannot stand in a header. No error holds any part of the
// key.
Result<std::optional<Key>> load_key(const ModelConfig& config);

// Every variable that holds a key of these models: what children must not inherit.
std::vector<std::string> key_variables(const std::vector<ModelConfig>& models);

// Replaces keys in any text by "[key of NAME]": as they are, percent-encoded, escaped as in JSON, and in
// base64 (also as a part of what was encoded, such as "user:key"). What follows "Bearer " is replaced whether
// known or not. Keys of less than 8 characters ("none", "EMPTY") are no secrets, and would be words of other
// text.
class Redactor {
 public:
  void add(const std::string& name, const std::string& key);
  std::string redact(std::string_view text) const;

 private:
  std::vector<std::pair<std::string, std::string>>
      forms_;  // what is looked for, longest first; what replaces it
};

}  // namespace warpwright::llm
