// NVRTC's functions, loaded with dlopen. Used inside the compile child only: NVRTC in this process could not
// be stopped, and it reads whatever file a candidate includes.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/result.h"

namespace warpwright::compile {

// The values of nvrtcResult that are told apart (nvrtc.h of the toolkit).
enum class NvrtcResult {
  kSuccess = 0,
  kOutOfMemory = 1,
  kProgramCreationFailure = 2,
  kInvalidInput = 3,
  kInvalidProgram = 4,
  kInvalidOption = 5,
  kCompilation = 6,
  kBuiltinOperationFailure = 7,
};

struct MemoryHeader {
  const char* name;  // as in #include <name>
  const char* text;
};

// Never unloaded: the child ends with its one job.
class Nvrtc {
 public:
  using Program = void*;

  // Loads the builtins first, so that NVRTC finds them by name in the process and needs no search path.
  static Result<Nvrtc> load(const std::filesystem::path& library, const std::filesystem::path& builtins);

  NvrtcResult (*create_program)(Program*, const char* source, const char* name, int header_count,
                                const char* const* headers, const char* const* include_names) = nullptr;
  NvrtcResult (*destroy_program)(Program*) = nullptr;
  NvrtcResult (*add_name_expression)(Program, const char* expression) = nullptr;
  NvrtcResult (*compile_program)(Program, int option_count, const char* const* options) = nullptr;
  NvrtcResult (*get_lowered_name)(Program, const char* expression, const char** lowered) = nullptr;
  NvrtcResult (*get_ptx_size)(Program, size_t*) = nullptr;
  NvrtcResult (*get_ptx)(Program, char*) = nullptr;
  NvrtcResult (*get_cubin_size)(Program, size_t*) = nullptr;
  NvrtcResult (*get_cubin)(Program, char*) = nullptr;
  NvrtcResult (*get_log_size)(Program, size_t*) = nullptr;
  NvrtcResult (*get_log)(Program, char*) = nullptr;
  NvrtcResult (*version)(int* major, int* minor) = nullptr;
  NvrtcResult (*supported_arch_count)(int*) = nullptr;
  NvrtcResult (*supported_archs)(int*) = nullptr;
  const char* (*error_string)(NvrtcResult) = nullptr;
};

// One program; destroyed with the object.
class NvrtcProgram {
 public:
  static Result<NvrtcProgram> create(const Nvrtc& nvrtc, const std::string& source, const std::string& name,
                                     const std::vector<MemoryHeader>& headers);
  NvrtcProgram(NvrtcProgram&& other) noexcept;
  NvrtcProgram& operator=(NvrtcProgram&&) = delete;
  ~NvrtcProgram();

  NvrtcResult add_name_expression(const std::string& expression);
  NvrtcResult compile(const std::vector<std::string>& options);
  std::string lowered_name(const std::string& expression) const;  // empty if there is none
  size_t ptx_size() const;                                        // 0 if there is none
  size_t cubin_size() const;                                      // 0 for compute_XX
  std::string ptx() const;                                        // without the final NUL
  std::string cubin() const;
  std::string log() const;

 private:
  NvrtcProgram(const Nvrtc& nvrtc, Nvrtc::Program handle) : nvrtc_(&nvrtc), handle_(handle) {}
  const Nvrtc* nvrtc_;
  Nvrtc::Program handle_;
};

}  // namespace warpwright::compile
