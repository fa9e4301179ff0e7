#include "evaluator/exec/sim_executor.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <set>

#include "evaluator/exec/arguments.h"
#include "evaluator/exec/tensor_maps.h"
#include "evaluator/ptx/module.h"
#include "evaluator/sim/tensor_map.h"
#include "src/base/check.h"

namespace warpwright::exec {
namespace {

struct SimUnit {
  std::string name;
  std::shared_ptr<const sim::Program> program;
  std::map<std::string, std::string> lowered_names;
};

struct SimCode {
  std::vector<SimUnit> units;

  struct Kernel {
    const SimUnit* unit = nullptr;
    std::string symbol;
    const sim::KernelInfo* info = nullptr;
  };
  std::optional<Kernel> find(const plan::BoundLaunch& launch) const {
    for (const SimUnit& unit : units) {
      if (unit.name != launch.unit) continue;
      auto lowered = unit.lowered_names.find(launch.name_expression);
      if (lowered == unit.lowered_names.end()) continue;
      if (const sim::KernelInfo* info = unit.program->kernel(lowered->second))
        return Kernel{&unit, lowered->second, info};
    }
    return std::nullopt;
  }
};

// Which verdict a finding of the simulator is. What hardware would catch is a RUNTIME_ERROR, what it would
// let pass is a broken rule.
Failure to_failure(const sim::Finding& finding) {
  using Kind = sim::Finding::Kind;
  switch (finding.kind) {
    case Kind::kOutOfBoundsRead:
      return {Status::kRejected, "out-of-bounds-read", finding.message};
    case Kind::kOutOfBoundsWrite:
      return {Status::kRejected, "out-of-bounds-write", finding.message};
    case Kind::kWriteToReadOnly:
      return {Status::kRejected, "input-modified", finding.message};
    case Kind::kUninitialisedRead:
      return {Status::kRejected, "uninitialised-read", finding.message};
    case Kind::kSharedRace:
    case Kind::kGlobalRace:
      return {Status::kRejected, "data-race", finding.message};
    case Kind::kNoGridWait:
    case Kind::kMissingFence:
    case Kind::kAsyncRead:
    case Kind::kAsyncOverwrite:
      return {Status::kRejected, finding.rule, finding.message};
    case Kind::kDivergentBarrier:
      return {Status::kRejected, "divergent-barrier", finding.message};
    case Kind::kDivergentSync:
      return {Status::kRejected, "divergent-sync", finding.message};
    case Kind::kMisaligned:
    case Kind::kDeadlock:
    case Kind::kTrap:
      return {Status::kRuntimeError, "", finding.message};
    case Kind::kMbarrierMisuse:
    case Kind::kBadDescriptor:
    case Kind::kTensorMemory:
      return {Status::kRuntimeError, finding.rule, finding.message};
    case Kind::kBudget:
      return {Status::kTimeout, "", finding.message};
    case Kind::kUnsupported:
    case Kind::kBadLaunch:
      return {Status::kCompileError, "", finding.message};
  }
  CHECK(false);
}

class SimSession final : public Session {
 public:
  explicit SimSession(std::shared_ptr<const SimCode> code) : code_(std::move(code)) {}

  Result<void> set_input(const std::string& name, std::span<const std::byte> content) override {
    const uint64_t address = buffer_of(name, BufferRole::kInput, content.size());
    if (!content.empty()) std::memcpy(memory_.bytes(address).data(), content.data(), content.size());
    memory_.mark_initialised(address, true);
    return {};
  }

  Result<void> add_buffer(const std::string& name, BufferRole role, int64_t bytes) override {
    CHECK(role != BufferRole::kInput && bytes >= 0);
    const uint64_t address = buffer_of(name, role, static_cast<size_t>(bytes));
    if (role != BufferRole::kSelfClean) {
      filled_.insert(name);
      return {};
    }
    const auto content = memory_.bytes(address);
    std::fill(content.begin(), content.end(), std::byte{0});
    memory_.mark_initialised(address, true);
    return {};
  }

  Result<std::span<const std::byte>> read(const std::string& name) override {
    return memory_.bytes(address_of(name));
  }

  Result<CallReport> call(const plan::BoundPlan& plan, const CallOptions& options) override {
    for (const std::string& name : filled_) {
      if (!options.keep_contents) fill(memory_.bytes(address_of(name)), options.fill);
      memory_.mark_initialised(address_of(name), false);
    }
    CallReport report;
    uint64_t budget = options.warp_instruction_budget;
    for (const plan::BoundOperation& operation : plan.operations) {
      if (const auto* launch = std::get_if<plan::BoundLaunch>(&operation)) {
        run_launch(plan, *launch, options, budget, report);
      } else if (const auto* memset = std::get_if<plan::BoundMemset>(&operation)) {
        run_memset(*memset, report);
      } else {
        run_copy(std::get<plan::BoundCopy>(operation), report);
      }
      if (report.failure) break;
    }
    return report;
  }

 private:
  // A buffer of this name and size; one of another size is replaced.
  uint64_t buffer_of(const std::string& name, BufferRole role, size_t bytes) {
    auto found = buffers_.find(name);
    if (found != buffers_.end() && memory_.bytes(found->second).size() != bytes) {
      memory_.free(found->second);
      buffers_.erase(found);
      found = buffers_.end();
    }
    const auto access = role == BufferRole::kInput ? sim::Access::kReadOnly : sim::Access::kReadWrite;
    if (found == buffers_.end()) found = buffers_.emplace(name, memory_.allocate(name, bytes, access)).first;
    memory_.set_access(found->second, access);
    return found->second;
  }

  // kRandom is not random here: the same inputs give the same findings on every machine.
  static void fill(std::span<std::byte> bytes, Fill fill) {
    if (fill != Fill::kRandom) {
      std::fill(bytes.begin(), bytes.end(), std::byte{fill == Fill::kNan ? uint8_t{0xff} : uint8_t{0x4b}});
      return;
    }
    uint64_t state = 0;
    for (std::byte& byte : bytes)
      byte = static_cast<std::byte>((state = state * 6364136223846793005u + 1) >> 56);
  }

  uint64_t address_of(const std::string& name) const {
    auto found = buffers_.find(name);
    CHECK(found != buffers_.end());
    return found->second;
  }

  std::span<std::byte> range(const plan::BufferView& view, int64_t bytes) {
    std::span<std::byte> whole = memory_.bytes(address_of(view.buffer));
    CHECK(view.byte_offset >= 0 && bytes >= 0 &&
          static_cast<size_t>(view.byte_offset + bytes) <= whole.size());
    return whole.subspan(static_cast<size_t>(view.byte_offset), static_cast<size_t>(bytes));
  }

  // The plan's tensor map of this name, as its kernels read it.
  sim::TensorMapImage image_of(const plan::BoundPlan& plan, const std::string& name) const {
    const auto found = std::find_if(plan.tensor_maps.begin(), plan.tensor_maps.end(),
                                    [&](const plan::BoundTensorMap& map) { return map.name == name; });
    CHECK(found != plan.tensor_maps.end());  // the binder makes both
    const cuda::TensorMap lowered = lower_tensor_map(*found, {});
    sim::TensorMap map;
    map.address = address_of(found->base.buffer) + static_cast<uint64_t>(found->base.byte_offset);
    map.type = static_cast<sim::TensorMapType>(lowered.data_type);
    map.rank = static_cast<uint32_t>(lowered.dims.size());
    std::copy(lowered.dims.begin(), lowered.dims.end(), map.dims.begin());
    std::copy(lowered.strides_bytes.begin(), lowered.strides_bytes.end(), map.strides.begin());
    std::copy(lowered.box.begin(), lowered.box.end(), map.box.begin());
    std::copy(lowered.element_strides.begin(), lowered.element_strides.end(), map.element_strides.begin());
    map.interleave = static_cast<uint8_t>(lowered.interleave);
    map.swizzle = static_cast<sim::TensorSwizzle>(lowered.swizzle);
    map.l2_promotion = static_cast<uint8_t>(lowered.l2_promotion);
    map.oob_fill = static_cast<uint8_t>(lowered.oob_fill);
    return sim::encode_tensor_map(map);
  }

  void run_launch(const plan::BoundPlan& plan, const plan::BoundLaunch& bound, const CallOptions& options,
                  uint64_t& budget, CallReport& report) {
    const auto kernel = code_->find(bound);
    CHECK(kernel.has_value());  // LoadedProgram::check came first
    sim::Launch launch;
    launch.kernel = kernel->symbol;
    launch.grid = to_sim(bound.grid);
    launch.block = to_sim(bound.block);
    if (bound.attributes.cluster) launch.cluster = to_sim(*bound.attributes.cluster);
    launch.cooperative = bound.attributes.cooperative;
    launch.programmatic = bound.attributes.pdl;
    if (options.resident_blocks) launch.resident_blocks = options.resident_blocks(bound);
    launch.dynamic_shared_bytes = static_cast<uint32_t>(bound.dynamic_shared_bytes);
    launch.parameters = pack_arguments(
        bound, kernel->info->parameters, kernel->info->parameter_bytes,
        [this](const std::string& name) { return address_of(name); },
        [&](const std::string& name) { return image_of(plan, name); });
    sim::Options sim_options;
    sim_options.warp_instruction_budget = budget;
    sim_options.reverse_order = options.reverse_order;
    sim_options.profile = options.profile;
    sim::LaunchReport done = sim::run(*kernel->unit->program, launch, memory_, sim_options);
    budget -= std::min(budget, done.counters.warp_instructions);
    const sim::Finding* fatal = done.fatal();
    for (const sim::Finding& finding : done.findings)
      if (&finding != fatal) report.findings.push_back(to_failure(finding));
    if (fatal != nullptr) report.failure = to_failure(*fatal);
    if (!report.failure)
      report.operations.push_back({bound.name_expression, &bound, done.counters, 0, std::move(done.profile)});
  }

  void run_memset(const plan::BoundMemset& operation, CallReport& report) {
    const auto target = range(operation.target, operation.bytes);
    std::fill(target.begin(), target.end(), static_cast<std::byte>(operation.value));
    memory_.mark_initialised(address_of(operation.target.buffer), operation.target.byte_offset,
                             operation.bytes);
    report.operations.push_back({"memset " + operation.target.buffer, nullptr, {}, operation.bytes, {}});
  }

  void run_copy(const plan::BoundCopy& operation, CallReport& report) {
    const auto source = range(operation.source, operation.bytes),
               target = range(operation.target, operation.bytes);
    if (!source.empty()) std::memmove(target.data(), source.data(), source.size());
    memory_.mark_initialised(address_of(operation.target.buffer), operation.target.byte_offset,
                             operation.bytes);
    report.operations.push_back({"copy " + operation.target.buffer, nullptr, {}, 2 * operation.bytes, {}});
  }

  static sim::Dim3 to_sim(const plan::Dim3& d) {
    return {static_cast<uint32_t>(d.x), static_cast<uint32_t>(d.y), static_cast<uint32_t>(d.z)};
  }

  std::shared_ptr<const SimCode> code_;
  sim::Memory memory_;
  std::map<std::string, uint64_t> buffers_;
  std::set<std::string> filled_;  // outputs and workspaces
};

class SimProgram final : public LoadedProgram {
 public:
  explicit SimProgram(std::shared_ptr<const SimCode> code) : code_(std::move(code)) {}

  std::optional<Failure> check(const plan::BoundPlan& plan) const override {
    for (const plan::BoundTensorMap& map : plan.tensor_maps)
      if (auto complaint = check_tensor_map(map))
        return Failure{Status::kCompileError, "", fmt::format("line {}: {}", map.at.line, *complaint)};
    for (const plan::BoundOperation& operation : plan.operations) {
      const auto* launch = std::get_if<plan::BoundLaunch>(&operation);
      if (launch == nullptr) continue;
      if (auto complaint = check_launch(*launch))
        return Failure{Status::kCompileError, "", fmt::format("line {}: {}", launch->at.line, *complaint)};
    }
    return std::nullopt;
  }

  std::unique_ptr<Session> open_session() const override { return std::make_unique<SimSession>(code_); }

 private:
  std::optional<std::string> check_launch(const plan::BoundLaunch& launch) const {
    const auto kernel = code_->find(launch);
    if (!kernel)
      return fmt::format("the plan launches `{}`, which is not a __global__ function of the source",
                         launch.name_expression);
    return check_arguments(launch, kernel->info->parameters);
  }

  std::shared_ptr<const SimCode> code_;
};

class SimExecutor final : public Executor {
 public:
  std::string_view name() const override { return "sim"; }
  std::string device_text() const override { return "CPU simulator"; }

  Result<Loaded> load(const std::vector<CodeUnit>& units) override {
    auto code = std::make_shared<SimCode>();
    for (const CodeUnit& unit : units) {
      auto module = ptx::parse(unit.ptx);
      if (!module) return refused("the simulator cannot read the compiler's PTX: " + module.error().message);
      auto program = sim::Program::build(std::move(*module));
      if (!program) return refused(program.error().message);
      code->units.push_back({unit.name, std::move(*program), unit.lowered_names});
    }
    return Loaded{std::nullopt, std::make_unique<SimProgram>(std::move(code))};
  }

 private:
  static Loaded refused(std::string message) {
    return Loaded{Failure{Status::kCompileError, "", std::move(message)}, nullptr};
  }
};

}  // namespace

std::unique_ptr<Executor> make_sim_executor() {
  return std::make_unique<SimExecutor>();
}

}  // namespace warpwright::exec
