// Timed shots in the device process.
#include <fmt/format.h>

#include "evaluator/exec/cuda_program.h"
#include "src/base/check.h"
#include "src/base/log.h"

namespace warpwright::exec {
namespace {

const CudaProgram& program_of(const SamplerSetup::Contender& contender) {
  const auto* program = dynamic_cast<const CudaProgram*>(contender.program);
  CHECK(program != nullptr && contender.plan != nullptr);  // loaded by this executor
  return *program;
}

// A contender's work on the shared tensors, then its own workspaces.
cuda::SamplerSpec::Contender lower_contender(const SamplerSetup::Contender& contender,
                                             BufferIndices indices) {
  const CudaCode& code = *program_of(contender).code();
  cuda::SamplerSpec::Contender lowered;
  for (const plan::BoundWorkspace& workspace : contender.plan->workspaces) {
    indices.emplace(workspace.name, static_cast<int>(indices.size()));
    lowered.workspaces.push_back({workspace.name,
                                  workspace.self_clean ? BufferRole::kSelfClean : BufferRole::kWorkspace,
                                  static_cast<uint64_t>(workspace.bytes)});
  }
  lowered.program = code.id();
  lowered.work = lower(*contender.plan, code.kernels(), indices);
  return lowered;
}

class CudaSampler final : public Sampler {
 public:
  CudaSampler(std::shared_ptr<CudaDevice> device, const SamplerSetup& setup)
      : device_(std::move(device)), deadline_ms_(setup.deadline_ms), tensors_(setup.tensors) {
    for (const SamplerSetup::Contender& contender : setup.contenders)
      codes_.push_back(program_of(contender).code());
  }

  ~CudaSampler() override {
    if (!device_->is_current(generation_)) return;
    const auto connection = device_->ready();
    if (!connection) return;
    if (auto closed = (*connection)->close_sampler(id_); !closed)
      spdlog::debug("closing a sampler: {}", closed.error().message);
  }

  Result<void> open(const SamplerSetup& setup) {
    TRY_ASSIGN(const auto hold, device_->share());
    for (const auto& code : codes_) {
      TRY_ASSIGN(const auto failure, code->load());
      if (failure) return infrastructure_error("a program that was loaded before: " + failure->message);
    }
    TRY_ASSIGN(DeviceConnection* const connection, device_->ready());
    const int id = device_->next_id();
    TRY_ASSIGN(const cuda::SamplerInfo info, connection->open_sampler(id, spec_of(setup)));
    note_ = info.note;
    id_ = id;
    generation_ = device_->generation();
    for (size_t version = 0; version < setup.versions.size(); ++version)
      for (size_t i = 0; i < tensors_.size(); ++i) {
        if (tensors_[i].role != BufferRole::kInput) continue;
        const auto content = setup.versions[version].find(tensors_[i].name);
        CHECK(content != setup.versions[version].end());
        CHECK(static_cast<int64_t>(content->second.size()) == tensors_[i].bytes);
        TRY(connection->write_version(id_, static_cast<int>(version), static_cast<int>(i), content->second));
      }
    return {};
  }

  std::string note() const override { return note_; }

  Result<Batch> take(std::span<const cuda::Shot> shots) override {
    TRY_ASSIGN(DeviceConnection* const connection, current());
    for (const cuda::Shot& shot : shots)
      CHECK(shot.contender >= 0 && static_cast<size_t>(shot.contender) < codes_.size());
    TRY_ASSIGN(const auto hold, device_->exclude());
    connection->set_work_deadline_ms(deadline_ms_);
    TRY_ASSIGN(auto taken, connection->take(id_, shots));
    Batch batch;
    if (taken.fault) {
      if (costs_the_process(*taken.fault)) device_->lose();
      batch.failure = to_failure(*taken.fault);
      batch.contender = culprit(*taken.fault, shots);
      return batch;
    }
    shots_.assign(shots.begin(), shots.end());
    batch.samples = std::move(taken.value);
    return batch;
  }

  Result<std::span<const std::byte>> read_kept(int shot, const std::string& output) override {
    TRY_ASSIGN(DeviceConnection* const connection, current());
    CHECK(shot >= 0 && static_cast<size_t>(shot) < shots_.size());
    CHECK(shots_[static_cast<size_t>(shot)].keep_outputs);
    TRY_ASSIGN(const auto hold, device_->share());
    for (size_t i = 0; i < tensors_.size(); ++i) {
      if (tensors_[i].name != output) continue;
      kept_.resize(static_cast<size_t>(tensors_[i].bytes));
      TRY(connection->read_kept(id_, shot, static_cast<int>(i), kept_));
      return std::span<const std::byte>(kept_);
    }
    CHECK(false);  // no such output
  }

 private:
  Result<DeviceConnection*> current() {
    if (!device_->is_current(generation_))
      return infrastructure_error("the sampler went with the device process that it was in");
    return device_->ready();
  }

  cuda::SamplerSpec spec_of(const SamplerSetup& setup) const {
    cuda::SamplerSpec spec;
    BufferIndices indices;
    for (const SamplerSetup::Tensor& tensor : tensors_) {
      indices.emplace(tensor.name, static_cast<int>(indices.size()));
      spec.inputs_and_outputs.push_back({tensor.name, tensor.role, static_cast<uint64_t>(tensor.bytes)});
    }
    for (const SamplerSetup::Contender& contender : setup.contenders)
      spec.contenders.push_back(lower_contender(contender, indices));
    spec.versions = static_cast<int>(setup.versions.size());
    spec.profile = setup.profile;
    spec.secret_seed = setup.secret_seed;
    return spec;
  }

  // Whose shot it was; with one contender there is no doubt.
  static int culprit(const cuda::DeviceFault& fault, std::span<const cuda::Shot> shots) {
    if (fault.shot >= 0) return shots[static_cast<size_t>(fault.shot)].contender;
    for (const cuda::Shot& shot : shots)
      if (shot.contender != shots.front().contender) return -1;
    return shots.empty() ? -1 : shots.front().contender;
  }

  std::shared_ptr<CudaDevice> device_;
  int64_t deadline_ms_;
  std::vector<SamplerSetup::Tensor> tensors_;
  std::vector<std::shared_ptr<CudaCode>> codes_;
  int id_ = 0;
  int generation_ = 0;
  std::string note_;
  std::vector<cuda::Shot> shots_;  // of the last batch
  std::vector<std::byte> kept_;
};

}  // namespace

Result<std::unique_ptr<Sampler>> open_cuda_sampler(const std::shared_ptr<CudaDevice>& device,
                                                   const SamplerSetup& setup) {
  CHECK(!setup.contenders.empty() && !setup.versions.empty());
  auto sampler = std::make_unique<CudaSampler>(device, setup);
  TRY(sampler->open(setup));
  return sampler;
}

}  // namespace warpwright::exec
