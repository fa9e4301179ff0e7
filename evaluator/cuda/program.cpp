#include "evaluator/cuda/program.h"

#include "src/base/check.h"

namespace warpwright::cuda {

Result<Outcome<std::unique_ptr<Program>>> Program::load(const Driver& driver, const ProgramImages& images) {
  std::unique_ptr<Program> program(new Program(driver, images));
  TRY_ASSIGN(auto fault, program->load_modules());
  if (fault) return Outcome<std::unique_ptr<Program>>{std::move(fault), nullptr};
  return Outcome<std::unique_ptr<Program>>{std::nullopt, std::move(program)};
}

Result<std::optional<DeviceFault>> Program::load_modules() {
  for (const std::string& image : images_.images) {
    TRY_ASSIGN(auto module, Module::load(driver_, image));
    if (module.fault) return module.fault;
    modules_.push_back(std::move(module.value));
  }
  for (const FunctionName& name : images_.functions) {
    CHECK(name.image >= 0 && static_cast<size_t>(name.image) < modules_.size());
    TRY_ASSIGN(auto function, modules_[static_cast<size_t>(name.image)].function(name.symbol));
    if (function.fault) return function.fault;
    TRY_ASSIGN(const FunctionInfo info, function_info(driver_, function.value));
    kernels_.push_back({function.value, info});
  }
  return std::optional<DeviceFault>();
}

Result<void> Program::reload() {
  kernels_.clear();
  modules_.clear();
  TRY_ASSIGN(const auto fault, load_modules());
  // They loaded before, from the same bytes.
  if (fault) return infrastructure_error("a module that was loaded before: " + fault->message);
  return {};
}

Program::Kernel& Program::kernel(int index) {
  CHECK(index >= 0 && static_cast<size_t>(index) < kernels_.size());
  return kernels_[static_cast<size_t>(index)];
}

}  // namespace warpwright::cuda
