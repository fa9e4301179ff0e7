#include "evaluator/exec/cuda_executor.h"

#include <dlfcn.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdlib>

#include "evaluator/exec/cuda_program.h"
#include "src/base/check.h"
#include "src/base/files.h"

namespace warpwright::exec {
namespace {

class CudaExecutor final : public Executor {
 public:
  explicit CudaExecutor(std::shared_ptr<CudaDevice> device, std::string name = "cuda")
      : device_(std::move(device)), name_(std::move(name)) {}

  std::string_view name() const override { return name_; }
  bool has_clock() const override { return device_->sanitizer() == nullptr; }
  std::string device_text() const override {
    const cuda::DeviceFacts& facts = device_->facts();
    return fmt::format("{} (sm_{}, driver {}.{}, {})", facts.name, facts.arch, facts.driver_version / 1000,
                       facts.driver_version % 1000 / 10, facts.timer);
  }
  const cuda::DeviceFacts* device() const override { return &device_->facts(); }

  Result<Loaded> load(const std::vector<CodeUnit>& units) override {
    auto kernels = KernelTable::read(units);
    if (!kernels) return Loaded{Failure{Status::kCompileError, "", std::move(kernels.error())}, nullptr};
    auto code = std::make_shared<CudaCode>(device_, units, std::move(*kernels));
    TRY_ASSIGN(const auto hold, device_->share());
    TRY_ASSIGN(auto failure, code->load());
    if (failure) return Loaded{std::move(failure), nullptr};
    return Loaded{std::nullopt, std::make_unique<CudaProgram>(std::move(code))};
  }

  int64_t waited_ms() const override { return device_->waited_ms(); }
  Result<void> renew() override { return device_->renew(); }

  Result<std::unique_ptr<Sampler>> open_sampler(const SamplerSetup& setup) override {
    return open_cuda_sampler(device_, setup);
  }

 private:
  std::shared_ptr<CudaDevice> device_;
  std::string name_;
};

}  // namespace

Result<void> find_driver() {
  const char* named = std::getenv("WARPWRIGHT_LIBCUDA");
  const std::string library = named != nullptr && *named != '\0' ? named : "libcuda.so.1";
  // Loaded and let go: the search is the loader's, and nothing of CUDA is called.
  void* handle = ::dlopen(library.c_str(), RTLD_LAZY | RTLD_LOCAL);
  if (handle == nullptr)
    return infrastructure_error(fmt::format(
        "no NVIDIA driver: {} cannot be loaded ({}); install the driver, start the container with its "
        "GPUs (--gpus all), or use --executor sim",
        library, ::dlerror()));
  ::dlclose(handle);
  return {};
}

CudaOptions default_cuda_options() {
  const char* named = std::getenv("WARPWRIGHT_WORKER");
  std::filesystem::path worker = named != nullptr && *named != '\0'
                                     ? std::filesystem::path(named)
                                     : program_directory() / "warpwright-worker";
  std::error_code ignored;
  if (auto absolute = std::filesystem::absolute(worker, ignored); !ignored) worker = absolute;
  CudaOptions options;
  options.process.argv = {worker.string(), "device-process"};
  options.lock_folder = cache_directory();
  return options;
}

Result<std::unique_ptr<Executor>> make_cuda_executor(const CudaOptions& options) {
  TRY_ASSIGN(auto device, CudaDevice::open(options));
  return std::make_unique<CudaExecutor>(std::move(device));
}

Result<std::unique_ptr<Executor>> make_sanitized_executor(CudaOptions options, std::string_view tool) {
  if (std::find(std::begin(kSanitizerTools), std::end(kSanitizerTools), tool) == std::end(kSanitizerTools))
    return usage_error(fmt::format("compute-sanitizer has no tool `{}`; there are {}", tool,
                                   fmt::join(kSanitizerTools, ", ")));
  TRY_ASSIGN(const auto sanitizer, find_compute_sanitizer());
  TRY_ASSIGN(auto log, SanitizerLog::create());
  options.sanitizer = std::make_shared<SanitizerLog>(std::move(log));
  options.process.argv = under_sanitizer(sanitizer, tool, options.sanitizer->path(), options.process.argv);
  options.process.set_environment.insert_or_assign(kUnderSanitizer, std::string(1, '1'));
  options.deadlines.open_ms *= 2;
  options.deadlines.load_ms *= kSanitizerSlowdown;
  TRY_ASSIGN(auto device, CudaDevice::open(options));
  return std::make_unique<CudaExecutor>(std::move(device), fmt::format("{}{}", kSanitizedPrefix, tool));
}

}  // namespace warpwright::exec
