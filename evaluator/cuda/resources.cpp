#include "evaluator/cuda/resources.h"

#include <fmt/format.h>

#include <array>
#include <string_view>

namespace warpwright::cuda {
namespace {

constexpr int kPrimaryContextActive = 708;
constexpr uint64_t kLargestBytes = uint64_t{1}
                                   << 46;  // beyond any GPU's memory; sums with guards stay in range

uint64_t round_up(uint64_t value, uint64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

// "ptxas application ptx input, line 3; fatal : ..." without what follows.
std::string first_line(std::string_view log) {
  constexpr size_t kLongest = 300;
  const size_t begin = log.find_first_not_of(" \t\r\n");
  if (begin == log.npos) return "";
  log.remove_prefix(begin);
  log = log.substr(0, log.find_first_of("\r\n"));
  std::string line(log.substr(0, kLongest));
  for (char& c : line)
    if (static_cast<unsigned char>(c) < ' ') c = ' ';
  return line;
}

}  // namespace

Result<PrimaryContext> PrimaryContext::retain(const Driver& driver, abi::Device device, unsigned flags) {
  // Drivers before CUDA 11 refuse new flags for a live context; its waits are then what they were.
  const int flagged = driver->cuDevicePrimaryCtxSetFlags_v2.code(device, flags);
  if (flagged != 0 && flagged != kPrimaryContextActive)
    return infrastructure_error(describe_failure("cuDevicePrimaryCtxSetFlags_v2", flagged));
  State state{nullptr, device};
  TRY(driver->cuDevicePrimaryCtxRetain(&state.context, device));
  PrimaryContext result;
  result.owned_ = Owned<State>(driver, state, [](const Driver& from, const State& held) {
    from->cuCtxSetCurrent.code(nullptr);
    from->cuDevicePrimaryCtxRelease_v2.code(held.device);
  });
  TRY(driver->cuCtxSetCurrent(state.context));
  return result;
}

Result<Outcome<Module>> Module::load(const Driver& driver, const std::string& image) {
  std::array<char, 4096> log = {};
  std::array<abi::JitOption, 2> options = {abi::kJitErrorLogBuffer, abi::kJitErrorLogBufferBytes};
  std::array<void*, 2> values = {log.data(), reinterpret_cast<void*>(log.size() - 1)};
  abi::Module module = nullptr;
  const int code = driver->cuModuleLoadDataEx.code(
      &module, image.data(), static_cast<unsigned>(options.size()), options.data(), values.data());
  Outcome<Module> result;
  if (code == 0) {
    result.value.owned_ = Owned<abi::Module>(
        driver, module, [](const Driver& from, const abi::Module& held) { from->cuModuleUnload.code(held); });
    return result;
  }
  TRY_ASSIGN(result.fault, blame(driver, code, "cuModuleLoadDataEx"));
  const std::string line = first_line(log.data());
  if (!line.empty()) result.fault->message += ": " + line;
  return result;
}

Result<Outcome<abi::Function>> Module::function(const std::string& symbol) const {
  Outcome<abi::Function> result;
  const int code = owned_.driver()->cuModuleGetFunction.code(&result.value, owned_.get(), symbol.c_str());
  if (code == 0) return result;
  TRY_ASSIGN(result.fault, blame(owned_.driver(), code, fmt::format("cuModuleGetFunction({})", symbol)));
  return result;
}

Result<FunctionInfo> function_info(const Driver& driver, abi::Function function) {
  FunctionInfo info;
  TRY(driver->cuFuncGetAttribute(&info.registers, abi::kFunctionRegisters, function));
  TRY(driver->cuFuncGetAttribute(&info.static_shared_bytes, abi::kFunctionSharedBytes, function));
  TRY(driver->cuFuncGetAttribute(&info.local_bytes, abi::kFunctionLocalBytes, function));
  TRY(driver->cuFuncGetAttribute(&info.max_threads_per_block, abi::kFunctionMaxThreadsPerBlock, function));
  return info;
}

Result<Stream> Stream::create(const Driver& driver, unsigned flags) {
  abi::Stream stream = nullptr;
  TRY(driver->cuStreamCreate(&stream, flags));
  Stream result;
  result.owned_ = Owned<abi::Stream>(driver, stream, [](const Driver& from, const abi::Stream& held) {
    from->cuStreamDestroy_v2.code(held);
  });
  return result;
}

Result<Event> Event::create(const Driver& driver, unsigned flags) {
  abi::Event event = nullptr;
  TRY(driver->cuEventCreate(&event, flags));
  Event result;
  result.owned_ = Owned<abi::Event>(
      driver, event, [](const Driver& from, const abi::Event& held) { from->cuEventDestroy_v2.code(held); });
  return result;
}

Result<double> Event::microseconds_since(const Event& start) const {
  float milliseconds = 0;
  TRY(owned_.driver()->cuEventElapsedTime(&milliseconds, start.get(), owned_.get()));
  return double{milliseconds} * 1000;
}

Result<DeviceMemory> DeviceMemory::allocate(const Driver& driver, uint64_t bytes) {
  DeviceMemory result;
  if (bytes == 0) return result;
  abi::DevicePointer pointer = 0;
  const int code = driver->cuMemAlloc_v2.code(&pointer, bytes);
  if (code != 0)
    return infrastructure_error(fmt::format("{} bytes: {}", bytes, describe_failure("cuMemAlloc_v2", code)));
  result.bytes_ = bytes;
  result.owned_ = Owned<abi::DevicePointer>(
      driver, pointer,
      [](const Driver& from, const abi::DevicePointer& held) { from->cuMemFree_v2.code(held); });
  return result;
}

Result<PinnedMemory> PinnedMemory::allocate(const Driver& driver, uint64_t bytes) {
  PinnedMemory result;
  if (bytes == 0) return result;
  void* host = nullptr;
  const int code = driver->cuMemHostAlloc.code(&host, bytes, abi::kHostPortable | abi::kHostDeviceMap);
  if (code != 0)
    return infrastructure_error(fmt::format("{} bytes: {}", bytes, describe_failure("cuMemHostAlloc", code)));
  result.bytes_ = bytes;
  result.owned_ = Owned<void*>(driver, host,
                               [](const Driver& from, void* const& held) { from->cuMemFreeHost.code(held); });
  TRY(driver->cuMemHostGetDevicePointer_v2(&result.device_, host, 0));
  return result;
}

Result<VirtualRange> VirtualRange::map(const Driver& driver, abi::Device device, uint64_t bytes,
                                       uint64_t guard_bytes) {
  if (bytes > kLargestBytes || guard_bytes > kLargestBytes)
    return infrastructure_error(fmt::format("{} bytes of device memory: more than any GPU has", bytes));
  abi::AllocationProperties properties = {};
  properties.type = abi::kAllocationPinned;
  properties.location = {abi::kLocationDevice, device};
  size_t granularity = 0;
  TRY(driver->cuMemGetAllocationGranularity(&granularity, &properties, abi::kGranularityMinimum));
  if (granularity == 0)
    return infrastructure_error("cuMemGetAllocationGranularity: 0 bytes; this GPU has no virtual memory API");

  VirtualRange result;
  result.owned_ = Owned<State>(driver, State{}, &VirtualRange::release);
  State& state = result.owned_.get();
  const uint64_t size = round_up(bytes == 0 ? 1 : bytes, granularity);
  const uint64_t guard = round_up(guard_bytes == 0 ? 1 : guard_bytes, granularity);
  abi::DevicePointer reserved = 0;
  TRY(driver->cuMemAddressReserve(&reserved, guard + size + guard, 0, 0, 0));
  state.reserved = reserved;
  state.reserved_bytes = guard + size + guard;
  TRY(driver->cuMemCreate(&state.allocation, size, &properties, 0));
  TRY(driver->cuMemMap(reserved + guard, size, 0, state.allocation, 0));
  state.mapped = reserved + guard;
  state.bytes = size;
  const abi::AccessDescriptor access = {properties.location, abi::kAccessReadWrite};
  TRY(driver->cuMemSetAccess(state.mapped, size, &access, 1));
  return result;
}

void VirtualRange::release(const Driver& driver, const State& state) {
  if (state.mapped != 0) driver->cuMemUnmap.code(state.mapped, state.bytes);
  if (state.allocation != 0) driver->cuMemRelease.code(state.allocation);
  if (state.reserved != 0) driver->cuMemAddressFree.code(state.reserved, state.reserved_bytes);
}

}  // namespace warpwright::cuda
