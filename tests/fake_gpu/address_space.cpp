#include "tests/fake_gpu/address_space.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "evaluator/sim/memory_impl.h"

namespace warpwright::fake_gpu {
namespace {

constexpr uint64_t kAllocationAlignment = 512;

uint64_t align_up(uint64_t value, uint64_t alignment) {
  return (value + alignment - 1) / alignment * alignment;
}

}  // namespace

std::shared_ptr<Pages> Pages::map(uint64_t bytes) {
  void* pages =
      mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (pages == MAP_FAILED) return nullptr;
  return std::shared_ptr<Pages>(new Pages({static_cast<std::byte*>(pages), bytes}));
}

Pages::~Pages() {
  munmap(bytes.data(), bytes.size());
}

bool AddressSpace::take(uint64_t bytes) {
  if (bytes > capacity_ - used_) return false;
  used_ += bytes;
  return true;
}

uint64_t AddressSpace::allocate(uint64_t bytes) {
  const uint64_t size = align_up(bytes, kAllocationAlignment);
  if (bytes == 0 || bytes > capacity_ || !take(size)) return 0;
  auto pages = Pages::map(size);
  if (!pages) return 0;
  const uint64_t address = next_allocation_;
  next_allocation_ += align_up(size, kPage) + kPage;
  memory_.map("allocation", address, pages->bytes, sim::Access::kReadWrite);
  allocations_.emplace(address, std::move(pages));
  return address;
}

bool AddressSpace::free(uint64_t address) {
  const auto found = allocations_.find(address);
  if (found == allocations_.end()) return false;
  memory_.free(address);
  used_ -= found->second->bytes.size();
  allocations_.erase(found);
  return true;
}

uint64_t AddressSpace::reserve(uint64_t bytes, uint64_t alignment, uint64_t hint) {
  if (bytes == 0 || bytes % kPage != 0 || bytes > uint64_t{1} << 40) return 0;
  if (alignment != 0 && (alignment & (alignment - 1)) != 0) return 0;
  const auto is_taken = [&](uint64_t address) {
    const auto after = reservations_.lower_bound(address + bytes);
    if (after == reservations_.begin()) return false;
    const auto& [begin, size] = *std::prev(after);
    return begin + size > address;
  };
  uint64_t address = align_up(next_reservation_, std::max(kPage, alignment));
  const bool hint_fits = hint % kPage == 0 && hint >= 0x7800'0000'0000 && hint < 0x7c00'0000'0000;
  if (hint_fits && !is_taken(hint)) {
    address = hint;
  } else {
    while (is_taken(address)) address += align_up(bytes, std::max(kPage, alignment));
    next_reservation_ = address + bytes;
  }
  reservations_[address] = bytes;
  return address;
}

bool AddressSpace::unreserve(uint64_t address, uint64_t bytes) {
  const auto found = reservations_.find(address);
  if (found == reservations_.end() || found->second != bytes) return false;
  const auto mapped = mappings_.lower_bound(address);
  if (mapped != mappings_.end() && mapped->first < address + bytes) return false;
  reservations_.erase(found);
  return true;
}

uint64_t AddressSpace::create(uint64_t bytes) {
  if (bytes == 0 || bytes > capacity_ || !take(bytes)) return 0;
  auto pages = Pages::map(bytes);
  if (!pages) return 0;
  handles_.emplace(next_handle_, std::move(pages));
  return next_handle_++;
}

bool AddressSpace::release(uint64_t handle) {
  const auto found = handles_.find(handle);
  if (found == handles_.end()) return false;
  used_ -=
      found->second->bytes.size();  // mapped pages stay until they are unmapped; nobody counts so closely
  handles_.erase(found);
  return true;
}

bool AddressSpace::map(uint64_t address, uint64_t bytes, uint64_t handle) {
  const auto found = handles_.find(handle);
  if (found == handles_.end() || bytes != found->second->bytes.size() || address % kPage != 0) return false;
  auto reservation = reservations_.upper_bound(address);
  if (reservation == reservations_.begin()) return false;
  --reservation;
  if (bytes > reservation->second || address - reservation->first > reservation->second - bytes) return false;
  const auto next = mappings_.lower_bound(address);
  if (next != mappings_.end() && next->first < address + bytes) return false;
  if (next != mappings_.begin()) {
    const auto& [begin, mapping] = *std::prev(next);
    if (begin + mapping.pages->bytes.size() > address) return false;
  }
  mappings_[address] = {found->second, false};
  return true;
}

bool AddressSpace::unmap(uint64_t address, uint64_t bytes) {
  const uint64_t end = address + bytes;
  if (!mappings_.contains(address)) return false;
  for (auto at = mappings_.find(address); at != mappings_.end() && at->first < end;
       at = mappings_.erase(at)) {
    if (at->first + at->second.pages->bytes.size() > end) return false;
    if (at->second.allowed) memory_.free(at->first);
  }
  return true;
}

bool AddressSpace::allow(uint64_t address, uint64_t bytes) {
  uint64_t next = address;
  std::vector<std::pair<uint64_t, Mapping*>> range;
  for (auto at = mappings_.find(address); at != mappings_.end() && next < address + bytes; ++at) {
    if (at->first != next) return false;
    next += at->second.pages->bytes.size();
    range.emplace_back(at->first, &at->second);
  }
  if (next != address + bytes) return false;
  for (auto& [begin, mapping] : range) {
    if (mapping->allowed) continue;
    memory_.map("mapping", begin, mapping->pages->bytes, sim::Access::kReadWrite);
    mapping->allowed = true;
  }
  return true;
}

std::byte* AddressSpace::allocate_host(uint64_t bytes) {
  auto pages = bytes == 0 ? nullptr : Pages::map(bytes);
  if (!pages) return nullptr;
  std::byte* host = pages->bytes.data();
  const uint64_t address = next_host_;
  next_host_ += align_up(bytes, kPage) + kPage;
  memory_.map("host memory", address, pages->bytes, sim::Access::kReadWrite);
  hosts_[reinterpret_cast<uint64_t>(host)] = {address, std::move(pages)};
  return host;
}

bool AddressSpace::free_host(const void* host) {
  const auto found = hosts_.find(reinterpret_cast<uint64_t>(host));
  if (found == hosts_.end()) return false;
  memory_.free(found->second.first);
  hosts_.erase(found);
  return true;
}

uint64_t AddressSpace::device_address_of(const void* host) const {
  const auto place = reinterpret_cast<uint64_t>(host);
  auto after = hosts_.upper_bound(place);
  if (after == hosts_.begin()) return 0;
  const auto& [begin, entry] = *std::prev(after);
  return place - begin < entry.second->bytes.size() ? entry.first + (place - begin) : 0;
}

bool AddressSpace::is_host_address(uint64_t address) const {
  return address >= 0x7e00'0000'0000 && address < sim::kGlobalBase;
}

template <class Visit>
bool AddressSpace::for_pieces(uint64_t address, uint64_t bytes, const Visit& visit) {
  while (bytes > 0) {
    sim::Buffer* buffer = memory_.impl().find(address);
    if (buffer == nullptr) return false;
    const uint64_t count = std::min(bytes, buffer->size - (address - buffer->base));
    visit(buffer->host(address), count);
    address += count;
    bytes -= count;
  }
  return true;
}

bool AddressSpace::is_valid(uint64_t address, uint64_t bytes) {
  return for_pieces(address, bytes, [](std::byte*, uint64_t) {});
}

bool AddressSpace::write(uint64_t address, const void* source, uint64_t bytes) {
  const auto* from = static_cast<const std::byte*>(source);
  return for_pieces(address, bytes, [&](std::byte* to, uint64_t count) {
    std::memcpy(to, from, count);
    from += count;
  });
}

bool AddressSpace::read(uint64_t address, void* target, uint64_t bytes) {
  auto* to = static_cast<std::byte*>(target);
  return for_pieces(address, bytes, [&](const std::byte* from, uint64_t count) {
    std::memcpy(to, from, count);
    to += count;
  });
}

bool AddressSpace::copy(uint64_t target, uint64_t source, uint64_t bytes) {
  std::vector<std::byte> content(bytes);
  return read(source, content.data(), bytes) && write(target, content.data(), bytes);
}

}  // namespace warpwright::fake_gpu
