#include <fmt/format.h>

#include <atomic>
#include <cstring>
#include <unordered_set>

#include "evaluator/sim/decode/decoder.h"
#include "evaluator/sim/ops/calls.h"
#include "evaluator/sim/ops/convert.h"
#include "evaluator/sim/ops/matrix.h"
#include "evaluator/sim/ops/video.h"
#include "evaluator/sim/program_impl.h"

namespace warpwright::sim {
namespace {

constexpr uint64_t kVariableBytes = uint64_t{1} << 30;  // of all variables of a module together

bool is_placed(const ptx::Variable& variable) {
  return variable.space == ptx::Space::kGlobal || variable.space == ptx::Space::kConst;
}

using Names = std::unordered_set<std::string_view>;

Result<void> check_variable(const Names& names, const ptx::Variable& variable, uint64_t& total) {
  total = variable.size > kVariableBytes ? variable.size : total + variable.size;
  if (total > kVariableBytes) {
    return usage_error(
        fmt::format("ptx line {}: variable {} of {} bytes is too large (all variables together: 1 GiB)",
                    variable.line, variable.name, variable.size));
  }
  for (const ptx::Variable::Pointer& pointer : variable.pointers) {
    if (!names.contains(pointer.symbol)) {
      return usage_error(fmt::format("ptx line {}: the initialiser of {} names the unknown symbol {}",
                                     variable.line, variable.name, pointer.symbol));
    }
    if (pointer.at + 8 > variable.size) {
      return usage_error(fmt::format("ptx line {}: the initialiser of {} is longer than the variable",
                                     variable.line, variable.name));
    }
  }
  return {};
}

KernelInfo info_of(const ptx::Function& function) {
  KernelInfo info;
  info.parameters = function.parameters;
  info.parameter_bytes = function.parameter_size;
  const auto dimensions = [](const int(&values)[3]) {
    return Dim3{static_cast<uint32_t>(values[0]), static_cast<uint32_t>(values[1]),
                static_cast<uint32_t>(values[2])};
  };
  info.required_block = dimensions(function.required_threads);
  info.max_block = dimensions(function.max_threads);
  info.required_cluster = dimensions(function.required_cluster);
  uint64_t shared = 0, local = 0;
  for (const ptx::Variable& variable : function.variables) {
    if (variable.space == ptx::Space::kShared) shared += variable.size;
    if (variable.space == ptx::Space::kLocal) local += variable.size;
  }
  info.static_shared_bytes = static_cast<uint32_t>(shared);
  info.local_bytes = static_cast<uint32_t>(local);
  return info;
}

// Calls visit(key, variable) for every variable that needs a place in memory.
template <class Visitor>
void visit_placed(const ptx::Module& module, Visitor visit) {
  for (const ptx::Variable& variable : module.variables) {
    if (is_placed(variable)) visit(Program::Impl::symbol_key(nullptr, variable.name), variable);
  }
  for (const ptx::Function& function : module.functions) {
    for (const ptx::Variable& variable : function.variables) {
      if (is_placed(variable)) visit(Program::Impl::symbol_key(&function, variable.name), variable);
    }
  }
}

}  // namespace

Kernel::Kernel() = default;
Kernel::~Kernel() = default;

std::string Program::Impl::symbol_key(const ptx::Function* function, std::string_view name) {
  return function == nullptr ? std::string(name) : fmt::format("{}/{}", function->name, name);
}

const Kernel* Program::Impl::decode(std::string_view name) {
  if (const auto found = decoded.find(name); found != decoded.end()) return found->second.get();
  const ptx::Function* function = module.find_function(name);
  if (function == nullptr || !function->is_entry) return nullptr;
  Decoder decoder(module, *function);
  auto kernel = decoder.run();
  kernel->info = kernels.find(name)->second;
  kernel->tensor_flops_per_cycle = tensor_flops_per_cycle(module.target);
  return (decoded[std::string(name)] = std::move(kernel)).get();
}

ModuleImage& Program::Impl::image(Memory::Impl& impl, Memory& memory) {
  const auto [place, is_new] = impl.images.try_emplace(id);
  if (!is_new) return place->second;
  ModuleImage& image = place->second;
  visit_placed(module, [&](const std::string& key, const ptx::Variable& variable) {
    const bool is_const = variable.space == ptx::Space::kConst;
    const uint64_t address = memory.allocate("variable " + variable.name, variable.size,
                                             is_const ? Access::kReadOnly : Access::kReadWrite);
    memory.mark_initialised(address, true);  // what has no initialiser is zero
    const auto bytes = memory.bytes(address);
    std::memcpy(bytes.data(), variable.bytes.data(),
                std::min<std::size_t>(variable.bytes.size(), bytes.size()));
    image.addresses[key] = address;
  });
  std::map<std::string_view, std::size_t> functions;
  for (std::size_t k = 0; k < module.functions.size(); ++k) functions[module.functions[k].name] = k;
  const auto function_pointer_of = [&](const std::string& name) {
    const auto found = functions.find(name);
    return found == functions.end() ? uint64_t{0} : function_pointer(found->second);
  };
  visit_placed(module, [&](const std::string& key, const ptx::Variable& variable) {
    for (const ptx::Variable::Pointer& pointer : variable.pointers) {
      const auto target = image.addresses.find(pointer.symbol);
      const uint64_t value =
          (target == image.addresses.end() ? function_pointer_of(pointer.symbol) : target->second) +
          static_cast<uint64_t>(pointer.offset);
      std::memcpy(memory.bytes(image.addresses[key]).data() + pointer.at, &value, sizeof value);
    }
  });
  return image;
}

Program::Program() : impl_(std::make_unique<Impl>()) {}
Program::~Program() = default;

Result<std::shared_ptr<const Program>> Program::build(ptx::Module module) {
  static std::atomic<uint64_t> next_id{1};
  uint64_t total = 0;
  Names names;
  for (const ptx::Variable& variable : module.variables) names.insert(variable.name);
  for (const ptx::Function& function : module.functions) names.insert(function.name);
  for (const ptx::Variable& variable : module.variables) TRY(check_variable(names, variable, total));
  for (const ptx::Function& function : module.functions) {
    for (const ptx::Variable& variable : function.variables) TRY(check_variable(names, variable, total));
  }
  std::shared_ptr<Program> program(new Program());
  program->impl_->id = next_id++;
  for (const ptx::Function& function : module.functions) {
    if (function.is_entry) program->impl_->kernels[function.name] = info_of(function);
  }
  program->impl_->module = std::move(module);
  return program;
}

bool Program::has_kernel(std::string_view mangled) const {
  return kernel(mangled) != nullptr;
}

const KernelInfo* Program::kernel(std::string_view mangled) const {
  const auto found = impl_->kernels.find(mangled);
  return found == impl_->kernels.end() ? nullptr : &found->second;
}

std::vector<std::string> Program::kernel_names() const {
  std::vector<std::string> names;
  for (const ptx::Function& function : impl_->module.functions) {
    if (function.is_entry) names.push_back(function.name);
  }
  return names;
}

}  // namespace warpwright::sim
