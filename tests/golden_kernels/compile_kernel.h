// A golden kernel from its source text to a program the simulator runs.
#pragma once

#include <filesystem>
#include <string>

#include "evaluator/compile/compiler.h"
#include "evaluator/sim/simulator.h"

namespace warpwright::golden {

// The kernels/ beside this header, in the repository that $WARPWRIGHT_HOME names, else in the current folder.
std::filesystem::path kernel_folder();

// The source with the text of the headers of its own folder in place of their #include lines.
Result<std::string> with_headers(const std::string& text);

// PTX of one source file. `target`: compute_XX. Errors: no toolkit, or the compiler's first complaint.
Result<std::string> compile_to_ptx(compile::Compiler& compiler, const std::string& file_name,
                                   const std::string& text, const std::string& target);

Result<std::shared_ptr<const sim::Program>> load_ptx(const std::string& text);

}  // namespace warpwright::golden
