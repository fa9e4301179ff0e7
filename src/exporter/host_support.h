// The part of an exported solution's host code that is the same for every plan, as the text of a header:
// checked integers, tensor checks, workspaces, launches. The generated `kernel.cu` includes it.
//
// It is C++17 over <cuda_runtime.h> and tvm-ffi only, so that it compiles with nvcc without flags, and with a
// plain C++ compiler against fakes of both.
#pragma once

#include <string_view>

namespace warpwright::exporter {

inline constexpr std::string_view kHostSupportPath = "warpwright_host.h";

std::string_view host_support_source();

}  // namespace warpwright::exporter
