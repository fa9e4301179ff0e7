#include "evaluator/cuda/shared_library.h"

#include <dlfcn.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

namespace warpwright::cuda {

Result<void*> load_library(const std::string& path_or_name) {
  void* handle = ::dlopen(path_or_name.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle != nullptr) return handle;
  const char* reason = ::dlerror();
  return infrastructure_error(reason != nullptr ? reason : path_or_name + ": cannot be loaded");
}

std::string path_of(const void* symbol_address) {
  Dl_info info = {};
  if (::dladdr(symbol_address, &info) == 0 || info.dli_fname == nullptr) return "";
  return info.dli_fname;
}

void* find_symbol(void* library, const char* symbol) {
  return ::dlsym(library, symbol);
}

std::string Binder::missing() const {
  constexpr size_t kShown = 3;
  if (missing_.size() <= kShown) return fmt::format("{}", fmt::join(missing_, ", "));
  return fmt::format("{} and {} more", fmt::join(missing_.begin(), missing_.begin() + kShown, ", "),
                     missing_.size() - kShown);
}

}  // namespace warpwright::cuda
