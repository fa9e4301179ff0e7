// A solution in FlashInfer-Bench's format: sources and solution.json.
// Schema: flashinfer_bench/data/solution.py of flashinfer-bench 0.1.2.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "src/base/json.h"
#include "src/base/result.h"

namespace warpwright::exporter {

struct SourceFile {
  std::string path;  // relative, with '/'
  std::string content;
};

struct ExportedSolution {
  std::vector<SourceFile> files;  // as in solution_json's sources
  Json solution_json;
};

// Every rule of the schema that `solution` breaks, one sentence each; empty: it is valid.
std::vector<std::string> schema_violations(const Json& solution);

enum class Overwrite {
  kOwnExports,  // an earlier export of ours gives way, or an empty folder
  kAnything,    // --force: files of the export replace those of the same name in any folder
};

// Writes the sources below `folder`/sources and then, atomically and last, `folder`/solution.json: a folder
// with a solution.json is complete. A new folder appears whole or not at all; nothing is ever deleted.
// Usage error: `folder` holds something else. Infrastructure error: it cannot be written.
Result<void> write_solution(const ExportedSolution& solution, const std::filesystem::path& folder,
                            Overwrite overwrite);

}  // namespace warpwright::exporter
