#include "evaluator/service/admission.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace warpwright::service {
namespace {

using compile::KernelResources;
using Complaint = std::optional<std::string>;

// CUDA C++ programming guide, technical specifications per compute capability (9.0 and 10.0).
constexpr int64_t kStaticSharedBytes = 48 * 1024;
constexpr int64_t kLocalBytesPerThread = 512 * 1024;
constexpr uint64_t kParameterBytes = 32764;
constexpr int64_t kPortableCluster = 8, kLargestCluster = 16;

int64_t count(const plan::Dim3& d) {
  return d.x * d.y * d.z;
}

std::string text_of(const plan::Dim3& d) {
  return fmt::format("({}, {}, {})", d.x, d.y, d.z);
}

plan::Dim3 dim3_of(const int (&extent)[3]) {
  return {extent[0], std::max(1, extent[1]), std::max(1, extent[2])};
}

estimate::BlockShape shape_of(const plan::BoundLaunch& launch, const KernelResources& resources) {
  return {static_cast<int>(std::min<int64_t>(count(launch.block), INT32_MAX)), resources.registers,
          resources.static_shared + launch.dynamic_shared_bytes};
}

Complaint check_launch_bounds(const plan::BoundLaunch& launch, const KernelResources& resources,
                              const ptx::Function* entry) {
  const int64_t threads = count(launch.block);
  if (entry != nullptr && entry->required_threads[0] > 0) {
    const plan::Dim3 required = dim3_of(entry->required_threads);
    if (required.x != launch.block.x || required.y != launch.block.y || required.z != launch.block.z)
      return fmt::format(
          "`{}` is launched with blocks of {} threads, but __block_size__ (.reqntid) demands {}",
          launch.name_expression, text_of(launch.block), text_of(required));
  }
  int64_t allowed = resources.max_threads;
  const bool is_declared = entry != nullptr && entry->max_threads[0] > 0;
  if (is_declared) allowed = count(dim3_of(entry->max_threads));
  if (allowed <= 0 || threads <= allowed) return std::nullopt;
  if (is_declared)
    return fmt::format(
        "`{}` is launched with {} threads per block, but its __launch_bounds__ allow {}: raise "
        "them to {} or launch smaller blocks",
        launch.name_expression, threads, allowed, threads);
  return fmt::format(
      "`{}` is launched with {} threads per block, but was compiled for at most {} ({} registers "
      "each): add __launch_bounds__({})",
      launch.name_expression, threads, allowed, resources.registers, threads);
}

Complaint check_shared(const rules::DeviceModel& device, const plan::BoundLaunch& launch,
                       const KernelResources& resources) {
  const int64_t shared = resources.static_shared + launch.dynamic_shared_bytes;
  if (shared > device.shared_bytes_per_block)
    return fmt::format(
        "`{}` needs {} bytes of shared memory ({} static + {} dynamic); {} allows {} per block",
        launch.name_expression, shared, resources.static_shared, launch.dynamic_shared_bytes,
        device.display_name, device.shared_bytes_per_block);
  if (resources.static_shared > kStaticSharedBytes)
    return fmt::format(
        "`{}` declares {} bytes of static shared memory; more than {} must be dynamic "
        "(extern __shared__, its bytes as the launch's third figure)",
        launch.name_expression, resources.static_shared, kStaticSharedBytes);
  return std::nullopt;
}

// Registers go to warps in units of 256, from four equal partitions of the file.
Complaint check_registers(const rules::DeviceModel& device, const plan::BoundLaunch& launch,
                          const KernelResources& resources) {
  const estimate::BlockShape shape = shape_of(launch, resources);
  if (estimate::occupancy(device, shape).blocks_per_sm > 0) return std::nullopt;
  const int64_t warps = (shape.threads + 31) / 32;
  const int64_t per_warp = (int64_t{resources.registers} * 32 + 255) / 256 * 256;
  const int64_t fitting = device.registers_per_sm / 4 / std::max<int64_t>(1, per_warp) * 4;
  return fmt::format(
      "`{}` needs {} registers per thread: {} warps of {} each, but the {} registers of an SM of {} "
      "hold {} such warps. Use blocks of at most {} threads or __launch_bounds__({})",
      launch.name_expression, resources.registers, warps, per_warp, device.registers_per_sm,
      device.display_name, fitting, fitting * 32, shape.threads);
}

Complaint check_cluster(const plan::BoundLaunch& launch, const ptx::Function* entry) {
  const plan::Dim3 cluster = launch.attributes.cluster.value_or(plan::Dim3());
  if (entry != nullptr && entry->required_cluster[0] > 0) {
    const plan::Dim3 required = dim3_of(entry->required_cluster);
    if (launch.attributes.cluster &&
        (required.x != cluster.x || required.y != cluster.y || required.z != cluster.z))
      return fmt::format("`{}` is launched in clusters of {}, but its __cluster_dims__ are {}",
                         launch.name_expression, text_of(cluster), text_of(required));
    if (launch.grid.x % required.x != 0 || launch.grid.y % required.y != 0 || launch.grid.z % required.z != 0)
      return fmt::format("`{}` has a grid of {}, no multiple of its __cluster_dims__ {}",
                         launch.name_expression, text_of(launch.grid), text_of(required));
    if (count(required) > kPortableCluster)
      return fmt::format(
          "`{}` has __cluster_dims__ of {} blocks; more than {} need [[cluster(x, y, z)]] in the "
          "plan instead",
          launch.name_expression, count(required), kPortableCluster);
  }
  if (count(cluster) > kLargestCluster)
    return fmt::format("`{}` is launched in clusters of {} blocks; at most {} are possible",
                       launch.name_expression, count(cluster), kLargestCluster);
  return std::nullopt;
}

Complaint check_cooperative(const rules::DeviceModel& device, const plan::BoundLaunch& launch,
                            const KernelResources& resources) {
  if (!launch.attributes.cooperative) return std::nullopt;
  const int64_t room = resident_blocks(device, launch, resources), blocks = count(launch.grid);
  if (blocks <= room) return std::nullopt;
  return fmt::format(
      "`{}` is launched cooperatively with {} blocks, but {} holds {} of them at once (limited by "
      "{}): take the grid from resident_blocks({}, {}, {}) and let blocks loop over the work",
      launch.name_expression, blocks, device.display_name, room,
      estimate::occupancy(device, shape_of(launch, resources)).limiter, launch.name_expression,
      count(launch.block), launch.dynamic_shared_bytes);
}

Complaint check_memory(const plan::BoundLaunch& launch, const KernelResources& resources,
                       const ptx::Function* entry) {
  if (resources.stack > kLocalBytesPerThread)
    return fmt::format(
        "`{}` needs {} bytes of local memory per thread; the limit is {}: keep large arrays in "
        "shared memory or in a workspace",
        launch.name_expression, resources.stack, kLocalBytesPerThread);
  if (entry != nullptr && entry->parameter_size > kParameterBytes)
    return fmt::format("`{}` takes {} bytes of parameters; the limit is {}", launch.name_expression,
                       entry->parameter_size, kParameterBytes);
  return std::nullopt;
}

}  // namespace

KernelUse find_kernel(const compile::CompiledProgram& program, const std::string& unit,
                      const std::string& name_expression) {
  KernelUse use;
  for (const compile::CompiledUnit& compiled : program.units)
    if (compiled.name == unit) use.unit = &compiled;
  if (use.unit == nullptr) return use;
  const auto lowered = use.unit->lowered_names.find(name_expression);
  if (lowered == use.unit->lowered_names.end()) return use;
  use.symbol = lowered->second;
  const auto kernel = use.unit->kernels.find(use.symbol);
  if (kernel != use.unit->kernels.end()) use.resources = &kernel->second;
  return use;
}

int64_t resident_blocks(const rules::DeviceModel& device, const plan::BoundLaunch& launch,
                        const KernelResources& resources) {
  return int64_t{estimate::occupancy(device, shape_of(launch, resources)).blocks_per_sm} * device.sm_count;
}

std::optional<std::string> over_a_limit(const rules::DeviceModel& device, const plan::BoundLaunch& launch,
                                        const KernelResources& resources, const ptx::Function* entry) {
  if (auto complaint = check_launch_bounds(launch, resources, entry)) return complaint;
  if (auto complaint = check_shared(device, launch, resources)) return complaint;
  if (auto complaint = check_registers(device, launch, resources)) return complaint;
  if (auto complaint = check_cluster(launch, entry)) return complaint;
  if (auto complaint = check_cooperative(device, launch, resources)) return complaint;
  return check_memory(launch, resources, entry);
}

std::string target_warning(const rules::DeviceModel& device, const std::string& target) {
  if (target.starts_with("compute_"))
    return fmt::format(
        "--target {} is not assembled: registers, spills and the limits of a launch are unknown; "
        "use sm_{}",
        target, target.substr(8));
  int arch = 0;
  if (target.starts_with("sm_")) std::from_chars(target.data() + 3, target.data() + target.size(), arch);
  if (arch == 0 || arch == device.arch) return "";
  return fmt::format(
      "code for {} does not run on {} (compute capability {}.{}): name another --device or --target", target,
      device.display_name, device.arch / 10, device.arch % 10);
}

AskedKernel asked_kernel(const plan::CandidateSource& source, const std::string& kernel) {
  for (const plan::Unit& unit : source.units) {
    if (!unit.name.empty() && kernel.starts_with(unit.name + "::"))
      return {unit.name, kernel.substr(unit.name.size() + 2)};
  }
  return {"", kernel};
}

}  // namespace warpwright::service
