// A commented TOML file, table by table. Internal to this folder.
#pragma once

#include <string>
#include <vector>

#include "src/base/json.h"

namespace warpwright::openevolve {

std::string toml_text(const Json& value);  // inline form

class TomlWriter {
 public:
  void comment(const std::string& text) { head_ += "# " + text + "\n"; }
  // Tables appear in the order of their first key.
  void key(const std::string& table, const std::string& key, const Json& value, const std::string& comment);
  std::string take();

 private:
  struct Table {
    std::string name, lines;
  };
  std::string head_;
  std::vector<Table> tables_;
};

}  // namespace warpwright::openevolve
