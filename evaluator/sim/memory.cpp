#include "evaluator/sim/memory.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <new>

#include "evaluator/sim/memory_impl.h"
#include "src/base/check.h"

namespace warpwright::sim {
namespace {

constexpr uint64_t kAlignment = 256;

uint64_t align_up(uint64_t value, uint64_t alignment) {
  return (value + alignment - 1) / alignment * alignment;
}

}  // namespace

void AlignedDelete::operator()(std::byte* p) const {
  if (is_owner) ::operator delete[](p, std::align_val_t{kAlignment});
}

void Buffer::mark_written(uint64_t address, uint64_t bytes) {
  if (initialised) return;
  uint64_t offset = address - base;
  if (offset % 4 == 0 && bytes % 4 == 0) {
    std::memset(written.data() + offset / 4, 0xf, bytes / 4);
    return;
  }
  for (const uint64_t end = offset + bytes; offset < end; ++offset) {
    written[offset / 4] = static_cast<uint8_t>(written[offset / 4] | (1u << (offset % 4)));
  }
}

bool Buffer::is_written(uint64_t address, uint64_t bytes) const {
  if (initialised) return true;
  uint64_t offset = address - base;
  if (offset % 4 == 0 && bytes % 4 == 0) {
    const uint8_t* words = written.data() + offset / 4;
    return std::all_of(words, words + bytes / 4, [](uint8_t word) { return word == 0xf; });
  }
  for (const uint64_t end = offset + bytes; offset < end; ++offset) {
    if (!(written[offset / 4] >> (offset % 4) & 1)) return false;
  }
  return true;
}

void Buffer::start_footprint(std::vector<uint64_t>& bitmap) const {
  bitmap.resize(size / kSectorBytes / 64 + 1);
}

Buffer* Memory::Impl::find(uint64_t address) const {
  const auto after = std::upper_bound(buffers.begin(), buffers.end(), address,
                                      [](uint64_t a, const auto& buffer) { return a < buffer->base; });
  if (after == buffers.begin()) return nullptr;
  Buffer* candidate = std::prev(after)->get();
  return candidate->contains(address, 1) ? candidate : nullptr;
}

Buffer* Memory::Impl::at(uint64_t base) {
  const auto found = std::lower_bound(buffers.begin(), buffers.end(), base,
                                      [](const auto& buffer, uint64_t a) { return buffer->base < a; });
  return found != buffers.end() && (*found)->base == base ? found->get() : nullptr;
}

std::string Memory::Impl::describe(uint64_t address, uint64_t bytes) const {
  const Buffer* nearest = nullptr;
  uint64_t nearest_distance = kGuardBytes;
  for (const auto& buffer : buffers) {
    const uint64_t end = buffer->base + buffer->size;
    const uint64_t distance = address < buffer->base ? buffer->base - address
                              : address >= end       ? address - end
                                                     : 0;
    if (distance < nearest_distance) {
      nearest = buffer.get();
      nearest_distance = distance;
    }
  }
  if (nearest == nullptr) {
    return address < 4096 ? fmt::format("address {:#x} (a null pointer)", address)
                          : fmt::format("address {:#x}, which is in no buffer", address);
  }
  if (address < nearest->base) {
    return fmt::format("{} - {}, {} bytes before its start", nearest->name, nearest->base - address,
                       nearest->base - address);
  }
  const uint64_t offset = address - nearest->base;
  if (offset >= nearest->size) {
    return fmt::format("{} + {}, {} bytes past its end ({} is {} bytes long)", nearest->name, offset,
                       offset - nearest->size, nearest->name, nearest->size);
  }
  if (offset + bytes > nearest->size) {
    return fmt::format("{} + {}, {} bytes of it past its end ({} is {} bytes long)", nearest->name, offset,
                       offset + bytes - nearest->size, nearest->name, nearest->size);
  }
  return fmt::format("{} + {}", nearest->name, offset);
}

void Memory::Impl::reset_footprint() {
  for (const auto& buffer : buffers) {
    buffer->sectors_read.clear();
    buffer->sectors_written.clear();
  }
}

Memory::Memory() : impl_(std::make_unique<Impl>()) {}
Memory::~Memory() = default;
Memory::Memory(Memory&&) noexcept = default;
Memory& Memory::operator=(Memory&&) noexcept = default;

uint64_t Memory::allocate(std::string name, uint64_t bytes, Access access) {
  auto buffer = std::make_unique<Buffer>();
  buffer->name = std::move(name);
  buffer->base = align_up(impl_->next + kGuardBytes, kAlignment);
  buffer->size = bytes;
  buffer->access = access;
  const uint64_t storage_bytes = align_up(bytes + 1, kAlignment);
  buffer->storage.reset(
      static_cast<std::byte*>(::operator new[](storage_bytes, std::align_val_t{kAlignment})));
  std::memset(buffer->storage.get(), 0, storage_bytes);
  buffer->written.assign(bytes / 4 + 1, 0);
  impl_->next = buffer->base + bytes + kGuardBytes;
  const uint64_t base = buffer->base;
  impl_->buffers.push_back(std::move(buffer));  // addresses only grow, so the list stays sorted
  return base;
}

void Memory::map(std::string name, uint64_t address, std::span<std::byte> storage, Access access) {
  CHECK(address % kAlignment == reinterpret_cast<uint64_t>(storage.data()) % kAlignment);
  CHECK(address >= kParamWindow + kSharedWindow && address <= kGlobalBase &&
        storage.size() <= kGlobalBase - address);
  auto& buffers = impl_->buffers;
  const auto next = std::lower_bound(buffers.begin(), buffers.end(), address,
                                     [](const auto& buffer, uint64_t a) { return buffer->base < a; });
  CHECK(next == buffers.end() || (*next)->base >= address + std::max<uint64_t>(1, storage.size()));
  CHECK(next == buffers.begin() || (*std::prev(next))->base + (*std::prev(next))->size <= address);
  auto buffer = std::make_unique<Buffer>();
  buffer->name = std::move(name);
  buffer->base = address;
  buffer->size = storage.size();
  buffer->access = access;
  buffer->initialised = true;
  buffer->storage = {storage.data(), AlignedDelete{false}};
  buffers.insert(next, std::move(buffer));
}

void Memory::free(uint64_t address) {
  Buffer* buffer = impl_->at(address);
  CHECK(buffer != nullptr);
  std::erase_if(impl_->buffers, [buffer](const auto& entry) { return entry.get() == buffer; });
}

std::span<std::byte> Memory::bytes(uint64_t address) {
  Buffer* buffer = impl_->at(address);
  CHECK(buffer != nullptr);
  return {buffer->storage.get(), buffer->size};
}

void Memory::set_access(uint64_t address, Access access) {
  Buffer* buffer = impl_->at(address);
  CHECK(buffer != nullptr);
  buffer->access = access;
}

void Memory::mark_initialised(uint64_t address, bool initialised) {
  Buffer* buffer = impl_->at(address);
  CHECK(buffer != nullptr);
  buffer->initialised = initialised;
  if (initialised) {
    buffer->written.clear();
  } else {
    buffer->written.assign(buffer->size / 4 + 1, 0);
  }
}

void Memory::mark_initialised(uint64_t address, int64_t offset, int64_t bytes) {
  Buffer* buffer = impl_->at(address);
  CHECK(buffer != nullptr);
  CHECK(offset >= 0 && bytes >= 0 &&
        buffer->contains(address + static_cast<uint64_t>(offset), static_cast<uint64_t>(bytes)));
  buffer->mark_written(address + static_cast<uint64_t>(offset), static_cast<uint64_t>(bytes));
}

}  // namespace warpwright::sim
