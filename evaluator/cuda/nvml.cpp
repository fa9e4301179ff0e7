#include "evaluator/cuda/nvml.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <charconv>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "evaluator/cuda/shared_library.h"

namespace warpwright::cuda {

namespace abi {
struct NvmlFunctions {
#define WW_MEMBER(symbol, ...) NvmlCode (*symbol)(__VA_ARGS__) = nullptr;
  WW_NVML_FUNCTIONS(WW_MEMBER)
  WW_NVML_OPTIONAL_FUNCTIONS(WW_MEMBER)
#undef WW_MEMBER
  NvmlErrorString nvmlErrorString = nullptr;
};
}  // namespace abi

namespace {

constexpr const char* kLockVariable = "WARPWRIGHT_LOCK_SM_MHZ";
constexpr unsigned kHighestMhz = 10'000;

class NvmlLibrary final : public Nvml {
 public:
  NvmlLibrary() = default;
  NvmlLibrary(const NvmlLibrary&) = delete;
  NvmlLibrary& operator=(const NvmlLibrary&) = delete;
  ~NvmlLibrary() override;

  Result<void> load(const std::string& name);
  Result<void> find(const std::string& uuid);

  std::optional<double> sm_clock_mhz() const override { return clock(nvml_.nvmlDeviceGetClockInfo); }
  std::optional<double> max_sm_clock_mhz() const override { return clock(nvml_.nvmlDeviceGetMaxClockInfo); }
  std::optional<uint64_t> clock_reasons() const override;
  Health health() const override;
  std::string lock_clocks_if_asked() override;

 private:
  using ClockGetter = abi::NvmlCode (*)(abi::NvmlDevice, abi::NvmlClock, unsigned*);
  std::optional<double> clock(ClockGetter getter) const;
  std::string text(abi::NvmlCode code) const;
  std::optional<unsigned> recovery_action() const;

  abi::NvmlFunctions nvml_;
  abi::NvmlDevice device_ = nullptr;
  bool started_ = false, locked_ = false;
};

NvmlLibrary::~NvmlLibrary() {
  if (locked_) nvml_.nvmlDeviceResetGpuLockedClocks(device_);
  if (started_) nvml_.nvmlShutdown();
}

Result<void> NvmlLibrary::load(const std::string& name) {
  TRY_ASSIGN(void* handle, load_library(name));
  Binder binder(handle);
#define WW_REQUIRE(symbol, ...) binder.require(#symbol, nvml_.symbol);
  WW_NVML_FUNCTIONS(WW_REQUIRE)
#undef WW_REQUIRE
#define WW_ALLOW(symbol, ...) binder.allow(#symbol, nvml_.symbol);
  WW_NVML_OPTIONAL_FUNCTIONS(WW_ALLOW)
#undef WW_ALLOW
  binder.allow("nvmlErrorString", nvml_.nvmlErrorString);
  if (!binder.complete()) return infrastructure_error(fmt::format("{} lacks {}", name, binder.missing()));
  const abi::NvmlCode code = nvml_.nvmlInit_v2();
  if (code != abi::kNvmlSuccess) return infrastructure_error(fmt::format("nvmlInit_v2: {}", text(code)));
  started_ = true;
  return {};
}

Result<void> NvmlLibrary::find(const std::string& uuid) {
  abi::NvmlCode code = nvml_.nvmlDeviceGetHandleByUUID(uuid.c_str(), &device_);
  // The driver's id of a MIG slice comes without saying that it is one.
  if (code != abi::kNvmlSuccess && uuid.starts_with("GPU-"))
    code = nvml_.nvmlDeviceGetHandleByUUID(("MIG-" + uuid.substr(4)).c_str(), &device_);
  if (code != abi::kNvmlSuccess)
    return infrastructure_error(fmt::format("nvmlDeviceGetHandleByUUID({}): {}", uuid, text(code)));
  return {};
}

std::string NvmlLibrary::text(abi::NvmlCode code) const {
  const char* words = nvml_.nvmlErrorString != nullptr ? nvml_.nvmlErrorString(code) : nullptr;
  return words != nullptr ? words : fmt::format("NVML error {}", code);
}

std::optional<double> NvmlLibrary::clock(ClockGetter getter) const {
  unsigned mhz = 0;
  if (getter(device_, abi::kNvmlClockSm, &mhz) != abi::kNvmlSuccess || mhz == 0) return std::nullopt;
  return mhz;
}

std::optional<uint64_t> NvmlLibrary::clock_reasons() const {
  const auto getter = nvml_.nvmlDeviceGetCurrentClocksEventReasons != nullptr
                          ? nvml_.nvmlDeviceGetCurrentClocksEventReasons
                          : nvml_.nvmlDeviceGetCurrentClocksThrottleReasons;
  unsigned long long reasons = 0;
  if (getter == nullptr || getter(device_, &reasons) != abi::kNvmlSuccess) return std::nullopt;
  return reasons;
}

std::optional<unsigned> NvmlLibrary::recovery_action() const {
  if (nvml_.nvmlDeviceGetFieldValues == nullptr) return std::nullopt;
  abi::NvmlFieldValue value = {};
  value.field = abi::kFieldRecoveryAction;
  if (nvml_.nvmlDeviceGetFieldValues(device_, 1, &value) != abi::kNvmlSuccess) return std::nullopt;
  if (value.code != abi::kNvmlSuccess) return std::nullopt;
  return value.value.u32;
}

Health NvmlLibrary::health() const {
  unsigned mhz = 0;
  const abi::NvmlCode code = nvml_.nvmlDeviceGetClockInfo(device_, abi::kNvmlClockSm, &mhz);
  if (code == abi::kNvmlGpuIsLost) return {false, "the GPU has fallen off the bus: reboot the machine"};
  if (code == abi::kNvmlResetRequired) return {false, "the GPU must be reset: nvidia-smi --gpu-reset"};
  switch (recovery_action().value_or(abi::kRecoverNone)) {
    case abi::kRecoverNone:
      break;
    case abi::kRecoverGpuReset:
      return {false, "the GPU must be reset: nvidia-smi --gpu-reset"};
    case abi::kRecoverBusReset:
      return {false, "the GPU's PCIe bus must be reset: see nvidia-smi -q"};
    case abi::kRecoverNodeReboot:
    case abi::kRecoverSystemReboot:
      return {false, "the GPU cannot go on: reboot the machine"};
    case abi::kRecoverDrainPeers:
      return {true, "the GPU asks for its peers' work to end, and then for a reset (nvidia-smi -q)"};
    case abi::kRecoverDrainAndReset:
      return {true, "the GPU runs on reduced capacity until it is reset: nvidia-smi --gpu-reset"};
    default:
      return {true, "the GPU asks for a recovery action: see nvidia-smi -q"};
  }
  unsigned long long errors = 0;
  if (nvml_.nvmlDeviceGetTotalEccErrors != nullptr &&
      nvml_.nvmlDeviceGetTotalEccErrors(device_, abi::kNvmlUncorrected, abi::kNvmlVolatile, &errors) ==
          abi::kNvmlSuccess &&
      errors != 0)
    return {true, fmt::format(
                      "{} uncorrectable memory errors since the driver was loaded: see nvidia-smi -q -d ECC",
                      errors)};
  return {};
}

std::string NvmlLibrary::lock_clocks_if_asked() {
  const char* variable = std::getenv(kLockVariable);
  if (variable == nullptr || *variable == '\0') return "not locked";
  const std::string_view asked = variable;
  unsigned mhz = 0;
  const auto [end, error] = std::from_chars(asked.data(), asked.data() + asked.size(), mhz);
  if (error != std::errc() || end != asked.data() + asked.size() || mhz == 0 || mhz > kHighestMhz)
    return fmt::format("not locked ({}={} is no frequency in MHz)", kLockVariable, asked);
  const abi::NvmlCode code = nvml_.nvmlDeviceSetGpuLockedClocks(device_, mhz, mhz);
  if (code == abi::kNvmlNoPermission)
    return fmt::format("not locked (no permission: as root, nvidia-smi -lgc {0},{0})", mhz);
  if (code != abi::kNvmlSuccess)
    return fmt::format("not locked (nvmlDeviceSetGpuLockedClocks({}): {})", mhz, text(code));
  locked_ = true;
  return fmt::format("locked at {} MHz", mhz);
}

}  // namespace

std::string describe_clock_reasons(uint64_t reasons) {
  constexpr struct {
    uint64_t bit;
    const char* words;
  } kReasons[] = {
      {abi::kReasonApplicationClocks, "application clocks"},
      {abi::kReasonSwPowerCap, "power cap"},
      {abi::kReasonHwSlowdown, "hardware slowdown"},
      {abi::kReasonSyncBoost, "sync boost"},
      {abi::kReasonSwThermalSlowdown, "thermal slowdown"},
      {abi::kReasonHwThermalSlowdown, "hardware thermal slowdown"},
      {abi::kReasonHwPowerBrake, "power brake"},
      {abi::kReasonDisplayClock, "display clocks"},
      {abi::kReasonBoardLimit, "board limit"},
      {abi::kReasonReliability, "reliability limit"},
  };
  std::vector<const char*> words;
  for (const auto& reason : kReasons)
    if ((reasons & reason.bit) != 0) words.push_back(reason.words);
  return fmt::format("{}", fmt::join(words, ", "));
}

Result<std::unique_ptr<Nvml>> Nvml::open(const std::string& uuid, const std::string& library) {
  std::string name = library;
  if (const char* chosen = std::getenv("WARPWRIGHT_LIBNVML"); name.empty() && chosen != nullptr)
    name = chosen;
  if (name.empty()) name = "libnvidia-ml.so.1";
  auto nvml = std::make_unique<NvmlLibrary>();
  TRY(nvml->load(name));
  TRY(nvml->find(uuid));
  return nvml;
}

}  // namespace warpwright::cuda
