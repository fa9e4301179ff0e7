// compute-sanitizer, NVIDIA's checker, around a device process: what guard zones and poison cannot see on a
// GPU (races in shared memory, barriers that not all threads reach, reads of memory nobody wrote). Slow, so
// it is for candidates that are about to be handed in; the simulator finds the same things anywhere.
//
// Messages as compute-sanitizer's manual has them (docs.nvidia.com/compute-sanitizer): every line begins with
// "=========", a finding's first line says what it is, those that follow are indented further.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "evaluator/exec/executor.h"
#include "src/base/files.h"

namespace warpwright::exec {

inline constexpr std::string_view kSanitizedPrefix = "cuda+";  // executor "cuda+memcheck"
// Set for a device process that must leave descriptors open: those the tool speaks through.
inline constexpr const char* kUnderSanitizer = "WARPWRIGHT_UNDER_SANITIZER";
inline constexpr int kSanitizerSlowdown = 50;  // deadlines are so much longer; its manual says 10 to 50
inline constexpr std::string_view kSanitizerTools[] = {"memcheck", "racecheck", "initcheck", "synccheck"};

// $WARPWRIGHT_COMPUTE_SANITIZER, else in $CUDA_HOME, $CUDA_PATH, /usr/local/cuda, PATH. Error: there is none,
// and the mend.
Result<std::filesystem::path> find_compute_sanitizer();

// What a log says beyond what was read of it before, as findings; at most kMostFindings of them.
std::vector<Failure> parse_sanitizer_log(std::string_view log);

// Where one device process's findings are written.
class SanitizerLog {
 public:
  static Result<SanitizerLog> create();
  std::filesystem::path path() const { return folder_.path() / "log"; }
  // Since the last time.
  Result<std::vector<Failure>> take_findings();

 private:
  explicit SanitizerLog(TempDirectory folder) : folder_(std::move(folder)) {}
  TempDirectory folder_;
  size_t read_bytes_ = 0;
};

// The command that runs `argv` under a tool.
std::vector<std::string> under_sanitizer(const std::filesystem::path& sanitizer, std::string_view tool,
                                         const std::filesystem::path& log,
                                         const std::vector<std::string>& argv);

}  // namespace warpwright::exec
