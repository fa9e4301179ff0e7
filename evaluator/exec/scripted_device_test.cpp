#include "evaluator/exec/scripted_device_test.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <iostream>

#include "evaluator/exec/device_protocol.h"
#include "evaluator/exec/recorded_executor.h"
#include "src/base/files.h"

namespace warpwright::exec::testing {
namespace {

using Kind = cuda::DeviceFault::Kind;
using Memory = std::vector<std::vector<std::byte>>;

class ScriptedEngine final : public cuda::Engine {
 public:
  const cuda::DeviceFacts& facts() const override { return facts_; }

  Result<cuda::Outcome<cuda::OpenedProgram>> open_program(int id,
                                                          const cuda::ProgramImages& images) override {
    std::string text;
    for (const std::string& image : images.images) text += image;
    if (text.find("// crash-load") != std::string::npos) ::raise(SIGSEGV);
    cuda::Outcome<cuda::OpenedProgram> outcome;
    if (text.find("// no-image") != std::string::npos)
      outcome.fault = cuda::DeviceFault{Kind::kLaunch, 209, "CUDA_ERROR_NO_BINARY_FOR_GPU"};
    programs_[id] = text;
    outcome.value.functions.resize(images.functions.size());
    return outcome;
  }
  Result<void> reload_program(int id) override { return known(id); }
  Result<void> close_program(int id) override {
    TRY(known(id));
    programs_.erase(id);
    return {};
  }

  Result<void> open_buffers(int id, const std::vector<cuda::BufferSpec>& buffers, cuda::GuardKind,
                            uint64_t) override {
    Memory& memory = buffers_[id];
    memory.clear();
    for (const cuda::BufferSpec& spec : buffers) memory.emplace_back(spec.bytes);
    return {};
  }
  Result<void> write(int buffers, int index, std::span<const std::byte> content) override {
    auto& buffer = buffers_.at(buffers).at(static_cast<size_t>(index));
    if (content.size() != buffer.size()) return infrastructure_error("sizes differ");
    std::copy(content.begin(), content.end(), buffer.begin());
    return {};
  }
  Result<void> read(int buffers, int index, std::span<std::byte> content) override {
    const auto& buffer = buffers_.at(buffers).at(static_cast<size_t>(index));
    std::copy(buffer.begin(), buffer.end(), content.begin());
    const char* sick = std::getenv("SCRIPT_SICK");
    if (sick != nullptr && std::filesystem::exists(sick)) content[0] ^= std::byte{1};
    return {};
  }
  Result<void> close_buffers(int id) override {
    if (buffers_.erase(id) == 0) return infrastructure_error("no such buffers");
    return {};
  }

  Result<std::vector<cuda::DeviceFault>> call(int program, int buffers, const cuda::CallWork& work,
                                              const cuda::CallPolicy&) override {
    TRY(known(program));
    const std::string& text = programs_[program];
    auto asks = [&](const char* word) { return text.find(std::string("// ") + word) != std::string::npos; };
    if (asks("machine")) return infrastructure_error("CUDA_ERROR_OUT_OF_MEMORY");
    if (auto fault = misbehave(text)) return std::vector{*fault};
    std::vector<cuda::DeviceFault> faults;
    if (asks("refuse")) faults.push_back({Kind::kLaunch, 701, "scale: CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES"});
    if (asks("overrun")) faults.push_back({Kind::kGuardBroken, 0, "y: written 4 bytes past its end"});
    if (asks("scribble")) faults.push_back({Kind::kInputModified, 0, "x: byte 3 changed"});
    run(work, buffers_.at(buffers));
    return faults;
  }

  Result<cuda::SamplerInfo> open_sampler(int id, const cuda::SamplerSpec& spec) override {
    samplers_[id] = {
        spec, std::vector<std::map<int, std::vector<std::byte>>>(static_cast<size_t>(spec.versions)), {}};
    return cuda::SamplerInfo{3, 256, "two sets only"};
  }
  Result<void> write_version(int sampler, int version, int input,
                             std::span<const std::byte> content) override {
    samplers_.at(sampler).versions.at(static_cast<size_t>(version))[input].assign(content.begin(),
                                                                                  content.end());
    return {};
  }
  Result<cuda::Outcome<std::vector<cuda::Sample>>> take(int id, std::span<const cuda::Shot> shots) override {
    cuda::Outcome<std::vector<cuda::Sample>> outcome;
    Timed& sampler = samplers_.at(id);
    sampler.kept.clear();
    for (size_t k = 0; k < shots.size(); ++k) {
      const auto& contender = sampler.spec.contenders.at(static_cast<size_t>(shots[k].contender));
      if (auto fault = misbehave(programs_.at(contender.program))) {
        fault->shot = static_cast<int>(k);
        outcome.fault = fault;
        return outcome;
      }
      Memory memory;
      for (const cuda::BufferSpec& spec : sampler.spec.inputs_and_outputs) memory.emplace_back(spec.bytes);
      for (const auto& [input, content] : sampler.versions.at(static_cast<size_t>(shots[k].version)))
        memory.at(static_cast<size_t>(input)) = content;
      run(contender.work, memory);
      sampler.kept.push_back(std::move(memory));
      cuda::Sample sample;
      sample.span_us = 1.0 + static_cast<double>(k);
      outcome.value.push_back(sample);
    }
    return outcome;
  }
  Result<void> read_kept(int sampler, int shot, int index, std::span<std::byte> content) override {
    const auto& kept =
        samplers_.at(sampler).kept.at(static_cast<size_t>(shot)).at(static_cast<size_t>(index));
    std::copy(kept.begin(), kept.end(), content.begin());
    return {};
  }
  Result<void> close_sampler(int id) override {
    if (samplers_.erase(id) == 0) return infrastructure_error("no such sampler");
    return {};
  }

 private:
  struct Timed {
    cuda::SamplerSpec spec;
    std::vector<std::map<int, std::vector<std::byte>>> versions;
    std::vector<Memory> kept;
  };

  Result<void> known(int program) const {
    if (lost_) return infrastructure_error("the context is lost");
    if (!programs_.contains(program)) return infrastructure_error("no such program");
    return {};
  }

  std::optional<cuda::DeviceFault> misbehave(const std::string& text) {
    auto asks = [&](const char* word) { return text.find(std::string("// ") + word) != std::string::npos; };
    std::cout << "a kernel's printf {\"number\":1}" << std::endl;  // does not reach the protocol
    if (asks("hang"))
      for (;;) ::pause();
    if (asks("crash")) ::raise(SIGSEGV);
    if (asks("leave")) ::_exit(0);
    if (!asks("fault")) return std::nullopt;
    lost_ = true;
    return cuda::DeviceFault{Kind::kFault, 700, "scale: CUDA_ERROR_ILLEGAL_ADDRESS\n(two lines)"};
  }

  // The health check's kernel, and y = x * factor.
  static void run(const cuda::CallWork& work, Memory& memory) {
    for (const cuda::Operation& operation : work.operations) {
      const auto& launch = std::get<cuda::Launch>(operation);
      auto& y = memory.at(static_cast<size_t>(launch.pointers.at(0).target.buffer));
      const auto& x = memory.at(static_cast<size_t>(launch.pointers.at(1).target.buffer));
      uint32_t argument = 0;
      std::memcpy(&argument, launch.parameters.data() + 16, sizeof argument);
      for (size_t at = 0; at + 4 <= std::min(x.size(), y.size()); at += 4) {
        if (launch.label == "health check") {
          uint32_t word = 0;
          std::memcpy(&word, x.data() + at, 4);
          word ^= argument;
          std::memcpy(y.data() + at, &word, 4);
        } else {
          float value = 0, factor = 0;
          std::memcpy(&value, x.data() + at, 4);
          std::memcpy(&factor, &argument, 4);
          value *= factor;
          std::memcpy(y.data() + at, &value, 4);
        }
      }
    }
  }

  cuda::DeviceFacts facts_ = recorded_device();
  std::map<int, std::string> programs_;
  std::map<int, Memory> buffers_;
  std::map<int, Timed> samplers_;
  bool lost_ = false;
};

CudaOptions options_for(std::vector<std::string> arguments) {
  static const auto folder = TempDirectory::create().value();
  CudaOptions options;
  options.process.argv = {std::filesystem::read_symlink("/proc/self/exe")};
  options.process.argv.insert(options.process.argv.end(), arguments.begin(), arguments.end());
  options.lock_folder = folder.path();
  return options;
}

std::string nonsense_line(std::string_view kind, uint64_t number) {
  if (kind == "no-json") return "Segmentation fault (core dumped)\n";
  if (kind == "old-number") return device::encode(device::ReplyLine{number - 1, device::Done{}});
  if (kind == "wrong-kind") return device::encode(device::ReplyLine{number, device::SamplerOpened{}});
  if (kind == "two-lines") {
    const std::string line = device::encode(device::ReplyLine{number, device::Done{}});
    return line + line;
  }
  if (kind == "endless") return std::string(kind.size() << 20, 'x');
  return std::string(1, '\0') + "\xff\xfe\n";
}

}  // namespace

Result<std::unique_ptr<cuda::Engine>> open_scripted_engine() {
  return std::make_unique<ScriptedEngine>();
}

int garbling_device_main(const char* nonsense) {
  std::string line;
  uint64_t number = 0;
  while (std::getline(std::cin, line)) {
    const auto command = device::decode_command(line);
    if (!command) return 2;
    number = command->number;
    if (std::holds_alternative<device::Hello>(command->command)) {
      std::cout << device::encode(device::ReplyLine{
                       number, device::Greeting{device::kProtocolVersion, recorded_device()}})
                << std::flush;
      continue;
    }
    do {
      std::cout << nonsense_line(nonsense, number) << std::flush;
    } while (std::string_view(nonsense) == "endless" && std::cout);
  }
  return 0;
}

CudaOptions scripted_options() {
  return options_for({"scripted-device"});
}
CudaOptions garbling_options(const std::string& nonsense) {
  return options_for({"garbling-device", nonsense});
}

}  // namespace warpwright::exec::testing
