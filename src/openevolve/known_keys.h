// Every key of an OpenEvolve 0.3.2 configuration, with its type, its default there, and for those without an
// equal here what is done instead. Facts about another program's interface: tests/README of neither.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "src/base/json.h"

namespace warpwright::openevolve {

enum class KeyType { kInteger, kNumber, kText, kFlag, kTexts, kMap, kAny };

struct KnownKey {
  std::string_view path;  // "database.num_islands"; of an entry of llm.models: "llm.models[].name"
  KeyType type = KeyType::kAny;
  Json default_value = {};        // null: none
  std::string_view instead = {};  // what is done instead; empty: it is mapped
};

const std::vector<KnownKey>& known_keys();
const KnownKey* find_known_key(std::string_view path);
// The known keys right below "database", "llm.models[]" or "" (tables included).
std::vector<std::string> keys_below(std::string_view table);

}  // namespace warpwright::openevolve
