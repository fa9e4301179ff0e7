#include "tests/golden_kernels/workload.h"

#include <fmt/format.h>

#include <chrono>
#include <cmath>

namespace warpwright::golden {
namespace {

// The parameter block of one launch. Empty with `wrong` set where the arguments do not fit the kernel.
std::vector<std::byte> bytes_of(const Argument& argument, const std::vector<uint64_t>& addresses) {
  if (argument.kind == Argument::Kind::kScalar) return argument.value;
  const uint64_t address = addresses[argument.buffer.index];
  if (argument.kind == Argument::Kind::kMap) {
    sim::TensorMap map = argument.map;
    map.address = address;
    const sim::TensorMapImage image = sim::encode_tensor_map(map);
    return {image.begin(), image.end()};
  }
  std::vector<std::byte> bytes(sizeof(address));
  std::memcpy(bytes.data(), &address, sizeof(address));
  return bytes;
}

std::vector<std::byte> parameter_block(const Step& step, const sim::KernelInfo& kernel,
                                       const std::vector<uint64_t>& addresses, std::string& wrong) {
  std::vector<std::byte> block(kernel.parameter_bytes);
  if (kernel.parameters.size() != step.arguments.size()) {
    wrong = fmt::format("{} has {} parameters, not {}", step.kernel, kernel.parameters.size(),
                        step.arguments.size());
    return {};
  }
  for (std::size_t i = 0; i < step.arguments.size(); ++i) {
    const Argument& argument = step.arguments[i];
    const auto& parameter = kernel.parameters[i];
    const std::vector<std::byte> value = bytes_of(argument, addresses);
    const std::size_t size = value.size();
    if (parameter.size != size) {
      wrong = fmt::format("parameter {} of {} has {} bytes, not {}", i, step.kernel, parameter.size, size);
      return {};
    }
    std::memcpy(block.data() + parameter.offset, value.data(), size);
  }
  return block;
}

std::vector<uint64_t> fill(sim::Memory& memory, const std::vector<Buffer>& buffers) {
  std::vector<uint64_t> addresses;
  for (const Buffer& buffer : buffers) {
    const uint64_t address = memory.allocate(buffer.name, buffer.content.size(), buffer.access);
    // Copied even where the kernels may not read it: the pages exist before the clock starts.
    std::memcpy(memory.bytes(address).data(), buffer.content.data(), buffer.content.size());
    if (buffer.initialised) memory.mark_initialised(address, true);
    addresses.push_back(address);
  }
  return addresses;
}

}  // namespace

MappedBuffer mapped(BufferId buffer, sim::TensorMapType type, std::array<uint64_t, 2> shape,
                    std::array<uint32_t, 2> box, sim::TensorSwizzle swizzle) {
  sim::TensorMap map;
  map.type = type;
  map.rank = 2;
  map.dims = {shape[1], shape[0]};
  map.strides = {shape[1] * sim::unit_of(type).global_bytes};
  map.box = {box[1], box[0]};
  map.swizzle = swizzle;
  return {buffer, map};
}

Outcome run(const Workload& workload, const sim::Program& program, const sim::Options& options) {
  Outcome outcome;
  sim::Memory memory;
  const std::vector<uint64_t> addresses = fill(memory, workload.buffers);
  for (const Step& step : workload.steps) {
    const sim::KernelInfo* kernel = program.kernel(step.kernel);
    if (kernel == nullptr) {
      outcome.wrong = "no kernel " + step.kernel;
      return outcome;
    }
    sim::Launch launch{step.kernel, step.grid, step.block, step.shared_bytes, {}, step.cooperative};
    launch.programmatic = step.programmatic;
    launch.cluster = step.cluster;
    launch.parameters = parameter_block(step, *kernel, addresses, outcome.wrong);
    if (!outcome.wrong.empty()) return outcome;
    const auto start = std::chrono::steady_clock::now();
    outcome.reports.push_back(sim::run(program, launch, memory, options));
    outcome.seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    if (!outcome.reports.back().completed) {
      outcome.wrong = step.kernel + " did not complete";
      return outcome;
    }
  }
  outcome.wrong = workload.check(Results(memory, addresses));
  return outcome;
}

std::vector<sim::Finding> Outcome::findings() const {
  std::vector<sim::Finding> all;
  for (const sim::LaunchReport& report : reports)
    all.insert(all.end(), report.findings.begin(), report.findings.end());
  return all;
}

std::string Outcome::text() const {
  std::string lines = wrong.empty() ? "" : wrong + "\n";
  for (const sim::Finding& finding : findings()) lines += finding.rule + ": " + finding.message + "\n";
  return lines;
}

void Deviation::add(double got, double expected) {
  const double distance = std::fabs(got - expected);
  nan_ = nan_ || std::isnan(distance);
  if (distance > worst_) {
    worst_ = distance;
    worst_got_ = got;
    worst_expected_ = expected;
    worst_at_ = count_;
  }
  largest_ = std::max(largest_, std::fabs(expected));
  ++count_;
}

std::string Deviation::over(double tolerance) const {
  if (count_ == 0) return "nothing was compared";
  if (nan_) return "a result is NaN";
  if (worst_ <= tolerance * largest_) return "";
  return fmt::format("value {} of those compared is {}, not {}; the largest is {}, the tolerance {} of it",
                     worst_at_, worst_got_, worst_expected_, largest_, tolerance);
}

}  // namespace warpwright::golden
