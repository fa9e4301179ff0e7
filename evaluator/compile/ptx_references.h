// Which symbols a PTX text reaches from its kernels. NVRTC emits every namespace-scope constant (all of
// CCCL's, every axis and knob of the prelude) as a variable of the module; the cubin keeps them and does not
// say which are read.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace warpwright::compile {

// Every identifier in the bodies of `roots`, in the bodies and initialisers of what those name, and so on.
std::set<std::string, std::less<>> reachable_symbols(std::string_view ptx,
                                                     const std::vector<std::string>& roots);

}  // namespace warpwright::compile
