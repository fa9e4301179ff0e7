#include "tests/golden_kernels/compile_kernel.h"

#include <cstdlib>

namespace warpwright::golden {

std::filesystem::path kernel_folder() {
  const char* home = std::getenv("WARPWRIGHT_HOME");
  return std::filesystem::path(home != nullptr ? home : ".") / "tests/golden_kernels/kernels";
}

Result<std::string> compile_to_ptx(compile::Compiler& compiler, const std::string& file_name,
                                   const std::string& text, const std::string& target) {
  compile::CompileRequest request;
  request.source_name = file_name;
  request.target = target;
  request.units.push_back({"", "", text, {}});
  TRY_ASSIGN(const compile::CompileOutcome outcome, compiler.compile(request));
  if (const auto* failure = outcome.failure()) return usage_error(failure->message);
  return outcome.program()->units.at(0).ptx;
}

Result<std::shared_ptr<const sim::Program>> load_ptx(const std::string& text) {
  TRY_ASSIGN(ptx::Module module, ptx::parse(text));
  return sim::Program::build(std::move(module));
}

}  // namespace warpwright::golden
