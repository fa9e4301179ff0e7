#include "evaluator/sim/access_pattern.h"

#include <algorithm>

#include "evaluator/sim/faults.h"
#include "evaluator/sim/global_races.h"

namespace warpwright::sim {
namespace {

constexpr int kBanks = 32;

bool lanes_overlap(const AccessSite& site, uint32_t bytes) {
  std::array<uint64_t, kLanes> sorted;
  std::size_t count = 0;
  for (uint32_t left = site.mask; left != 0; left &= left - 1)
    sorted[count++] = site.relative[static_cast<std::size_t>(__builtin_ctz(left))] + (uint64_t{1} << 63);
  std::sort(sorted.begin(), sorted.begin() + static_cast<std::ptrdiff_t>(count));
  for (std::size_t k = 1; k < count; ++k) {
    if (sorted[k] - sorted[k - 1] < bytes) return true;
  }
  return false;
}

// Fills everything but the cost.
void learn_shape(AccessSite& site, const uint64_t* addresses, uint32_t mask, uint32_t bytes) {
  const uint64_t first = addresses[__builtin_ctz(mask)];
  site.base = first;
  site.mask = mask;
  site.low = 0;
  site.high = bytes;
  site.aligned = true;
  bool contiguous = mask == kFullMask, broadcast = true;
  for (int lane = 0; lane < kLanes; ++lane) {
    const uint64_t relative = addresses[lane] - first;
    site.relative[static_cast<std::size_t>(lane)] = relative;
    if (!(mask >> lane & 1)) continue;
    const auto distance = static_cast<int64_t>(relative);
    site.low = std::min(site.low, distance);
    // A distance near 2^63 is far outside every buffer; keep the sum from overflowing.
    site.high = std::max(site.high, std::min(distance, INT64_MAX - 4096) + bytes);
    site.aligned &= relative % bytes == 0;
    contiguous &= relative == static_cast<uint64_t>(lane) * bytes;
    broadcast &= relative == 0;
  }
  site.overlapping = !contiguous && lanes_overlap(site, bytes);
  site.shape = contiguous  ? AccessShape::kContiguous
               : broadcast ? AccessShape::kBroadcast
                           : AccessShape::kScattered;
}

uint32_t count_sectors(const uint64_t* addresses, uint32_t mask, uint32_t bytes) {
  std::array<uint64_t, 2 * kLanes>
      sectors;  // an aligned access of up to 32 bytes is in one sector; else in two
  std::size_t count = 0;
  for (uint32_t left = mask; left != 0; left &= left - 1) {
    const uint64_t address = addresses[__builtin_ctz(left)];
    const uint64_t begin = address / kSectorBytes, end = (address + bytes - 1) / kSectorBytes;
    if (count == 0 || sectors[count - 1] != begin) sectors[count++] = begin;
    if (end != begin) sectors[count++] = end;
    if (count > sectors.size() - 2) break;
  }
  std::sort(sectors.begin(), sectors.begin() + static_cast<std::ptrdiff_t>(count));
  return static_cast<uint32_t>(
      std::unique(sectors.begin(), sectors.begin() + static_cast<std::ptrdiff_t>(count)) - sectors.begin());
}

// The most distinct words that the lanes want from one bank.
uint32_t count_conflicts(const uint64_t* addresses, uint32_t mask, uint32_t bytes) {
  struct Bank {
    std::array<uint64_t, kLanes> words;
    uint32_t count = 0;
  };
  std::array<Bank, kBanks> banks;
  uint32_t most = 0;
  for (uint32_t left = mask; left != 0; left &= left - 1) {
    const uint64_t address = addresses[__builtin_ctz(left)];
    for (uint64_t word = address / 4; word <= (address + bytes - 1) / 4; ++word) {
      Bank& bank = banks[word % kBanks];
      const auto end = bank.words.begin() + bank.count;
      if (bank.count == kLanes || std::find(bank.words.begin(), end, word) != end) continue;
      bank.words[bank.count++] = word;
      most = std::max(most, bank.count);
    }
  }
  return most;
}

}  // namespace

void learn_global(AccessSite& site, const uint64_t* addresses, uint32_t mask, uint32_t bytes) {
  learn_shape(site, addresses, mask, bytes);
  site.cost_by_place.fill(0);
  recount_global(site, addresses, bytes);
  site.ideal_cost =
      (static_cast<uint32_t>(__builtin_popcount(mask)) * bytes + kSectorBytes - 1) / kSectorBytes;
}

void recount_global(AccessSite& site, const uint64_t* addresses, uint32_t bytes) {
  site.cost = count_sectors(addresses, site.mask, bytes);
  site.cost_by_place[site.base % kSectorBytes] = static_cast<uint8_t>(site.cost);
}

void learn_shared(AccessSite& site, const uint64_t* addresses, uint32_t mask, uint32_t bytes) {
  learn_shape(site, addresses, mask, bytes);
  const int lanes_per_wavefront = bytes <= 4 ? 32 : bytes == 8 ? 16 : 8;
  site.cost = 0;
  for (int lane = 0; lane < kLanes; lane += lanes_per_wavefront) {
    const uint32_t part =
        lanes_per_wavefront == 32 ? mask : mask & (((1u << lanes_per_wavefront) - 1) << lane);
    if (part != 0) site.cost += count_conflicts(addresses, part, bytes);
  }
  site.ideal_cost = (static_cast<uint32_t>(__builtin_popcount(mask)) * bytes + 4 * kBanks - 1) / (4 * kBanks);
}

bool same_pattern(const AccessSite& site, const uint64_t* addresses, uint32_t mask) {
  if (site.mask != mask) return false;
  const uint64_t first = addresses[__builtin_ctz(mask)];
  uint64_t differing = 0;
  for (std::size_t lane = 0; lane < kLanes; ++lane) {
    const uint64_t active = 0 - static_cast<uint64_t>(mask >> lane & 1);
    differing |= ((addresses[lane] - first) ^ site.relative[lane]) & active;
  }
  return differing == 0;
}

Buffer* find_buffer(Warp& w, uint64_t address, uint64_t bytes) {
  Buffer* buffer = w.block->memory->find(address);
  return buffer != nullptr && buffer->contains(address, bytes) ? buffer : nullptr;
}

std::byte* origin_of(const Buffer& buffer) {
  return reinterpret_cast<std::byte*>(reinterpret_cast<uint64_t>(buffer.storage.get()) - buffer.base);
}

void check_global(Warp& w, const Op* op, Buffer& buffer, const uint64_t* addresses, uint32_t mask,
                  uint32_t bytes, bool is_load) {
  if ((op->flags & kSynchronises) == 0) {
    w.races->access(w, op, buffer, addresses, mask, bytes, is_load ? GlobalUse::kRead : GlobalUse::kWrite);
    return;
  }
  for (uint32_t left = mask; left != 0; left &= left - 1)
    w.races->synchronise(w, addresses[__builtin_ctz(left)], (op->flags & kReleases) != 0);
  w.races->access(w, op, buffer, addresses, mask, bytes,
                  is_load ? GlobalUse::kAtomicRead : GlobalUse::kAtomic);
}

void check_global_atomic(Warp& w, const Op* op, const uint64_t* addresses, uint32_t mask) {
  const auto bytes = static_cast<uint32_t>(op->size);
  for (uint32_t left = mask; left != 0; left &= left - 1) {
    const int lane = __builtin_ctz(left);
    w.races->synchronise(w, addresses[lane], (op->flags & kReleases) != 0);
    Buffer* buffer = find_buffer(w, addresses[lane], bytes);
    w.races->access(w, op, *buffer, addresses, 1u << lane, bytes, GlobalUse::kAtomic);
  }
}

void note_written_range(Warp& w, const Op* op, Buffer& buffer, const uint64_t* addresses, uint32_t mask,
                        uint64_t low, uint64_t span, uint32_t bytes, bool is_load) {
  if (!is_load) {
    buffer.mark_written(low, span);
  } else if (!buffer.is_written(low, span)) {
    report_uninitialised(w, op, addresses, mask, bytes);
  }
}

void note_global(Warp& w, const Op* op, Buffer& buffer, const uint64_t* addresses, uint32_t mask,
                 uint32_t bytes, bool is_load) {
  std::vector<uint64_t>& bitmap = is_load ? buffer.sectors_read : buffer.sectors_written;
  if (bitmap.empty()) buffer.start_footprint(bitmap);
  for (uint32_t left = mask; left != 0; left &= left - 1) {
    const uint64_t offset = addresses[__builtin_ctz(left)] - buffer.base;
    const uint64_t sector = offset / kSectorBytes, last = (offset + bytes - 1) / kSectorBytes;
    bitmap[sector / 64] |= uint64_t{1} << sector % 64;
    if (last != sector) bitmap[last / 64] |= uint64_t{1} << last % 64;  // no access is wider than a sector
  }
  if (buffer.initialised) return;
  bool unwritten = false;
  for (uint32_t left = mask; left != 0; left &= left - 1) {
    const uint64_t address = addresses[__builtin_ctz(left)];
    if (!is_load) {
      buffer.mark_written(address, bytes);
    } else {
      unwritten |= !buffer.is_written(address, bytes);
    }
  }
  if (unwritten) report_uninitialised(w, op, addresses, mask, bytes);
}

}  // namespace warpwright::sim
