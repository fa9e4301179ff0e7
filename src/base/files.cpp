#include "src/base/files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "src/base/unique_fd.h"

namespace warpwright {
namespace fs = std::filesystem;
namespace {

std::string reason() {
  return std::strerror(errno);
}

Result<void> write_all(int fd, std::string_view bytes, const fs::path& path) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return infrastructure_error(fmt::format("cannot write {}: {}", path.string(), reason()));
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return {};
}

const char* environment(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr && *value != '\0' ? value : nullptr;
}

}  // namespace

Result<std::string> read_file(const fs::path& path, size_t max_bytes) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return usage_error(fmt::format("cannot open {}: {}", path.string(), reason()));
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0 || !S_ISREG(info.st_mode))
    return usage_error(fmt::format("{} is not a regular file", path.string()));
  if (static_cast<size_t>(info.st_size) > max_bytes)
    return usage_error(
        fmt::format("{} has {} bytes, the limit is {}", path.string(), info.st_size, max_bytes));
  std::string bytes(static_cast<size_t>(info.st_size), '\0');
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t got = ::read(fd.get(), bytes.data() + done, bytes.size() - done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return infrastructure_error(fmt::format("cannot read {}: {}", path.string(), reason()));
    if (got == 0) break;
    done += static_cast<size_t>(got);
  }
  bytes.resize(done);
  return bytes;
}

Result<void> write_file_atomic(const fs::path& path, std::string_view bytes) {
  std::string temporary = path.string() + ".tmp-XXXXXX";
  UniqueFd fd(::mkostemp(temporary.data(), O_CLOEXEC));
  if (!fd) return infrastructure_error(fmt::format("cannot write {}: {}", path.string(), reason()));
  auto finish = [&]() -> Result<void> {
    TRY(write_all(fd.get(), bytes, path));
    if (::fchmod(fd.get(), 0644) != 0 || ::fsync(fd.get()) != 0 ||
        ::rename(temporary.c_str(), path.c_str()) != 0)
      return infrastructure_error(fmt::format("cannot write {}: {}", path.string(), reason()));
    return {};
  };
  auto result = finish();
  if (!result) ::unlink(temporary.c_str());
  return result;
}

Result<void> create_directories(const fs::path& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error)
    return infrastructure_error(fmt::format("cannot create folder {}: {}", path.string(), error.message()));
  return {};
}

std::vector<fs::path> list_files(const fs::path& folder, std::string_view suffix) {
  std::vector<fs::path> files;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    if (entry->is_regular_file(error) && entry->path().filename().string().ends_with(suffix))
      files.push_back(entry->path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

fs::path program_directory() {
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  return error ? fs::current_path(error) : program.parent_path();
}

Result<fs::path> find_home() {
  if (const char* home = environment("WARPWRIGHT_HOME")) return fs::path(home);
  std::error_code error;
  for (fs::path folder = program_directory();; folder = folder.parent_path()) {
    if (fs::is_directory(folder / "configs" / "trace", error)) return folder;
    const fs::path installed = folder / "share" / "warpwright";
    if (fs::is_directory(installed / "configs" / "trace", error)) return installed;
    if (folder == folder.parent_path()) break;
  }
  return usage_error(
      "cannot find the folder with configs/trace above the program; set WARPWRIGHT_HOME to it");
}

fs::path cache_directory() {
  if (const char* cache = environment("WARPWRIGHT_CACHE")) return cache;
  if (const char* xdg = environment("XDG_CACHE_HOME")) return fs::path(xdg) / "warpwright";
  if (const char* home = environment("HOME")) return fs::path(home) / ".cache" / "warpwright";
  return fs::temp_directory_path() / "warpwright-cache";
}

Result<TempDirectory> TempDirectory::create(std::string_view prefix) {
  std::error_code error;
  fs::path base = fs::temp_directory_path(error);
  if (error) base = "/tmp";
  std::string pattern = (base / fmt::format("{}-XXXXXX", prefix)).string();
  if (::mkdtemp(pattern.data()) == nullptr)
    return infrastructure_error(fmt::format("cannot create a temporary folder {}: {}", pattern, reason()));
  return TempDirectory(fs::path(pattern));
}

TempDirectory::TempDirectory(TempDirectory&& other) noexcept : path_(std::move(other.path_)) {
  other.path_.clear();
}

TempDirectory::~TempDirectory() {
  std::error_code ignored;
  if (!path_.empty()) fs::remove_all(path_, ignored);
}

}  // namespace warpwright
