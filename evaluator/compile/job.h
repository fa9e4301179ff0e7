// What the compile child is given and what it answers.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "evaluator/compile/compiler.h"

namespace warpwright::compile {

struct CompileJob {
  std::string nvrtc_library, builtins_library;
  std::vector<std::string> readable_folders;  // all that the sandbox leaves readable
  std::vector<std::string> options;
  std::string source_name;
  std::string target;
  std::vector<CompileUnit> units;
  uint64_t cpu_seconds = 0;
  uint64_t cubin_bytes = 0;
};

struct CompileAnswer {
  std::string machine_error;  // not empty: neither program nor failure, the machine is at fault
  std::string usage_error;    // not empty: the request is (an unknown target)
  std::variant<CompiledProgram, CompileFailure> value;
  std::string nvrtc;    // version
  std::string sandbox;  // see CompileOutcome
};

// How the child ends when it stops itself at its CPU limit.
inline constexpr int kExitCpuLimit = 97;

// The option that puts registers and spills into the log. NVRTC 13.0 then drops the assembler's errors from
// it, so the child compiles a second time without it when an error has no text.
inline constexpr const char* kVerboseAssembler = "--ptxas-options=-v";

std::string encode(const CompileJob& job);
std::optional<CompileJob> decode_job(std::string_view bytes);
std::string encode(const CompileAnswer& answer);
std::optional<CompileAnswer> decode_answer(std::string_view bytes);

}  // namespace warpwright::compile
