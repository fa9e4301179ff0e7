// Compile results that travel to machines without NVRTC: a folder of them, keyed by the request alone (units,
// preludes, kernel names, target, options), not by the toolkit that answered, which is named in its manifest.
//
//   FOLDER/manifest.json   {"format": "1", "nvrtc": "13.0"}
//   FOLDER/ab/ab34...      an entry, as in cache.h
//
// Found as $WARPWRIGHT_PRECOMPILED, `precompiled/` beside the program, or `precompiled/` in the project's
// home, and asked only where there is no toolkit. Filled while $WARPWRIGHT_WRITE_PRECOMPILED names a folder:
// then every answer of the compiler is written there too.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "evaluator/compile/cache.h"
#include "evaluator/compile/job.h"
#include "src/base/result.h"

namespace warpwright::compile {

class PrecompiledResults {
 public:
  // Error (infrastructure): no such folder, no manifest in it, or one of another format.
  static Result<PrecompiledResults> open(const std::filesystem::path& folder);
  // Creates the folder and its manifest. Error: it cannot be written, or holds the results of another NVRTC.
  static Result<PrecompiledResults> create(const std::filesystem::path& folder, const std::string& nvrtc);

  std::optional<CompileAnswer> get(const CompileJob& job);
  void put(const CompileJob& job, const CompileAnswer& answer);
  // The first entry that could not be written since the last call, one line; empty if there was none.
  std::string take_warning() { return entries_->take_warning(); }

  const std::filesystem::path& folder() const { return folder_; }
  const std::string& nvrtc() const { return nvrtc_; }  // "13.0"

 private:
  PrecompiledResults(std::filesystem::path folder, std::string nvrtc);

  std::filesystem::path folder_;
  std::string nvrtc_;
  std::unique_ptr<CompileCache> entries_;
};

// The folder that this machine has, if any.
std::optional<std::filesystem::path> find_precompiled();

}  // namespace warpwright::compile
