#include "evaluator/sim/register_pool.h"

#include <fmt/format.h>

#include <algorithm>

#include "evaluator/sim/ops/matrix.h"
#include "evaluator/sim/warp_control.h"

namespace warpwright::sim {
namespace {

constexpr uint32_t kPartitions = 4, kRegistersPerPartition = 16384, kUnit = 8, kMostRegisters = 256;

RegisterPool& pool_of(Block& block) {
  if (block.registers == nullptr) {
    block.registers = std::make_unique<RegisterPool>();
    block.registers->owned.fill(block.kernel->launch_registers);
  }
  return *block.registers;
}

uint32_t missing(const RegisterPool& pool, const Warp& w, const Op* op) {
  const auto wanted = static_cast<uint32_t>(op->immediate);
  const uint32_t owned = pool.owned[static_cast<std::size_t>(w.index)];
  return wanted > owned ? wanted - owned : 0;
}

}  // namespace

uint32_t launch_registers(const ptx::Function& function) {
  uint32_t most = 0;
  for (const ptx::Instruction& instruction : function.code) {
    if (instruction.base() == "setmaxnreg" && !instruction.operands.empty())
      most = std::max(most, static_cast<uint32_t>(instruction.operands[0].bits));
  }
  const auto threads_of = [](const int(&counts)[3]) {
    return static_cast<uint64_t>(counts[0]) * static_cast<uint64_t>(counts[1]) *
           static_cast<uint64_t>(counts[2]);
  };
  const uint64_t threads =
      function.max_threads[0] > 0 ? threads_of(function.max_threads) : threads_of(function.required_threads);
  uint64_t limit = static_cast<uint64_t>(function.max_registers);
  if (function.min_blocks_per_sm > 0 && threads > 0) {
    const uint64_t warps =
        (threads + kLanes - 1) / kLanes * static_cast<uint64_t>(function.min_blocks_per_sm);
    const uint64_t fitting =
        kRegistersPerPartition / (kLanes * ((warps + kPartitions - 1) / kPartitions)) / kUnit * kUnit;
    limit = limit == 0 ? fitting : std::min(limit, fitting);
  }
  return limit == 0 ? 0 : std::min(most, static_cast<uint32_t>(std::min<uint64_t>(limit, kMostRegisters)));
}

const Op* set_registers(Warp& w, const Op* op) {
  const Op* next = nullptr;
  if (w.mask != kFullMask && !whole_warp(w, op, &next)) return next;
  if (w.kernel->launch_registers == 0) return op + 1;
  RegisterPool& pool = pool_of(*w.block);
  uint32_t& owned = pool.owned[static_cast<std::size_t>(w.index)];
  const auto wanted = static_cast<uint32_t>(op->immediate);
  if ((op->flags & kIncrease) == 0) {
    if (wanted < owned) pool.free += owned - wanted;
    owned = std::min(owned, wanted);
    ++w.block->launch->changes;
    return op + 1;
  }
  const uint32_t more = missing(pool, w, op);
  if (more <= pool.free) {
    pool.free -= more;
    owned += more;
    ++w.block->launch->changes;
    return op + 1;
  }
  w.groups[static_cast<std::size_t>(w.group_count++)] = {w.code + op->target, w.mask,
                                                         Group::State::kAtBarrier, kAtRegisters, op};
  return next_group(w);
}

bool grant_registers(Block& block) {
  const RegisterPool& pool = *block.registers;
  bool any = false;
  for (Warp& w : block.warps)
    any |= wake_groups(w, [&](const Group& g) {
      return g.barrier == kAtRegisters && missing(pool, w, g.waiting) <= pool.free;
    });
  return any;
}

std::string describe_register_wait(const Block& block) {
  const uint32_t free = block.registers == nullptr ? 0 : block.registers->free;
  return fmt::format(
      "waits for registers that the block does not have: it began with {} a thread in {} warps, and {} "
      "threads' worth of one register are free; let setmaxnreg.dec leave as many as setmaxnreg.inc takes",
      block.kernel->launch_registers, block.warps.size(), free * kLanes);
}

}  // namespace warpwright::sim
