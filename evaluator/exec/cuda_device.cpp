#include "evaluator/exec/cuda_device.h"

#include <fmt/format.h>

#include <cstring>
#include <random>

#include "src/base/check.h"
#include "src/base/log.h"
#include "src/base/rng.h"

namespace warpwright::exec {
namespace {

constexpr int kHealthId = -1;
constexpr size_t kHealthWords = 16384;
constexpr uint32_t kHealthMask = 0x5a5aa5a5;

// target[i] = source[i] ^ mask, one word per thread.
constexpr const char* kHealthPtx = R"(.version 7.0
.target sm_70
.address_size 64
.visible .entry health(.param .u64 target, .param .u64 source, .param .u32 mask) {
  .reg .b32 %r<7>; .reg .b64 %rd<6>;
  ld.param.u64 %rd1, [target];
  ld.param.u64 %rd2, [source];
  ld.param.u32 %r1, [mask];
  mov.u32 %r2, %ctaid.x;
  mov.u32 %r3, %ntid.x;
  mov.u32 %r4, %tid.x;
  mad.lo.u32 %r5, %r2, %r3, %r4;
  mul.wide.u32 %rd3, %r5, 4;
  add.s64 %rd4, %rd1, %rd3;
  add.s64 %rd5, %rd2, %rd3;
  ld.global.u32 %r6, [%rd5];
  xor.b32 %r6, %r6, %r1;
  st.global.u32 [%rd4], %r6;
  ret;
}
)";

cuda::CallWork health_work() {
  cuda::Launch launch;
  launch.label = "health check";
  launch.block.x = 256;
  launch.grid.x = kHealthWords / 256;
  launch.parameters.resize(20);
  std::memcpy(launch.parameters.data() + 16, &kHealthMask, sizeof kHealthMask);
  launch.pointers = {{0, {1, 0}}, {8, {0, 0}}};
  return {{}, {launch}};
}

Result<void> run_health_kernel(cuda::Engine& engine, std::span<const uint32_t> words) {
  TRY(engine.write(kHealthId, 0, std::as_bytes(words)));
  TRY_ASSIGN(const auto faults, engine.call(kHealthId, kHealthId, health_work(), {}));
  if (!faults.empty()) return infrastructure_error(faults.front().message);
  std::vector<uint32_t> result(words.size());
  TRY(engine.read(kHealthId, 1, std::as_writable_bytes(std::span(result))));
  for (size_t i = 0; i < words.size(); ++i)
    if (result[i] != (words[i] ^ kHealthMask))
      return infrastructure_error(
          fmt::format("word {} came back as {:#x}, not {:#x}", i, result[i], words[i] ^ kHealthMask));
  return {};
}

}  // namespace

uint64_t secret_seed() {
  std::random_device source;
  return (uint64_t{source()} << 32) | source();
}

Result<void> check_health(cuda::Engine& engine) {
  Rng rng(secret_seed());
  std::vector<uint32_t> words(kHealthWords);
  for (uint32_t& word : words) word = static_cast<uint32_t>(rng.next());
  TRY_ASSIGN(const auto program, engine.open_program(kHealthId, {{kHealthPtx}, {{0, "health"}}}));
  if (program.fault) return infrastructure_error(program.fault->message);
  TRY(engine.open_buffers(kHealthId,
                          {{"health input", cuda::BufferRole::kInput, 4 * kHealthWords},
                           {"health output", cuda::BufferRole::kOutput, 4 * kHealthWords}},
                          cuda::GuardKind::kZones, rng.next()));
  TRY(run_health_kernel(engine, words));
  TRY(engine.close_buffers(kHealthId));
  return engine.close_program(kHealthId);
}

Result<std::shared_ptr<CudaDevice>> CudaDevice::open(const CudaOptions& options) {
  std::shared_ptr<CudaDevice> device(new CudaDevice(options));
  TRY(device->connect());  // which GPU it is, and so which lock, the process has to tell
  TRY_ASSIGN(const auto hold, device->share());
  TRY(device->require_health());
  return device;
}

Result<void> CudaDevice::connect() {
  if (connection_ != nullptr && !connection_->all_gone())
    return infrastructure_error(
        "a device process that was killed is still there: the driver hangs; reset the GPU "
        "(nvidia-smi --gpu-reset) or reboot");
  connection_.reset();
  ++generation_;
  TRY_ASSIGN(connection_, DeviceConnection::start(options_.process, options_.deadlines));
  if (lock_ && connection_->facts().uuid != facts_.uuid) {
    lose();
    return infrastructure_error(fmt::format("the GPU is gone: {} was {}, now there is {}", facts_.name,
                                            facts_.uuid, connection_->facts().uuid));
  }
  facts_ = connection_->facts();
  if (!lock_) {
    TRY_ASSIGN(lock_, GpuLock::open(options_.lock_folder, facts_.uuid));
  }
  return {};
}

Result<void> CudaDevice::require_health() {
  connection_->set_work_deadline_ms(options_.deadlines.transfer_ms);
  if (auto healthy = check_health(*connection_); !healthy) {
    lose();
    return add_context(healthy.error(), fmt::format("the health check of {} failed", facts_.name));
  }
  return {};
}

Result<DeviceConnection*> CudaDevice::ready() {
  if (!alive()) {
    if (generation_ > 0) spdlog::info("starting a fresh device process");
    TRY(connect());
    TRY(require_health());
  }
  return connection_.get();
}

Result<std::vector<Failure>> CudaDevice::take_findings() {
  if (options_.sanitizer == nullptr) return std::vector<Failure>();
  return options_.sanitizer->take_findings();
}

void CudaDevice::lose() {
  if (connection_ != nullptr) connection_->end();
}

Result<void> CudaDevice::renew() {
  lose();
  TRY_ASSIGN(const auto hold, share());
  TRY(connect());
  return require_health();
}

}  // namespace warpwright::exec
