// Where trace data is found: folders in FlashInfer Trace's layout
//   definitions/<op_type>/<name>.json   workloads/<op_type>/<name>.jsonl   blob/
// searched in order: --dataset, $FIB_DATASET_PATH, our own configs/trace. The first that has a definition
// wins.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/result.h"
#include "src/trace/definition.h"
#include "src/trace/workload.h"

namespace warpwright::trace {

struct LoadedDefinition {
  Definition definition;
  std::vector<Workload> workloads;  // of the same dataset; empty if it has none
  std::filesystem::path dataset;    // the folder it came from
};

class DatasetPath {
 public:
  // `extra` come first. Error: a folder given by the user that is missing or holds no definitions/.
  static Result<DatasetPath> open(const std::vector<std::filesystem::path>& extra);

  // Error: unknown name (lists what there is, nearest first), or a malformed file.
  Result<LoadedDefinition> load(std::string_view definition_name) const;
  std::vector<std::string> definition_names() const;
  const std::vector<std::filesystem::path>& folders() const { return folders_; }

 private:
  std::vector<std::filesystem::path> folders_;
};

}  // namespace warpwright::trace
