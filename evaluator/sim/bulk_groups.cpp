// Copies into global memory, from their issue to the wait for their group.
#include <algorithm>
#include <cstring>

#include "evaluator/sim/bulk_moves.h"
#include "evaluator/sim/faults.h"
#include "evaluator/sim/ops/async_copy.h"

namespace warpwright::sim {
namespace {

constexpr double kLatencyCycles = 600, kReadCycles = 100, kBytesPerCycle = 24;  // of one SM

BulkGroups& groups_of(Warp& w) {
  if (w.copies == nullptr) w.copies = std::make_shared<AsyncCopies>();
  if (w.copies->bulk == nullptr) w.copies->bulk = std::make_shared<BulkGroups>();
  return *w.copies->bulk;
}
BulkGroups* find_groups(Warp& w) {
  return w.copies == nullptr ? nullptr : w.copies->bulk.get();
}

// The source as it is now is what the copy read, at the latest.
void read_source(Warp& w, BulkStore& store) {
  if (store.is_read) return;
  store.is_read = true;
  if (std::memcmp(store.issued.data(), store.from.host(), store.issued.size()) == 0) return;
  report_overwritten_source(w, store.op, store.lane, store.from);
  std::memcpy(store.issued.data(), store.from.host(), store.issued.size());
}

void arrive(Warp& w, BulkStore& store) {
  read_source(w, store);
  move_out_of_box(w, store.op, store.lane, store.plan, store.from, store.issued.data());
}

}  // namespace

CopyTimes take_engine(Warp& w, uint32_t bytes) {
  double& free = groups_of(w).engine_free;
  free = std::max(free, w.cycles) + bytes / kBytesPerCycle;
  return {free + kReadCycles, free + kLatencyCycles};
}

void add_bulk_store(Warp& w, BulkStore store) {
  BulkGroups& groups = groups_of(w);
  store.group = groups.committed[static_cast<std::size_t>(store.lane)] + 1;
  groups.under_way.push_back(std::move(store));
}

const Op* commit_bulk(Warp& w, const Op* op) {
  BulkGroups& groups = groups_of(w);
  for (uint32_t left = w.mask; left != 0; left &= left - 1)
    ++groups.committed[static_cast<std::size_t>(__builtin_ctz(left))];
  return op + 1;
}

const Op* wait_for_bulk(Warp& w, const Op* op) {
  BulkGroups* groups = find_groups(w);
  if (groups == nullptr) return op + 1;
  const bool only_sources = (op->flags & kOnlySources) != 0;
  for (BulkStore& store : groups->under_way) {
    const int64_t done = int64_t{groups->committed[static_cast<std::size_t>(store.lane)]} - op->immediate;
    if ((w.mask >> store.lane & 1) == 0 || int64_t{store.group} > done) continue;
    w.cycles = std::max(w.cycles, only_sources ? store.read_cycles : store.done_cycles);
    if (only_sources) {
      read_source(w, store);
    } else {
      arrive(w, store);
      store.op = nullptr;
    }
  }
  std::erase_if(groups->under_way, [](const BulkStore& store) { return store.op == nullptr; });
  return op + 1;
}

void end_bulk(Warp& w) {
  BulkGroups* groups = find_groups(w);
  if (groups == nullptr) return;
  for (BulkStore& store : groups->under_way) {
    if (!store.is_read) {
      report(w, store.op, store.lane, Finding::Kind::kAsyncOverwrite,
             "the block ends while this copy may still read its shared memory: commit_group and "
             "wait_group.read 0 come first");
      store.is_read = true;
    }
    arrive(w, store);
  }
  w.copies->bulk.reset();
}

}  // namespace warpwright::sim
