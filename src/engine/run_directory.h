// Every file that a run writes, named in one place. (journal.db and journal.lock belong to src/journal.)
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace warpwright::engine {

class RunDirectory {
 public:
  explicit RunDirectory(std::filesystem::path root) : root_(std::move(root)) {}

  const std::filesystem::path& root() const { return root_; }
  std::filesystem::path journal() const { return root_ / "journal.db"; }
  std::filesystem::path config() const { return root_ / "config.toml"; }  // what was asked for, as it ran
  std::filesystem::path best_source() const { return root_ / "best.cu"; }
  std::filesystem::path best_record() const { return root_ / "best.json"; }  // its knobs and its report
  std::filesystem::path report_text() const { return root_ / "report.txt"; }
  std::filesystem::path report_json() const { return root_ / "report.json"; }

 private:
  std::filesystem::path root_;
};

// runs/<config name>-<UTC time>, below `parent`.
std::filesystem::path default_run_directory(const std::filesystem::path& parent, std::string_view config_name,
                                            int64_t unix_ms);

}  // namespace warpwright::engine
