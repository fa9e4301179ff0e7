// Modules, and launches on the simulator.
#include <elf.h>

#include <algorithm>
#include <cstring>

#include "evaluator/ptx/module.h"
#include "evaluator/sim/memory_impl.h"
#include "evaluator/sim/program_impl.h"
#include "tests/fake_gpu/cubin.h"
#include "tests/fake_gpu/device.h"
#include "tests/fake_gpu/gate.h"

namespace warpwright::fake_gpu {
namespace {

// "sm_90a" runs on 90 only; "sm_80" as PTX on all that are not older, as a cubin on those of its generation.
bool runs_here(const std::string& target, bool is_cubin) {
  const std::size_t digits = target.find_first_of("0123456789");
  if (digits == std::string::npos) return false;
  std::size_t end = 0;
  const int arch = std::stoi(target.substr(digits, 4), &end), here = settings().arch;
  const char suffix = digits + end < target.size() ? target[digits + end] : ' ';
  if (suffix == 'a') return arch == here;
  const bool same_generation = arch / 10 == here / 10;
  return arch <= here && (same_generation || (suffix != 'f' && !is_cubin));
}

bool looks_like_ptx(std::string_view text) {
  const std::size_t start = text.find_first_not_of(" \t\r\n");
  if (start == std::string_view::npos) return false;
  return text.substr(start).starts_with("//") || text.substr(start).starts_with(".version");
}

// Which CUresult, or hang, a finding of the simulator is on hardware.
int code_of(const sim::Finding& finding) {
  using Kind = sim::Finding::Kind;
  switch (finding.kind) {
    case Kind::kOutOfBoundsRead:
    case Kind::kOutOfBoundsWrite:
    case Kind::kWriteToReadOnly:
      return kIllegalAddress;
    case Kind::kMisaligned:
      return kMisaligned;
    case Kind::kTrap:
      return finding.message.find("assert") == std::string::npos ? kLaunchFailed : kAssert;
    case Kind::kMbarrierMisuse:
    case Kind::kBadDescriptor:
    case Kind::kTensorMemory:
      return kLaunchFailed;
    case Kind::kDeadlock:
    case Kind::kBudget:
    case Kind::kDivergentBarrier:
    case Kind::kDivergentSync:
      hang(finding.message);
    case Kind::kUnsupported:
    case Kind::kBadLaunch:
      fmt::print(stderr, "fake GPU: {}\n", finding.message);
      return kIllegalInstruction;
    case Kind::kNoGridWait:
    case Kind::kMissingFence:
    case Kind::kUninitialisedRead:
    case Kind::kSharedRace:
    case Kind::kGlobalRace:
    case Kind::kAsyncRead:
    case Kind::kAsyncOverwrite:
      return 0;
  }
  return kLaunchFailed;
}

// It read or wrote host memory that it has mapped: it may have waited for the host.
bool saw_the_host(AddressSpace& space) {
  for (const auto& buffer : space.memory().impl().buffers) {
    if (space.is_host_address(buffer->base) &&
        !(buffer->sectors_read.empty() && buffer->sectors_written.empty()))
      return true;
  }
  return false;
}

uint64_t threads_of(const sim::Dim3& block) {
  return (block.count() + 31) / 32 * 32;
}

constexpr uint64_t kRegistersPerSm = 65536;
uint64_t registers_of(const LaunchRequest& request) {  // of a block
  return threads_of(request.block) * static_cast<uint64_t>((request.kernel->registers + 7) / 8 * 8);
}

uint64_t resident_blocks(const LaunchRequest& request) {
  const uint64_t shared = request.kernel->info->static_shared_bytes + request.dynamic_shared_bytes + 1024;
  return static_cast<uint64_t>(settings().sm_count) *
         std::min({uint64_t{32}, 2048 / threads_of(request.block), kRegistersPerSm / registers_of(request),
                   kSharedPerSm / shared});
}

int run_launch(const LaunchRequest& request, const std::shared_ptr<Program>& program, uint32_t stream,
               const Operation& operation, uint64_t start_ns, uint64_t& end_ns) {
  Device& device = Device::get();
  sim::Launch launch;
  launch.kernel = request.kernel->name;
  launch.grid = request.grid;
  launch.block = request.block;
  launch.dynamic_shared_bytes = request.dynamic_shared_bytes;
  launch.parameters = request.parameters;
  launch.cooperative = request.cooperative;
  if (request.cluster.count() > 1) launch.cluster = request.cluster;
  launch.resident_blocks = resident_blocks(request);
  sim::Options options;
  options.warp_instruction_budget = settings().budget;
  options.detect_races = false;
  options.max_findings = 1;
  options.sm_count = static_cast<uint32_t>(settings().sm_count);
  options.clock = {start_ns, device.timing.sm_cycles(start_ns), device.timing.sm_mhz(start_ns)};
  const sim::LaunchReport report = sim::run(*program->code, launch, device.space.memory(), options);
  const Traffic traffic = device.timing.pass_through_l2(device.space.memory());
  end_ns = start_ns + device.timing.kernel_ns(report.counters, threads_of(request.block), traffic, start_ns);
  if (saw_the_host(device.space)) end_ns = std::max(end_ns, device.host_ns);
  if (const sim::Finding* fatal = report.fatal()) {
    write_log("finding " + fatal->message);
    return code_of(*fatal);
  }
  Activity activity{.start_ns = start_ns,
                    .end_ns = end_ns,
                    .stream = stream,
                    .correlation = operation.correlation,
                    .name = launch.kernel};
  const auto to_ints = [](const sim::Dim3& d, int32_t* out) {
    out[0] = static_cast<int32_t>(d.x);
    out[1] = static_cast<int32_t>(d.y);
    out[2] = static_cast<int32_t>(d.z);
  };
  to_ints(request.grid, activity.grid);
  to_ints(request.block, activity.block);
  activity.static_shared_bytes =
      static_cast<int32_t>(program->code->kernel(launch.kernel)->static_shared_bytes);
  activity.dynamic_shared_bytes = static_cast<int32_t>(request.dynamic_shared_bytes);
  note_activity(activity);
  return 0;
}

}  // namespace

// Variables live as long as their module.
Program::~Program() {
  if (!code) return;
  sim::Memory& memory = space->memory();
  auto& images = memory.impl().images;
  const auto image = images.find(code->impl().id);
  if (image == images.end()) return;
  for (const auto& [name, address] : image->second.addresses) memory.free(address);
  images.erase(image);
}

int load_program(Device& device, const char* image, std::shared_ptr<Program>& program, std::string& log) {
  program = std::make_shared<Program>();
  program->space = &device.space;
  std::string text;
  const bool is_cubin = std::memcmp(image, ELFMAG, SELFMAG) == 0;
  if (is_cubin) {
    auto cubin = read_cubin(image);
    if (!cubin) return kInvalidImage;
    if (cubin->ptx.empty()) {
      log = "the fake GPU executes a cubin's PTX, which is there if it is compiled with --generate-line-info";
      return kNoBinary;
    }
    text = std::move(cubin->ptx);
    program->registers = std::move(cubin->registers);
  } else {
    text = image;
    if (!looks_like_ptx(text)) return kInvalidImage;
  }
  auto module = ptx::parse(text);
  if (!module) {
    log = "ptxas application ptx input, " + module.error().message;
    return kInvalidPtx;
  }
  if (!runs_here(module->target, is_cubin)) {
    log = "ptxas fatal: " + module->target + " is not this GPU's";
    return kNoBinary;
  }
  auto built = sim::Program::build(std::move(*module));
  if (!built) {
    log = "ptxas fatal: " + built.error().message;
    return kInvalidPtx;
  }
  program->code = std::move(*built);
  return 0;
}

int check_launch(const LaunchRequest& request) {
  const auto& [x, y, z] = request.block;
  const sim::Dim3& grid = request.grid;
  const sim::KernelInfo& info = *request.kernel->info;
  if (request.block.count() == 0 || x > 1024 || y > 1024 || z > 64 || request.block.count() > 1024)
    return kInvalidValue;
  if (grid.count() == 0 || grid.x > 0x7fffffff || grid.y > 65535 || grid.z > 65535) return kInvalidValue;
  const sim::Dim3& required = info.required_block;
  if (required.x != 0 && (required.x != x || required.y != y || required.z != z)) return kInvalidValue;
  if (registers_of(request) > kRegistersPerSm) return kOutOfResources;
  if (info.max_block.x != 0 && request.block.count() > info.max_block.count()) return kOutOfResources;
  const uint64_t limit =
      std::max<uint64_t>(kSharedDefault, info.static_shared_bytes +
                                             static_cast<uint64_t>(request.kernel->max_dynamic_shared_bytes));
  if (info.static_shared_bytes + uint64_t{request.dynamic_shared_bytes} > std::min(limit, kSharedOptin))
    return kInvalidValue;
  const uint64_t cluster = request.cluster.count();
  if (cluster == 0 || cluster > (request.kernel->non_portable_cluster ? 16 : 8)) return kInvalidClusterSize;
  if (grid.x % request.cluster.x != 0 || grid.y % request.cluster.y != 0 || grid.z % request.cluster.z != 0)
    return kInvalidValue;
  if (request.cooperative && grid.count() > resident_blocks(request)) return kCooperativeTooLarge;
  return 0;
}

Operation make_launch(const LaunchRequest& request, const Stream& stream) {
  Operation operation;
  operation.overlaps = request.programmatic;
  operation.run = [request, program = request.kernel->program, id = stream.id](
                      const Operation& self, uint64_t start_ns, uint64_t& end_ns) {
    return run_launch(request, program, id, self, start_ns, end_ns);
  };
  return operation;
}

}  // namespace warpwright::fake_gpu
