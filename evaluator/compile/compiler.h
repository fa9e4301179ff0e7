// Compiles candidates with NVRTC in a child process that is killed when it takes too long, that cannot read
// files other than CUDA's headers, and whose memory and output are bounded.
//
// What a candidate does wrong is data (CompileFailure); Result errors are the machine's: no NVRTC, no child.
// Results are cached on disk by content (cache.h).
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "evaluator/compile/toolkit.h"
#include "src/base/result.h"

namespace warpwright::compile {

// One translation unit. Diagnostics name `CompileRequest::source_name` and count the lines of `text`.
struct CompileUnit {
  std::string name;     // as in plan::Unit; empty for the one unnamed unit
  std::string prelude;  // compiled before the text, invisible in its line numbers
  std::string text;
  std::vector<std::string> name_expressions;  // kernels wanted, "split<16>"; others may still be emitted
};

struct CompileRequest {
  std::vector<CompileUnit> units;
  std::string source_name = "candidate.cu";
  std::string target = "sm_100a";  // sm_XX: PTX and cubin; compute_XX: PTX only
  int64_t deadline_ms =
      60'000;  // CPU time of all units together, in whole seconds; wall clock: thrice, and 30 s
};

// Bytes unless said otherwise.
struct KernelResources {
  int registers = 0;  // per thread
  int spill_stores = 0, spill_loads = 0;
  int stack = 0;  // local memory per thread, spills included
  int static_shared = 0;
  int constant = 0;            // parameters and the kernel's own constant banks
  int max_threads = 0;         // per block, from __launch_bounds__ or the register file; 0: unknown
  bool has_resources = false;  // false for compute_XX: nothing was assembled
};

struct CompiledUnit {
  std::string name;
  std::string ptx;                                   // with .loc lines of `source_name`
  std::string cubin;                                 // ELF; empty for compute_XX
  std::string log;                                   // warnings; bounded
  std::map<std::string, std::string> lowered_names;  // name expression -> symbol in PTX and cubin
  std::map<std::string, KernelResources> kernels;    // every entry of the PTX, by symbol
};

struct CompiledProgram {
  std::vector<CompiledUnit> units;  // in the order of the request
};

// The candidate's fault.
struct CompileFailure {
  enum class Kind {
    kDiagnostics,  // the source is wrong
    kTimeout,      // CPU or wall clock
    kTooLarge,     // PTX or cubin over the limit
    kCrashed,      // the compiler died: out of memory, nested too deeply
  };
  Kind kind = Kind::kDiagnostics;
  std::string message;  // one line: `candidate.cu(12): error: ...`, or what limit was hit and the usual cause
  std::string log;      // at most kMaxLogBytes
};

struct CompileOutcome {
  std::variant<CompiledProgram, CompileFailure> value;
  bool cached = false;
  double seconds = 0;   // wall clock of this call
  std::string nvrtc;    // "13.0"
  std::string sandbox;  // what held the child, "landlock,seccomp" or "none"
  std::string warning;  // one line if the cache could not be used, or the sandbox is "none"; else empty

  const CompiledProgram* program() const { return std::get_if<CompiledProgram>(&value); }
  const CompileFailure* failure() const { return std::get_if<CompileFailure>(&value); }
};

inline constexpr size_t kMaxLogBytes = 64 * 1024;

struct CompilerLimits {
  uint64_t memory_bytes = uint64_t{6} << 30;  // address space; never more than three quarters of the machine
  uint64_t cubin_bytes = 16u << 20;           // per unit; PTX may have four times as much
};

struct CompilerOptions {
  CudaSearch search = CudaSearch::from_environment();
  std::filesystem::path
      worker;  // the program with `compile-child`; empty: $WARPWRIGHT_WORKER, else beside us
  std::optional<std::filesystem::path> cache_folder;  // none: no cache; default_cache_folder() is usual
  uint64_t cache_bytes = uint64_t{4} << 30;
  CompilerLimits limits;
  // Results for a machine without a toolkit (precompiled.h): read where there is none; written, with one, for
  // another machine. From the environment: see precompiled.h.
  std::optional<std::filesystem::path> precompiled, write_precompiled;
  void take_precompiled_from_environment();
};

std::filesystem::path default_cache_folder();  // cache_directory()/compile

class CompileCache;
struct CompileAnswer;
struct CompileJob;
class PrecompiledResults;

// Not thread-safe; several processes may share one cache folder.
class Compiler {
 public:
  // Error: no usable toolkit and no precompiled results, or no worker program.
  static Result<Compiler> create(CompilerOptions options);
  Compiler(Compiler&&) noexcept;
  ~Compiler();

  // Where there is no toolkit: an error for a request that was not precompiled.
  Result<CompileOutcome> compile(const CompileRequest& request);
  // Without one, the version of the NVRTC that made the precompiled results, and their folder as its library.
  const Toolkit& toolkit() const { return toolkit_; }

 private:
  Compiler(CompilerOptions options, Toolkit toolkit, std::string stamp);
  static Result<Compiler> create_without_toolkit(CompilerOptions options, const Error& missing);
  Result<CompileAnswer> find_or_compile(const CompileJob& job, bool& cached);

  CompilerOptions options_;
  Toolkit toolkit_;
  std::string stamp_;
  std::unique_ptr<CompileCache> cache_;
  std::unique_ptr<PrecompiledResults> precompiled_;        // there is no toolkit: all that there is
  std::unique_ptr<PrecompiledResults> write_precompiled_;  // null: nothing is written for other machines
};

// The options NVRTC is given, in order; a candidate cannot add any.
std::vector<std::string> compile_options(const Toolkit& toolkit, const std::string& target);

}  // namespace warpwright::compile
