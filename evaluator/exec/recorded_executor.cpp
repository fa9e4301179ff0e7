#include "evaluator/exec/recorded_executor.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "evaluator/exec/sim_executor.h"
#include "src/base/check.h"
#include "src/base/hash.h"

namespace warpwright::exec {
namespace {

using Kind = RecordedEvent::Kind;

// What programs, sessions and samplers share with their executor.
struct Device {
  Recording recording;
  std::unique_ptr<Executor> simulator = make_sim_executor();
  int generation = 0;
  bool lost = false;  // the process; until renew()
  std::array<int, 4> events = {};
  int samplers = 0;

  Mishap next(Kind kind, const std::string& source) {
    const Mishap mishap = recording.mishap({kind, source, events[static_cast<size_t>(kind)]++, generation});
    lost = lost || mishap == Mishap::kFault || mishap == Mishap::kHang || mishap == Mishap::kDeviceSick;
    return mishap;
  }
  Result<void> usable(int opened_in) const {
    if (lost) return infrastructure_error("the device process is lost: renew() was not called");
    if (opened_in != generation) return infrastructure_error("opened before the device process was renewed");
    return {};
  }
};
using SharedDevice = std::shared_ptr<Device>;

bool is_machine_error(Mishap mishap) {
  return mishap == Mishap::kMachineError || mishap == Mishap::kDeviceSick;
}

std::optional<Failure> failure_of(Mishap mishap) {
  if (mishap == Mishap::kFault)
    return Failure{Status::kRuntimeError, "", "CUDA_ERROR_ILLEGAL_ADDRESS (recorded)", true};
  if (mishap == Mishap::kHang)
    return Failure{Status::kTimeout, "", "the call did not end before its deadline (recorded)", true};
  return std::nullopt;
}

auto machine_error() {
  return infrastructure_error("the machine failed (recorded)");
}

class RecordedSession final : public Session {
 public:
  RecordedSession(SharedDevice device, std::unique_ptr<Session> session, std::string source)
      : device_(std::move(device)),
        session_(std::move(session)),
        source_(std::move(source)),
        generation_(device_->generation) {}

  Result<void> set_input(const std::string& name, std::span<const std::byte> content) override {
    return session_->set_input(name, content);
  }
  Result<void> add_buffer(const std::string& name, BufferRole role, int64_t bytes) override {
    return session_->add_buffer(name, role, bytes);
  }
  Result<std::span<const std::byte>> read(const std::string& name) override {
    TRY(device_->usable(generation_));
    return session_->read(name);
  }
  Result<CallReport> call(const plan::BoundPlan& plan, const CallOptions& options) override {
    TRY(device_->usable(generation_));
    const Mishap mishap = device_->next(Kind::kCall, source_);
    if (is_machine_error(mishap)) return machine_error();
    CallReport report;
    if ((report.failure = failure_of(mishap))) return report;
    TRY_ASSIGN(report, session_->call(plan, options));
    for (OperationWork& work : report.operations) work.counters = {};  // a device counts nothing
    return report;
  }

 private:
  SharedDevice device_;
  std::unique_ptr<Session> session_;
  std::string source_;
  int generation_;
};

class RecordedProgram final : public LoadedProgram {
 public:
  RecordedProgram(SharedDevice device, std::unique_ptr<LoadedProgram> program, std::string source)
      : device_(std::move(device)), program_(std::move(program)), source_(std::move(source)) {}

  std::optional<Failure> check(const plan::BoundPlan& plan) const override { return program_->check(plan); }
  std::unique_ptr<Session> open_session() const override {
    return std::make_unique<RecordedSession>(device_, program_->open_session(), source_);
  }
  Result<void> reload() override { return device_->usable(device_->generation); }

  const LoadedProgram& simulated() const { return *program_; }
  const std::string& source() const { return source_; }

 private:
  SharedDevice device_;
  std::unique_ptr<LoadedProgram> program_;
  std::string source_;
};

class RecordedSampler final : public Sampler {
 public:
  RecordedSampler(SharedDevice device, const SamplerSetup& setup)
      : device_(std::move(device)),
        setup_(setup),
        generation_(device_->generation),
        number_(device_->samplers++) {
    setup_.versions.clear();  // their bytes are the caller's, who may drop them
    for (const auto& version : setup.versions) {
      auto& copies = versions_.emplace_back();
      for (const auto& [name, content] : version) copies[name].assign(content.begin(), content.end());
    }
  }

  Result<Batch> take(std::span<const cuda::Shot> shots) override {
    TRY(device_->usable(generation_));
    const Mishap mishap = device_->next(Kind::kTake, program_of(0).source());
    if (is_machine_error(mishap)) return machine_error();
    Batch batch;
    if ((batch.failure = failure_of(mishap))) {
      batch.contender = shots.empty() ? 0 : shots.back().contender;
      return batch;
    }
    kept_.clear();
    for (const cuda::Shot& shot : shots) {
      CHECK(shot.contender >= 0 && static_cast<size_t>(shot.contender) < setup_.contenders.size());
      CHECK(shot.version >= 0 && static_cast<size_t>(shot.version) < versions_.size());
      kept_.push_back({shot, program_of(shot.contender).source(), number_, shots_taken_++});
      TRY_ASSIGN(cuda::Sample sample, sample_of(kept_.back()));
      batch.samples.push_back(std::move(sample));
    }
    return batch;
  }

  Result<std::span<const std::byte>> read_kept(int shot, const std::string& output) override {
    TRY(device_->usable(generation_));
    CHECK(shot >= 0 && static_cast<size_t>(shot) < kept_.size());
    const RecordedShot& kept = kept_[static_cast<size_t>(shot)];
    CHECK(kept.shot.keep_outputs);
    TRY_ASSIGN(const Computed* computed, compute(kept.shot));
    const auto found = computed->outputs.find(output);
    CHECK(found != computed->outputs.end());
    read_ = found->second;
    if (device_->recording.tamper) device_->recording.tamper(kept, output, read_);
    return std::span<const std::byte>(read_);
  }

 private:
  // What the simulator makes of a contender and a version.
  struct Computed {
    std::map<std::string, std::vector<std::byte>> outputs;
    uint64_t output_hash = 0, activities = 0;
  };

  const RecordedProgram& program_of(int contender) const {
    const auto* program =
        dynamic_cast<const RecordedProgram*>(setup_.contenders[static_cast<size_t>(contender)].program);
    CHECK(program != nullptr);
    return *program;
  }

  Result<cuda::Sample> sample_of(const RecordedShot& shot) {
    cuda::Sample sample = device_->recording.sample(shot);
    if (sample.output_hash != 0 && sample.activities != 0) return sample;
    TRY_ASSIGN(const Computed* computed, compute(shot.shot));
    if (sample.output_hash == 0) sample.output_hash = computed->output_hash;
    if (sample.activities == 0) sample.activities = computed->activities;
    return sample;
  }

  Result<const Computed*> compute(const cuda::Shot& shot) {
    const auto key = std::pair(shot.contender, shot.version);
    const auto found = computed_.find(key);
    if (found != computed_.end()) return &found->second;
    const auto session = program_of(shot.contender).simulated().open_session();
    TRY(fill(*session, shot));
    const plan::BoundPlan& plan = *setup_.contenders[static_cast<size_t>(shot.contender)].plan;
    TRY_ASSIGN(const CallReport report, session->call(plan, {}));
    if (report.failure) return infrastructure_error("the recorded program fails: " + report.failure->message);
    TRY_ASSIGN(Computed computed, collect(*session, report));
    return &computed_.emplace(key, std::move(computed)).first->second;
  }

  Result<void> fill(Session& session, const cuda::Shot& shot) {
    for (const auto& [name, content] : versions_[static_cast<size_t>(shot.version)])
      TRY(session.set_input(name, content));
    for (const SamplerSetup::Tensor& tensor : setup_.tensors)
      if (tensor.role == BufferRole::kOutput) TRY(session.add_buffer(tensor.name, tensor.role, tensor.bytes));
    for (const auto& workspace : setup_.contenders[static_cast<size_t>(shot.contender)].plan->workspaces)
      TRY(session.add_buffer(workspace.name,
                             workspace.self_clean ? BufferRole::kSelfClean : BufferRole::kWorkspace,
                             workspace.bytes));
    return {};
  }

  Result<Computed> collect(Session& session, const CallReport& report) const {
    Computed computed;
    FieldHasher outputs, activities;
    for (const SamplerSetup::Tensor& tensor : setup_.tensors) {
      if (tensor.role != BufferRole::kOutput) continue;
      TRY_ASSIGN(const auto content, session.read(tensor.name));
      computed.outputs[tensor.name].assign(content.begin(), content.end());
      outputs.add({reinterpret_cast<const char*>(content.data()), content.size()});
    }
    for (const OperationWork& work : report.operations) activities.add(work.label);
    computed.output_hash = std::stoull(outputs.hex().substr(0, 16), nullptr, 16);
    computed.activities = std::stoull(activities.hex().substr(0, 16), nullptr, 16);
    return computed;
  }

  SharedDevice device_;
  SamplerSetup setup_;
  std::vector<std::map<std::string, std::vector<std::byte>>> versions_;
  int generation_, number_;
  int64_t shots_taken_ = 0;
  std::vector<RecordedShot> kept_;  // of the last batch
  std::map<std::pair<int, int>, Computed> computed_;
  std::vector<std::byte> read_;
};

class RecordedExecutor final : public Executor {
 public:
  explicit RecordedExecutor(Recording recording) : device_(std::make_shared<Device>()) {
    device_->recording = std::move(recording);
  }

  std::string_view name() const override { return "cuda"; }
  std::string device_text() const override { return device_->recording.device.name + " (recorded)"; }
  const cuda::DeviceFacts* device() const override { return &device_->recording.device; }

  Result<Loaded> load(const std::vector<CodeUnit>& units) override {
    CHECK(!units.empty());
    TRY(device_->usable(device_->generation));
    const Mishap mishap = device_->next(Kind::kLoad, units.front().ptx);
    if (is_machine_error(mishap)) return machine_error();
    if (auto failure = failure_of(mishap)) return Loaded{std::move(failure), nullptr};
    TRY_ASSIGN(Loaded loaded, device_->simulator->load(units));
    if (loaded.program)
      loaded.program =
          std::make_unique<RecordedProgram>(device_, std::move(loaded.program), units.front().ptx);
    return loaded;
  }

  Result<void> renew() override {
    device_->lost = false;
    ++device_->generation;
    if (device_->next(Kind::kRenew, "") == Mishap::kNone) return {};
    device_->lost = true;
    return infrastructure_error("the device failed its health check (recorded)");
  }

  Result<std::unique_ptr<Sampler>> open_sampler(const SamplerSetup& setup) override {
    TRY(device_->usable(device_->generation));
    CHECK(!setup.contenders.empty() && !setup.versions.empty());
    return std::make_unique<RecordedSampler>(device_, setup);
  }

 private:
  SharedDevice device_;
};

}  // namespace

cuda::DeviceFacts recorded_device() {
  cuda::DeviceFacts facts;
  facts.name = "NVIDIA B200";
  facts.uuid = "GPU-00000000-0000-0000-0000-000000000000";
  facts.arch = 100;
  facts.sm_count = 148;
  facts.l2_bytes = int64_t{126} << 20;
  facts.memory_bytes = int64_t{178} << 30;
  facts.max_sm_clock_mhz = 1965;
  facts.driver_version = 13000;
  facts.timer = "recorded";
  facts.clocks = "not locked";
  return facts;
}

std::unique_ptr<Executor> make_recorded_executor(Recording recording) {
  return std::make_unique<RecordedExecutor>(std::move(recording));
}

}  // namespace warpwright::exec
