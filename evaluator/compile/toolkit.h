// Where NVRTC and the CUDA headers are. The binary links neither: a machine without them still starts it and
// gets one error that says what to install.
//
// Searched in this order, the first complete and recent enough one wins:
//   $CUDA_HOME, $CUDA_PATH, the toolkit of the nvcc in PATH, /usr/local/cuda, /usr/local/cuda-* (newest
//   first), /opt/cuda, /usr (Debian's nvidia-cuda-toolkit), the project's .cuda/ folder
//   (tools/get-cuda-wheels.sh), and the nvidia/ folders of pip's site-packages ($VIRTUAL_ENV, ~/.local,
//   /usr/lib/python3, /usr/local/lib).
// $WARPWRIGHT_TOOLKIT names the only place to look at; `none`: there is no toolkit.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/result.h"

namespace warpwright::compile {

struct NvrtcVersion {
  int major = 0, minor = 0;
  auto operator<=>(const NvrtcVersion&) const = default;
  std::string text() const;  // "13.0"
};

// "13.0" or "13"; nothing else.
std::optional<NvrtcVersion> parse_nvrtc_version(std::string_view text);

// sm_100a exists since 12.8.
inline constexpr NvrtcVersion kOldestNvrtc{12, 8};

struct Toolkit {
  std::filesystem::path nvrtc_library;     // .../libnvrtc.so.13, symbolic links resolved
  std::filesystem::path builtins_library;  // .../libnvrtc-builtins.so.13.0, which NVRTC loads by name
  std::vector<std::filesystem::path> include_dirs;  // with include/cccl where the toolkit keeps CCCL there
  NvrtcVersion version;
  std::string found_by;  // "CUDA_HOME", "nvcc in PATH", ... for doctor
};

// The roots to look under, in order; a value so that tests can name their own.
struct CudaSearch {
  struct Root {
    std::filesystem::path path;
    std::string name;  // for Toolkit::found_by and the error
  };
  std::vector<Root> roots;

  static CudaSearch from_environment();
};

// Error (infrastructure): nothing found, or only what is too old or incomplete; names every place with its
// fault and what to install.
Result<Toolkit> find_toolkit(const CudaSearch& search = CudaSearch::from_environment());

// Changes whenever the library or any header does (relative path, size and modification time of each file).
std::string toolkit_stamp(const Toolkit& toolkit);

}  // namespace warpwright::compile
