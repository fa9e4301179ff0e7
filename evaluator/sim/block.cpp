#include "evaluator/sim/block.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "evaluator/sim/barrier.h"
#include "evaluator/sim/cluster.h"
#include "evaluator/sim/cluster_order.h"
#include "evaluator/sim/global_races.h"
#include "evaluator/sim/mbarrier.h"
#include "evaluator/sim/ops/async_copy.h"
#include "evaluator/sim/ops/row_access.h"
#include "evaluator/sim/program_impl.h"
#include "evaluator/sim/race_shadow.h"
#include "evaluator/sim/register_pool.h"
#include "evaluator/sim/special_registers.h"
#include "evaluator/sim/spin_watch.h"
#include "evaluator/sim/warp_control.h"

namespace warpwright::sim {
namespace {

constexpr std::size_t kAlignment = 256;
constexpr int kRoundsPerTurn = 64, kPollingRounds = 2;

std::unique_ptr<std::byte[], AlignedDelete> allocate(std::size_t bytes) {
  const std::size_t size = (bytes + kAlignment) / kAlignment * kAlignment;
  auto* storage = static_cast<std::byte*>(::operator new[](size, std::align_val_t{kAlignment}));
  std::memset(storage, 0, size);
  return std::unique_ptr<std::byte[], AlignedDelete>(storage);
}

void fill_row(Warp& w, const ConstantRow& row, uint64_t value) {
  for (int lane = 0; lane < kLanes; ++lane) {
    const std::size_t stride = row.wide ? 8 : 4;
    std::memcpy(w.rows + row.row + static_cast<std::size_t>(lane) * stride, &value, stride);
  }
}

uint64_t parameter_value(const Launch& launch, const ConstantRow& row) {
  uint64_t value = 0;
  std::memcpy(&value, launch.parameters.data() + row.value, static_cast<std::size_t>(row.size));
  if (row.is_signed && row.size < 8) {
    const int shift = 64 - 8 * row.size;
    value = static_cast<uint64_t>(static_cast<int64_t>(value << shift) >> shift);
  }
  return value;
}

std::size_t register_file_bytes(const Kernel& kernel) {
  return (kernel.register_bytes + kAlignment - 1) / kAlignment * kAlignment;
}
uint64_t warp_count(const Launch& launch) {
  return (launch.block.count() + kLanes - 1) / kLanes;
}

}  // namespace

Block::Block() = default;
Block::~Block() = default;

uint64_t Block::number() const {
  const Dim3& grid = launch->launch->grid;
  return index[0] + grid.x * (index[1] + uint64_t{grid.y} * index[2]);
}

uint32_t shared_bytes_of(const Kernel& kernel, const Launch& launch) {
  return launch.dynamic_shared_bytes == 0 ? kernel.static_shared_bytes
                                          : kernel.dynamic_shared_offset + launch.dynamic_shared_bytes;
}

uint64_t BlockRunner::storage_bytes(const Kernel& kernel, const Launch& launch, bool detect_races) {
  const uint64_t warp =
      register_file_bytes(kernel) + 2 * uint64_t{kernel.local_bytes} * kLanes + sizeof(Warp);
  const uint64_t shared = shared_bytes_of(kernel, launch);
  const uint64_t cells = detect_races ? shared / kernel.shared_granule + 64 : 0;
  return warp * warp_count(launch) + shared + cells * RaceShadow::kBytesPerCell + sizeof(BlockRunner);
}

BlockRunner::BlockRunner(LaunchState& launch, Memory::Impl& memory, const ModuleImage& image,
                         uint64_t parameter_address, Cluster& cluster, uint32_t rank)
    : launch_(launch) {
  const Kernel& kernel = *launch.kernel;
  const auto warps = static_cast<std::size_t>(warp_count(*launch.launch));
  const uint32_t shared_bytes = shared_bytes_of(kernel, *launch.launch);
  const std::size_t file_bytes = register_file_bytes(kernel);
  registers_ = allocate(file_bytes * warps);
  shared_ = allocate(shared_bytes);
  local_.resize(std::size_t{kernel.local_bytes} * kLanes * warps);
  if (launch.options->detect_races) local_written_.resize(local_.size());
  const auto inherit = [](const std::vector<std::byte>& residue, std::byte* storage, std::size_t bytes) {
    std::copy_n(residue.begin(), std::min(residue.size(), bytes), storage);
  };
  inherit(memory.shared_residue, shared_.get(), shared_bytes);
  inherit(memory.local_residue, local_.data(), local_.size());
  for (const ConstantRow& row : kernel.constants) {
    if (row.kind == ConstantRow::Kind::kSpecial && is_per_block(row.name)) per_block_.push_back(&row);
  }
  block_.kernel = &kernel;
  block_.memory = &memory;
  block_.launch = &launch;
  block_.cluster = &cluster;
  block_.rank = rank;
  const bool in_cluster = cluster_size(kernel, *launch.launch).count() > 1;
  if (launch.options->detect_races) {
    block_.races = std::make_unique<BlockRaces>();
    block_.shadow = std::make_unique<RaceShadow>(shared_bytes, kernel.shared_granule, kernel.has_fences);
    block_.shadow->tracks_proxies = kernel.has_async_proxy;
    if (in_cluster) track_cluster();
  }
  block_.warps = std::vector<Warp>(warps);
  for (std::size_t k = 0; k < warps; ++k) {
    Warp& w = block_.warps[k];
    w.rows = registers_.get() + k * file_bytes;
    w.local = local_.data() + k * kernel.local_bytes * kLanes;
    if (!local_written_.empty()) w.local_written = local_written_.data() + (w.local - local_.data());
    w.index = static_cast<int>(k);
    w.code = kernel.code.data();
    w.block = &block_;
    w.kernel = &kernel;
    w.stretch_runs = launch.stretch_runs.data();
    w.budget = &launch.budget;
    w.sites = launch.sites.data();
    w.counters = &launch.counters;
    w.lists = kernel.lists.data();
    w.shared = shared_.get();
    w.shared_bytes = shared_bytes;
    w.shared_begin = rank << kRankShift;
    w.in_cluster = in_cluster;
    w.shadow = block_.shadow.get();
    w.races = launch.races.get();
    fill_constants(w, image, parameter_address);
  }
}

void BlockRunner::track_cluster() {
  RaceShadow& shadow = *block_.shadow;
  shadow.cluster = std::make_unique<ClusterOrder>(
      block_.rank, static_cast<uint32_t>(cluster_size(*block_.kernel, *launch_.launch).count()));
  shadow.cluster->flags = &block_.cluster->flags;
  shadow.tracks_releases |= block_.kernel->has_cluster_fences;
}

// Shared and local memory begin with what the launch before left there, as on a GPU.
BlockRunner::~BlockRunner() {
  Memory::Impl& memory = *block_.memory;
  const std::size_t bytes = shared_bytes_of(*launch_.kernel, *launch_.launch);
  if (bytes > 0) memory.shared_residue.assign(shared_.get(), shared_.get() + bytes);
  if (!local_.empty()) memory.local_residue = std::move(local_);
}

void BlockRunner::fill_constants(Warp& w, const ModuleImage& image, uint64_t parameter_address) {
  for (const ConstantRow& row : launch_.kernel->constants) {
    switch (row.kind) {
      case ConstantRow::Kind::kLiteral:
        fill_row(w, row, row.value);
        break;
      case ConstantRow::Kind::kParameter:
        fill_row(w, row, parameter_value(*launch_.launch, row));
        break;
      case ConstantRow::Kind::kSymbol: {
        const auto found = image.addresses.find(row.name);
        const uint64_t base = found != image.addresses.end() ? found->second : parameter_address;
        fill_row(w, row, base + row.value);
        break;
      }
      case ConstantRow::Kind::kShared:
        fill_row(w, row, w.shared_begin + row.value);
        break;
      case ConstantRow::Kind::kSpecial:
        if (!is_per_block(row.name)) fill_special(w, row);
        break;
    }
  }
}

void BlockRunner::start_warp(Warp& w) {
  const uint64_t threads = launch_.launch->block.count();
  const uint64_t first = static_cast<uint64_t>(w.index) * kLanes;
  const uint64_t count = std::min<uint64_t>(kLanes, threads - first);
  w.live = count == kLanes ? kFullMask : (1u << count) - 1;
  w.set_mask(w.live);
  w.state = WarpState::kReady;
  w.pc = w.code;
  w.group_count = w.fair_leaders = 0;
  w.forced_sync = w.wait_expired = false;
  w.spin = {};
  forget_copies(w);
  const Kernel& kernel = *launch_.kernel;
  for (const uint32_t row : kernel.return_rows) std::memset(w.rows + row, 0, kRow32);
  if (kernel.stack_row != kNoRow) {
    for (int lane = 0; lane < kLanes; ++lane) set_lane(w, kernel.stack_row, lane, kernel.stack_begin, 4);
  }
  w.cycles = w.pending = w.mbarrier_cycles = 0;
  for (const ConstantRow* row : per_block_) fill_special(w, *row);
}

void BlockRunner::run_warp(Warp& w) {
  begin_turn(w);
  const Op* op = w.pc != nullptr ? w.pc : next_group(w);
  w.pc = nullptr;
  w.state = WarpState::kReady;
  best_level().handlers.run_warp(w, op);
  if (w.state == WarpState::kYielded) end_turn(w);
}

void BlockRunner::start(const std::array<uint32_t, 3>& index) {
  block_.index = index;
  start_barriers(block_);
  block_.ended = false;
  block_.mbarriers.reset();
  block_.registers.reset();
  start_cluster_barrier(block_);
  if (block_.shadow) block_.shadow->start_block(static_cast<int>(block_.warps.size()));
  if (block_.races) block_.races->start(block_.warps.size());
  std::fill(local_written_.begin(), local_written_.end(), 0);
  for (Warp& w : block_.warps) start_warp(w);
}

// Every warp that can go on gets a turn.
BlockRunner::Round BlockRunner::run_round() {
  Round round;
  round.polled = true;
  const std::size_t count = block_.warps.size();
  for (std::size_t k = 0; k < count; ++k) {
    Warp& w = block_.warps[launch_.options->reverse_order ? count - 1 - k : k];
    if (w.state == WarpState::kYielded && w.spin.spinning && only_waits(w, memory_changes(launch_))) {
      ++round.waiting;
    } else if (w.state == WarpState::kReady || w.state == WarpState::kYielded) {
      run_warp(w);
      if (launch_.faulted) return round;
      round.moved = true;
      round.polled &= w.state == WarpState::kYielded && w.polls > 0;
    }
    if (w.state == WarpState::kDone) ++round.done;
  }
  round.moved |= open_barriers(block_);
  if (block_.mbarriers != nullptr) round.moved |= land_awaited(block_);
  if (block_.registers != nullptr) round.moved |= grant_registers(block_);
  if (block_.cluster->meets) round.moved |= open_cluster_barrier(*block_.cluster);
  return round;
}

BlockRunner::Turn BlockRunner::turn() {
  int polling = 0;
  for (int k = 0; k < kRoundsPerTurn; ++k) {
    const Round round = run_round();
    if (launch_.faulted) return Turn::kFaulted;
    if (round.done == block_.warps.size()) return Turn::kDone;
    if (!round.moved) return round.waiting > 0 || waits_for_others(block_) ? Turn::kWaiting : Turn::kStuck;
    polling = round.polled ? polling + 1 : 0;
    if (polling == kPollingRounds) return Turn::kPolling;
  }
  return Turn::kMoving;
}

bool BlockRunner::has_polled(uint32_t polls) const {
  for (const Warp& w : block_.warps) {
    if (w.state == WarpState::kYielded && !w.spin.spinning && w.spin.idle_polls < polls) return false;
  }
  return true;
}

void BlockRunner::count_into(Counters& c) const {
  double end = 0, waited = 0;  // of the warp that ends last
  for (const Warp& w : block_.warps) {
    const double warp_end = std::max(w.cycles, w.pending);
    if (warp_end >= end) waited = warp_end > end ? w.mbarrier_cycles : std::max(waited, w.mbarrier_cycles);
    end = std::max(end, warp_end);
    c.mbarrier_wait_cycles += w.mbarrier_cycles;
    c.longest_mbarrier_wait_cycles = std::max(c.longest_mbarrier_wait_cycles, w.mbarrier_cycles);
  }
  c.blocks += 1;
  c.warps += block_.warps.size();
  c.total_block_cycles += end;
  if (end == c.critical_path_cycles)
    c.critical_mbarrier_cycles = std::max(c.critical_mbarrier_cycles, waited);
  if (end > c.critical_path_cycles) c.critical_mbarrier_cycles = waited;
  c.critical_path_cycles = std::max(c.critical_path_cycles, end);
}

}  // namespace warpwright::sim
