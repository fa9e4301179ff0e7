// Calls on guarded buffers of the device process.
#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "evaluator/exec/cuda_program.h"
#include "src/base/check.h"
#include "src/base/log.h"

namespace warpwright::exec {
namespace {

class CudaSession final : public Session {
 public:
  explicit CudaSession(std::shared_ptr<CudaCode> code) : code_(std::move(code)) {}
  ~CudaSession() override { close(); }

  Result<void> set_input(const std::string& name, std::span<const std::byte> content) override {
    Buffer& buffer = buffer_of(name, BufferRole::kInput, content.size());
    buffer.content.assign(content.begin(), content.end());
    buffer.to_write = true;
    return {};
  }

  Result<void> add_buffer(const std::string& name, BufferRole role, int64_t bytes) override {
    CHECK(role != BufferRole::kInput && bytes >= 0);
    buffer_of(name, role, static_cast<size_t>(bytes));
    return {};
  }

  Result<std::span<const std::byte>> read(const std::string& name) override {
    const auto found = indices_.find(name);
    CHECK(found != indices_.end());
    if (!open_) return infrastructure_error("nothing to read before the first call");
    TRY_ASSIGN(DeviceConnection* const connection, connection_of_buffers());
    TRY_ASSIGN(const auto hold, device().share());
    Buffer& buffer = buffers_[static_cast<size_t>(found->second)];
    if (!buffer.is_read) {
      buffer.result.resize(buffer.spec.bytes);
      TRY(connection->read(id_, found->second, buffer.result));
      buffer.is_read = true;
    }
    return std::span<const std::byte>(buffer.result);
  }

  Result<CallReport> call(const plan::BoundPlan& plan, const CallOptions& options) override {
    if (generation_ != 0) TRY(connection_of_buffers());
    for (Buffer& buffer : buffers_) buffer.is_read = false;
    TRY_ASSIGN(const auto hold, device().share());
    CallReport report;
    TRY_ASSIGN(report.failure, code_->load());
    if (report.failure) return report;
    TRY_ASSIGN(DeviceConnection* const connection, device().ready());
    TRY(send_buffers(*connection, options.guards));
    const int64_t slowdown = device().sanitizer() == nullptr ? 1 : kSanitizerSlowdown;
    connection->set_work_deadline_ms(options.deadline_ms * slowdown);
    TRY_ASSIGN(const auto faults, connection->call(code_->id(), id_, lower(plan, code_->kernels(), indices_),
                                                   {options.fill, true}));
    judge(faults, report);
    TRY_ASSIGN(auto findings, device().take_findings());
    std::move(findings.begin(), findings.end(), std::back_inserter(report.findings));
    if (!report.failure) list_operations(plan, report);
    return report;
  }

 private:
  struct Buffer {
    cuda::BufferSpec spec;
    std::vector<std::byte> content;  // of an input: for buffers that are opened again
    bool to_write = false;
    std::vector<std::byte> result;  // of read(), as the last call left it
    bool is_read = false;           // since that call: it is asked for by several checks
  };

  CudaDevice& device() const { return code_->device(); }

  // The buffer of this name; another role or size means other buffers on the device.
  Buffer& buffer_of(const std::string& name, BufferRole role, size_t bytes) {
    const auto [found, is_new] = indices_.try_emplace(name, static_cast<int>(buffers_.size()));
    if (is_new) buffers_.push_back({{name, role, bytes}, {}, false, {}, false});
    Buffer& buffer = buffers_[static_cast<size_t>(found->second)];
    if (is_new || buffer.spec.role != role || buffer.spec.bytes != bytes) close();
    buffer.spec.role = role;
    buffer.spec.bytes = bytes;
    return buffer;
  }

  void close() {
    if (open_ && device().is_current(generation_)) {
      const auto connection = device().ready();
      if (connection) {
        if (auto closed = (*connection)->close_buffers(id_); !closed)
          spdlog::debug("closing buffers: {}", closed.error().message);
      }
    }
    open_ = false;
    for (Buffer& buffer : buffers_) buffer.is_read = false;
  }

  Result<DeviceConnection*> connection_of_buffers() {
    if (!device().is_current(generation_))
      return infrastructure_error("the buffers went with the device process that held them");
    return device().ready();
  }

  // Opened with the first call, at addresses that nobody knows beforehand.
  Result<void> send_buffers(DeviceConnection& connection, cuda::GuardKind guards) {
    if (!open_) {
      std::vector<cuda::BufferSpec> specs;
      for (const Buffer& buffer : buffers_) specs.push_back(buffer.spec);
      id_ = device().next_id();
      TRY(connection.open_buffers(id_, specs, guards, secret_seed()));
      open_ = true;
      generation_ = device().generation();
      for (Buffer& buffer : buffers_) buffer.to_write = buffer.spec.role == BufferRole::kInput;
    }
    for (size_t i = 0; i < buffers_.size(); ++i) {
      if (!buffers_[i].to_write) continue;
      TRY(connection.write(id_, static_cast<int>(i), buffers_[i].content));
      buffers_[i].to_write = false;
    }
    return {};
  }

  void judge(const std::vector<cuda::DeviceFault>& faults, CallReport& report) {
    for (const cuda::DeviceFault& fault : faults) {
      if (costs_the_process(fault)) device().lose();
      const Failure failure = to_failure(fault);
      const bool ends = failure.status != Status::kRejected;  // a broken rule is found after the call
      if (ends && !report.failure) report.failure = failure;
      if (!ends) report.findings.push_back(failure);
    }
  }

  static void list_operations(const plan::BoundPlan& plan, CallReport& report) {
    for (const plan::BoundOperation& operation : plan.operations) {
      if (const auto* launch = std::get_if<plan::BoundLaunch>(&operation)) {
        report.operations.push_back({launch->name_expression, launch, {}, 0, {}});
      } else if (const auto* memset = std::get_if<plan::BoundMemset>(&operation)) {
        report.operations.push_back({"memset " + memset->target.buffer, nullptr, {}, memset->bytes, {}});
      } else {
        const auto& copy = std::get<plan::BoundCopy>(operation);
        report.operations.push_back({"copy " + copy.target.buffer, nullptr, {}, 2 * copy.bytes, {}});
      }
    }
  }

  std::shared_ptr<CudaCode> code_;
  std::vector<Buffer> buffers_;
  BufferIndices indices_;
  bool open_ = false;
  int id_ = 0;
  int generation_ = 0;  // of the process that has, or had, the buffers; 0: none yet
};

}  // namespace

std::unique_ptr<Session> CudaProgram::open_session() const {
  return std::make_unique<CudaSession>(code_);
}

}  // namespace warpwright::exec
