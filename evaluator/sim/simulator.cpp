#include "evaluator/sim/simulator.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "evaluator/sim/cluster.h"
#include "evaluator/sim/global_races.h"
#include "evaluator/sim/memory_impl.h"
#include "evaluator/sim/program_impl.h"
#include "evaluator/sim/scheduler.h"

namespace warpwright::sim {

LaunchState::LaunchState() = default;
LaunchState::~LaunchState() = default;

namespace {

constexpr uint64_t kThreadsPerBlock = 1024;
constexpr uint64_t kSharedPerBlock = 227 * 1024;  // with the opt-in, sm_90 and sm_100
constexpr uint64_t kLocalPerThread = 512 * 1024;
constexpr uint64_t kGridX = 0x7fffffff, kGridYz = 65535;

// Why the launch cannot be made, as cuLaunchKernel would refuse it; empty if it can.
std::string refuse(const Launch& launch, const Kernel& kernel, const Options& options) {
  const Dim3 &block = launch.block, &grid = launch.grid;
  if (block.count() == 0 || grid.count() == 0) return "the grid or the block is empty";
  if (block.count() > kThreadsPerBlock || block.x > kThreadsPerBlock || block.y > kThreadsPerBlock ||
      block.z > 64) {
    return fmt::format("a block of ({}, {}, {}) threads: the limit is {} in all, 64 in z", block.x, block.y,
                       block.z, kThreadsPerBlock);
  }
  if (grid.x > kGridX || grid.y > kGridYz || grid.z > kGridYz) {
    return fmt::format("a grid of ({}, {}, {}) blocks: y and z are limited to {}", grid.x, grid.y, grid.z,
                       kGridYz);
  }
  const Dim3& required = kernel.info.required_block;
  if (required.x != 0 && (required.x != block.x || required.y != block.y || required.z != block.z)) {
    return fmt::format("a block of ({}, {}, {}) threads, but the kernel requires ({}, {}, {})", block.x,
                       block.y, block.z, required.x, required.y, required.z);
  }
  if (kernel.info.max_block.x != 0 && block.count() > kernel.info.max_block.count()) {
    return fmt::format("a block of {} threads, but the kernel's __launch_bounds__ allow {}", block.count(),
                       kernel.info.max_block.count());
  }
  const uint64_t shared = uint64_t{kernel.dynamic_shared_offset} + launch.dynamic_shared_bytes;
  if (shared > kSharedPerBlock) {
    return fmt::format("{} bytes of shared memory ({} static): the limit is {}", shared,
                       kernel.static_shared_bytes, kSharedPerBlock);
  }
  if (kernel.local_bytes > kLocalPerThread) {
    return fmt::format("{} bytes of local memory per thread: the limit is {}", kernel.local_bytes,
                       kLocalPerThread);
  }
  if (launch.parameters.size() != kernel.info.parameter_bytes) {
    return fmt::format("{} bytes of parameters, but the kernel has {}", launch.parameters.size(),
                       kernel.info.parameter_bytes);
  }
  if (const std::string why = refuse_cluster(kernel, launch); !why.empty()) return why;
  return refuse_residents(kernel, launch, options.detect_races);
}

LaunchReport refused(const std::string& kernel, const std::string& why) {
  LaunchReport report;
  const Finding::Kind kind = Finding::Kind::kBadLaunch;
  report.findings.push_back({kind, std::string(rule_name(kind)), fmt::format("{}: {}", kernel, why), true});
  return report;
}

// What cooperative_groups::grid_group::sync counts in: the workspace's size and a counter.
uint64_t allocate_grid_barrier(const Launch& launch, const Kernel& kernel, Memory& memory) {
  constexpr uint32_t kBytes = 8;
  const bool is_named = std::any_of(kernel.constants.begin(), kernel.constants.end(), [](const auto& row) {
    return row.kind == ConstantRow::Kind::kSpecial && row.name.starts_with("%envreg");
  });
  if (!launch.cooperative || !is_named) return 0;
  const uint64_t address = memory.allocate("the grid's barrier", kBytes, Access::kReadWrite);
  memory.mark_initialised(address, true);
  std::memcpy(memory.bytes(address).data(), &kBytes, sizeof kBytes);
  return address;
}

bool names_parameters(const Kernel& kernel) {
  for (const ConstantRow& row : kernel.constants) {
    if (row.kind == ConstantRow::Kind::kSymbol && row.name == kParameterSymbol) return true;
  }
  return false;
}

uint64_t count_bits(const std::vector<uint64_t>& bitmap) {
  uint64_t count = 0;
  for (const uint64_t word : bitmap) count += static_cast<uint64_t>(std::popcount(word));
  return count;
}

// What the memory instructions' sites counted.
void add_sites(LaunchState& state) {
  Counters& c = state.counters;
  for (std::size_t k = 0; k < state.sites.size(); ++k) {
    const AccessSite& site = state.sites[k];
    const SiteInfo& info = state.kernel->sites[k];
    if (info.is_shared) {
      c.shared_accesses += site.accesses;
      c.shared_wavefronts += site.total_cost;
    } else {
      (info.is_load ? c.global_loads : c.global_stores) += site.accesses;
      (info.is_load ? c.global_sectors_read : c.global_sectors_written) += site.total_cost;
    }
  }
}

std::vector<InstructionProfile> make_profile(const LaunchState& state) {
  const Kernel& kernel = *state.kernel;
  std::vector<InstructionProfile> profile(kernel.instructions.size());
  for (std::size_t k = 0; k < profile.size(); ++k) {
    const InstructionInfo& info = kernel.instructions[k];
    const StretchRuns& runs = state.stretch_runs[info.stretch];
    InstructionProfile& line = profile[k];
    line.opcode = info.text;
    line.ptx_line = info.ptx_line;
    line.source = info.source;
    line.warp_executions = runs.warps;
    line.lane_executions = runs.lanes;
    line.issue_slots = static_cast<double>(runs.warps) * info.issue_slots;
    line.wait_cycles = static_cast<double>(runs.warps) * info.wait_cycles;
  }
  for (std::size_t k = 0; k < state.sites.size(); ++k) {
    const AccessSite& site = state.sites[k];
    const SiteInfo& info = kernel.sites[k];
    InstructionProfile& line = profile[static_cast<std::size_t>(info.instruction)];
    (info.is_shared ? line.wavefronts : line.sectors) += site.total_cost;
    (info.is_shared ? line.ideal_wavefronts : line.ideal_sectors) += site.total_ideal_cost;
  }
  std::erase_if(profile, [](const InstructionProfile& line) { return line.warp_executions == 0; });
  return profile;
}

void sum_counters(LaunchState& state, const Memory::Impl& memory) {
  add_sites(state);
  Counters& c = state.counters;
  for (std::size_t k = 0; k < state.stretch_runs.size(); ++k) {
    const StretchRuns& runs = state.stretch_runs[k];
    const StretchCost& cost = state.kernel->stretches[k];
    c.warp_instructions += runs.warps * cost.instructions;
    c.lane_instructions += runs.lanes * cost.instructions;
    c.issue_slots += static_cast<double>(runs.warps) * cost.issue_slots;
    for (size_t type = 0; type < cost.tensor_flops.size(); ++type) {
      const double flops = static_cast<double>(runs.warps) * cost.tensor_flops[type];
      c.tensor_flops_by_type[type] += flops;
      c.tensor_pipe_cycles += flops * kF16Equivalents[type] / state.kernel->tensor_flops_per_cycle;
    }
    c.fma += runs.warps * cost.fma;
    c.alu += runs.warps * cost.alu;
    c.wide += runs.warps * cost.wide;
    c.xu += runs.warps * cost.xu;
    c.fp64 += runs.warps * cost.fp64;
    c.tensor += runs.warps * cost.tensor;
    c.lsu += runs.warps * cost.lsu;
    c.shuffles += runs.warps * cost.shuffles;
    c.barriers += runs.warps * cost.barriers;
    c.branches += runs.warps * cost.branches;
  }
  for (const double flops : c.tensor_flops_by_type) c.tensor_flops += flops;
  for (const auto& buffer : memory.buffers) {
    c.unique_sectors_read += count_bits(buffer->sectors_read);
    c.unique_sectors_written += count_bits(buffer->sectors_written);
  }
}

void report_no_grid_wait(LaunchState& state) {
  const Finding::Kind kind = Finding::Kind::kNoGridWait;
  state.findings.push_back(
      {kind, std::string(rule_name(kind)),
       fmt::format("{}: no thread executes griddepcontrol.wait, so that this [[pdl]] launch may end before "
                   "those it depends on: wait in every block, or leave [[pdl]] out",
                   state.kernel->display_name),
       false});
}

}  // namespace

std::string_view rule_name(Finding::Kind kind) {
  switch (kind) {
    case Finding::Kind::kOutOfBoundsRead:
      return "out-of-bounds-read";
    case Finding::Kind::kOutOfBoundsWrite:
      return "out-of-bounds-write";
    case Finding::Kind::kMisaligned:
      return "misaligned-access";
    case Finding::Kind::kWriteToReadOnly:
      return "write-to-input";
    case Finding::Kind::kUninitialisedRead:
      return "uninitialised-read";
    case Finding::Kind::kSharedRace:
      return "shared-race";
    case Finding::Kind::kGlobalRace:
      return "global-race";
    case Finding::Kind::kAsyncRead:
      return "async-copy-read-before-wait";
    case Finding::Kind::kAsyncOverwrite:
      return "async-copy-overwritten";
    case Finding::Kind::kMissingFence:
      return "missing-fence";
    case Finding::Kind::kMbarrierMisuse:
      return "mbarrier-misuse";
    case Finding::Kind::kBadDescriptor:
      return "bad-descriptor";
    case Finding::Kind::kTensorMemory:
      return "tensor-memory";
    case Finding::Kind::kNoGridWait:
      return "pdl-without-wait";
    case Finding::Kind::kDivergentBarrier:
      return "divergent-barrier";
    case Finding::Kind::kDivergentSync:
      return "divergent-sync";
    case Finding::Kind::kDeadlock:
      return "deadlock";
    case Finding::Kind::kBudget:
      return "budget";
    case Finding::Kind::kTrap:
      return "trap";
    case Finding::Kind::kUnsupported:
      return "unsupported";
    case Finding::Kind::kBadLaunch:
      return "bad-launch";
  }
  return "unknown";
}

const Finding* LaunchReport::fatal() const {
  for (const Finding& finding : findings) {
    if (finding.fatal) return &finding;
  }
  return nullptr;
}

LaunchReport run(const Program& program, const Launch& launch, Memory& memory, const Options& options) {
  const Kernel* kernel = program.impl().decode(launch.kernel);
  if (kernel == nullptr) return refused(launch.kernel, "the module has no such kernel");
  if (const std::string why = refuse(launch, *kernel, options); !why.empty())
    return refused(kernel->display_name, why);
  const ModuleImage& image = program.impl().image(memory.impl(), memory);
  uint64_t parameter_address = 0;
  if (names_parameters(*kernel)) {
    parameter_address =
        memory.allocate("parameters of " + kernel->display_name, launch.parameters.size(), Access::kReadOnly);
    memory.mark_initialised(parameter_address, true);
    std::copy(launch.parameters.begin(), launch.parameters.end(), memory.bytes(parameter_address).begin());
  }
  const uint64_t grid_barrier = allocate_grid_barrier(launch, *kernel, memory);
  memory.impl().reset_footprint();
  LaunchState state;
  state.launch = &launch;
  state.options = &options;
  state.kernel = kernel;
  state.grid_barrier = grid_barrier;
  state.sites.resize(kernel->sites.size());
  state.stretch_runs.resize(kernel->stretches.size());
  for (std::size_t k = 0; k < kernel->stretches.size(); ++k)
    state.stretch_runs[k].path = kernel->stretches[k].path;
  state.budget = static_cast<int64_t>(std::min<uint64_t>(options.warp_instruction_budget, INT64_MAX));
  if (options.detect_races) state.races = std::make_unique<GlobalRaces>(memory.impl(), launch.programmatic);
  run_blocks(state, memory.impl(), image, parameter_address);
  if (launch.programmatic && state.races != nullptr && !state.faulted && !state.races->has_waited())
    report_no_grid_wait(state);
  sum_counters(state, memory.impl());
  if (parameter_address != 0) memory.free(parameter_address);
  if (grid_barrier != 0) memory.free(grid_barrier);
  LaunchReport report;
  report.completed = !state.faulted;
  if (options.profile) report.profile = make_profile(state);
  report.findings = std::move(state.findings);
  report.counters = state.counters;
  return report;
}

}  // namespace warpwright::sim
