// Files and folders. Every error names the path and the system's reason.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/result.h"

namespace warpwright {

// REQUIRES: a regular file. A missing or unreadable file is a usage error; one over `max_bytes` too.
Result<std::string> read_file(const std::filesystem::path& path, size_t max_bytes = size_t{1} << 30);

// Writes beside the target, syncs, renames: a reader or a crash sees the old content or the new, never a
// part.
Result<void> write_file_atomic(const std::filesystem::path& path, std::string_view bytes);

Result<void> create_directories(const std::filesystem::path& path);

// Regular files in `folder` whose name ends in `suffix`, sorted by name. A missing folder gives an empty
// list.
std::vector<std::filesystem::path> list_files(const std::filesystem::path& folder, std::string_view suffix);

// The folder that holds configs/, seeds/ and prompts/: $WARPWRIGHT_HOME, or the nearest folder above the
// running program that has configs/trace, or $PREFIX/share/warpwright beside an installed program.
Result<std::filesystem::path> find_home();

// The folder of the running program.
std::filesystem::path program_directory();

// $WARPWRIGHT_CACHE, or $XDG_CACHE_HOME/warpwright, or ~/.cache/warpwright. Not created.
std::filesystem::path cache_directory();

// A fresh folder under the system's temporary folder, removed with its content when the object dies.
class TempDirectory {
 public:
  static Result<TempDirectory> create(std::string_view prefix = "warpwright");
  TempDirectory(TempDirectory&& other) noexcept;
  TempDirectory& operator=(TempDirectory&&) = delete;
  ~TempDirectory();
  const std::filesystem::path& path() const { return path_; }

 private:
  explicit TempDirectory(std::filesystem::path path) : path_(std::move(path)) {}
  std::filesystem::path path_;
};

}  // namespace warpwright
