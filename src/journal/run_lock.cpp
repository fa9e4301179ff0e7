#include "src/journal/run_lock.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string>

namespace warpwright::journal {
namespace {

std::string read_pid(int fd) {
  std::array<char, 32> bytes{};
  const ssize_t got = ::pread(fd, bytes.data(), bytes.size(), 0);
  const std::string_view text(bytes.data(), got > 0 ? static_cast<size_t>(got) : 0);
  const size_t digits = text.find_first_not_of("0123456789");
  return std::string(text.substr(0, digits));
}

}  // namespace

Result<RunLock> RunLock::acquire(const std::filesystem::path& run_directory) {
  const std::filesystem::path path = run_directory / "journal.lock";
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  if (!fd)
    return infrastructure_error(fmt::format("cannot write {}: {}", path.string(), std::strerror(errno)));
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK)
      return infrastructure_error(fmt::format("cannot lock {}: {}", path.string(), std::strerror(errno)));
    const std::string pid = read_pid(fd.get());
    return usage_error(fmt::format("the run {} is in use by process {}; wait for it, or stop it first",
                                   run_directory.string(), pid.empty() ? "(unknown)" : pid));
  }
  // The number is for people only; a full disk must not keep anyone from the lock.
  const std::string pid = fmt::format("{}\n", ::getpid());
  if (::ftruncate(fd.get(), 0) != 0 || ::pwrite(fd.get(), pid.data(), pid.size(), 0) < 0) errno = 0;
  return RunLock(std::move(fd));
}

}  // namespace warpwright::journal
