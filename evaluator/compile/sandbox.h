// Shuts the compile child in before it sees the candidate: a source may include "/etc/passwd", probe the disk
// with __has_include, or break the compiler. Best effort: a kernel without Landlock or seccomp still
// compiles, and says so.
#pragma once

#include <string>
#include <vector>

namespace warpwright::compile {

// From here on this process can read files below `readable_folders` only, can write none, and can start no
// program, open no socket and trace no process. Returns what could be enforced: "landlock,seccomp",
// "landlock", "seccomp" or "none".
std::string enter_sandbox(const std::vector<std::string>& readable_folders);

}  // namespace warpwright::compile
