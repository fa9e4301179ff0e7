#include "tests/golden_kernels/compile_kernel.h"

#include <cstdlib>
#include <sstream>

#include "src/base/files.h"

namespace warpwright::golden {

std::filesystem::path kernel_folder() {
  const char* home = std::getenv("WARPWRIGHT_HOME");
  return std::filesystem::path(home != nullptr ? home : ".") / "tests/golden_kernels/kernels";
}

namespace {

// The lines of an included header begin with this.
constexpr std::string_view kInclude = "#include \"";

// What the kernel includes of its own folder, in order.
Result<std::string> headers_of(const std::string& text) {
  std::string all;
  std::stringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(kInclude)) continue;
    const std::string name = line.substr(kInclude.size(), line.rfind('"') - kInclude.size());
    TRY_ASSIGN(const std::string header, read_file(kernel_folder() / name));
    all += header.substr(header.find("#pragma once") + std::string_view("#pragma once").size());
  }
  return all;
}

std::string without_headers(const std::string& text) {
  std::string rest;
  std::stringstream lines(text);
  for (std::string line; std::getline(lines, line);) rest += (line.starts_with(kInclude) ? "" : line) + "\n";
  return rest;
}

}  // namespace

Result<std::string> with_headers(const std::string& text) {
  TRY_ASSIGN(const std::string headers, headers_of(text));
  return headers + without_headers(text);
}

Result<std::string> compile_to_ptx(compile::Compiler& compiler, const std::string& file_name,
                                   const std::string& text, const std::string& target) {
  compile::CompileRequest request;
  request.source_name = file_name;
  request.target = target;
  TRY_ASSIGN(const std::string prelude, headers_of(text));
  request.units.push_back({"", prelude, without_headers(text), {}});
  TRY_ASSIGN(const compile::CompileOutcome outcome, compiler.compile(request));
  if (const auto* failure = outcome.failure()) return usage_error(failure->message);
  return outcome.program()->units.at(0).ptx;
}

Result<std::shared_ptr<const sim::Program>> load_ptx(const std::string& text) {
  TRY_ASSIGN(ptx::Module module, ptx::parse(text));
  return sim::Program::build(std::move(module));
}

}  // namespace warpwright::golden
