// A folder of compile results by content, shared by every worker on the machine. One file per entry, named by
// its key; written beside its place and renamed, so that readers see whole entries. An entry is a checksum
// and a body: one that does not fit its checksum is deleted and counts as absent. Reading renews an entry's
// time, and the longest unread go first when the folder outgrows its limit.
//
// The cache is a convenience: a folder that cannot be written only costs time, and a warning said once.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace warpwright::compile {

class CompileCache {
 public:
  CompileCache(std::filesystem::path folder, uint64_t max_bytes);

  // `key` is a sha256 in hexadecimal.
  std::optional<std::string> get(const std::string& key);
  void put(const std::string& key, std::string_view body);

  // The first fault since the last call, one line; empty if there was none.
  std::string take_warning();

 private:
  std::filesystem::path path_of(const std::string& key) const;
  void evict();

  std::filesystem::path folder_;
  uint64_t max_bytes_;
  uint64_t written_since_scan_;
  bool warned_ = false;
  std::string warning_;
};

}  // namespace warpwright::compile
