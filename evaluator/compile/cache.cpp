#include "evaluator/compile/cache.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "src/base/files.h"
#include "src/base/hash.h"

namespace warpwright::compile {
namespace fs = std::filesystem;
namespace {

constexpr size_t kChecksumBytes = 64;
constexpr auto kOldTemporary = std::chrono::hours(1);

struct Entry {
  fs::path path;
  fs::file_time_type time;
  uint64_t bytes = 0;
};

// Half-written files of a process that died are removed on the way.
std::vector<Entry> entries_of(const fs::path& folder) {
  std::vector<Entry> entries;
  std::error_code error;
  for (fs::recursive_directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    std::error_code ignored;  // another process may remove files meanwhile
    if (!at->is_regular_file(ignored)) continue;
    Entry entry{at->path(), at->last_write_time(ignored), at->file_size(ignored)};
    const bool temporary = entry.path.filename().string().find(".tmp-") != std::string::npos;
    if (temporary && fs::file_time_type::clock::now() - entry.time > kOldTemporary)
      fs::remove(entry.path, ignored);
    else if (!temporary)
      entries.push_back(std::move(entry));
  }
  return entries;
}

}  // namespace

// The first put scans the folder: other processes may have filled it.
CompileCache::CompileCache(fs::path folder, uint64_t max_bytes)
    : folder_(std::move(folder)), max_bytes_(max_bytes), written_since_scan_(max_bytes) {}

fs::path CompileCache::path_of(const std::string& key) const {
  return folder_ / key.substr(0, 2) / key;
}

std::optional<std::string> CompileCache::get(const std::string& key) {
  const fs::path path = path_of(key);
  auto bytes = read_file(path);
  if (!bytes) return std::nullopt;
  std::error_code ignored;
  std::string body = bytes->size() < kChecksumBytes ? "" : bytes->substr(kChecksumBytes);
  if (bytes->size() < kChecksumBytes || sha256_hex(body) != bytes->substr(0, kChecksumBytes)) {
    fs::remove(path, ignored);
    return std::nullopt;
  }
  fs::last_write_time(path, fs::file_time_type::clock::now(), ignored);
  return body;
}

void CompileCache::put(const std::string& key, std::string_view body) {
  const fs::path path = path_of(key);
  Result<void> done = warpwright::create_directories(path.parent_path());
  if (done) done = write_file_atomic(path, sha256_hex(body).append(body));
  if (!done && !warned_) {
    warned_ = true;
    warning_ = fmt::format("compile results are not kept: {}", done.error().message);
  }
  if (!done) return;
  written_since_scan_ += kChecksumBytes + body.size();
  if (written_since_scan_ > max_bytes_ / 16) evict();
}

void CompileCache::evict() {
  written_since_scan_ = 0;
  std::vector<Entry> entries = entries_of(folder_);
  uint64_t total = 0;
  for (const Entry& entry : entries) total += entry.bytes;
  if (total <= max_bytes_) return;
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) { return a.time < b.time; });
  for (const Entry& entry : entries) {
    if (total <= max_bytes_ / 8 * 7) break;  // room for a while
    std::error_code ignored;
    fs::remove(entry.path, ignored);
    total -= entry.bytes;
  }
}

std::string CompileCache::take_warning() {
  return std::exchange(warning_, "");
}

}  // namespace warpwright::compile
