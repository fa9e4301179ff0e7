// cuda::Engine in another process. What that process answers is checked; where it answers nothing, a
// candidate's work that it was doing gets the blame as a DeviceFault (kFault: it died, kTimeout: it was
// killed at the deadline), and anything else is a Result error.
//
// After a loss every call is a Result error: start another one.
#pragma once

#include <memory>

#include "evaluator/cuda/engine.h"
#include "evaluator/exec/device_channel.h"

namespace warpwright::exec {

struct ConnectionDeadlines {
  int64_t open_ms = 120'000;     // the driver's start: seconds without persistence mode, more with many GPUs
  int64_t load_ms = 120'000;     // of a program: the driver may have to compile it
  int64_t transfer_ms = 60'000;  // everything that runs no candidate's code
};

class DeviceConnection final : public cuda::Engine {
 public:
  static Result<std::unique_ptr<DeviceConnection>> start(const device::ProcessOptions& process,
                                                         const ConnectionDeadlines& deadlines);

  bool alive() { return channel_->alive(); }
  void end() { channel_->end(); }
  bool all_gone() const { return channel_->all_gone(); }
  void set_work_deadline_ms(int64_t deadline_ms) { work_ms_ = deadline_ms; }  // of call and take

  const cuda::DeviceFacts& facts() const override { return facts_; }
  Result<cuda::Outcome<cuda::OpenedProgram>> open_program(int id, const cuda::ProgramImages& images) override;
  Result<void> reload_program(int id) override;
  Result<void> close_program(int id) override;
  Result<void> open_buffers(int id, const std::vector<cuda::BufferSpec>& buffers, cuda::GuardKind guards,
                            uint64_t seed) override;
  Result<void> write(int buffers, int index, std::span<const std::byte> content) override;
  Result<void> read(int buffers, int index, std::span<std::byte> content) override;
  Result<void> close_buffers(int id) override;
  Result<std::vector<cuda::DeviceFault>> call(int program, int buffers, const cuda::CallWork& work,
                                              const cuda::CallPolicy& policy) override;
  Result<cuda::SamplerInfo> open_sampler(int id, const cuda::SamplerSpec& spec) override;
  Result<void> write_version(int sampler, int version, int input,
                             std::span<const std::byte> content) override;
  Result<cuda::Outcome<std::vector<cuda::Sample>>> take(int sampler,
                                                        std::span<const cuda::Shot> shots) override;
  Result<void> read_kept(int sampler, int shot, int index, std::span<std::byte> content) override;
  Result<void> close_sampler(int id) override;

 private:
  DeviceConnection(std::unique_ptr<device::Channel> channel, const ConnectionDeadlines& deadlines)
      : channel_(std::move(channel)), deadlines_(deadlines) {}

  // A reply of type T; or the engine's error, or the loss.
  template <class T>
  struct Answer {
    std::optional<T> reply;
    std::optional<device::Loss> loss;
    std::string refusal;
  };
  template <class T>
  Answer<T> ask(const device::Command& command, int64_t deadline_ms);
  template <class T>
  Result<T> demand(const device::Command& command, int64_t deadline_ms);
  Result<void> order(const device::Command& command);
  Result<void> send(std::span<const std::byte> content, const device::Command& command);
  Result<void> fetch(std::span<std::byte> content, const device::Command& command);

  std::unique_ptr<device::Channel> channel_;
  ConnectionDeadlines deadlines_;
  int64_t work_ms_ = 60'000;
  cuda::DeviceFacts facts_;
};

}  // namespace warpwright::exec
