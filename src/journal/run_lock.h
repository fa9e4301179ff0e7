// One writer per run: a lock file held with flock, which the kernel releases when its process dies, however
// it dies. (A lock in SQLite itself would also shut out the readers; a pid file alone would outlive a kill
// -9.)
#pragma once

#include <filesystem>

#include "src/base/result.h"
#include "src/base/unique_fd.h"

namespace warpwright::journal {

class RunLock {
 public:
  // Error: another process holds it (named by its pid), or the folder is not writable.
  static Result<RunLock> acquire(const std::filesystem::path& run_directory);

 private:
  explicit RunLock(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

}  // namespace warpwright::journal
