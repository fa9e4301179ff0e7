// The device process of the cuda executor: started when it is needed, checked for health whenever it is
// started, ended when a program breaks it. Private to the executor.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>

#include "evaluator/exec/device_connection.h"
#include "evaluator/exec/gpu_lock.h"
#include "evaluator/exec/sanitizer.h"

namespace warpwright::exec {

struct CudaOptions {
  device::ProcessOptions process;
  ConnectionDeadlines deadlines;
  std::filesystem::path lock_folder;
  int64_t lock_deadline_ms = 900'000;  // for the GPU to be free
  // The process runs under compute-sanitizer, which writes here; null: it runs as it is.
  std::shared_ptr<SanitizerLog> sanitizer;
};

class CudaDevice {
 public:
  // Starts the process, which tells what device it is.
  static Result<std::shared_ptr<CudaDevice>> open(const CudaOptions& options);

  // The process, started afresh if there is none. Ids of an earlier generation mean nothing to it.
  // REQUIRES: the caller has a hold on the GPU, if a process may have to be started.
  Result<DeviceConnection*> ready();
  int generation() const { return generation_; }
  bool is_current(int generation) { return generation == generation_ && alive(); }
  // After a fault that costs the context: nothing more is asked of it.
  void lose();
  Result<void> renew();

  const cuda::DeviceFacts& facts() const { return facts_; }
  int64_t waited_ms() const { return lock_->waited_ms(); }
  int next_id() { return ++last_id_; }
  const SanitizerLog* sanitizer() const { return options_.sanitizer.get(); }
  // What compute-sanitizer wrote since the last time; nothing where it does not run.
  Result<std::vector<Failure>> take_findings();
  Result<GpuLock::Hold> share() { return lock_->share(options_.lock_deadline_ms); }
  Result<GpuLock::Hold> exclude() { return lock_->exclude(options_.lock_deadline_ms); }

 private:
  explicit CudaDevice(CudaOptions options) : options_(std::move(options)) {}
  bool alive() { return connection_ != nullptr && connection_->alive(); }
  Result<void> connect();
  Result<void> require_health();

  CudaOptions options_;
  std::unique_ptr<DeviceConnection> connection_;
  cuda::DeviceFacts facts_;
  std::optional<GpuLock> lock_;
  int generation_ = 0;
  int last_id_ = 0;
};

// Secrets that no candidate can foresee; from the operating system.
uint64_t secret_seed();

// Memory, copies both ways and a kernel, on a device that may have been broken by the last program. Uses ids
// below 0. Error: what does not work.
Result<void> check_health(cuda::Engine& engine);

}  // namespace warpwright::exec
