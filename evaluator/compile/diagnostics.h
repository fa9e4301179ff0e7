// Turns NVRTC's log into what a programmer, or a model, should read.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace warpwright::compile {

// Names of the functions declared __global__, in order, templates without their arguments. Reads tokens, not
// declarations: good enough for a hint.
std::vector<std::string> global_functions(std::string_view source);

// Without the assembler's statistics, control characters, and what exceeds `max_bytes`; errors are kept
// first.
std::string clean_log(std::string_view log, size_t max_bytes);

bool has_error(std::string_view log);

// The first error as one line, with the source's file name and line; never empty. An error in a name
// expression says which kernel of the plan is meant, and what kernels there are.
std::string first_error(std::string_view log, const std::string& source_name, std::string_view source);

}  // namespace warpwright::compile
