// For the engine's tests: an engine on the fake GPU, the kernels of testdata, and launches of them. With
// WARPWRIGHT_LIBCUDA unset the tests run on a real GPU (sm_90 or newer); what needs the fake is then skipped.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <sstream>

#include "evaluator/cuda/engine.h"

namespace warpwright::cuda {

inline bool is_fake_gpu() {
  const char* library = std::getenv("WARPWRIGHT_LIBCUDA");
  return library != nullptr && std::string_view(library).find("fake_gpu") != std::string_view::npos;
}

enum TestKernel { kScale, kSplit, kMerge, kPoke, kCount, kCountInModule, kUseShared, kFirstWord };

inline std::string read_text(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

inline ProgramImages test_images() {
  ProgramImages images;
  images.images = {read_text("tests/cuda_engine/testdata/kernels.ptx")};
  for (const char* symbol :
       {"scale", "split", "merge", "poke", "count", "count_in_module", "use_shared", "first_word"})
    images.functions.push_back({0, symbol});
  return images;
}

struct At {
  int buffer = 0;
  int64_t offset = 0;
};

inline void add_argument(Launch& launch, const At& at) {
  launch.parameters.resize((launch.parameters.size() + 7) / 8 * 8);
  launch.pointers.push_back({launch.parameters.size(), {at.buffer, at.offset}});
  launch.parameters.resize(launch.parameters.size() + 8);
}
template <class T>
void add_argument(Launch& launch, const T& value) {
  const size_t at = (launch.parameters.size() + sizeof value - 1) / sizeof value * sizeof value;
  launch.parameters.resize(at + sizeof value);
  std::memcpy(launch.parameters.data() + at, &value, sizeof value);
}
template <class... Arguments>
Launch make_launch(TestKernel kernel, const std::string& label, uint32_t blocks, uint32_t threads,
                   const Arguments&... arguments) {
  Launch launch;
  launch.function = kernel;
  launch.label = label;
  launch.grid.x = blocks;
  launch.block.x = threads;
  (add_argument(launch, arguments), ...);
  return launch;
}
inline Launch poke(int buffer, long long offset, int value = 1) {
  return make_launch(kPoke, "poke", 1, 1, At{buffer, 0}, offset, value);
}

template <class T>
std::span<const std::byte> bytes_of(const std::vector<T>& values) {
  return std::as_bytes(std::span(values));
}

// EXPECTs success.
template <class T>
T value_of(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().message);
  return std::move(*result);
}
inline void value_of(Result<void> result) {
  if (!result) throw std::runtime_error(result.error().message);
}

class EngineTest : public ::testing::Test {
 protected:
  static constexpr int kProgram = 1, kBuffers = 2, kSampler = 3;
  static constexpr int kCountOfFloats = 1000;

  void SetUp() override {
    engine = value_of(Engine::open());
    const auto opened = value_of(engine->open_program(kProgram, test_images()));
    ASSERT_FALSE(opened.fault) << opened.fault->message;
    x.resize(kCountOfFloats);
    for (int i = 0; i < kCountOfFloats; ++i) x[static_cast<size_t>(i)] = static_cast<float>(i + 1);
  }
  // Buffers 0: input x, 1: output y, then `more`.
  void open(const std::vector<BufferSpec>& more = {}, GuardKind guards = GuardKind::kZones,
            uint64_t seed = 1) {
    std::vector<BufferSpec> specs = x_and_y();
    specs.insert(specs.end(), more.begin(), more.end());
    value_of(engine->open_buffers(kBuffers, specs, guards, seed));
    value_of(engine->write(kBuffers, 0, bytes_of(x)));
  }
  std::vector<BufferSpec> x_and_y() const {
    return {{"x", BufferRole::kInput, x.size() * 4}, {"y", BufferRole::kOutput, x.size() * 4}};
  }
  Launch scale_launch() const { return make_launch(kScale, "scale", 8, 128, At{0}, At{1}, kCountOfFloats); }
  std::vector<DeviceFault> call(const std::vector<Operation>& operations, const CallPolicy& policy = {}) {
    return value_of(engine->call(kProgram, kBuffers, CallWork{{}, operations}, policy));
  }
  template <class T = float>
  std::vector<T> read(int index, size_t count = kCountOfFloats) {
    std::vector<T> values(count);
    value_of(engine->read(kBuffers, index, std::as_writable_bytes(std::span(values))));
    return values;
  }

  std::unique_ptr<Engine> engine;
  std::vector<float> x;
};

// For what loses the context: in a process of its own, which prints the text that `body` returns.
template <class Body>
void in_child_process(const Body& body, const std::string& expected) {
  EXPECT_EXIT(
      {
        std::cerr << body() << std::flush;
        std::_Exit(0);
      },
      ::testing::ExitedWithCode(0), expected);
}

inline std::string messages(const std::vector<DeviceFault>& faults) {
  std::string text;
  for (const DeviceFault& fault : faults) text += fault.message + "\n";
  return text;
}

}  // namespace warpwright::cuda
