#include "evaluator/cuda/engine.h"

#include <fmt/format.h>

#include <cstdlib>
#include <map>

#include "evaluator/cuda/call_check.h"
#include "evaluator/cuda/cupti.h"
#include "evaluator/cuda/guarded_buffers.h"
#include "evaluator/cuda/nvml.h"
#include "evaluator/cuda/prepared_call.h"
#include "evaluator/cuda/program.h"
#include "evaluator/cuda/sampler.h"
#include "evaluator/cuda/shot_timer.h"
#include "src/base/log.h"

namespace warpwright::cuda {
namespace {

// Things by the caller's ids.
template <class T>
class ById {
 public:
  explicit ById(const char* what) : what_(what) {}
  Result<T*> find(int id) {
    const auto found = things_.find(id);
    if (found == things_.end()) return infrastructure_error(fmt::format("there is no {} {}", what_, id));
    return &found->second;
  }
  // One of the same id goes first.
  void insert(int id, T thing) {
    things_.erase(id);
    things_.emplace(id, std::move(thing));
  }
  void erase(int id) { things_.erase(id); }

 private:
  const char* what_;
  std::map<int, T> things_;
};

class DeviceEngine final : public Engine {
 public:
  Result<void> start(const std::string& library);

  const DeviceFacts& facts() const override { return facts_; }

  Result<Outcome<OpenedProgram>> open_program(int id, const ProgramImages& images) override;
  Result<void> reload_program(int id) override;
  Result<void> close_program(int id) override;

  Result<void> open_buffers(int id, const std::vector<BufferSpec>& buffers, GuardKind guards,
                            uint64_t seed) override;
  Result<void> write(int buffers, int index, std::span<const std::byte> content) override;
  Result<void> read(int buffers, int index, std::span<std::byte> content) override;
  Result<void> close_buffers(int id) override;

  Result<std::vector<DeviceFault>> call(int program, int buffers, const CallWork& work,
                                        const CallPolicy& policy) override;

  Result<SamplerInfo> open_sampler(int id, const SamplerSpec& spec) override;
  Result<void> write_version(int sampler, int version, int input,
                             std::span<const std::byte> content) override;
  Result<Outcome<std::vector<Sample>>> take(int sampler, std::span<const Shot> shots) override;
  Result<void> read_kept(int sampler, int shot, int index, std::span<std::byte> content) override;
  Result<void> close_sampler(int id) override;

 private:
  using Buffers = std::pair<BufferSet, Rng>;

  Result<void> ask_nvml();
  // Error: an earlier fault has destroyed the context.
  Result<void> check_alive() const;
  void note_loss(const std::optional<DeviceFault>& fault) {
    if (!fault || fault->kind != DeviceFault::Kind::kFault) return;
    loss_ = fault->message;
    if (tracer_) tracer_->abandon();
  }
  Result<ShotTimer*> timer();

  // In the order that their destructors want.
  std::unique_ptr<const Driver> driver_;
  std::unique_ptr<Nvml> nvml_;
  PrimaryContext context_;
  std::unique_ptr<ActivityTracer> tracer_;
  Stream stream_;
  std::unique_ptr<Harness> harness_;
  std::unique_ptr<ShotTimer> timer_;
  DeviceFacts facts_;
  std::string loss_;  // the fault that destroyed the context

  ById<std::shared_ptr<Program>> programs_{"program"};
  ById<Buffers> buffers_{"buffer set"};
  ById<std::unique_ptr<DeviceSampler>> samplers_{"sampler"};
};

Result<void> DeviceEngine::start(const std::string& library) {
  // Loading a kernel at its first launch may wait for the device, which waits behind the gate for us.
  setenv("CUDA_MODULE_LOADING", "EAGER", 1);
  TRY_ASSIGN(driver_, Driver::open(library));
  auto tracer = ActivityTracer::open("", driver_->version());
  if (tracer) tracer_ = std::move(*tracer);
  TRY_ASSIGN(context_, PrimaryContext::retain(*driver_, 0));
  TRY_ASSIGN(facts_, read_device_facts(*driver_, context_.device()));
  facts_.timer = tracer_ ? "cupti " + tracer_->version() : fmt::format("events ({})", tracer.error().message);
  int manages_virtual_memory = 0;
  TRY((*driver_)->cuDeviceGetAttribute(&manages_virtual_memory, abi::kVirtualMemoryManagement,
                                       context_.device()));
  facts_.has_unmapped_guards = manages_virtual_memory != 0;
  TRY(ask_nvml());
  TRY_ASSIGN(stream_, Stream::create(*driver_));
  TRY_ASSIGN(harness_, Harness::load(*driver_, stream_, facts_.sm_count));
  return {};
}

// Clocks, and whether the device is fit for work.
Result<void> DeviceEngine::ask_nvml() {
  auto nvml = Nvml::open(facts_.uuid);
  if (!nvml) {
    facts_.clocks = fmt::format("not known ({})", nvml.error().message);
    return {};
  }
  nvml_ = std::move(*nvml);
  const Health health = nvml_->health();
  if (!health.usable) return infrastructure_error(fmt::format("{}: {}", facts_.name, health.problem));
  if (!health.problem.empty()) spdlog::warn("{}: {}", facts_.name, health.problem);
  facts_.clocks = nvml_->lock_clocks_if_asked();
  if (const auto peak = nvml_->max_sm_clock_mhz()) facts_.max_sm_clock_mhz = *peak;
  return {};
}

Result<void> DeviceEngine::check_alive() const {
  if (loss_.empty()) return {};
  return infrastructure_error("the device process must end, its context was lost: " + loss_);
}

Result<ShotTimer*> DeviceEngine::timer() {
  if (!timer_) {
    TRY_ASSIGN(timer_, ShotTimer::open(*driver_, stream_, *harness_, tracer_.get(), facts_.l2_bytes));
  }
  return timer_.get();
}

// --- programs and buffers ---

Result<Outcome<OpenedProgram>> DeviceEngine::open_program(int id, const ProgramImages& images) {
  TRY(check_alive());
  TRY_ASSIGN(auto loaded, Program::load(*driver_, images));
  Outcome<OpenedProgram> outcome{std::move(loaded.fault), {}};
  note_loss(outcome.fault);
  if (outcome.fault) return outcome;
  for (const Program::Kernel& kernel : loaded.value->kernels())
    outcome.value.functions.push_back(kernel.info);
  programs_.insert(id, std::move(loaded.value));
  return outcome;
}

Result<void> DeviceEngine::reload_program(int id) {
  TRY(check_alive());
  TRY_ASSIGN(auto* program, programs_.find(id));
  return (*program)->reload();
}

Result<void> DeviceEngine::close_program(int id) {
  TRY(check_alive());
  programs_.erase(id);
  return {};
}

Result<void> DeviceEngine::open_buffers(int id, const std::vector<BufferSpec>& specs, GuardKind guards,
                                        uint64_t seed) {
  TRY(check_alive());
  if (!facts_.has_unmapped_guards) guards = GuardKind::kZones;
  Rng rng(seed);
  TRY_ASSIGN(BufferSet set,
             BufferSet::open(*driver_, context_.device(), stream_, *harness_, specs, guards, rng));
  TRY(stream_.synchronize());
  buffers_.insert(id, {std::move(set), rng});
  return {};
}

Result<void> DeviceEngine::write(int buffers, int index, std::span<const std::byte> content) {
  TRY(check_alive());
  TRY_ASSIGN(Buffers * found, buffers_.find(buffers));
  return found->first.write(index, content);
}

Result<void> DeviceEngine::read(int buffers, int index, std::span<std::byte> content) {
  TRY(check_alive());
  TRY_ASSIGN(Buffers * found, buffers_.find(buffers));
  return found->first.read(index, content);
}

Result<void> DeviceEngine::close_buffers(int id) {
  TRY(check_alive());
  buffers_.erase(id);
  return {};
}

// --- calls ---

Result<std::vector<DeviceFault>> DeviceEngine::call(int program, int buffers, const CallWork& work,
                                                    const CallPolicy& policy) {
  TRY(check_alive());
  TRY_ASSIGN(auto* code, programs_.find(program));
  TRY_ASSIGN(Buffers * found, buffers_.find(buffers));
  auto& [set, rng] = *found;
  std::vector<abi::DevicePointer> addresses;
  for (int i = 0; i < set.size(); ++i) addresses.push_back(set.address(i));
  TRY_ASSIGN(auto prepared, PreparedCall::prepare(*driver_, **code, work, addresses));
  if (prepared.fault) return std::vector{std::move(*prepared.fault)};

  for (int i = 0; i < set.size(); ++i) {
    const BufferRole role = set.spec(i).role;
    if (role == BufferRole::kOutput || role == BufferRole::kWorkspace) TRY(set.fill(i, policy.fill, rng));
  }
  CallCheck check(set, *harness_, draw_key(rng));
  if (policy.check_guards) TRY(check.before());
  TRY(stream_.synchronize());

  const Judgement launched = prepared.value.enqueue(stream_);
  const Judgement finished =
      judge((*driver_)->cuStreamSynchronize.code(stream_.get()), prepared.value.label());
  TRY(launched);
  TRY(finished);
  std::vector<DeviceFault> faults;
  for (const Judgement& judged : {launched, finished}) {
    if (*judged) faults.push_back(**judged);
    note_loss(*judged);
  }
  if (policy.check_guards && loss_.empty()) TRY(check.after(faults));
  return faults;
}

// --- samplers ---

Result<SamplerInfo> DeviceEngine::open_sampler(int id, const SamplerSpec& spec) {
  TRY(check_alive());
  TRY_ASSIGN(ShotTimer * shot_timer, timer());
  std::vector<std::shared_ptr<Program>> programs;
  for (const SamplerSpec::Contender& contender : spec.contenders) {
    TRY_ASSIGN(auto* program, programs_.find(contender.program));
    programs.push_back(*program);
  }
  const SamplerHost host{*driver_, context_.device(), stream_, *harness_, *shot_timer, facts_.l2_bytes};
  TRY_ASSIGN(auto sampler, DeviceSampler::open(host, spec, programs));
  const SamplerInfo info = sampler->info();
  samplers_.insert(id, std::move(sampler));
  return info;
}

Result<void> DeviceEngine::write_version(int sampler, int version, int input,
                                         std::span<const std::byte> content) {
  TRY(check_alive());
  TRY_ASSIGN(auto* found, samplers_.find(sampler));
  return (*found)->write_version(version, input, content);
}

Result<Outcome<std::vector<Sample>>> DeviceEngine::take(int sampler, std::span<const Shot> shots) {
  TRY(check_alive());
  TRY_ASSIGN(auto* found, samplers_.find(sampler));
  TRY_ASSIGN(auto outcome, (*found)->take(shots));
  note_loss(outcome.fault);
  return outcome;
}

Result<void> DeviceEngine::read_kept(int sampler, int shot, int index, std::span<std::byte> content) {
  TRY_ASSIGN(auto* found, samplers_.find(sampler));
  return (*found)->read_kept(shot, index, content);
}

Result<void> DeviceEngine::close_sampler(int id) {
  TRY(check_alive());
  samplers_.erase(id);
  return {};
}

}  // namespace

Result<std::unique_ptr<Engine>> Engine::open(const std::string& library) {
  auto engine = std::make_unique<DeviceEngine>();
  TRY(engine->start(library));
  return std::unique_ptr<Engine>(std::move(engine));
}

}  // namespace warpwright::cuda
