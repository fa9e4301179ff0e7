#include "evaluator/compile/nvrtc.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <utility>

namespace warpwright::compile {
namespace {

template <class Function>
bool bind(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(::dlsym(library, name));
  return function != nullptr;
}

using SizeGetter = NvrtcResult (*)(Nvrtc::Program, size_t*);
using TextGetter = NvrtcResult (*)(Nvrtc::Program, char*);

size_t size_of(SizeGetter getter, Nvrtc::Program handle) {
  size_t size = 0;
  return getter(handle, &size) == NvrtcResult::kSuccess ? size : 0;
}

std::string bytes_of(SizeGetter size_getter, TextGetter getter, Nvrtc::Program handle) {
  std::string bytes(size_of(size_getter, handle), '\0');
  if (!bytes.empty() && getter(handle, bytes.data()) != NvrtcResult::kSuccess) bytes.clear();
  return bytes;
}

std::string text_of(SizeGetter size_getter, TextGetter getter, Nvrtc::Program handle) {
  std::string text = bytes_of(size_getter, getter, handle);
  if (!text.empty() && text.back() == '\0') text.pop_back();
  return text;
}

}  // namespace

Result<Nvrtc> Nvrtc::load(const std::filesystem::path& library, const std::filesystem::path& builtins) {
  if (::dlopen(builtins.c_str(), RTLD_NOW | RTLD_LOCAL) == nullptr)
    return infrastructure_error(fmt::format("cannot load NVRTC's builtins: {}", ::dlerror()));
  void* handle = ::dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) return infrastructure_error(fmt::format("cannot load NVRTC: {}", ::dlerror()));
  Nvrtc nvrtc;
  const bool complete =
      bind(handle, "nvrtcCreateProgram", nvrtc.create_program) &&
      bind(handle, "nvrtcDestroyProgram", nvrtc.destroy_program) &&
      bind(handle, "nvrtcAddNameExpression", nvrtc.add_name_expression) &&
      bind(handle, "nvrtcCompileProgram", nvrtc.compile_program) &&
      bind(handle, "nvrtcGetLoweredName", nvrtc.get_lowered_name) &&
      bind(handle, "nvrtcGetPTXSize", nvrtc.get_ptx_size) && bind(handle, "nvrtcGetPTX", nvrtc.get_ptx) &&
      bind(handle, "nvrtcGetCUBINSize", nvrtc.get_cubin_size) &&
      bind(handle, "nvrtcGetCUBIN", nvrtc.get_cubin) &&
      bind(handle, "nvrtcGetProgramLogSize", nvrtc.get_log_size) &&
      bind(handle, "nvrtcGetProgramLog", nvrtc.get_log) && bind(handle, "nvrtcVersion", nvrtc.version) &&
      bind(handle, "nvrtcGetNumSupportedArchs", nvrtc.supported_arch_count) &&
      bind(handle, "nvrtcGetSupportedArchs", nvrtc.supported_archs) &&
      bind(handle, "nvrtcGetErrorString", nvrtc.error_string);
  if (!complete) return infrastructure_error(fmt::format("{} lacks functions of NVRTC", library.string()));
  return nvrtc;
}

Result<NvrtcProgram> NvrtcProgram::create(const Nvrtc& nvrtc, const std::string& source,
                                          const std::string& name, const std::vector<MemoryHeader>& headers) {
  std::vector<const char*> texts, names;
  for (const MemoryHeader& header : headers) {
    texts.push_back(header.text);
    names.push_back(header.name);
  }
  Nvrtc::Program handle = nullptr;
  const NvrtcResult result = nvrtc.create_program(&handle, source.c_str(), name.c_str(),
                                                  static_cast<int>(texts.size()), texts.data(), names.data());
  if (result != NvrtcResult::kSuccess)
    return infrastructure_error(fmt::format("nvrtcCreateProgram: {}", nvrtc.error_string(result)));
  return NvrtcProgram(nvrtc, handle);
}

NvrtcProgram::NvrtcProgram(NvrtcProgram&& other) noexcept
    : nvrtc_(other.nvrtc_), handle_(std::exchange(other.handle_, nullptr)) {}

NvrtcProgram::~NvrtcProgram() {
  if (handle_ != nullptr) nvrtc_->destroy_program(&handle_);
}

NvrtcResult NvrtcProgram::add_name_expression(const std::string& expression) {
  return nvrtc_->add_name_expression(handle_, expression.c_str());
}

NvrtcResult NvrtcProgram::compile(const std::vector<std::string>& options) {
  std::vector<const char*> pointers;
  for (const std::string& option : options) pointers.push_back(option.c_str());
  return nvrtc_->compile_program(handle_, static_cast<int>(pointers.size()), pointers.data());
}

std::string NvrtcProgram::lowered_name(const std::string& expression) const {
  const char* lowered = nullptr;
  if (nvrtc_->get_lowered_name(handle_, expression.c_str(), &lowered) != NvrtcResult::kSuccess) return "";
  return lowered != nullptr ? lowered : "";
}

size_t NvrtcProgram::ptx_size() const {
  return size_of(nvrtc_->get_ptx_size, handle_);
}
size_t NvrtcProgram::cubin_size() const {
  return size_of(nvrtc_->get_cubin_size, handle_);
}
std::string NvrtcProgram::ptx() const {
  return text_of(nvrtc_->get_ptx_size, nvrtc_->get_ptx, handle_);
}
std::string NvrtcProgram::cubin() const {
  return bytes_of(nvrtc_->get_cubin_size, nvrtc_->get_cubin, handle_);
}
std::string NvrtcProgram::log() const {
  return text_of(nvrtc_->get_log_size, nvrtc_->get_log, handle_);
}

}  // namespace warpwright::compile
