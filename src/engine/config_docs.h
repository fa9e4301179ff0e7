// What each key of a configuration does, in words. config_reference.cpp joins it with types, ranges and
// defaults, which come from where they are checked; its test wants a text for every key and a key for every
// text.
#pragma once

#include <string_view>
#include <vector>

namespace warpwright::engine {

struct OptionDoc {
  std::string_view path;          // "search.islands", "models.NAME.model", "agent.toml: memory.top"
  std::string_view unit;          // empty: none
  std::string_view command_line;  // of `warpwright evolve`, "--seed"; empty: the file alone
  std::string_view about;         // what it does, and when to change it
};
const std::vector<OptionDoc>& option_docs();

struct TableDoc {
  std::string_view table;  // "run", "models.NAME", "agent.toml"
  std::string_view about;
};
const std::vector<TableDoc>& table_docs();  // in the order of the reference

}  // namespace warpwright::engine
