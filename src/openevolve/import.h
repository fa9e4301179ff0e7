// An OpenEvolve configuration (0.3.2, config.yaml) as one of ours: what it says, what its silence means
// there, and what has no equal here. No key is ever copied: a literal one becomes the name of an environment
// variable.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "src/base/json.h"

namespace warpwright::openevolve {

struct ImportedKey {
  enum class Kind { kMapped, kNoEqual, kUnknown };
  Kind kind = Kind::kMapped;
  std::string theirs;       // "database.num_islands"
  std::string value;        // "5"; never a secret
  bool is_default = false;  // not in the file: what OpenEvolve does then
  std::string ours;         // of a mapped one: "search.islands = 5"
  std::string note;         // why, or what to know; may be empty
};

struct Import {
  std::string toml;                      // with comments
  std::vector<ImportedKey> keys;         // in the order of the tables of `toml`, then those without an equal
  std::vector<std::string> environment;  // variables that must hold keys
  std::vector<std::string> warnings;     // one line each
};

struct ImportOptions {
  std::string definition;  // empty: a shipped one, to be replaced
  bool lenient = false;    // unknown keys are listed, not refused
};

// Errors (usage): "<file>:<line>: ..." for YAML that is none or too much, a wrong type, a value that no run
// could have, an unknown key with the nearest known one.
Result<Import> import_config(std::string_view yaml, const std::string& file, const ImportOptions& options);

std::string to_text(const Import& import);  // the table, for people
Json to_json(const Import& import);

}  // namespace warpwright::openevolve
