// The CUDA runtime as far as exported host code uses it; every call prints one JSON line on stdout.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>

enum cudaError_t {
  cudaSuccess = 0,
  cudaErrorInvalidValue = 1,
  cudaErrorMemoryAllocation = 2,
  cudaErrorLaunchFailure = 719
};
enum cudaDeviceAttr {
  cudaDevAttrMultiProcessorCount = 16,
  cudaDevAttrComputeCapabilityMajor = 75,
  cudaDevAttrComputeCapabilityMinor = 76,
};
enum cudaFuncAttribute {
  cudaFuncAttributeMaxDynamicSharedMemorySize = 8,
  cudaFuncAttributePreferredSharedMemoryCarveout = 9,
  cudaFuncAttributeNonPortableClusterSizeAllowed = 13,
};
enum cudaLaunchAttributeID {
  cudaLaunchAttributeCooperative = 2,
  cudaLaunchAttributeClusterDimension = 4,
  cudaLaunchAttributeProgrammaticStreamSerialization = 6,
};
enum cudaMemcpyKind { cudaMemcpyDeviceToDevice = 3 };

struct CUstream_st;
using cudaStream_t = CUstream_st*;
#define cudaStreamPerThread (reinterpret_cast<cudaStream_t>(0x2))

struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
};
struct cudaLaunchAttribute {
  cudaLaunchAttributeID id;
  union {
    int cooperative;
    int programmaticStreamSerializationAllowed;
    struct {
      unsigned x, y, z;
    } clusterDim;
  } val;
};
struct cudaLaunchConfig_t {
  dim3 gridDim, blockDim;
  size_t dynamicSmemBytes = 0;
  cudaStream_t stream = nullptr;
  cudaLaunchAttribute* attrs = nullptr;
  unsigned numAttrs = 0;
};

namespace fake_cuda {

struct Kernel {
  std::string name;
  std::string parameters;  // a letter each: p pointer, i int, l int64_t, f float, d double, b bool
};
struct State {
  std::map<const void*, Kernel> kernels;
  uint64_t next_address = 0x700000000000;
  int device = 0;
  int arch = 100;
  int sm_count = 148;
  bool fail_launches = false;
  bool fail_allocations = false;
};
inline State& state() {
  static State value;
  return value;
}

inline void add_kernel(const void* function, std::string name, std::string parameters) {
  state().kernels[function] = {std::move(name), std::move(parameters)};
}
inline std::string kernel_name(const void* function) {
  const auto found = state().kernels.find(function);
  return found == state().kernels.end() ? "unknown" : found->second.name;
}
inline uint64_t number(const void* pointer) {
  return reinterpret_cast<uint64_t>(pointer);
}
inline unsigned long long wide(uint64_t value) {
  return value;
}

inline std::string argument_text(char type, const void* place) {
  char text[64] = "";
  const auto read = [place](auto& value) { std::memcpy(&value, place, sizeof value); };
  if (type == 'p' || type == 'l') {
    int64_t value = 0;
    read(value);
    std::snprintf(text, sizeof text, "%lld", static_cast<long long>(value));
  } else if (type == 'i') {
    int32_t value = 0;
    read(value);
    std::snprintf(text, sizeof text, "%d", value);
  } else if (type == 'b') {
    bool value = false;
    read(value);
    std::snprintf(text, sizeof text, "%d", value ? 1 : 0);
  } else if (type == 'f') {
    float value = 0;
    read(value);
    std::snprintf(text, sizeof text, "%.9g", static_cast<double>(value));
  } else {
    double value = 0;
    read(value);
    std::snprintf(text, sizeof text, "%.17g", value);
  }
  return text;
}

inline std::string attributes_text(const cudaLaunchConfig_t& config) {
  std::string text;
  for (unsigned i = 0; i < config.numAttrs; ++i) {
    const cudaLaunchAttribute& attribute = config.attrs[i];
    char item[96] = "";
    switch (attribute.id) {
      case cudaLaunchAttributeCooperative:
        std::snprintf(item, sizeof item, "\"cooperative\":%d", attribute.val.cooperative);
        break;
      case cudaLaunchAttributeProgrammaticStreamSerialization:
        std::snprintf(item, sizeof item, "\"pdl\":%d", attribute.val.programmaticStreamSerializationAllowed);
        break;
      case cudaLaunchAttributeClusterDimension:
        std::snprintf(item, sizeof item, "\"cluster\":[%u,%u,%u]", attribute.val.clusterDim.x,
                      attribute.val.clusterDim.y, attribute.val.clusterDim.z);
        break;
    }
    text += (text.empty() ? "" : ",") + std::string(item);
  }
  return text;
}

}  // namespace fake_cuda

inline const char* cudaGetErrorString(cudaError_t error) {
  switch (error) {
    case cudaSuccess:
      return "no error";
    case cudaErrorInvalidValue:
      return "invalid argument";
    case cudaErrorMemoryAllocation:
      return "out of memory";
    case cudaErrorLaunchFailure:
      return "unspecified launch failure";
  }
  return "unknown error";
}

inline cudaError_t cudaGetDevice(int* device) {
  *device = fake_cuda::state().device;
  return cudaSuccess;
}
inline cudaError_t cudaSetDevice(int device) {
  fake_cuda::state().device = device;
  std::printf("{\"call\":\"set_device\",\"device\":%d}\n", device);
  return cudaSuccess;
}
inline cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int) {
  const fake_cuda::State& state = fake_cuda::state();
  switch (attribute) {
    case cudaDevAttrMultiProcessorCount:
      *value = state.sm_count;
      return cudaSuccess;
    case cudaDevAttrComputeCapabilityMajor:
      *value = state.arch / 10;
      return cudaSuccess;
    case cudaDevAttrComputeCapabilityMinor:
      *value = state.arch % 10;
      return cudaSuccess;
  }
  return cudaErrorInvalidValue;
}

inline cudaError_t cudaMalloc(void** pointer, size_t bytes) {
  if (fake_cuda::state().fail_allocations) return cudaErrorMemoryAllocation;
  uint64_t& next = fake_cuda::state().next_address;
  *pointer = reinterpret_cast<void*>(next);
  std::printf("{\"call\":\"malloc\",\"address\":%llu,\"bytes\":%zu,\"device\":%d}\n", fake_cuda::wide(next),
              bytes, fake_cuda::state().device);
  next += (bytes + 0xffff) / 0x10000 * 0x10000 + 0x10000;
  return cudaSuccess;
}
inline cudaError_t cudaFree(void* pointer) {
  std::printf("{\"call\":\"free\",\"address\":%llu}\n", fake_cuda::wide(fake_cuda::number(pointer)));
  return cudaSuccess;
}
inline cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  std::printf("{\"call\":\"synchronize\",\"stream\":%llu}\n", fake_cuda::wide(fake_cuda::number(stream)));
  return cudaSuccess;
}
inline cudaError_t cudaMemsetAsync(void* target, int value, size_t bytes, cudaStream_t stream) {
  std::printf("{\"call\":\"memset\",\"target\":%llu,\"value\":%d,\"bytes\":%zu,\"stream\":%llu}\n",
              fake_cuda::wide(fake_cuda::number(target)), value, bytes,
              fake_cuda::wide(fake_cuda::number(stream)));
  return cudaSuccess;
}
inline cudaError_t cudaMemcpyAsync(void* target, const void* source, size_t bytes, cudaMemcpyKind,
                                   cudaStream_t stream) {
  std::printf("{\"call\":\"copy\",\"target\":%llu,\"source\":%llu,\"bytes\":%zu,\"stream\":%llu}\n",
              fake_cuda::wide(fake_cuda::number(target)), fake_cuda::wide(fake_cuda::number(source)), bytes,
              fake_cuda::wide(fake_cuda::number(stream)));
  return cudaSuccess;
}
inline cudaError_t cudaFuncSetAttribute(const void* function, cudaFuncAttribute attribute, int value) {
  const char* const name = attribute == cudaFuncAttributeMaxDynamicSharedMemorySize ? "shared"
                           : attribute == cudaFuncAttributePreferredSharedMemoryCarveout
                               ? "carveout"
                               : "non_portable_cluster";
  std::printf("{\"call\":\"set_attribute\",\"kernel\":\"%s\",\"attribute\":\"%s\",\"value\":%d}\n",
              fake_cuda::kernel_name(function).c_str(), name, value);
  return cudaSuccess;
}
// Two blocks per SM, whatever the kernel.
inline cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, const void* function, int,
                                                                 size_t) {
  *blocks = 2;
  return fake_cuda::state().kernels.count(function) != 0 ? cudaSuccess : cudaErrorInvalidValue;
}

inline cudaError_t cudaLaunchKernelExC(const cudaLaunchConfig_t* config, const void* function,
                                       void** arguments) {
  if (fake_cuda::state().fail_launches) return cudaErrorLaunchFailure;
  const auto kernel = fake_cuda::state().kernels.find(function);
  if (kernel == fake_cuda::state().kernels.end()) return cudaErrorInvalidValue;
  std::string list;
  for (size_t i = 0; i < kernel->second.parameters.size(); ++i) {
    list += (i == 0 ? "" : ",") + fake_cuda::argument_text(kernel->second.parameters[i], arguments[i]);
  }
  std::printf(
      "{\"call\":\"launch\",\"kernel\":\"%s\",\"grid\":[%u,%u,%u],\"block\":[%u,%u,%u],\"shared\":%zu,"
      "\"attributes\":{%s},\"arguments\":[%s],\"stream\":%llu}\n",
      kernel->second.name.c_str(), config->gridDim.x, config->gridDim.y, config->gridDim.z,
      config->blockDim.x, config->blockDim.y, config->blockDim.z, config->dynamicSmemBytes,
      fake_cuda::attributes_text(*config).c_str(), list.c_str(),
      fake_cuda::wide(fake_cuda::number(config->stream)));
  return cudaSuccess;
}
