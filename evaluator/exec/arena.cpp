#include "evaluator/exec/arena.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace warpwright::exec {
namespace {

constexpr uint64_t kGranule = uint64_t{1} << 20;
constexpr uint64_t kMostBytes = uint64_t{1} << 40;

auto failed(const char* what) {
  return infrastructure_error(
      fmt::format("shared memory for the device process: {}: {}", what, std::strerror(errno)));
}

}  // namespace

Result<Arena> Arena::create() {
  UniqueFd fd(::memfd_create("warpwright-arena", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd) return failed("memfd_create");
  if (::fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_SEAL) != 0) return failed("seal");
  return Arena(std::move(fd));
}

Arena::Arena(Arena&& other) noexcept
    : fd_(std::move(other.fd_)),
      data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)) {}

Arena::~Arena() {
  if (data_ != nullptr) ::munmap(data_, size_);
}

Result<void> Arena::grow(uint64_t bytes) {
  if (bytes <= size_) return {};
  if (bytes > kMostBytes)
    return infrastructure_error("a buffer is too large to be sent to the device process");
  // Half as much again, so that a row of growing buffers does not remap each time.
  const uint64_t wanted = (std::max<uint64_t>(bytes, size_ + size_ / 2) + kGranule - 1) / kGranule * kGranule;
  // Reserved now: a page that is missing later would be a SIGBUS.
  if (const int error = ::posix_fallocate(fd_.get(), 0, static_cast<off_t>(wanted)); error != 0) {
    errno = error;
    return failed("reserve");
  }
  return map(wanted);
}

Result<void> Arena::map(uint64_t bytes) {
  if (bytes <= size_) return {};
  struct stat info {};
  if (::fstat(fd_.get(), &info) != 0) return failed("fstat");
  if (bytes > kMostBytes || static_cast<uint64_t>(info.st_size) < bytes)
    return infrastructure_error("the shared memory is smaller than its owner says");
  void* data = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd_.get(), 0);
  if (data == MAP_FAILED) return failed("mmap");
  if (data_ != nullptr) ::munmap(data_, size_);
  data_ = static_cast<std::byte*>(data);
  size_ = bytes;
  return {};
}

}  // namespace warpwright::exec
