#include "evaluator/exec/gpu_lock.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <string>
#include <thread>

#include "src/base/clock.h"
#include "src/base/files.h"
#include "src/base/log.h"

namespace warpwright::exec {
namespace {

constexpr int64_t kQuietMs = 3000;  // a wait that nobody needs to hear of

Result<UniqueFd> open_file(const std::filesystem::path& path) {
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666));
  if (!fd) return infrastructure_error(fmt::format("{}: {}", path.string(), std::strerror(errno)));
  return fd;
}

// The uuid comes from the driver and becomes a file name.
std::string file_name(std::string_view uuid) {
  std::string name(uuid.substr(0, 100));
  for (char& c : name)
    if (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '-') c = '_';
  return "gpu-" + (name.empty() ? "unknown" : name) + ".lock";
}

// The last process that had the GPU alone, as it wrote it.
std::string holder(int fd) {
  char text[32] = {};
  const ssize_t got = ::pread(fd, text, sizeof text - 1, 0);
  const std::string pid(text, static_cast<size_t>(std::max<ssize_t>(got, 0)));
  if (pid.empty() || !std::all_of(pid.begin(), pid.end(), [](char c) { return c >= '0' && c <= '9'; }))
    return "";
  return fmt::format(" (last timed on by process {})", pid);
}

}  // namespace

Result<GpuLock> GpuLock::open(const std::filesystem::path& folder, std::string_view uuid) {
  TRY(warpwright::create_directories(folder));
  const std::filesystem::path path = folder / file_name(uuid);
  TRY_ASSIGN(UniqueFd lock, open_file(path));
  TRY_ASSIGN(UniqueFd queue, open_file(path.string() + ".queue"));
  return GpuLock(path, std::move(lock), std::move(queue));
}

GpuLock::Hold::~Hold() {
  if (fd_ >= 0) ::flock(fd_, LOCK_UN);
}

Result<GpuLock::Hold> GpuLock::acquire(bool exclusive, int64_t deadline_ms) {
  SystemClock clock;
  const int64_t begin_ms = clock.monotonic_ms();
  bool said = false;
  auto wait_for = [&](int fd, int operation) -> Result<void> {
    for (;;) {
      if (::flock(fd, operation | LOCK_NB) == 0) return {};
      if (errno != EWOULDBLOCK && errno != EINTR)
        return infrastructure_error(fmt::format("{}: {}", path_.string(), std::strerror(errno)));
      const int64_t waited_ms = clock.monotonic_ms() - begin_ms;
      if (waited_ms > deadline_ms)
        return infrastructure_error(
            fmt::format("the GPU was not free for {} s{}; end the other run, or give one of them another GPU "
                        "(CUDA_VISIBLE_DEVICES); {}",
                        deadline_ms / 1000, holder(lock_.get()), path_.string()));
      if (!said && waited_ms > kQuietMs) {
        said = true;
        spdlog::info("waiting for the GPU: another process {}{}; {}",
                     exclusive ? "uses it" : "is timing on it", holder(lock_.get()), path_.string());
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(waited_ms < 100 ? 2 : 20));
    }
  };
  TRY(wait_for(queue_.get(), LOCK_EX));
  const Hold queued(queue_.get());
  TRY(wait_for(lock_.get(), exclusive ? LOCK_EX : LOCK_SH));
  Hold hold(lock_.get());
  if (exclusive) {
    const std::string pid = std::to_string(::getpid());
    if (::ftruncate(lock_.get(), 0) == 0) [[maybe_unused]]
      const ssize_t ignored = ::pwrite(lock_.get(), pid.data(), pid.size(), 0);
  }
  waited_ms_ += clock.monotonic_ms() - begin_ms;
  if (said) spdlog::info("the GPU is free after {} s", (clock.monotonic_ms() - begin_ms) / 1000);
  return hold;
}

}  // namespace warpwright::exec
