#include "evaluator/sim/ops/async_copy.h"

#include <fmt/format.h>

#include <algorithm>

#include "evaluator/sim/access_pattern.h"
#include "evaluator/sim/faults.h"
#include "evaluator/sim/ops/row_access.h"
#include "evaluator/sim/race_shadow.h"

namespace warpwright::sim {
namespace {

constexpr int kPoison = 0xa5;

// Calls visit(cell) for each cell of the race shadow that the lane's destination covers.
template <class Visitor>
void visit_cells(const RaceShadow& shadow, const AsyncCopy& copy, int lane, Visitor visit) {
  const uint32_t begin = copy.to[static_cast<std::size_t>(lane)];
  const uint32_t last = begin + copy.op->size - 1;
  for (uint32_t cell = begin >> shadow.granule_shift; cell <= last >> shadow.granule_shift; ++cell)
    visit(cell);
}

// `buffer` holds every lane's source and has noted the access; null: it has not.
void issue_lane(Warp& w, AsyncCopy& copy, int lane, uint32_t valid, const uint64_t* from, Buffer* buffer) {
  const auto k = static_cast<std::size_t>(lane);
  std::memset(w.shared + copy.to[k], kPoison, copy.op->size);
  copy.group[k] = w.copies->committed[k] + 1;
  copy.valid[k] = static_cast<uint8_t>(valid);
  copy.from[k] = from[lane];
  if (w.shadow != nullptr)
    visit_cells(*w.shadow, copy, lane,
                [&](uint32_t cell) { w.shadow->writes[cell] = RaceShadow::kInFlight; });
  if (valid == 0) return;
  if (buffer == nullptr) {
    buffer = find_buffer(w, from[lane], copy.op->size);
    note_global(w, copy.op, *buffer, from, 1u << lane, valid, true);
  }
  copy.source[k] = buffer->host(from[lane]);
  std::memcpy(copy.issued[k].data(), copy.source[k], valid);
}

[[gnu::always_inline]] inline void land_lane(Warp& w, const AsyncCopy& copy, int lane) {
  const auto k = static_cast<std::size_t>(lane);
  const std::size_t bytes = copy.op->size, valid = copy.valid[k];
  std::byte* target = w.shared + copy.to[k];
  if (valid != 0 && std::memcmp(copy.source[k], copy.issued[k].data(), valid) != 0) {
    report(w, copy.op, lane, Finding::Kind::kAsyncOverwrite,
           fmt::format("the source of this copy, {}, was written before the copy was waited for",
                       w.block->memory->describe(copy.from[k], valid)));
  }
  if (valid != 0) std::memcpy(target, copy.source[k], valid);
  std::memset(target + valid, 0, bytes - valid);
  if (w.shadow == nullptr) return;
  RaceShadow& shadow = *w.shadow;
  const uint64_t tag = shadow.now[static_cast<std::size_t>(w.index)] |
                       ShadowTag::kUnknownOp << ShadowTag::kOpShift |
                       static_cast<uint64_t>(w.index) << ShadowTag::kWarpShift | static_cast<uint64_t>(lane);
  visit_cells(shadow, copy, lane, [&](uint32_t cell) { shadow.writes[cell] = tag; });
}

// Checks and counts the writes; false: a fault.
bool enter_shared(Warp& w, const Op* op, const uint64_t* to) {
  AccessSite& site = w.sites[op->site];
  if (!same_pattern(site, to, w.mask)) learn_shared(site, to, w.mask, op->size);
  const uint64_t first = to[__builtin_ctz(w.mask)], low = first + static_cast<uint64_t>(site.low),
                 span = static_cast<uint64_t>(site.high - site.low);
  const bool inside =
      site.aligned && first % op->size == 0 && low <= w.shared_bytes && span <= w.shared_bytes - low;
  if (!inside && access_fault(w, op, to, w.mask, op->size, false, MemorySpace::kShared)) return false;
  site.count();
  if (w.shadow != nullptr) check_shared(w, op, to, w.mask, op->size, SharedUse::kWrite);
  return true;
}

// Checks and counts the reads; false: a fault. `buffer`: the one that holds all of them, or null.
bool enter_global(Warp& w, const Op* op, const uint64_t* from, uint32_t reading, Buffer*& buffer) {
  AccessSite& site = w.sites[op->site + 1];
  const uint64_t first = from[__builtin_ctz(reading)];
  if (!same_pattern(site, from, reading) || (first - site.base) % kSectorBytes != 0)
    learn_global(site, from, reading, op->size);
  const uint64_t low = first + static_cast<uint64_t>(site.low),
                 span = static_cast<uint64_t>(site.high - site.low);
  if (site.buffer == nullptr || !site.buffer->contains(low, span)) site.buffer = find_buffer(w, low, span);
  buffer = site.buffer;
  const bool inside = buffer != nullptr && site.aligned && first % op->size == 0;
  if (!inside && access_fault(w, op, from, reading, op->size, true, MemorySpace::kGlobal)) return false;
  site.count();
  return true;
}

AsyncCopies& copies_of(Warp& w) {
  if (w.copies == nullptr) w.copies = std::make_shared<AsyncCopies>();
  return *w.copies;
}

}  // namespace

const Op* copy_async(Warp& w, const Op* op) {
  const auto bytes = static_cast<uint32_t>(op->size);
  uint64_t to[kLanes], from[kLanes];
  uint32_t reading = w.mask & (op->s[3] == kNoRow ? kFullMask : ~predicate_bits(w, op->s[3]));
  for (int lane = 0; lane < kLanes; ++lane) {
    to[lane] = lane_address(w, op, lane) - w.shared_begin;
    from[lane] = lane_wide(w, op->s[1], lane) +
                 static_cast<uint64_t>(static_cast<int64_t>(static_cast<int32_t>(op->list)));
    if (op->s[2] != kNoRow && lane_word(w, op->s[2], lane) == 0) reading &= ~(1u << lane);
  }
  Buffer* buffer = nullptr;
  if (!enter_shared(w, op, to) || (reading != 0 && !enter_global(w, op, from, reading, buffer)))
    return nullptr;
  if (op->s[2] != kNoRow) buffer = nullptr;  // lanes may read less
  if (buffer != nullptr) note_global(w, op, *buffer, from, reading, bytes, true);
  AsyncCopy& copy = copies_of(w).under_way.emplace_back();
  copy.op = op;
  copy.mask = w.mask;
  copy.number = w.copies->issued++;
  for (uint32_t left = w.mask; left != 0; left &= left - 1) {
    const int lane = __builtin_ctz(left);
    uint32_t valid = reading >> lane & 1 ? bytes : 0;
    if (valid != 0 && op->s[2] != kNoRow) valid = std::min(valid, lane_word(w, op->s[2], lane));
    copy.to[static_cast<std::size_t>(lane)] = static_cast<uint32_t>(to[lane]);
    issue_lane(w, copy, lane, valid, from, buffer);
  }
  return op + 1;
}

const Op* commit_copies(Warp& w, const Op* op) {
  AsyncCopies& copies = copies_of(w);
  for (uint32_t left = w.mask; left != 0; left &= left - 1)
    ++copies.committed[static_cast<std::size_t>(__builtin_ctz(left))];
  return op + 1;
}

const Op* wait_for_copies(Warp& w, const Op* op) {
  if (w.copies == nullptr) return op + 1;
  AsyncCopies& copies = *w.copies;
  for (AsyncCopy& copy : copies.under_way) {
    for (uint32_t left = copy.mask & w.mask; left != 0; left &= left - 1) {
      const int lane = __builtin_ctz(left);
      const auto k = static_cast<std::size_t>(lane);
      const int64_t done =
          op->immediate < 0 ? int64_t{copies.committed[k]} + 1 : int64_t{copies.committed[k]} - op->immediate;
      if (int64_t{copy.group[k]} > done) continue;
      land_lane(w, copy, lane);
      copy.mask &= ~(1u << lane);
    }
  }
  std::erase_if(copies.under_way, [](const AsyncCopy& copy) { return copy.mask == 0; });
  return op + 1;
}

void land_copies(Warp& w, uint32_t lanes, uint64_t before) {
  if (w.copies == nullptr) return;
  for (AsyncCopy& copy : w.copies->under_way) {
    if (copy.number >= before) continue;
    for (uint32_t left = copy.mask & lanes; left != 0; left &= left - 1)
      land_lane(w, copy, __builtin_ctz(left));
    copy.mask &= ~lanes;
  }
  std::erase_if(w.copies->under_way, [](const AsyncCopy& copy) { return copy.mask == 0; });
}

uint64_t copies_issued(const Warp& w) {
  return w.copies == nullptr ? 0 : w.copies->issued;
}

void forget_copies(Warp& w) {
  if (w.copies == nullptr) return;
  for (const AsyncCopy& copy : w.copies->under_way) {
    for (uint32_t left = w.shadow == nullptr ? 0 : copy.mask; left != 0; left &= left - 1)
      visit_cells(*w.shadow, copy, __builtin_ctz(left), [&](uint32_t cell) { w.shadow->writes[cell] = 0; });
  }
  w.copies->under_way.clear();
  w.copies->committed = {};
  w.copies->bulk.reset();
  w.copies->wgmmas = nullptr;
}

}  // namespace warpwright::sim
