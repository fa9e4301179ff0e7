#include "evaluator/exec/device_connection.h"

#include <fmt/format.h>

#include <cstring>

namespace warpwright::exec {
namespace {

using device::Loss;

tl::unexpected<Error> infrastructure(const Loss& loss, std::string_view what) {
  return infrastructure_error(fmt::format("device process, {}: {}", what, loss.message));
}

// What a candidate's work is blamed for when the process that ran it is gone; nothing if the blame is not
// its.
std::optional<cuda::DeviceFault> blame(const Loss& loss, std::string_view what) {
  using Kind = cuda::DeviceFault::Kind;
  switch (loss.cause) {
    case Loss::Cause::kDied:
      return cuda::DeviceFault{Kind::kFault, 0, fmt::format("{} while it {}", loss.message, what)};
    case Loss::Cause::kTimeout:
      return cuda::DeviceFault{
          Kind::kTimeout, 0,
          fmt::format("{}: {}; an endless loop, blocks that wait for one another, or a barrier that not all "
                      "threads reach?",
                      what, loss.message)};
    case Loss::Cause::kGarbled:
      return std::nullopt;
  }
  return std::nullopt;
}

void clean(cuda::DeviceFault& fault) {
  fault.message = device::clean_text(fault.message);
}

bool sound(const cuda::DeviceFacts& facts) {
  return facts.arch > 0 && facts.arch < 10'000 && facts.sm_count > 0 && facts.sm_count < 100'000 &&
         facts.l2_bytes >= 0 && facts.memory_bytes >= 0;
}

}  // namespace

template <class T>
DeviceConnection::Answer<T> DeviceConnection::ask(const device::Command& command, int64_t deadline_ms) {
  if (!alive()) return {std::nullopt, std::nullopt, "the device process is gone"};
  auto reply = channel_->exchange(command, deadline_ms);
  if (!reply) return {std::nullopt, std::move(reply.error()), ""};
  if (auto* wanted = std::get_if<T>(&*reply)) return {std::move(*wanted), std::nullopt, ""};
  if (const auto* refused = std::get_if<device::Refused>(&*reply)) {
    channel_
        ->end();  // its context may be lost for good (memory errors are sticky): the next one starts afresh
    return {std::nullopt, std::nullopt, device::clean_text(refused->message)};
  }
  return {std::nullopt, channel_->garbled("a reply of the wrong kind"), ""};
}

template <class T>
Result<T> DeviceConnection::demand(const device::Command& command, int64_t deadline_ms) {
  auto answer = ask<T>(command, deadline_ms);
  if (answer.reply) return std::move(*answer.reply);
  if (answer.loss) return infrastructure(*answer.loss, device::name_of(command));
  return infrastructure_error(std::move(answer.refusal));
}

Result<void> DeviceConnection::order(const device::Command& command) {
  TRY(demand<device::Done>(command, deadlines_.transfer_ms));
  return {};
}

Result<void> DeviceConnection::send(std::span<const std::byte> content, const device::Command& command) {
  TRY(channel_->arena().grow(content.size()));
  if (!content.empty()) std::memcpy(channel_->arena().bytes().data(), content.data(), content.size());
  return order(command);
}

Result<void> DeviceConnection::fetch(std::span<std::byte> content, const device::Command& command) {
  TRY(channel_->arena().grow(content.size()));
  TRY(order(command));
  if (!content.empty()) std::memcpy(content.data(), channel_->arena().bytes().data(), content.size());
  return {};
}

Result<std::unique_ptr<DeviceConnection>> DeviceConnection::start(const device::ProcessOptions& process,
                                                                  const ConnectionDeadlines& deadlines) {
  TRY_ASSIGN(auto channel, device::Channel::start(process));
  std::unique_ptr<DeviceConnection> connection(new DeviceConnection(std::move(channel), deadlines));
  TRY_ASSIGN(device::Greeting greeting,
             connection->demand<device::Greeting>(device::Hello{}, deadlines.open_ms));
  if (greeting.protocol != device::kProtocolVersion)
    return infrastructure_error("the device process is of another version of the worker: build both again");
  if (!sound(greeting.facts)) return infrastructure_error("the device process reports an impossible device");
  for (std::string* text :
       {&greeting.facts.name, &greeting.facts.uuid, &greeting.facts.timer, &greeting.facts.clocks})
    *text = device::clean_text(*text);
  connection->facts_ = std::move(greeting.facts);
  return connection;
}

Result<cuda::Outcome<cuda::OpenedProgram>> DeviceConnection::open_program(int id,
                                                                          const cuda::ProgramImages& images) {
  device::OpenProgram command{id, {}, images.functions};
  uint64_t total = 0;
  for (const std::string& image : images.images) {
    command.image_bytes.push_back(image.size());
    total += image.size();
  }
  TRY(channel_->arena().grow(total));
  std::byte* target = channel_->arena().bytes().data();
  for (const std::string& image : images.images) {
    if (!image.empty()) std::memcpy(target, image.data(), image.size());
    target += image.size();
  }
  cuda::Outcome<cuda::OpenedProgram> outcome;
  auto answer = ask<device::ProgramOpened>(command, deadlines_.load_ms);
  if (answer.reply) {
    outcome.fault = std::move(answer.reply->fault);
    outcome.value.functions = std::move(answer.reply->functions);
    if (!outcome.fault && outcome.value.functions.size() != images.functions.size())
      return infrastructure(channel_->garbled("not as many functions as were asked for"), "open_program");
  } else if (answer.loss) {
    outcome.fault = blame(*answer.loss, "loaded the program");
    if (!outcome.fault) return infrastructure(*answer.loss, "open_program");
  } else {
    return infrastructure_error(std::move(answer.refusal));
  }
  if (outcome.fault) clean(*outcome.fault);
  return outcome;
}

Result<void> DeviceConnection::reload_program(int id) {
  return order(device::ReloadProgram{id});
}
Result<void> DeviceConnection::close_program(int id) {
  return order(device::CloseProgram{id});
}
Result<void> DeviceConnection::open_buffers(int id, const std::vector<cuda::BufferSpec>& buffers,
                                            cuda::GuardKind guards, uint64_t seed) {
  return order(device::OpenBuffers{id, buffers, guards, seed});
}
Result<void> DeviceConnection::write(int buffers, int index, std::span<const std::byte> content) {
  return send(content, device::WriteBuffer{buffers, index, content.size()});
}
Result<void> DeviceConnection::read(int buffers, int index, std::span<std::byte> content) {
  return fetch(content, device::ReadBuffer{buffers, index, content.size()});
}
Result<void> DeviceConnection::close_buffers(int id) {
  return order(device::CloseBuffers{id});
}

Result<std::vector<cuda::DeviceFault>> DeviceConnection::call(int program, int buffers,
                                                              const cuda::CallWork& work,
                                                              const cuda::CallPolicy& policy) {
  auto answer = ask<device::CallDone>(device::Call{program, buffers, work, policy}, work_ms_);
  if (answer.reply) {
    for (cuda::DeviceFault& fault : answer.reply->faults) clean(fault);
    return std::move(answer.reply->faults);
  }
  if (!answer.loss) return infrastructure_error(std::move(answer.refusal));
  if (auto fault = blame(*answer.loss, "ran the call")) return std::vector{std::move(*fault)};
  return infrastructure(*answer.loss, "call");
}

Result<cuda::SamplerInfo> DeviceConnection::open_sampler(int id, const cuda::SamplerSpec& spec) {
  TRY_ASSIGN(auto opened,
             demand<device::SamplerOpened>(device::OpenSampler{id, spec}, deadlines_.transfer_ms));
  opened.info.note = device::clean_text(opened.info.note);
  return std::move(opened.info);
}
Result<void> DeviceConnection::write_version(int sampler, int version, int input,
                                             std::span<const std::byte> content) {
  return send(content, device::WriteVersion{sampler, version, input, content.size()});
}

Result<cuda::Outcome<std::vector<cuda::Sample>>> DeviceConnection::take(int sampler,
                                                                        std::span<const cuda::Shot> shots) {
  auto answer = ask<device::Taken>(device::Take{sampler, {shots.begin(), shots.end()}}, work_ms_);
  cuda::Outcome<std::vector<cuda::Sample>> outcome;
  if (answer.reply) {
    outcome.fault = std::move(answer.reply->fault);
    outcome.value = std::move(answer.reply->samples);
    if (!outcome.fault && outcome.value.size() != shots.size())
      return infrastructure(channel_->garbled("not as many samples as shots"), "take");
  } else if (answer.loss) {
    outcome.fault = blame(*answer.loss, "took timed shots");
    if (!outcome.fault) return infrastructure(*answer.loss, "take");
  } else {
    return infrastructure_error(std::move(answer.refusal));
  }
  for (cuda::Sample& sample : outcome.value) sample.invalid = device::clean_text(sample.invalid);
  if (outcome.fault) {
    clean(*outcome.fault);
    if (outcome.fault->shot < 0 || static_cast<size_t>(outcome.fault->shot) >= shots.size())
      outcome.fault->shot = -1;
  }
  return outcome;
}

Result<void> DeviceConnection::read_kept(int sampler, int shot, int index, std::span<std::byte> content) {
  return fetch(content, device::ReadKept{sampler, shot, index, content.size()});
}
Result<void> DeviceConnection::close_sampler(int id) {
  return order(device::CloseSampler{id});
}

}  // namespace warpwright::exec
