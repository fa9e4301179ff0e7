// [models.NAME] tables out of OpenEvolve's llm section. Internal to import.cpp.
#pragma once

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "src/openevolve/import.h"
#include "src/openevolve/reader.h"

namespace warpwright::openevolve {

struct ModelLine {
  std::string key;
  Json value;
  std::string comment;
};

struct ImportedModels {
  std::vector<std::pair<std::string, std::vector<ModelLine>>> models;  // by our name, in the file's order
  Json weights = Json::object();                                       // our name -> weight
  std::vector<ImportedKey> keys;
  std::vector<std::string> environment, warnings;
  std::set<std::string> done;  // keys of [llm] that are dealt with
};
Result<ImportedModels> import_models(const Reader& reader);

}  // namespace warpwright::openevolve
