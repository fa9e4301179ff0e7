#include <fmt/format.h>

#include <array>

#include "evaluator/cuda/resources.h"

namespace warpwright::cuda {
namespace {

// "GPU-01234567-89ab-cdef-0123-456789abcdef", as nvidia-smi and NVML write it.
std::string uuid_text(const abi::Uuid& uuid) {
  std::string text = "GPU";
  for (size_t i = 0; i < sizeof(uuid.bytes); ++i) {
    if (i == 0 || i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += fmt::format("{:02x}", uuid.bytes[i]);
  }
  return text;
}

Result<int> attribute(const Driver& driver, abi::Device device, abi::DeviceAttribute which) {
  int value = 0;
  TRY(driver->cuDeviceGetAttribute(&value, which, device));
  return value;
}

}  // namespace

Result<DeviceFacts> read_device_facts(const Driver& driver, abi::Device device) {
  DeviceFacts facts;
  std::array<char, 256> name = {};
  TRY(driver->cuDeviceGetName(name.data(), static_cast<int>(name.size() - 1), device));
  facts.name = name.data();
  abi::Uuid uuid = {};
  TRY(driver->cuDeviceGetUuid_v2(&uuid, device));
  facts.uuid = uuid_text(uuid);
  TRY_ASSIGN(const int major, attribute(driver, device, abi::kComputeCapabilityMajor));
  TRY_ASSIGN(const int minor, attribute(driver, device, abi::kComputeCapabilityMinor));
  facts.arch = major * 10 + minor;
  TRY_ASSIGN(facts.sm_count, attribute(driver, device, abi::kMultiprocessorCount));
  TRY_ASSIGN(facts.l2_bytes, attribute(driver, device, abi::kL2CacheBytes));
  size_t memory = 0;
  TRY(driver->cuDeviceTotalMem_v2(&memory, device));
  facts.memory_bytes = static_cast<int64_t>(memory);
  TRY_ASSIGN(const int clock_khz, attribute(driver, device, abi::kClockRateKhz));
  facts.max_sm_clock_mhz = clock_khz / 1000.0;
  facts.driver_version = driver.version();
  return facts;
}

}  // namespace warpwright::cuda
