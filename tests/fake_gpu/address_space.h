// The fake GPU's memory: allocations, virtual memory, host memory that kernels see. Backed by pages that cost
// nothing until they are touched. Device addresses are never host addresses, so that mixing them up shows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>

#include "evaluator/sim/memory.h"

namespace warpwright::fake_gpu {

inline constexpr uint64_t kPage = uint64_t{2} << 20;  // granularity of virtual memory

class Pages {
 public:
  static std::shared_ptr<Pages> map(uint64_t bytes);  // null: the machine has no more
  ~Pages();
  Pages(const Pages&) = delete;
  Pages& operator=(const Pages&) = delete;
  std::span<std::byte> bytes;

 private:
  explicit Pages(std::span<std::byte> b) : bytes(b) {}
};

class AddressSpace {
 public:
  explicit AddressSpace(uint64_t capacity) : capacity_(capacity) {}

  sim::Memory& memory() { return memory_; }
  uint64_t used() const { return used_; }
  uint64_t capacity() const { return capacity_; }

  // Addresses and handles; 0 or false: refused.
  uint64_t allocate(uint64_t bytes);
  bool free(uint64_t address);

  uint64_t reserve(uint64_t bytes, uint64_t alignment, uint64_t hint);
  bool unreserve(uint64_t address, uint64_t bytes);
  uint64_t create(uint64_t bytes);
  bool release(uint64_t handle);
  bool map(uint64_t address, uint64_t bytes, uint64_t handle);
  bool unmap(uint64_t address, uint64_t bytes);
  bool allow(uint64_t address, uint64_t bytes);

  std::byte* allocate_host(uint64_t bytes);
  bool free_host(const void* host);
  uint64_t device_address_of(const void* host) const;
  bool is_host_allocation(const void* host) const { return device_address_of(host) != 0; }
  bool is_host_address(uint64_t address) const;

  // Whole ranges that kernels could access; false: some of it is in no buffer.
  bool write(uint64_t address, const void* source, uint64_t bytes);
  bool read(uint64_t address, void* target, uint64_t bytes);
  bool copy(uint64_t target, uint64_t source, uint64_t bytes);
  bool is_valid(uint64_t address, uint64_t bytes);

 private:
  struct Mapping {
    std::shared_ptr<Pages> pages;
    bool allowed = false;
  };
  bool take(uint64_t bytes);
  // Calls visit(host pointer, count) for the pieces of a range; false at the first gap.
  template <class Visit>
  bool for_pieces(uint64_t address, uint64_t bytes, const Visit& visit);

  uint64_t capacity_, used_ = 0;
  uint64_t next_allocation_ = 0x7000'0000'0000, next_reservation_ = 0x7800'0000'0000,
           next_host_ = 0x7e00'0000'0000, next_handle_ = 1;
  std::map<uint64_t, std::shared_ptr<Pages>> allocations_, handles_;
  std::map<uint64_t, uint64_t> reservations_;  // address -> bytes
  std::map<uint64_t, Mapping> mappings_;
  std::map<uint64_t, std::pair<uint64_t, std::shared_ptr<Pages>>>
      hosts_;           // host address -> device address, pages
  sim::Memory memory_;  // last: its buffers are the pages above
};

}  // namespace warpwright::fake_gpu
