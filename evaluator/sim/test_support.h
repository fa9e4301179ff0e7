// For tests: a PTX text, its buffers, one launch.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "evaluator/sim/simulator.h"

namespace warpwright::sim {

inline std::string read_testdata(const std::string& name) {
  std::ifstream file("evaluator/sim/testdata/" + name);
  std::stringstream text;
  text << file.rdbuf();
  EXPECT_FALSE(text.str().empty()) << name;
  return text.str();
}

class TestLaunch {
 public:
  // `text` is a whole module; the first kernel is launched.
  explicit TestLaunch(const std::string& text) {
    auto module = ptx::parse(text);
    if (!module) throw std::runtime_error(module.error().message);
    auto built = Program::build(std::move(*module));
    if (!built) throw std::runtime_error(built.error().message);
    program = *built;
    launch.kernel = program->kernel_names().at(0);
  }

  template <class T>
  uint64_t input(const std::string& name, const std::vector<T>& values) {
    const uint64_t address = memory.allocate(name, values.size() * sizeof(T), Access::kReadOnly);
    std::memcpy(memory.bytes(address).data(), values.data(), values.size() * sizeof(T));
    memory.mark_initialised(address, true);
    argument(address);
    return address;
  }
  template <class T>
  uint64_t output(const std::string& name, std::size_t count) {
    const uint64_t address = memory.allocate(name, count * sizeof(T), Access::kReadWrite);
    argument(address);
    return address;
  }
  template <class T>
  void argument(T value) {
    std::size_t at = (launch.parameters.size() + sizeof(T) - 1) / sizeof(T) * sizeof(T);
    launch.parameters.resize(at + sizeof(T));
    std::memcpy(launch.parameters.data() + at, &value, sizeof(T));
  }
  template <class T>
  std::vector<T> read(uint64_t address) {
    const auto bytes = memory.bytes(address);
    std::vector<T> values(bytes.size() / sizeof(T));
    std::memcpy(values.data(), bytes.data(), values.size() * sizeof(T));
    return values;
  }
  LaunchReport run(Dim3 grid, Dim3 block) {
    launch.grid = grid;
    launch.block = block;
    return sim::run(*program, launch, memory, options);
  }

  std::shared_ptr<const Program> program;
  Memory memory;
  Launch launch;
  Options options;
};

inline std::string messages(const LaunchReport& report) {
  std::string text;
  for (const Finding& finding : report.findings) text += finding.rule + ": " + finding.message + "\n";
  return text;
}

}  // namespace warpwright::sim
