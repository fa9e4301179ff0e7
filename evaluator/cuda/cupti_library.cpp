#include "evaluator/cuda/cupti_library.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "evaluator/cuda/shared_library.h"

namespace warpwright::cuda {
namespace fs = std::filesystem;
namespace {

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

// Entries of `folder` whose names start with `prefix`, newest version first.
std::vector<fs::path> entries(const fs::path& folder, const std::string& prefix) {
  std::vector<fs::path> found;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error))
    if (entry->path().filename().string().starts_with(prefix)) found.push_back(entry->path());
  std::sort(found.rbegin(), found.rend());
  return found;
}

void add_toolkit(const fs::path& root, std::vector<fs::path>& folders) {
  for (const char* folder : {"extras/CUPTI/lib64", "lib64", "lib"}) folders.push_back(root / folder);
}

// pip's packages: nvidia/cuda_cupti/lib (12), nvidia/cu13/lib (13).
void add_packages(const fs::path& nvidia, std::vector<fs::path>& folders) {
  for (const fs::path& package : entries(nvidia, "")) folders.push_back(package / "lib");
}

void add_python(const fs::path& lib, std::vector<fs::path>& folders) {
  for (const fs::path& python : entries(lib, "python3"))
    for (const char* packages : {"site-packages", "dist-packages"})
      add_packages(python / packages / "nvidia", folders);
}

std::vector<fs::path> search_folders() {
  std::vector<fs::path> folders;
  for (const char* variable : {"CUDA_HOME", "CUDA_PATH"})
    if (const std::string root = environment(variable); !root.empty()) add_toolkit(root, folders);
  add_toolkit("/usr/local/cuda", folders);
  for (const fs::path& root : entries("/usr/local", "cuda-")) add_toolkit(root, folders);
  add_toolkit("/opt/cuda", folders);
  if (const std::string home = environment("WARPWRIGHT_HOME"); !home.empty()) {
    for (const fs::path& root : entries(fs::path(home) / ".cuda", "")) {
      add_toolkit(root, folders);
      add_packages(root, folders);
    }
  }
  if (const std::string root = environment("VIRTUAL_ENV"); !root.empty())
    add_python(fs::path(root) / "lib", folders);
  if (const std::string home = environment("HOME"); !home.empty())
    add_python(fs::path(home) / ".local/lib", folders);
  add_python("/usr/local/lib", folders);
  add_python("/usr/lib", folders);
  return folders;
}

const char* mend_of(abi::CuptiCode code) {
  switch (code) {
    case abi::kCuptiInsufficientPrivileges:
      return "give this user the permission: the nvidia kernel module's option "
             "NVreg_RestrictProfilingToAdminUsers=0, "
             "or CAP_PERFMON";
    case abi::kCuptiMultipleSubscribers:
      return "another profiler is attached to this process: run without it";
    default:
      return "";
  }
}

Result<CuptiLibrary> bind(void* handle, const std::string& name) {
  CuptiLibrary library;
  Binder binder(handle);
#define WW_BIND(symbol, ...) binder.require(#symbol, library.functions.symbol);
  WW_CUPTI_FUNCTIONS(WW_BIND)
#undef WW_BIND
  if (!binder.complete()) return infrastructure_error(fmt::format("{} lacks {}", name, binder.missing()));
  library.path = path_of(reinterpret_cast<const void*>(library.functions.cuptiGetVersion));
  uint32_t version = 0;
  const abi::CuptiCode code = library.functions.cuptiGetVersion(&version);
  if (code != abi::kCuptiSuccess)
    return infrastructure_error(library.describe_failure("cuptiGetVersion", code));
  library.version = cupti_version_text(version);
  return library;
}

}  // namespace

std::vector<std::string> cupti_candidates(int driver_version) {
  std::vector<std::string> names = {"libcupti.so.13", "libcupti.so.12"};
  if (driver_version != 0 && driver_version < 13000) names.erase(names.begin());
  std::vector<std::string> candidates;
  std::error_code error;
  const fs::path own = fs::read_symlink("/proc/self/exe", error).parent_path();
  const std::vector<fs::path> folders = search_folders();
  const auto add_if_there = [&](const fs::path& path) {
    std::error_code ignored;
    if (fs::exists(path, ignored)) candidates.push_back(path.string());
  };
  for (const std::string& name : names) {
    if (!own.empty())
      for (const fs::path& folder : {own, own / "lib", own.parent_path() / "lib"})
        add_if_there(folder / name);
    candidates.push_back(name);  // where the loader looks
    for (const fs::path& folder : folders) add_if_there(folder / name);
  }
  return candidates;
}

std::string cupti_version_text(uint32_t version) {
  if (version >= 130000) return fmt::format("{}.{}", version / 10000, version / 100 % 100);
  // cupti_version.h's list of CUPTI's own numbers.
  switch (version) {
    case 18:
      return "11.8";
    case 19:
      return "12.0";
    case 20:
      return "12.2";
    case 21:
      return "12.3";
    case 22:
      return "12.4";
    case 23:
      return "12.5";
    case 24:
      return "12.6";
    case 26:
      return "12.8";
    case 27:
    case 28:
      return "12.9";
    default:
      return fmt::format("API {}", version);
  }
}

Result<CuptiLibrary> CuptiLibrary::load(const std::string& library, int driver_version) {
  const std::string chosen = library.empty() ? environment("WARPWRIGHT_LIBCUPTI") : library;
  if (!chosen.empty()) {
    TRY_ASSIGN(void* handle, load_library(chosen));
    return bind(handle, chosen);
  }
  // One that is there but does not load says more than one that is not there.
  std::string reason;
  for (const std::string& candidate : cupti_candidates(driver_version)) {
    Result<void*> handle = load_library(candidate);
    if (handle) return bind(*handle, candidate);
    if (reason.empty() && candidate.find('/') != candidate.npos) reason = handle.error().message;
  }
  if (!reason.empty()) return infrastructure_error(reason);
  return infrastructure_error(
      "no libcupti found: install the CUDA toolkit's CUPTI or pip's nvidia-cuda-cupti, or set "
      "WARPWRIGHT_LIBCUPTI to it");
}

std::string CuptiLibrary::describe_failure(const char* call, abi::CuptiCode code) const {
  const char* name = nullptr;
  if (functions.cuptiGetResultString(code, &name) != abi::kCuptiSuccess || name == nullptr)
    name = "CUPTI error";
  const std::string mend = mend_of(code);
  return mend.empty() ? fmt::format("{}: {} ({})", call, name, code)
                      : fmt::format("{}: {} ({})", call, name, mend);
}

}  // namespace warpwright::cuda
