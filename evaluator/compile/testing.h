// For the tests of this folder: a compiler whose worker is the test program itself.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <utility>

#include "evaluator/compile/compiler.h"

namespace warpwright::compile {

inline CompilerOptions test_options() {
  CompilerOptions options;
  std::error_code error;
  options.worker = std::filesystem::read_symlink("/proc/self/exe", error);
  return options;
}

inline CompileRequest one_unit(std::string text, std::vector<std::string> kernels = {},
                               std::string target = "sm_100a") {
  CompileRequest request;
  request.target = std::move(target);
  request.units.push_back({"", "", std::move(text), std::move(kernels)});
  return request;
}

// Skips the test where there is no toolkit, saying why.
#define REQUIRE_TOOLKIT() \
  if (const auto toolkit = find_toolkit(); !toolkit) GTEST_SKIP() << toolkit.error().message

inline CompileOutcome compile_or_fail(const CompileRequest& request,
                                      CompilerOptions options = test_options()) {
  auto compiler = Compiler::create(std::move(options));
  if (!compiler) {
    ADD_FAILURE() << compiler.error().message;
    return {};
  }
  auto outcome = compiler->compile(request);
  if (!outcome) {
    ADD_FAILURE() << outcome.error().message;
    return {};
  }
  return std::move(*outcome);
}

inline CompiledProgram program_of(const CompileOutcome& outcome) {
  if (const auto* failure = outcome.failure()) ADD_FAILURE() << failure->message << "\n" << failure->log;
  return outcome.program() != nullptr ? *outcome.program() : CompiledProgram{};
}

// An empty failure (and a test failure) if it compiled.
inline CompileFailure failure_of(const CompileOutcome& outcome) {
  if (outcome.failure() == nullptr) ADD_FAILURE() << "it compiled";
  return outcome.failure() != nullptr ? *outcome.failure() : CompileFailure{};
}

}  // namespace warpwright::compile
