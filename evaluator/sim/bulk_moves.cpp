#include "evaluator/sim/bulk_moves.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "evaluator/sim/access_pattern.h"
#include "evaluator/sim/faults.h"
#include "evaluator/sim/global_races.h"
#include "evaluator/sim/shared_proxy.h"

namespace warpwright::sim {
namespace {

// Calls visit(offset in the region, offset in the run, bytes) for pieces that lie together in shared memory.
template <class Visitor>
void visit_pieces(const CopyPlan& plan, const CopyRun& run, uint32_t place_offset, Visitor visit) {
  if (plan.swizzle == TensorSwizzle::kNone) return visit(run.box_offset, 0u, run.bytes);
  const uint32_t chunk = swizzle_chunk(plan.swizzle);
  for (uint32_t done = 0; done < run.bytes;) {
    const uint32_t at = place_offset + run.box_offset + done;
    const uint32_t bytes = std::min(run.bytes - done, chunk - at % chunk);
    visit(swizzled(plan.swizzle, at) - place_offset, done, bytes);
    done += bytes;
  }
}

// The usual swizzles, whole chunks only.
constexpr uint32_t kChunk = 16;
void move_chunks(TensorSwizzle swizzle, const CopyRun& run, std::byte* box, uint32_t place_offset) {
  const uint32_t mask = swizzle_span(swizzle) - kChunk;
  const uint32_t first = place_offset + run.box_offset;
  for (uint32_t done = 0; done < run.bytes; done += kChunk) {
    const uint32_t at = first + done;
    std::memcpy(box + ((at ^ (at >> 3 & mask)) - place_offset), run.host + done, kChunk);
  }
}

void watch(Warp& w, const Op* op, int lane, Buffer& buffer, uint64_t address, uint32_t bytes, GlobalUse use) {
  if (w.races == nullptr || buffer.access == Access::kReadOnly) return;
  uint64_t addresses[kLanes] = {};
  const uint32_t step = (address | bytes) % 4 == 0 ? bytes : (address | bytes) % 2 == 0 ? 2 : 1;
  for (uint32_t at = 0; at < bytes; at += step) {
    addresses[lane] = address + at;
    w.races->access(w, op, buffer, addresses, 1u << lane, step, use);
  }
}

void fill_region(std::byte* to, uint32_t bytes, uint64_t pattern) {
  if (pattern == 0) {
    std::memset(to, 0, bytes);
    return;
  }
  for (uint32_t at = 0; at < bytes; at += 8)
    std::memcpy(to + at, &pattern, std::min<uint32_t>(8, bytes - at));
}

}  // namespace

void note_global_runs(Warp& w, const Op* op, int lane, const CopyPlan& plan, bool is_load) {
  AccessSite& site = w.sites[op->site];
  site.accesses += 1;
  site.total_ideal_cost += (plan.moved + kSectorBytes - 1) / kSectorBytes;
  uint64_t addresses[kLanes] = {};
  Buffer* buffer = nullptr;
  for (const CopyRun& run : plan.runs) {
    if (buffer == nullptr || !buffer->contains(run.address, run.bytes))
      buffer = find_buffer(w, run.address, run.bytes);
    site.total_cost += (run.address + run.bytes - 1) / kSectorBytes - run.address / kSectorBytes + 1;
    buffer->touch(is_load ? buffer->sectors_read : buffer->sectors_written, run.address, run.bytes);
    const bool reads = is_load || plan.reduction.has_value();
    if (reads && !buffer->is_written(run.address, run.bytes)) {
      addresses[lane] = run.address;
      report_uninitialised(w, op, addresses, 1u << lane, run.bytes);
    }
    if (is_load) watch(w, op, lane, *buffer, run.address, run.bytes, GlobalUse::kRead);
  }
}

void check_box_read(Warp& w, const Op* op, int lane, const CopyPlan& plan, const SharedPlace& from) {
  const uint32_t span = swizzle_span(plan.swizzle);
  for (const CopyRun& run : plan.runs) {
    // Whole spans are only permuted.
    const bool is_whole = span != 0 && (from.offset + run.box_offset) % span == 0 && run.bytes % span == 0;
    if (is_whole) {
      check_proxy_read(w, op, lane, {from.block, from.offset + run.box_offset}, run.bytes);
      continue;
    }
    visit_pieces(plan, run, from.offset, [&](uint32_t offset, uint32_t, uint32_t bytes) {
      check_proxy_read(w, op, lane, {from.block, from.offset + offset}, bytes);
    });
  }
}

void move_into_box(const CopyPlan& plan, const SharedPlace& to) {
  std::byte* box = to.host();
  if (plan.moved < plan.region) fill_region(box, plan.region, plan.fill);
  const bool has_small_chunks = swizzle_span(plan.swizzle) != 0 && swizzle_chunk(plan.swizzle) == kChunk;
  for (const CopyRun& run : plan.runs) {
    if (has_small_chunks && (to.offset + run.box_offset) % kChunk == 0 && run.bytes % kChunk == 0) {
      move_chunks(plan.swizzle, run, box, to.offset);
      continue;
    }
    visit_pieces(plan, run, to.offset, [&](uint32_t offset, uint32_t done, uint32_t bytes) {
      std::memcpy(box + offset, run.host + done, bytes);
    });
  }
}

void move_out_of_box(Warp& w, const Op* op, int lane, const CopyPlan& plan, const SharedPlace& from,
                     const std::byte* region) {
  Buffer* buffer = nullptr;
  for (const CopyRun& run : plan.runs) {
    if (buffer == nullptr || !buffer->contains(run.address, run.bytes))
      buffer = find_buffer(w, run.address, run.bytes);
    watch(w, op, lane, *buffer, run.address, run.bytes,
          plan.reduction ? GlobalUse::kAtomic : GlobalUse::kWrite);
    buffer->mark_written(run.address, run.bytes);
    visit_pieces(plan, run, from.offset, [&](uint32_t offset, uint32_t done, uint32_t bytes) {
      if (plan.reduction) {
        reduce_bytes(*plan.reduction, run.host + done, region + offset, bytes, true);
      } else {
        std::memcpy(run.host + done, region + offset, bytes);
      }
    });
  }
  ++w.block->launch->changes;
}

void reduce_bytes(const AtomicKind& kind, std::byte* to, const std::byte* from, uint32_t bytes,
                  bool is_global) {
  const auto width = static_cast<std::size_t>(kind.bytes);
  for (std::size_t at = 0; at + width <= bytes; at += width) {
    uint64_t old = 0, value = 0;
    std::memcpy(&old, to + at, width);
    std::memcpy(&value, from + at, width);
    const uint64_t result = atomic_result(kind, old, value, is_global);
    std::memcpy(to + at, &result, width);
  }
}

void report_overwritten_source(Warp& w, const Op* op, int lane, const SharedPlace& from) {
  report(
      w, op, lane, Finding::Kind::kAsyncOverwrite,
      fmt::format("the source of this copy, {}, was written before the copy had read it: wait for it first "
                  "(commit_group and wait_group.read, or its mbarrier)",
                  describe_shared(*w.block, from)));
}

}  // namespace warpwright::sim
