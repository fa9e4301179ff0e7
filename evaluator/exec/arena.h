// Shared memory between supervisor and device process: a memfd that both map. It only grows, and neither side
// can shrink it (seal), so that a read never hits the end of the file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "src/base/result.h"
#include "src/base/unique_fd.h"

namespace warpwright::exec {

class Arena {
 public:
  static Result<Arena> create();  // empty
  static Arena adopt(UniqueFd fd) { return Arena(std::move(fd)); }
  Arena(Arena&& other) noexcept;
  Arena& operator=(Arena&&) = delete;
  ~Arena();

  int fd() const { return fd_.get(); }
  // Of the owner: at least that many bytes, reserved. Error: out of memory.
  Result<void> grow(uint64_t bytes);
  // Of the other side: maps what the owner says is there. Error: it is not.
  Result<void> map(uint64_t bytes);
  std::span<std::byte> bytes() const { return {data_, size_}; }

 private:
  explicit Arena(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
  std::byte* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace warpwright::exec
