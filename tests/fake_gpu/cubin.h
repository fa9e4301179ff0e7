// What the fake needs of a cubin: it cannot execute it, but with --generate-line-info NVRTC leaves the PTX in
// it.
#pragma once

#include <map>
#include <optional>
#include <string>

namespace warpwright::fake_gpu {

struct Cubin {
  std::string ptx;  // of section .nv_debug_ptx_txt; empty: compiled without line information
  std::map<std::string, int> registers;  // per thread, by kernel
};
// `image` is an ELF file as the driver takes it, without a length. Nothing: it is broken.
std::optional<Cubin> read_cubin(const char* image);

}  // namespace warpwright::fake_gpu
