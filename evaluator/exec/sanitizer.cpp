#include "evaluator/exec/sanitizer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "src/base/quotable.h"

namespace warpwright::exec {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kMark = "=========";
constexpr size_t kMostFindings = 16;
constexpr size_t kMostDetails = 3;  // lines of a finding that are kept: where, by whom, at what address
constexpr size_t kMostLogBytes = 4 << 20;

struct Phrase {
  std::string_view text;
  std::string_view rule;
};
// The rules are the simulator's: the same fault has the same name wherever it was found. Longer phrases
// first.
constexpr std::array<Phrase, 9> kPhrases = {{{"Uninitialized", "uninitialised-read"},
                                             {"Race reported", "data-race"},
                                             {"hazard", "data-race"},
                                             {"Barrier error", "divergent-barrier"},
                                             {"Divergent thread", "divergent-barrier"},
                                             {" write of size", "out-of-bounds-write"},
                                             {" read of size", "out-of-bounds-read"},
                                             {" atomic", "out-of-bounds-write"},
                                             {"Program hit", ""}}};  // the driver's own error: the call says it

// Null: a line that opens no finding.
const Phrase* finding_of(std::string_view line) {
  const auto found = std::find_if(kPhrases.begin(), kPhrases.end(), [&](const Phrase& phrase) {
    return line.find(phrase.text) != std::string_view::npos;
  });
  return found == kPhrases.end() ? nullptr : &*found;
}

bool is_summary(std::string_view line) {
  return line.find("SUMMARY") != std::string_view::npos;
}

std::string_view next_line(std::string_view& text) {
  const size_t end = std::min(text.find('\n'), text.size());
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

std::string_view trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(' ');
  return first == std::string_view::npos ? "" : text.substr(first);
}

}  // namespace

Result<fs::path> find_compute_sanitizer() {
  if (const char* named = std::getenv("WARPWRIGHT_COMPUTE_SANITIZER"); named != nullptr && *named != '\0')
    return fs::path(named);
  std::vector<fs::path> folders;
  for (const char* variable : {"CUDA_HOME", "CUDA_PATH"})
    if (const char* root = std::getenv(variable); root != nullptr && *root != '\0')
      folders.push_back(fs::path(root) / "bin");
  folders.emplace_back("/usr/local/cuda/bin");
  std::string_view path = std::getenv("PATH") == nullptr ? "" : std::getenv("PATH");
  while (!path.empty()) {
    const size_t end = std::min(path.find(':'), path.size());
    folders.emplace_back(path.substr(0, end));
    path.remove_prefix(std::min(end + 1, path.size()));
  }
  std::error_code ignored;
  for (const fs::path& folder : folders)
    if (fs::is_regular_file(folder / "compute-sanitizer", ignored)) return folder / "compute-sanitizer";
  return infrastructure_error(
      "compute-sanitizer is not here: install the CUDA toolkit's (Debian: cuda-sanitizer-XX-Y), put its folder "
      "into PATH, or name it in $WARPWRIGHT_COMPUTE_SANITIZER; --executor sim finds the same faults without it");
}

std::vector<Failure> parse_sanitizer_log(std::string_view log) {
  std::vector<Failure> findings;
  size_t details = kMostDetails;
  while (!log.empty()) {
    std::string_view line = next_line(log);
    if (!line.starts_with(kMark)) continue;  // what the kernel printed
    line.remove_prefix(kMark.size());
    const bool is_detail = line.starts_with("  ");
    const std::string text = quotable_line(trimmed(line), 300);
    if (is_detail) {
      if (!findings.empty() && details < kMostDetails && !text.empty()) {
        findings.back().message += "; " + text;
        ++details;
      }
      continue;
    }
    details = kMostDetails;
    const Phrase* phrase = is_summary(line) ? nullptr : finding_of(line);
    if (phrase == nullptr || phrase->rule.empty()) continue;
    if (findings.size() == kMostFindings) break;
    findings.push_back(
        {Status::kRejected, std::string(phrase->rule), fmt::format("compute-sanitizer: {}", text)});
    details = 0;
  }
  return findings;
}

Result<SanitizerLog> SanitizerLog::create() {
  TRY_ASSIGN(auto folder, TempDirectory::create());
  return SanitizerLog(std::move(folder));
}

Result<std::vector<Failure>> SanitizerLog::take_findings() {
  std::error_code error;
  if (!fs::exists(path(), error)) return std::vector<Failure>();
  TRY_ASSIGN(const std::string log, read_file(path(), kMostLogBytes));
  const std::string_view fresh = std::string_view(log).substr(std::min(read_bytes_, log.size()));
  read_bytes_ = log.size();
  return parse_sanitizer_log(fresh);
}

std::vector<std::string> under_sanitizer(const fs::path& sanitizer, std::string_view tool,
                                         const fs::path& log, const std::vector<std::string>& argv) {
  std::vector<std::string> command = {sanitizer.string(), "--tool",      std::string(tool),
                                      "--log-file",       log.string(),  "--print-limit",
                                      "100",              "--target-processes", "all"};
  if (tool == "memcheck") command.insert(command.end(), {"--padding", "32"});
  command.insert(command.end(), argv.begin(), argv.end());
  return command;
}

}  // namespace warpwright::exec
