// What each kernel of a compiled unit needs, from the assembler's report and the cubin.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "evaluator/compile/compiler.h"

namespace warpwright::compile {

// The symbols of all `.entry` functions, in the order of the text.
std::vector<std::string> ptx_entries(std::string_view ptx);

// `log` is NVRTC's with --ptxas-options=-v; `cubin` may be empty (compute_XX), then has_resources is false.
Result<std::map<std::string, KernelResources>> kernel_resources(std::string_view ptx, std::string_view cubin,
                                                                std::string_view log);

}  // namespace warpwright::compile
