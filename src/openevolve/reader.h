// The values of an OpenEvolve configuration, checked against known_keys.h. Internal to import.cpp.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "src/openevolve/known_keys.h"
#include "src/openevolve/yaml.h"

namespace warpwright::openevolve {

struct Value {
  Json json;
  int line = 0;  // 0: not in the file
  bool is_default() const { return line == 0; }
};

struct UnknownKey {
  std::string path, nearest;
  int line = 0;
};

class Reader {
 public:
  // Checks types of everything that is known; what is not is listed.
  static Result<Reader> open(const YamlNode& root, const std::string& file);

  // As the file has it, else OpenEvolve's default (null: none).
  Value get(const std::string& path) const;
  const std::vector<UnknownKey>& unknown() const { return unknown_; }
  const std::vector<std::pair<std::string, Value>>& given() const { return given_; }  // in the file's order
  // Entries of llm.models, each with the keys that it has.
  const std::vector<std::map<std::string, Value>>& models() const { return models_; }

  std::string where(const Value& value) const;
  tl::unexpected<Error> refuse(const std::string& path, const Value& value, const std::string& problem) const;

 private:
  Result<void> read_table(const YamlNode& table, const std::string& prefix);
  Result<void> read_entry(const YamlNode& node, const std::string& key, const std::string& path);
  Result<void> read_models(const YamlNode& list);
  Result<void> check_type(const KnownKey& key, const Value& value) const;
  void note_unknown(const std::string& prefix, const std::string& key, int line);

  std::string file_;
  std::map<std::string, Value> values_;
  std::vector<std::pair<std::string, Value>> given_;
  std::vector<std::map<std::string, Value>> models_;
  std::vector<UnknownKey> unknown_;
};

}  // namespace warpwright::openevolve
