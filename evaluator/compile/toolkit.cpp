#include "evaluator/compile/toolkit.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>

#include "src/base/files.h"
#include "src/base/hash.h"

namespace warpwright::compile {
namespace fs = std::filesystem;
namespace {

#if defined(__aarch64__)
constexpr const char* kTargetFolder = "targets/sbsa-linux";
#else
constexpr const char* kTargetFolder = "targets/x86_64-linux";
#endif

constexpr const char* kMend =
    "install a CUDA toolkit 12.8 or newer and set CUDA_HOME to it, or run tools/get-cuda-wheels.sh, which "
    "takes "
    "NVRTC and the CUDA headers from PyPI into .cuda/";

// A missing one would look like the candidate's error.
constexpr const char* kRequiredHeaders[] = {"cuda_bf16.h", "cuda_fp8.h", "cooperative_groups.h", "crt/mma.h",
                                            "cuda/std/cstdint"};

bool is_folder(const fs::path& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

bool is_there(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

std::vector<fs::path> subfolders(const fs::path& folder) {
  std::vector<fs::path> found;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error))
    if (is_folder(entry->path())) found.push_back(entry->path());
  std::sort(found.begin(), found.end());
  return found;
}

struct VersionedFile {
  fs::path path;
  NvrtcVersion version;
};

// The newest `prefix`VERSION in `folder` (of major version `major`, unless that is 0).
std::optional<VersionedFile> newest(const fs::path& folder, std::string_view prefix, int major) {
  std::optional<VersionedFile> best;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (!name.starts_with(prefix)) continue;
    const auto version = parse_nvrtc_version(std::string_view(name).substr(prefix.size()));
    if (!version || (major != 0 && version->major != major)) continue;
    if (!best || version->major > best->version.major || best->version < *version)
      best = VersionedFile{entry->path(), *version};
  }
  return best;
}

// Toolkit trees, Debian's multiarch folders, and the two layouts of NVIDIA's wheels below
// site-packages/nvidia.
std::vector<fs::path> library_folders(const fs::path& root) {
  return {
    root / "lib64", root / kTargetFolder / "lib", root / "lib",
#if defined(__aarch64__)
        root / "lib/aarch64-linux-gnu",
#else
        root / "lib/x86_64-linux-gnu",
#endif
        root / "cu13/lib", root / "cu14/lib", root / "cuda_nvrtc/lib"
  };
}

std::vector<fs::path> header_folders(const fs::path& root, bool from_split_wheels) {
  std::vector<fs::path> candidates;
  if (from_split_wheels) {  // CUDA 12: one folder per wheel
    for (const char* part : {"cuda_runtime", "cuda_nvcc", "cuda_cccl", "cuda_nvrtc", "cuda_crt"})
      candidates.push_back(root / part / "include");
  } else {
    candidates = {root / "include", root / kTargetFolder / "include"};
  }
  std::vector<fs::path> found;
  for (const fs::path& folder : candidates) {
    if (!is_folder(folder)) continue;
    std::error_code error;
    const fs::path real = fs::canonical(folder, error);
    if (error || std::find(found.begin(), found.end(), real) != found.end()) continue;
    found.push_back(real);
    if (is_folder(real / "cccl")) found.push_back(real / "cccl");
  }
  return found;
}

// The toolkit at `root`, or why there is none.
Result<Toolkit> probe(const CudaSearch::Root& root) {
  for (const fs::path& folder : library_folders(root.path)) {
    const auto library = newest(folder, "libnvrtc.so.", 0);
    if (!library) continue;
    const auto builtins = newest(folder, "libnvrtc-builtins.so.", library->version.major);
    if (!builtins) return infrastructure_error("libnvrtc-builtins.so is missing beside libnvrtc.so");
    if (builtins->version < kOldestNvrtc)
      return infrastructure_error(fmt::format("NVRTC {} is too old, {} is needed for sm_100a",
                                              builtins->version.text(), kOldestNvrtc.text()));
    const bool split = folder == root.path / "cuda_nvrtc/lib";
    const bool wheel = folder.parent_path().parent_path() == root.path && folder.filename() == "lib";
    Toolkit toolkit;
    std::error_code error;
    toolkit.nvrtc_library = fs::canonical(library->path, error);
    if (!error) toolkit.builtins_library = fs::canonical(builtins->path, error);
    if (error) return infrastructure_error(error.message());
    toolkit.include_dirs = header_folders(wheel && !split ? folder.parent_path() : root.path, split);
    toolkit.version = builtins->version;
    toolkit.found_by = root.name;
    for (const char* header : kRequiredHeaders) {
      const auto& dirs = toolkit.include_dirs;
      if (std::none_of(dirs.begin(), dirs.end(), [&](const fs::path& dir) { return is_there(dir / header); }))
        return infrastructure_error(
            fmt::format("NVRTC {} is there, the header {} is not", toolkit.version.text(), header));
    }
    return toolkit;
  }
  return infrastructure_error(is_folder(root.path) ? "no libnvrtc.so in it" : "no such folder");
}

const char* environment(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr && *value != '\0' ? value : nullptr;
}

std::optional<fs::path> toolkit_of_nvcc() {
  const char* path = environment("PATH");
  std::string_view rest = path != nullptr ? path : "";
  while (!rest.empty()) {
    const size_t colon = std::min(rest.find(':'), rest.size());
    const fs::path nvcc = fs::path(rest.substr(0, colon)) / "nvcc";
    rest.remove_prefix(std::min(colon + 1, rest.size()));
    std::error_code error;
    const fs::path real = fs::canonical(nvcc, error);
    if (!error) return real.parent_path().parent_path();
  }
  return std::nullopt;
}

// Every lib/python*/site-packages/nvidia below `prefix`.
void add_site_packages(std::vector<CudaSearch::Root>& roots, const fs::path& prefix) {
  for (const fs::path& python : subfolders(prefix / "lib")) {
    if (!python.filename().string().starts_with("python")) continue;
    for (const char* packages : {"site-packages", "dist-packages"})
      if (is_folder(python / packages / "nvidia"))
        roots.push_back({python / packages / "nvidia", "pip site-packages"});
  }
}

}  // namespace

std::optional<NvrtcVersion> parse_nvrtc_version(std::string_view text) {
  NvrtcVersion version;
  const char* end = text.data() + text.size();
  auto [next, error] = std::from_chars(text.data(), end, version.major);
  if (error != std::errc() || version.major < 0) return std::nullopt;
  if (next == end) return version;
  if (*next != '.') return std::nullopt;
  auto [last, minor_error] = std::from_chars(next + 1, end, version.minor);
  if (minor_error != std::errc() || version.minor < 0) return std::nullopt;
  if (last != end && *last != '.') return std::nullopt;
  return version;
}

std::string NvrtcVersion::text() const {
  return fmt::format("{}.{}", major, minor);
}

CudaSearch CudaSearch::from_environment() {
  CudaSearch search;
  if (const char* only = environment("WARPWRIGHT_TOOLKIT")) {
    if (std::string_view(only) != "none") search.roots.push_back({only, "WARPWRIGHT_TOOLKIT"});
    return search;
  }
  for (const char* name : {"CUDA_HOME", "CUDA_PATH"})
    if (const char* value = environment(name)) search.roots.push_back({value, name});
  if (const auto root = toolkit_of_nvcc()) search.roots.push_back({*root, "nvcc in PATH"});
  search.roots.push_back({"/usr/local/cuda", "the usual place"});
  std::vector<std::pair<NvrtcVersion, fs::path>> versioned;
  for (const fs::path& folder : subfolders("/usr/local")) {
    const std::string name = folder.filename().string();
    if (!name.starts_with("cuda-")) continue;
    if (const auto version = parse_nvrtc_version(name.substr(5))) versioned.emplace_back(*version, folder);
  }
  std::sort(versioned.rbegin(), versioned.rend());
  for (const auto& [version, folder] : versioned) search.roots.push_back({folder, "the usual place"});
  search.roots.push_back({"/opt/cuda", "the usual place"});
  if (const auto home = find_home())
    search.roots.push_back({*home / ".cuda/nvidia", ".cuda/ of the project"});
  if (const char* venv = environment("VIRTUAL_ENV")) add_site_packages(search.roots, venv);
  if (const char* home = environment("HOME")) add_site_packages(search.roots, fs::path(home) / ".local");
  for (const char* prefix : {"/usr/local", "/usr"}) add_site_packages(search.roots, prefix);
  return search;
}

Result<Toolkit> find_toolkit(const CudaSearch& search) {
  std::vector<std::string> faults, seen;
  for (const CudaSearch::Root& root : search.roots) {
    std::error_code error;
    const std::string real = fs::weakly_canonical(root.path, error).string();
    if (std::find(seen.begin(), seen.end(), real) != seen.end()) continue;
    seen.push_back(real);
    auto toolkit = probe(root);
    if (toolkit) return toolkit;
    faults.push_back(fmt::format("{} ({}): {}", root.path.string(), root.name, toolkit.error().message));
  }
  return infrastructure_error(
      fmt::format("no usable NVRTC found; {}. Looked at: {}", kMend,
                  faults.empty() ? "nothing" : fmt::format("{}", fmt::join(faults, "; "))));
}

std::string toolkit_stamp(const Toolkit& toolkit) {
  std::vector<std::string> entries;
  auto add = [&](const fs::path& path, const std::string& name) {
    struct stat info {};
    if (::stat(path.c_str(), &info) != 0) return;
    entries.push_back(
        fmt::format("{} {} {}.{}", name, info.st_size, info.st_mtim.tv_sec, info.st_mtim.tv_nsec));
  };
  add(toolkit.nvrtc_library, "nvrtc");
  add(toolkit.builtins_library, "builtins");
  for (size_t index = 0; index < toolkit.include_dirs.size(); ++index) {
    const fs::path& dir = toolkit.include_dirs[index];
    std::error_code error;
    const auto options = fs::directory_options::skip_permission_denied;
    for (fs::recursive_directory_iterator entry(dir, options, error), end; !error && entry != end;
         entry.increment(error)) {
      if (!entry->is_directory(error))
        add(entry->path(), fmt::format("{}/{}", index, entry->path().lexically_relative(dir).string()));
    }
  }
  std::sort(entries.begin(), entries.end());
  FieldHasher hasher;
  hasher.add(toolkit.version.text());
  for (const std::string& entry : entries) hasher.add(entry);
  return hasher.hex();
}

}  // namespace warpwright::compile
