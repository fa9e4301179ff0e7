#include "evaluator/exec/lower.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "evaluator/exec/arguments.h"
#include "evaluator/exec/tensor_maps.h"
#include "src/base/check.h"

namespace warpwright::exec {
namespace {

cuda::Dim3 lower(const plan::Dim3& dim) {
  return {static_cast<uint32_t>(dim.x), static_cast<uint32_t>(dim.y), static_cast<uint32_t>(dim.z)};
}

std::optional<std::string> check_launch(const plan::BoundLaunch& launch, const plan::BoundPlan& plan,
                                        const KernelTable& kernels) {
  const KernelTable::Kernel* kernel = kernels.find(launch);
  if (kernel == nullptr)
    return fmt::format("the plan launches `{}`, which is not a __global__ function of the source",
                       launch.name_expression);
  if (auto complaint = check_arguments(launch, kernel->parameters)) return complaint;
  for (const plan::Argument& argument : launch.arguments) {
    const auto* map = std::get_if<plan::TensorMapArgument>(&argument);
    if (map == nullptr) continue;
    const bool known = std::any_of(plan.tensor_maps.begin(), plan.tensor_maps.end(),
                                   [&](const plan::BoundTensorMap& m) { return m.name == map->name; });
    CHECK(known);  // the binder makes both
  }
  return std::nullopt;
}

// One plan on its way down.
class Lowering {
 public:
  Lowering(const plan::BoundPlan& plan, const KernelTable& kernels, const BufferIndices& buffers)
      : plan_(plan), kernels_(kernels), buffers_(buffers) {}

  cuda::CallWork run() {
    cuda::CallWork work;
    for (const plan::BoundTensorMap& map : plan_.tensor_maps) {
      map_numbers_[map.name] = static_cast<int>(work.tensor_maps.size());
      work.tensor_maps.push_back(lower_tensor_map(map, ref(map.base)));
    }
    for (const plan::BoundOperation& operation : plan_.operations) {
      if (const auto* launch = std::get_if<plan::BoundLaunch>(&operation)) {
        work.operations.emplace_back(lower_launch(*launch));
      } else if (const auto* memset = std::get_if<plan::BoundMemset>(&operation)) {
        if (memset->bytes > 0) work.operations.emplace_back(lower_memset(*memset));
      } else if (const auto& copy = std::get<plan::BoundCopy>(operation); copy.bytes > 0) {
        work.operations.emplace_back(
            cuda::Copy{ref(copy.target), ref(copy.source), static_cast<uint64_t>(copy.bytes)});
      }
    }
    return work;
  }

 private:
  cuda::BufferRef ref(const plan::BufferView& view) const {
    const auto found = buffers_.find(view.buffer);
    CHECK(found != buffers_.end() && !view.is_null);
    return {found->second, view.byte_offset};
  }

  cuda::Launch lower_launch(const plan::BoundLaunch& bound) const {
    const KernelTable::Kernel* kernel = kernels_.find(bound);
    CHECK(kernel != nullptr);
    cuda::Launch launch;
    launch.function = kernel->function;
    launch.label = bound.name_expression;
    launch.grid = lower(bound.grid);
    launch.block = lower(bound.block);
    launch.dynamic_shared_bytes = static_cast<uint32_t>(bound.dynamic_shared_bytes);
    if (bound.attributes.cluster) launch.cluster = lower(*bound.attributes.cluster);
    launch.programmatic_dependent = bound.attributes.pdl;
    launch.cooperative = bound.attributes.cooperative;
    launch.carveout_percent = bound.attributes.carveout_percent;
    ParameterBlock block = lay_out_arguments(bound, kernel->parameters, kernel->parameter_bytes);
    launch.parameters = std::move(block.bytes);
    for (const auto& [offset, view] : block.pointers) launch.pointers.push_back({offset, ref(*view)});
    for (const auto& [offset, map] : block.maps) launch.maps.push_back({offset, map_numbers_.at(map->name)});
    return launch;
  }

  cuda::Memset lower_memset(const plan::BoundMemset& memset) const {
    return {ref(memset.target), static_cast<uint8_t>(memset.value), static_cast<uint64_t>(memset.bytes)};
  }

  const plan::BoundPlan& plan_;
  const KernelTable& kernels_;
  const BufferIndices& buffers_;
  std::map<std::string, int> map_numbers_;
};

}  // namespace

tl::expected<KernelTable, std::string> KernelTable::read(const std::vector<CodeUnit>& units) {
  KernelTable table;
  for (size_t image = 0; image < units.size(); ++image) {
    const CodeUnit& unit = units[image];
    const auto module = ptx::parse(unit.ptx);
    if (!module) return tl::unexpected("the compiler's PTX cannot be read: " + module.error().message);
    for (const auto& [expression, symbol] : unit.lowered_names) {
      const ptx::Function* function = module->find_function(symbol);
      if (function == nullptr || !function->is_entry)
        return tl::unexpected(
            fmt::format("the compiler's PTX lacks the kernel `{}` ({})", expression, symbol));
      const int number = static_cast<int>(table.functions_.size());
      const bool is_new = table.kernels_
                              .try_emplace({unit.name, expression},
                                           Kernel{number, function->parameters, function->parameter_size})
                              .second;
      if (is_new) table.functions_.push_back({static_cast<int>(image), symbol});
    }
  }
  return table;
}

const KernelTable::Kernel* KernelTable::find(const plan::BoundLaunch& launch) const {
  const auto found = kernels_.find({launch.unit, launch.name_expression});
  return found == kernels_.end() ? nullptr : &found->second;
}

cuda::ProgramImages images_of(const std::vector<CodeUnit>& units, const KernelTable& kernels) {
  cuda::ProgramImages program;
  for (const CodeUnit& unit : units) program.images.push_back(unit.cubin.empty() ? unit.ptx : unit.cubin);
  program.functions = kernels.functions();
  return program;
}

std::optional<std::string> check_lowering(const plan::BoundPlan& plan, const KernelTable& kernels) {
  const auto at_line = [](const plan::Position& at, const std::string& complaint) {
    return fmt::format("line {}: {}", at.line, complaint);
  };
  for (const plan::BoundTensorMap& map : plan.tensor_maps)
    if (auto complaint = check_tensor_map(map)) return at_line(map.at, *complaint);
  for (const plan::BoundOperation& operation : plan.operations) {
    const auto* launch = std::get_if<plan::BoundLaunch>(&operation);
    if (launch == nullptr) continue;
    if (auto complaint = check_launch(*launch, plan, kernels)) return at_line(launch->at, *complaint);
  }
  return std::nullopt;
}

cuda::CallWork lower(const plan::BoundPlan& plan, const KernelTable& kernels, const BufferIndices& buffers) {
  return Lowering(plan, kernels, buffers).run();
}

}  // namespace warpwright::exec
