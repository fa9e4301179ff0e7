// The driver API: modules, functions, launches.
#include <algorithm>
#include <cstring>
#include <string>

#include "tests/fake_gpu/exports.h"

namespace warpwright::fake_gpu {
namespace {

constexpr size_t kMaxParameterBytes = 32764;

std::shared_ptr<Program> find_program(Device& device, abi::Module handle) {
  const auto found = device.programs.find(reinterpret_cast<Program*>(handle));
  return found == device.programs.end() ? nullptr : found->second;
}
Kernel* find_kernel(Device& device, abi::Function handle) {
  const auto found = device.kernels.find(reinterpret_cast<Kernel*>(handle));
  return found == device.kernels.end() ? nullptr : found->second.get();
}

int load(Device& device, abi::Module* module, const void* image, std::string& log) {
  std::shared_ptr<Program> program;
  const int code = load_program(device, static_cast<const char*>(image), program, log);
  if (code != 0) return code;
  *module = reinterpret_cast<abi::Module>(program.get());
  device.programs.emplace(program.get(), std::move(program));
  return 0;
}

// As the driver takes them: the size rides in the pointer, and comes back as what was used.
void write_jit_log(const std::string& log, unsigned count, const abi::JitOption* options, void** values) {
  char* buffer = nullptr;
  size_t room = 0;
  void** used = nullptr;
  for (unsigned k = 0; k < count; ++k) {
    if (options[k] == abi::kJitErrorLogBuffer) buffer = static_cast<char*>(values[k]);
    if (options[k] == abi::kJitErrorLogBufferBytes) {
      room = reinterpret_cast<size_t>(values[k]) & 0xffffffff;
      used = &values[k];
    }
  }
  if (buffer == nullptr || room == 0) return;
  const size_t bytes = std::min(room - 1, log.size());
  std::memcpy(buffer, log.data(), bytes);
  buffer[bytes] = 0;
  *used = reinterpret_cast<void*>(bytes);
}

int gather_parameters(LaunchRequest& request, void** parameters, void** extra) {
  const sim::KernelInfo& info = *request.kernel->info;
  request.parameters.resize(info.parameter_bytes);
  if (parameters != nullptr && extra != nullptr) return kInvalidValue;
  if (parameters != nullptr) {
    for (size_t k = 0; k < info.parameters.size(); ++k) {
      const auto& parameter = info.parameters[k];
      std::memcpy(request.parameters.data() + parameter.offset, parameters[k], parameter.size);
    }
    return 0;
  }
  const void* block = nullptr;
  size_t bytes = 0;
  for (size_t k = 0; extra != nullptr && extra[k] != abi::kLaunchEnd; k += 2) {
    if (extra[k] == abi::kLaunchBufferPointer) {
      block = extra[k + 1];
    } else if (extra[k] == abi::kLaunchBufferSize) {
      bytes = *static_cast<const size_t*>(extra[k + 1]);
    } else {
      return kInvalidValue;
    }
  }
  if (bytes > kMaxParameterBytes) return kOutOfResources;
  if (bytes < info.parameter_bytes || bytes > info.parameter_bytes + 15) return kInvalidValue;
  if (info.parameter_bytes > 0) std::memcpy(request.parameters.data(), block, info.parameter_bytes);
  return 0;
}

int read_attributes(const abi::LaunchConfig& config, LaunchRequest& request, std::string& text) {
  for (unsigned k = 0; k < config.attribute_count; ++k) {
    const abi::LaunchAttributeValue& value = config.attributes[k].value;
    switch (config.attributes[k].id) {
      case abi::kLaunchIgnore:
        break;
      case abi::kLaunchCooperative:
        request.cooperative = value.cooperative != 0;
        text += " cooperative";
        break;
      case abi::kLaunchClusterDimension:
        request.cluster = {value.cluster_dim.x, value.cluster_dim.y, value.cluster_dim.z};
        text += fmt::format(" cluster={},{},{}", request.cluster.x, request.cluster.y, request.cluster.z);
        break;
      case abi::kLaunchProgrammaticStreamSerialization:
        request.programmatic = value.programmatic_stream_serialization_allowed != 0;
        text += " programmatic";
        break;
      case abi::kLaunchPreferredSharedCarveout:
        text += fmt::format(" carveout={}", value.shared_carveout);
        if (value.shared_carveout > 100) return kInvalidValue;
        break;
      default:
        return kInvalidValue;
    }
  }
  return 0;
}

int launch(DriverCall& call, Kernel* kernel, const LaunchRequest& request, abi::Stream handle) {
  Stream* stream = call.device.find(handle);
  if (kernel == nullptr || stream == nullptr) return kInvalidHandle;
  if (const int code = check_launch(request)) return code;
  Operation operation = make_launch(request, *stream);
  operation.correlation = call.device.next_correlation();
  const uint64_t before = call.device.host_ns;
  call.device.host_ns += kSubmitNs;
  note_api_call(operation.correlation, before, call.device.host_ns);
  call.device.submit(*stream, std::move(operation));
  return 0;
}

}  // namespace
}  // namespace warpwright::fake_gpu

using namespace warpwright::fake_gpu;  // NOLINT: the rest is C
using abi::Code;

FAKE_EXPORT Code cuModuleLoadDataEx(abi::Module* module, const void* image, unsigned count,
                                    abi::JitOption* options, void** values) {
  DriverCall call(Needs::kContext, "cuModuleLoadDataEx");
  if (call.code != 0) return call.code;
  std::string log;
  const int code = load(call.device, module, image, log);
  write_jit_log(log, count, options, values);
  return code;
}
FAKE_EXPORT Code cuModuleLoadData(abi::Module* module, const void* image) {
  DriverCall call(Needs::kContext, "cuModuleLoadData");
  std::string log;
  return call.code != 0 ? call.code : load(call.device, module, image, log);
}
FAKE_EXPORT Code cuModuleUnload(abi::Module handle) {
  DriverCall call(Needs::kContext, "cuModuleUnload");
  if (call.code != 0) return call.code;
  auto program = find_program(call.device, handle);
  if (!program) return kInvalidHandle;
  if (const int code = call.device.drain()) return code;
  std::erase_if(call.device.kernels, [&](const auto& entry) { return entry.second->program == program; });
  call.device.programs.erase(program.get());
  return 0;
}
FAKE_EXPORT Code cuModuleGetFunction(abi::Function* function, abi::Module handle, const char* name) {
  DriverCall call(Needs::kContext, "cuModuleGetFunction", "{}", name);
  if (call.code != 0) return call.code;
  const auto program = find_program(call.device, handle);
  if (!program) return kInvalidHandle;
  auto kernel = std::make_unique<Kernel>();
  kernel->program = program;
  kernel->name = name;
  kernel->info = program->code->kernel(name);
  if (kernel->info == nullptr) return kNotFound;
  if (const auto found = program->registers.find(name); found != program->registers.end())
    kernel->registers = found->second;
  *function = reinterpret_cast<abi::Function>(kernel.get());
  call.device.kernels.emplace(kernel.get(), std::move(kernel));
  return 0;
}
FAKE_EXPORT Code cuFuncGetAttribute(int* value, abi::FunctionAttribute attribute, abi::Function function) {
  DriverCall call(Needs::kContext, "cuFuncGetAttribute", "{}", static_cast<int>(attribute));
  if (call.code != 0) return call.code;
  const Kernel* kernel = find_kernel(call.device, function);
  if (kernel == nullptr) return kInvalidHandle;
  switch (attribute) {
    case abi::kFunctionMaxThreadsPerBlock:
      *value = kernel->info->max_block.x != 0 ? static_cast<int>(kernel->info->max_block.count()) : 1024;
      return 0;
    case abi::kFunctionSharedBytes:
      *value = static_cast<int>(kernel->info->static_shared_bytes);
      return 0;
    case abi::kFunctionLocalBytes:
      *value = static_cast<int>(kernel->info->local_bytes);
      return 0;
    case abi::kFunctionRegisters:
      *value = kernel->registers;
      return 0;
    case abi::kFunctionMaxDynamicSharedBytes:
      *value = kernel->max_dynamic_shared_bytes;
      return 0;
    case abi::kFunctionSharedCarveoutPercent:
      *value = kernel->carveout;
      return 0;
    case abi::kFunctionNonPortableClusterSizeAllowed:
      *value = kernel->non_portable_cluster;
      return 0;
  }
  return kInvalidValue;
}
FAKE_EXPORT Code cuFuncSetAttribute(abi::Function function, abi::FunctionAttribute attribute, int value) {
  DriverCall call(Needs::kContext, "cuFuncSetAttribute", "{} {}", static_cast<int>(attribute), value);
  if (call.code != 0) return call.code;
  Kernel* kernel = find_kernel(call.device, function);
  if (kernel == nullptr) return kInvalidHandle;
  if (attribute == abi::kFunctionMaxDynamicSharedBytes) {
    if (value < 0 || kernel->info->static_shared_bytes + static_cast<uint64_t>(value) > kSharedOptin)
      return kInvalidValue;
    kernel->max_dynamic_shared_bytes = value;
  } else if (attribute == abi::kFunctionSharedCarveoutPercent) {
    if (value < -1 || value > 100) return kInvalidValue;
    kernel->carveout = value;
  } else if (attribute == abi::kFunctionNonPortableClusterSizeAllowed) {
    kernel->non_portable_cluster = value;
  } else {
    return kInvalidValue;
  }
  return 0;
}
FAKE_EXPORT Code cuLaunchKernelEx(const abi::LaunchConfig* config, abi::Function function, void** parameters,
                                  void** extra) {
  Device& device = Device::get();
  const std::lock_guard lock(device.mutex);
  LaunchRequest request;
  request.kernel = find_kernel(device, function);
  request.grid = {config->grid_x, config->grid_y, config->grid_z};
  request.block = {config->block_x, config->block_y, config->block_z};
  request.dynamic_shared_bytes = config->shared_bytes;
  std::string attributes;
  const int attribute_code = read_attributes(*config, request, attributes);
  const std::string name = request.kernel == nullptr ? "?" : request.kernel->name;
  const Stream* stream = device.find(config->stream);
  DriverCall call(Needs::kContext, "cuLaunchKernelEx",
                  "{} grid={},{},{} block={},{},{} shared={} stream={}{}", name, config->grid_x,
                  config->grid_y, config->grid_z, config->block_x, config->block_y, config->block_z,
                  config->shared_bytes, stream == nullptr ? -1 : static_cast<int>(stream->id), attributes);
  if (call.code != 0) return call.code;
  if (request.kernel == nullptr) return kInvalidHandle;
  if (attribute_code != 0) return attribute_code;
  if (const int code = gather_parameters(request, parameters, extra)) return code;
  return launch(call, request.kernel, request, config->stream);
}
