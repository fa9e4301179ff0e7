#include "evaluator/sim/block.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "evaluator/sim/barrier.h"
#include "evaluator/sim/program_impl.h"
#include "evaluator/sim/race_shadow.h"
#include "evaluator/sim/special_registers.h"
#include "evaluator/sim/warp_control.h"

namespace warpwright::sim {
namespace {

constexpr std::size_t kAlignment = 256;

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

}  // namespace

BlockRunner::BlockRunner(LaunchState& launch, Memory::Impl& memory, const ModuleImage& image,
                         uint64_t parameter_address)
    : launch_(launch) {
  const Kernel& kernel = *launch.kernel;
  const auto warps = static_cast<std::size_t>((launch.launch->block.count() + kLanes - 1) / kLanes);
  const uint32_t shared_bytes = launch.launch->dynamic_shared_bytes == 0
                                    ? kernel.static_shared_bytes
                                    : kernel.dynamic_shared_offset + launch.launch->dynamic_shared_bytes;
  const std::size_t file_bytes = (kernel.register_bytes + kAlignment - 1) / kAlignment * kAlignment;
  registers_ = allocate(file_bytes * warps);
  shared_ = allocate(shared_bytes);
  local_.resize(std::size_t{kernel.local_bytes} * kLanes * warps);
  block_.kernel = &kernel;
  block_.memory = &memory;
  block_.launch = &launch;
  if (launch.options->detect_races && shared_bytes > 0) {
    block_.shadow = std::make_unique<RaceShadow>(shared_bytes, kernel.shared_granule, kernel.has_fences);
  }
  block_.warps = std::vector<Warp>(warps);
  for (std::size_t k = 0; k < warps; ++k) {
    Warp& w = block_.warps[k];
    w.rows = registers_.get() + k * file_bytes;
    w.local = local_.data() + k * kernel.local_bytes * kLanes;
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
    w.shadow = block_.shadow.get();
    fill_constants(w, image, parameter_address);
  }
}

BlockRunner::~BlockRunner() = default;

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
  w.forced_sync = false;
  w.slice = kSliceLeaders;
  w.cycles = w.pending = 0;
  for (const ConstantRow& row : launch_.kernel->constants) {
    if (row.kind == ConstantRow::Kind::kSpecial && is_per_block(row.name)) fill_special(w, row);
  }
}

void BlockRunner::run_warp(Warp& w) {
  const Op* op = w.pc != nullptr ? w.pc : next_group(w);
  w.pc = nullptr;
  w.state = WarpState::kReady;
  best_level().handlers.run_warp(w, op);
}

bool BlockRunner::run(uint64_t block_number) {
  const Dim3& grid = launch_.launch->grid;
  block_.index = {static_cast<uint32_t>(block_number % grid.x),
                  static_cast<uint32_t>(block_number / grid.x % grid.y),
                  static_cast<uint32_t>(block_number / grid.x / grid.y)};
  block_.barriers = {};
  if (block_.shadow) block_.shadow->start_block(static_cast<int>(block_.warps.size()));
  for (Warp& w : block_.warps) start_warp(w);
  const std::size_t count = block_.warps.size();
  for (std::size_t done = 0; done < count;) {
    bool progress = false;
    done = 0;
    for (std::size_t k = 0; k < count; ++k) {
      Warp& w = block_.warps[launch_.options->reverse_order ? count - 1 - k : k];
      if (w.state == WarpState::kReady || w.state == WarpState::kYielded) {
        run_warp(w);
        if (launch_.faulted) return false;
        progress = true;
      }
      if (w.state == WarpState::kDone) ++done;
    }
    progress |= open_barriers(block_);
    if (!progress && done < count) {
      report_deadlock(block_);
      return false;
    }
  }
  return true;
}

double BlockRunner::cycles() const {
  double most = 0;
  for (const Warp& w : block_.warps) most = std::max({most, w.cycles, w.pending});
  return most;
}

}  // namespace warpwright::sim
