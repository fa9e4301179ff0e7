// Takes folders away from this process and all it starts, for good: for programs that a run asks for kernels,
// where an answer must come from the prompt alone. Landlock: no privileges needed, nothing to undo.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "src/base/result.h"

namespace warpwright {

// Afterwards nothing below `folders` can be opened, and the folders above them cannot be listed or written
// to; all else is as before. Error: the kernel has no Landlock (nothing is taken away then), or a folder is
// "/".
Result<void> hide_folders(const std::vector<std::filesystem::path>& folders);

// Hides them and becomes `argv` (argv[0] is looked up in PATH if it has no slash). Comes back only with an
// error.
Error exec_without(const std::vector<std::filesystem::path>& folders, const std::vector<std::string>& argv);

}  // namespace warpwright
