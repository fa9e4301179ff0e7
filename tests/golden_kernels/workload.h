// A golden kernel's work: its buffers, its launches and how its results are judged. Tests, mutants and the
// benchmark run the same ones at different sizes.
#pragma once

#include <array>
#include <cstring>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "evaluator/sim/simulator.h"
#include "evaluator/sim/tensor_map.h"

namespace warpwright::golden {

struct BufferId {
  std::size_t index = 0;
};

struct Buffer {
  std::string name;
  std::vector<std::byte> content;  // before the first launch
  sim::Access access = sim::Access::kReadOnly;
  bool initialised = true;
};

// A buffer as tensor copies see it; `map` lacks only the address.
struct MappedBuffer {
  BufferId buffer;
  sim::TensorMap map;
};
// Of a row-major matrix, in boxes; both in elements, rows first.
MappedBuffer mapped(BufferId buffer, sim::TensorMapType type, std::array<uint64_t, 2> shape,
                    std::array<uint32_t, 2> box, sim::TensorSwizzle swizzle = sim::TensorSwizzle::k128);

struct Argument {
  enum class Kind { kScalar, kBuffer, kMap };
  Kind kind = Kind::kScalar;
  BufferId buffer = {};
  std::vector<std::byte> value = {};  // of a scalar
  sim::TensorMap map = {};
};

struct Step {  // one launch
  std::string kernel;
  sim::Dim3 grid, block;
  uint32_t shared_bytes = 0;  // dynamic
  std::vector<Argument> arguments;
  bool cooperative = false;
  bool programmatic = false;
  sim::Dim3 cluster = {0, 0, 0};  // 0: as the kernel says

  Step& operator<<(BufferId buffer) {
    arguments.push_back({Argument::Kind::kBuffer, buffer});
    return *this;
  }
  Step& operator<<(const MappedBuffer& mapped_buffer) {
    arguments.push_back({Argument::Kind::kMap, mapped_buffer.buffer, {}, mapped_buffer.map});
    return *this;
  }
  template <class T>
  Step& operator<<(T scalar) {
    Argument argument;
    argument.value.resize(sizeof(T));
    std::memcpy(argument.value.data(), &scalar, sizeof(T));
    arguments.push_back(std::move(argument));
    return *this;
  }
};

// The buffers after the last launch. Views stay valid as long as the run's memory.
class Results {
 public:
  Results(sim::Memory& memory, const std::vector<uint64_t>& addresses)
      : memory_(memory), addresses_(addresses) {}
  template <class T>
  std::span<const T> of(BufferId buffer) const {
    const auto bytes = memory_.bytes(addresses_[buffer.index]);
    return {reinterpret_cast<const T*>(bytes.data()), bytes.size() / sizeof(T)};
  }

 private:
  sim::Memory& memory_;
  const std::vector<uint64_t>& addresses_;
};

struct Workload {
  std::string name;
  std::string source;  // kernels/SOURCE.cu
  std::vector<Buffer> buffers;
  std::vector<Step> steps;
  std::function<std::string(const Results&)> check;  // what is wrong; empty when all is right
  std::vector<std::string> targets = {"compute_90a", "compute_100a"};  // that the source can be compiled for

  template <class T>
  BufferId input(std::string buffer_name, const std::vector<T>& values) {
    return add(std::move(buffer_name), values, sim::Access::kReadOnly);
  }
  // Written by the host, then by kernels.
  template <class T>
  BufferId state(std::string buffer_name, const std::vector<T>& values) {
    return add(std::move(buffer_name), values, sim::Access::kReadWrite);
  }
  // Uninitialised until a kernel writes it.
  template <class T>
  BufferId output(std::string buffer_name, std::size_t count) {
    buffers.push_back(
        {std::move(buffer_name), std::vector<std::byte>(count * sizeof(T)), sim::Access::kReadWrite, false});
    return {buffers.size() - 1};
  }
  Step& launch(std::string kernel, sim::Dim3 grid, sim::Dim3 block, uint32_t shared_bytes = 0) {
    steps.push_back({std::move(kernel), grid, block, shared_bytes, {}});
    return steps.back();
  }

 private:
  template <class T>
  BufferId add(std::string buffer_name, const std::vector<T>& values, sim::Access access) {
    buffers.push_back({std::move(buffer_name), std::vector<std::byte>(values.size() * sizeof(T)), access});
    std::memcpy(buffers.back().content.data(), values.data(), values.size() * sizeof(T));
    return {buffers.size() - 1};
  }
};

struct Outcome {
  std::vector<sim::LaunchReport> reports;  // ends with the first launch that did not complete
  double seconds = 0;                      // inside sim::run
  std::string wrong;                       // the check's answer, or why there is no result

  std::vector<sim::Finding> findings() const;
  std::string text() const;  // `wrong` and every finding, one a line; empty when all is well
};

Outcome run(const Workload& workload, const sim::Program& program, const sim::Options& options);

// Collects how far results are from what they should be, relative to the largest expected value.
class Deviation {
 public:
  void add(double got, double expected);
  // "" if no deviation is over `tolerance`; else says by how much the worst is, and where.
  std::string over(double tolerance) const;

 private:
  double worst_ = 0, worst_got_ = 0, worst_expected_ = 0, largest_ = 0;
  std::size_t count_ = 0, worst_at_ = 0;
  bool nan_ = false;
};

// "" if the first results are exactly these, else the first that differs. `what` names them.
template <class T>
std::string equal(std::span<const T> got, const std::vector<T>& expected, const std::string& what) {
  for (std::size_t i = 0; i < expected.size(); ++i) {
    if (i >= got.size()) return what + " is too short";
    if (!(got[i] == expected[i]))
      return what + "[" + std::to_string(i) + "] is " + std::to_string(got[i]) + ", not " +
             std::to_string(expected[i]);
  }
  return "";
}

}  // namespace warpwright::golden
