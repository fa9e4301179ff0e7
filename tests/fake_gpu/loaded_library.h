// For tests: the fake GPU in a child process with an environment of its own.
#pragma once

#include <dlfcn.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <thread>

#include "evaluator/cuda/cupti_abi.h"
#include "evaluator/cuda/driver_abi.h"

namespace warpwright::cuda::abi {

struct FakeFunctions {
#define FAKE_MEMBER(symbol, ...) int (*symbol)(__VA_ARGS__) = nullptr;
  WW_CUDA_FUNCTIONS(FAKE_MEMBER)
  WW_CUPTI_FUNCTIONS(FAKE_MEMBER)
#undef FAKE_MEMBER
};

}  // namespace warpwright::cuda::abi

namespace warpwright::fake_gpu {

namespace abi = cuda::abi;
using Functions = abi::FakeFunctions;
using Environment = std::map<std::string, std::string>;

inline Functions load_library(const char* path = FAKE_GPU_LIBRARY) {
  void* library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  EXPECT_NE(library, nullptr) << dlerror();
  Functions functions;
#define FAKE_LOAD(symbol, ...) \
  functions.symbol = reinterpret_cast<decltype(functions.symbol)>(dlsym(library, #symbol));
  WW_CUDA_FUNCTIONS(FAKE_LOAD)
  WW_CUPTI_FUNCTIONS(FAKE_LOAD)
#undef FAKE_LOAD
  return functions;
}

// How the child ended: "passed", "failed", "aborted", or "hung", when it ran longer than `patience`.
inline std::string run_child(const Environment& environment, const std::function<void(Functions&)>& body,
                             std::chrono::milliseconds patience = std::chrono::seconds(60),
                             bool load = true) {
  const pid_t child = fork();
  if (child == 0) {
    for (const auto& [name, value] : environment) setenv(name.c_str(), value.c_str(), 1);
    Functions functions = load ? load_library() : Functions();
    body(functions);
    fflush(stdout);
    _exit(testing::Test::HasFailure() ? 1 : 0);
  }
  const auto end = std::chrono::steady_clock::now() + patience;
  int status = 0;
  while (waitpid(child, &status, WNOHANG) == 0) {
    if (std::chrono::steady_clock::now() > end) {
      kill(child, SIGKILL);
      waitpid(child, &status, 0);
      return "hung";
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return WIFSIGNALED(status) ? "aborted" : WEXITSTATUS(status) == 0 ? "passed" : "failed";
}

// A program and a stream, with what tests do to them.
class Gpu {
 public:
  explicit Gpu(Functions& f, const std::string& ptx = "") : cu(f) {
    EXPECT_EQ(cu.cuInit(0), 0);
    EXPECT_EQ(cu.cuDevicePrimaryCtxRetain(&context, 0), 0);
    EXPECT_EQ(cu.cuCtxSetCurrent(context), 0);
    EXPECT_EQ(cu.cuStreamCreate(&stream, abi::kStreamNonBlocking), 0);
    EXPECT_EQ(ptx.empty() ? 0 : cu.cuModuleLoadData(&module, ptx.c_str()), 0);
  }
  abi::Function function(const char* name) {
    abi::Function& known = functions_[{module, name}];
    if (known != nullptr) return known;
    EXPECT_EQ(cu.cuModuleGetFunction(&known, module, name), 0) << name;
    return known;
  }
  uint64_t allocate(size_t bytes) {
    abi::DevicePointer address = 0;
    EXPECT_EQ(cu.cuMemAlloc_v2(&address, bytes), 0);
    return address;
  }
  // Of a kernel with three 64-bit parameters.
  int launch(const char* name, unsigned grid, unsigned block, uint64_t a = 0, uint64_t b = 0, uint64_t c = 0,
             size_t bytes = 24) {
    uint64_t values[] = {a, b, c};
    void* extra[] = {abi::kLaunchBufferPointer, values, abi::kLaunchBufferSize, &bytes, abi::kLaunchEnd};
    const abi::LaunchConfig config{grid, 1, 1, block, 1, 1, 0, stream, nullptr, 0};
    return cu.cuLaunchKernelEx(&config, function(name), nullptr, extra);
  }
  int synchronise() { return cu.cuStreamSynchronize(stream); }
  uint32_t word(uint64_t address) {
    uint32_t value = 0;
    EXPECT_EQ(cu.cuMemcpyDtoHAsync_v2(&value, address, 4, stream), 0);
    return value;
  }

  Functions& cu;
  abi::Context context = nullptr;
  abi::Stream stream = nullptr;
  abi::Module module = nullptr;

 private:
  std::map<std::pair<abi::Module, std::string>, abi::Function> functions_;
};

}  // namespace warpwright::fake_gpu
