// One timing at a time per GPU, across processes: calls that check share the GPU, a batch of timed shots has
// it alone. A file lock (flock) on <folder>/gpu-<uuid>.lock, which dies with its holder, however that ends.
//
// Held by the supervisor: the device process may be killed at any moment, and the lock must not be free
// before the supervisor has seen it gone.
//
// Processes exclude each other if they have the same folder: $WARPWRIGHT_CACHE, for those of several users or
// containers.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>

#include "src/base/result.h"
#include "src/base/unique_fd.h"

namespace warpwright::exec {

class GpuLock {
 public:
  static Result<GpuLock> open(const std::filesystem::path& folder, std::string_view uuid);

  // Free at its end.
  class Hold {
   public:
    explicit Hold(int fd) : fd_(fd) {}
    Hold(Hold&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Hold& operator=(Hold&&) = delete;
    ~Hold();

   private:
    int fd_;
  };
  // Waits, and says so in the log after some seconds. Who waits for the GPU alone is not overtaken by those
  // who would share it. Error: not free within the deadline. REQUIRES: this object has no Hold already.
  Result<Hold> share(int64_t deadline_ms) { return acquire(false, deadline_ms); }
  Result<Hold> exclude(int64_t deadline_ms) { return acquire(true, deadline_ms); }
  int64_t waited_ms() const { return waited_ms_; }  // in all

 private:
  GpuLock(std::filesystem::path path, UniqueFd lock, UniqueFd queue)
      : path_(std::move(path)), lock_(std::move(lock)), queue_(std::move(queue)) {}
  Result<Hold> acquire(bool exclusive, int64_t deadline_ms);

  std::filesystem::path path_;
  UniqueFd lock_;
  int64_t waited_ms_ = 0;
  UniqueFd queue_;  // held while waiting for lock_: whoever comes later waits here
};

}  // namespace warpwright::exec
