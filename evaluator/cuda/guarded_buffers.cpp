#include "evaluator/cuda/guarded_buffers.h"

#include <fmt/format.h>

#include <algorithm>

#include "src/base/check.h"

namespace warpwright::cuda {
namespace {

constexpr uint64_t kAlignment = 256;
constexpr uint64_t kSmallestZone = 64 << 10, kLargestZone = 2 << 20;
constexpr uint64_t kGranule = 2 << 20;  // of virtual memory; resources.h

uint64_t round_up(uint64_t value, uint64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

// A stride that is wrong by a row or a head of a large tensor still lands in the zone.
uint64_t zone_bytes(uint64_t buffer_bytes) {
  return std::clamp(round_up(buffer_bytes / 16, kSmallestZone), kSmallestZone, kLargestZone);
}

std::string_view role_name(BufferRole role) {
  switch (role) {
    case BufferRole::kInput:
      return "input";
    case BufferRole::kOutput:
      return "output";
    case BufferRole::kWorkspace:
    case BufferRole::kSelfClean:
      return "workspace";
  }
  CHECK(false);
}

std::string describe(const BufferSpec& spec) {
  return fmt::format("{} {} of {} bytes", role_name(spec.role), spec.name, spec.bytes);
}

}  // namespace

uint64_t draw_key(Rng& rng) {
  return rng.next() | 1;
}

uint64_t BufferSet::footprint(const BufferSpec& spec) {
  return round_up(spec.bytes, kAlignment) + 3 * zone_bytes(spec.bytes);
}

Result<void> BufferSet::allocate_unmapped(abi::Device device, Rng& rng) {
  for (Buffer& buffer : buffers_) {
    const uint64_t bytes = buffer.spec.bytes;
    // Some more address space before it, so that addresses differ.
    auto mapped =
        VirtualRange::map(*driver_, device, std::max<uint64_t>(bytes, 1), kGranule * (1 + rng.below(16)));
    if (!mapped) return add_context(mapped.error(), describe(buffer.spec));
    buffer.mapped = std::move(*mapped);
    buffer.begin = buffer.mapped.begin();
    buffer.end = buffer.mapped.end();
    buffer.address = buffer.end - round_up(bytes, kAlignment);
  }
  return {};
}

// All in one allocation, which is quicker to get and to give back.
Result<void> BufferSet::allocate_zones(Rng& rng) {
  uint64_t total = 0;
  for (Buffer& buffer : buffers_) {
    const uint64_t zone = zone_bytes(buffer.spec.bytes);
    buffer.begin = total;
    buffer.address = buffer.begin + zone + kAlignment * rng.below(zone / kAlignment);
    buffer.end = buffer.address + round_up(buffer.spec.bytes, kAlignment) + zone;
    total = buffer.end;
  }
  auto zones = DeviceMemory::allocate(*driver_, total);
  if (!zones) return add_context(zones.error(), fmt::format("{} buffers and their guards", buffers_.size()));
  zones_ = std::move(*zones);
  for (Buffer& buffer : buffers_)
    for (abi::DevicePointer* place : {&buffer.begin, &buffer.address, &buffer.end}) *place += zones_.get();
  return {};
}

Result<BufferSet> BufferSet::open(const Driver& driver, abi::Device device, const Stream& stream,
                                  Harness& harness, const std::vector<BufferSpec>& specs, GuardKind guards,
                                  Rng& rng) {
  BufferSet set;
  set.driver_ = &driver;
  set.stream_ = &stream;
  set.harness_ = &harness;
  for (const BufferSpec& spec : specs) {
    set.buffers_.push_back({});
    set.buffers_.back().spec = spec;
    set.buffers_.back().key = draw_key(rng);
  }
  TRY(guards == GuardKind::kUnmapped ? set.allocate_unmapped(device, rng) : set.allocate_zones(rng));
  std::vector<ByteRange> patterns;
  for (const Guard& guard : set.guards()) patterns.push_back(guard.range);
  for (int i = 0; i < set.size(); ++i)
    if (set.spec(i).role == BufferRole::kSelfClean) patterns.push_back(set.whole(i, 0));
  TRY(harness.fill(patterns));
  return set;
}

const BufferSet::Buffer& BufferSet::at(int index) const {
  CHECK(index >= 0 && index < size());
  return buffers_[static_cast<size_t>(index)];
}

std::vector<Guard> BufferSet::guards() const {
  std::vector<Guard> guards;
  for (int i = 0; i < size(); ++i) {
    const Buffer& buffer = at(i);
    const uint64_t start = buffer.address - buffer.begin, end = start + buffer.spec.bytes;
    if (start > 0) guards.push_back({{buffer.begin, 0, start, buffer.key}, i, false});
    if (end < buffer.end - buffer.begin)
      guards.push_back({{buffer.begin, end, buffer.end - buffer.begin, buffer.key}, i, true});
  }
  return guards;
}

Result<void> BufferSet::write(int index, std::span<const std::byte> content) {
  CHECK(content.size() == spec(index).bytes);
  if (content.empty()) return {};
  TRY((*driver_)->cuMemcpyHtoDAsync_v2(address(index), content.data(), content.size(), stream_->get()));
  return stream_->synchronize();
}

Result<void> BufferSet::read(int index, std::span<std::byte> content) const {
  CHECK(content.size() == spec(index).bytes);
  if (content.empty()) return {};
  TRY((*driver_)->cuMemcpyDtoHAsync_v2(content.data(), address(index), content.size(), stream_->get()));
  return stream_->synchronize();
}

Result<void> BufferSet::copy_from(int index, const DeviceMemory& content) {
  if (spec(index).bytes == 0) return {};
  return (*driver_)->cuMemcpyDtoDAsync_v2(address(index), content.get(), spec(index).bytes, stream_->get());
}

Result<void> BufferSet::fill(int index, Fill fill, Rng& rng) {
  if (spec(index).bytes == 0) return {};
  if (fill == Fill::kRandom) {
    const ByteRange range = whole(index, draw_key(rng));
    return harness_->fill({&range, 1});
  }
  const unsigned char value = fill == Fill::kNan ? 0xff : 0x4b;
  return (*driver_)->cuMemsetD8Async(address(index), value, spec(index).bytes, stream_->get());
}

Result<void> BufferSet::restore(const Guard& guard) {
  return harness_->fill({&guard.range, 1});
}

std::string describe_broken_guard(const Guard& guard, const BufferSpec& spec, const FoundInRange& found) {
  const std::string buffer = describe(spec);
  if (guard.is_after)
    return fmt::format("{}: {} bytes after its end were overwritten, the first at offset {}", buffer,
                       found.count, spec.bytes + ~found.complement_of_first - guard.range.begin);
  return fmt::format("{}: {} bytes before its start were overwritten, the last at offset -{}", buffer,
                     found.count, guard.range.end - found.last);
}

}  // namespace warpwright::cuda
