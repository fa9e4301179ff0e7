// The global address space of one evaluation, as the simulator's kernels see it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace warpwright::sim {

enum class Access { kReadOnly, kReadWrite };

// Owns every buffer. Device addresses are deterministic (the same calls give the same addresses), 256-byte
// aligned, and each buffer has at least 64 KiB of unmapped addresses on both sides, so that an index that
// runs over is caught. Not thread-safe: one evaluation, one thread.
class Memory {
 public:
  Memory();
  ~Memory();
  Memory(Memory&&) noexcept;
  Memory& operator=(Memory&&) noexcept;

  // `name` is how findings call the buffer ("q", "workspace part"). Content starts as zero bytes, marked
  // uninitialised. A buffer of 0 bytes has an address too; every access to it is out of bounds.
  uint64_t allocate(std::string name, uint64_t bytes, Access access);
  // A buffer on the caller's storage, which stays the caller's and must outlive it, at an address of the
  // caller's choice; counts as initialised. For stand-ins of a real device's address space: buffers may
  // touch. REQUIRES: address and storage are equally aligned (modulo 256); the range is in [2^42,
  // 0x7f00'0000'0000), below what allocate gives out, and in no other buffer.
  void map(std::string name, uint64_t address, std::span<std::byte> storage, Access access);
  // REQUIRES of the four below: `address` is one that allocate or map was about, and is not freed.
  void free(uint64_t address);
  // Host view of the whole buffer; valid until it is freed.
  std::span<std::byte> bytes(uint64_t address);
  void set_access(uint64_t address, Access access);
  // Declares the whole buffer written (the host filled it) or not (workspaces, outputs). A kernel's own
  // stores mark the bytes they write; reading an unmarked byte is a finding that does not end the launch.
  void mark_initialised(uint64_t address, bool initialised);
  // Declares a range of the buffer written: the host's memset and copy operations. REQUIRES: inside the
  // buffer.
  void mark_initialised(uint64_t address, int64_t offset, int64_t bytes);

  struct Impl;  // for the interpreter
  Impl& impl() { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace warpwright::sim
