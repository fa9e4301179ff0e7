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

void issue_lane(Warp& w, AsyncCopy& copy, int lane, uint32_t valid, const uint64_t* from) {
  const auto k = static_cast<std::size_t>(lane);
  std::memset(w.shared + copy.to[k], kPoison, copy.op->size);
  copy.group[k] = w.copies->committed[k] + 1;
  copy.valid[k] = static_cast<uint8_t>(valid);
  copy.from[k] = from[lane];
  if (w.shadow != nullptr)
    visit_cells(*w.shadow, copy, lane,
                [&](uint32_t cell) { w.shadow->writes[cell] = RaceShadow::kInFlight; });
  if (valid == 0) return;
  Buffer* buffer = find_buffer(w, from[lane], copy.op->size);
  note_global(w, copy.op, *buffer, from, 1u << lane, valid, true);
  copy.source[k] = buffer->host(from[lane]);
  std::memcpy(copy.issued[k].data(), copy.source[k], valid);
}

void land_lane(Warp& w, const AsyncCopy& copy, int lane) {
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

void count(Warp& w, const uint64_t* to, const uint64_t* from, uint32_t reading, uint32_t bytes) {
  AccessSite pattern;
  w.counters->shared_accesses += 1;
  learn_shared(pattern, to, w.mask, bytes);
  w.counters->shared_wavefronts += pattern.cost;
  if (reading == 0) return;
  learn_global(pattern, from, reading, bytes);
  w.counters->global_loads += 1;
  w.counters->global_sectors_read += pattern.cost;
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
    to[lane] = lane_address(w, op, lane);
    from[lane] = lane_wide(w, op->s[1], lane) +
                 static_cast<uint64_t>(static_cast<int64_t>(static_cast<int32_t>(op->list)));
    if (op->s[2] != kNoRow && lane_word(w, op->s[2], lane) == 0) reading &= ~(1u << lane);
  }
  if (access_fault(w, op, to, w.mask, bytes, false, MemorySpace::kShared)) return nullptr;
  if (reading != 0 && access_fault(w, op, from, reading, bytes, true, MemorySpace::kGlobal)) return nullptr;
  if (w.shadow != nullptr) check_shared(w, op, to, w.mask, bytes, SharedUse::kWrite);
  count(w, to, from, reading, bytes);
  AsyncCopy& copy = copies_of(w).under_way.emplace_back();
  copy.op = op;
  copy.mask = w.mask;
  for (uint32_t left = w.mask; left != 0; left &= left - 1) {
    const int lane = __builtin_ctz(left);
    uint32_t valid = reading >> lane & 1 ? bytes : 0;
    if (valid != 0 && op->s[2] != kNoRow) valid = std::min(valid, lane_word(w, op->s[2], lane));
    copy.to[static_cast<std::size_t>(lane)] = static_cast<uint32_t>(to[lane]);
    issue_lane(w, copy, lane, valid, from);
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

void forget_copies(Warp& w) {
  if (w.copies == nullptr) return;
  for (const AsyncCopy& copy : w.copies->under_way) {
    for (uint32_t left = w.shadow == nullptr ? 0 : copy.mask; left != 0; left &= left - 1)
      visit_cells(*w.shadow, copy, __builtin_ctz(left), [&](uint32_t cell) { w.shadow->writes[cell] = 0; });
  }
  w.copies->under_way.clear();
  w.copies->committed = {};
}

}  // namespace warpwright::sim
