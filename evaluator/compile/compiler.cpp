#include "evaluator/compile/compiler.h"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "evaluator/compile/cache.h"
#include "evaluator/compile/headers.h"
#include "evaluator/compile/job.h"
#include "evaluator/compile/precompiled.h"
#include "src/base/clock.h"
#include "src/base/files.h"
#include "src/base/hash.h"
#include "src/base/subprocess.h"

namespace warpwright::compile {
namespace fs = std::filesystem;
namespace {

// Raise it whenever what a cached answer says would come out differently.
constexpr const char* kFormatVersion = "1";

// The CPU limit is the candidate's; the wall clock's is wider, because other processes take their share.
int64_t wall_seconds(uint64_t cpu_seconds) {
  return static_cast<int64_t>(cpu_seconds) * 3 + 30;
}

uint64_t cpu_seconds(int64_t deadline_ms) {
  return static_cast<uint64_t>(std::max<int64_t>(1, (deadline_ms + 999) / 1000));
}

uint64_t memory_limit([[maybe_unused]] uint64_t wanted) {
#if defined(__SANITIZE_ADDRESS__)
  return 0;  // its shadow memory alone is larger
#else
  const uint64_t machine =
      static_cast<uint64_t>(::sysconf(_SC_PHYS_PAGES)) * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
  return std::min(wanted, machine / 4 * 3);
#endif
}

Result<fs::path> find_worker(const fs::path& given) {
  fs::path worker = given;
  if (const char* named = std::getenv("WARPWRIGHT_WORKER"); worker.empty() && named != nullptr)
    worker = named;
  if (worker.empty()) worker = program_directory() / "warpwright-worker";
  std::error_code error;
  worker = fs::absolute(worker, error);
  if (::access(worker.c_str(), X_OK) != 0)
    return infrastructure_error(
        fmt::format("the worker program {} is missing; build it, or set WARPWRIGHT_WORKER", worker.string()));
  return worker;
}

// It stands between quotes in a #line directive and begins lines of the log.
std::string plain_name(const std::string& name) {
  std::string plain;
  for (const char c : name)
    plain.push_back(static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\' ? '_' : c);
  return plain.empty() ? "candidate.cu" : plain;
}

CompileJob make_job(const CompileRequest& request, const Toolkit& toolkit, const CompilerLimits& limits) {
  CompileJob job;
  job.nvrtc_library = toolkit.nvrtc_library.string();
  job.builtins_library = toolkit.builtins_library.string();
  for (const fs::path& folder : toolkit.include_dirs) job.readable_folders.push_back(folder.string());
  job.options = compile_options(toolkit, request.target);
  job.source_name = plain_name(request.source_name);
  job.target = request.target;
  job.units = request.units;
  job.cpu_seconds = cpu_seconds(request.deadline_ms);
  job.cubin_bytes = limits.cubin_bytes;
  return job;
}

// Where things lie and how long they may take has no part in what comes out; the stamp stands for the
// toolkit.
std::string cache_key(const CompileJob& job, const std::string& stamp) {
  FieldHasher hasher;
  hasher.add(kFormatVersion).add(stamp).add(job.source_name).add(job.target);
  hasher.add(std::to_string(job.cubin_bytes)).add(std::to_string(job.options.size()));
  for (const std::string& option : job.options)
    if (!option.starts_with("--include-path=")) hasher.add(option);
  for (const MemoryHeader& header : memory_headers()) hasher.add(header.name).add(header.text);
  for (const CompileUnit& unit : job.units) {
    hasher.add(unit.name).add(unit.prelude).add(unit.text).add(std::to_string(unit.name_expressions.size()));
    for (const std::string& expression : unit.name_expressions) hasher.add(expression);
  }
  return hasher.hex();
}

bool is_cacheable(const CompileAnswer& answer) {
  if (!answer.machine_error.empty() || !answer.usage_error.empty()) return false;
  const auto* failure = std::get_if<CompileFailure>(&answer.value);
  return failure == nullptr || failure->kind == CompileFailure::Kind::kDiagnostics ||
         failure->kind == CompileFailure::Kind::kTooLarge;
}

CompileAnswer failed(CompileFailure::Kind kind, std::string message, std::string log) {
  CompileAnswer answer;
  answer.value = CompileFailure{kind, std::move(message), std::move(log)};
  return answer;
}

// What the source itself forbids, before any child is started.
std::optional<CompileFailure> refuse(const CompileRequest& request) {
  for (const CompileUnit& unit : request.units) {
    const size_t at = unit.text.find('\0');
    if (at == std::string::npos) continue;
    const auto line = 1 + std::count(unit.text.begin(), unit.text.begin() + static_cast<ptrdiff_t>(at), '\n');
    return CompileFailure{
        CompileFailure::Kind::kDiagnostics,
        fmt::format("{}({}): error: the source has a NUL byte here", plain_name(request.source_name), line),
        ""};
  }
  return std::nullopt;
}

Result<CompileAnswer> judge(const CompletedProcess& done, const CompileJob& job, uint64_t memory_bytes) {
  using Kind = CompileFailure::Kind;
  const std::string log = done.stderr_text.substr(0, 4096);
  const auto seconds = static_cast<int64_t>(job.cpu_seconds);
  if (done.output_overflow)
    return failed(Kind::kTooLarge, fmt::format("{}: error: the compiled code is too large", job.source_name),
                  log);
  const bool cpu =
      done.status.signal == SIGXCPU || (done.status.signal == 0 && done.status.code == kExitCpuLimit);
  if (cpu || done.timed_out)
    return failed(
        Kind::kTimeout,
        fmt::format("{}: error: compilation took more than {} s{}: template or macro expansion too large, "
                    "or a loop unrolled too far?",
                    job.source_name, cpu ? seconds : wall_seconds(job.cpu_seconds),
                    cpu ? " of CPU time" : ""),
        log);
  if (done.status.success()) {
    if (auto answer = decode_answer(done.stdout_text)) return std::move(*answer);
    return infrastructure_error(
        "the compile child's answer is unreadable: is the worker of another version?");
  }
  if (done.status.signal == SIGKILL || done.status.signal == SIGTERM || done.status.signal == SIGINT)
    return infrastructure_error(fmt::format("the compile child {}, and not by us", done.status.describe()));
  if (done.status.signal == 0 && done.status.code == 127)
    return infrastructure_error(fmt::format("the compile child could not run: {}", log));
  return failed(
      Kind::kCrashed,
      fmt::format("{}: error: the compiler {} (memory limit {} MB): template or macro expansion too large, "
                  "or nested too deeply?",
                  job.source_name, done.status.describe(), memory_bytes >> 20),
      log);
}

Result<CompileAnswer> run_child(const fs::path& worker, const CompileJob& job, const CompilerLimits& limits) {
  SubprocessOptions process;
  process.argv = {worker.string(), "compile-child"};
  process.keep_environment = {"LD_LIBRARY_PATH"};
  process.working_directory = "/";
  process.limit_cpu_seconds = job.cpu_seconds + 2;
  process.limit_address_space_bytes = memory_limit(limits.memory_bytes);
  process.limit_file_bytes = 1;  // no files at all; 0 would mean no limit
  const size_t output_limit = (job.units.size() * 5 * limits.cubin_bytes) + (8u << 20);
  TRY_ASSIGN(const CompletedProcess done,
             run_to_completion(process, encode(job), wall_seconds(job.cpu_seconds) * 1000, output_limit));
  TRY_ASSIGN(CompileAnswer answer, judge(done, job, process.limit_address_space_bytes));
  if (!answer.machine_error.empty()) return infrastructure_error(answer.machine_error);
  if (!answer.usage_error.empty()) return usage_error(answer.usage_error);
  return answer;
}

}  // namespace

fs::path default_cache_folder() {
  return cache_directory() / "compile";
}

// C++17 because that is what FlashInfer-Bench's and PyTorch's builders compile exported kernels with.
// Contraction of a*b+c stays at nvcc's default (on). -default-device stays off: it would turn host code into
// device code.
std::vector<std::string> compile_options(const Toolkit& toolkit, const std::string& target) {
  std::vector<std::string> options = {"--gpu-architecture=" + target, "--std=c++17", "--device-int128",
                                      "--generate-line-info", kVerboseAssembler};
  if (toolkit.version >= NvrtcVersion{12, 9})
    options.push_back("--no-cache");  // ours knows what it depends on
  for (const fs::path& folder : toolkit.include_dirs) options.push_back("--include-path=" + folder.string());
  return options;
}

Compiler::Compiler(CompilerOptions options, Toolkit toolkit, std::string stamp)
    : options_(std::move(options)), toolkit_(std::move(toolkit)), stamp_(std::move(stamp)) {
  if (options_.cache_folder)
    cache_ = std::make_unique<CompileCache>(*options_.cache_folder, options_.cache_bytes);
}
Compiler::Compiler(Compiler&&) noexcept = default;
Compiler::~Compiler() = default;

void CompilerOptions::take_precompiled_from_environment() {
  precompiled = find_precompiled();
  if (const char* folder = std::getenv("WARPWRIGHT_WRITE_PRECOMPILED"); folder != nullptr && *folder != '\0')
    write_precompiled = folder;
}

Result<Compiler> Compiler::create(CompilerOptions options) {
  auto toolkit = find_toolkit(options.search);
  if (!toolkit) return create_without_toolkit(std::move(options), toolkit.error());
  TRY_ASSIGN(options.worker, find_worker(options.worker));
  std::string stamp = toolkit_stamp(*toolkit);
  Compiler compiler(std::move(options), std::move(*toolkit), std::move(stamp));
  if (const auto& folder = compiler.options_.write_precompiled) {
    TRY_ASSIGN(PrecompiledResults results,
               PrecompiledResults::create(*folder, compiler.toolkit_.version.text()));
    compiler.write_precompiled_ = std::make_unique<PrecompiledResults>(std::move(results));
  }
  return compiler;
}

Result<Compiler> Compiler::create_without_toolkit(CompilerOptions options, const Error& missing) {
  if (!options.precompiled) return tl::unexpected(missing);
  auto results = PrecompiledResults::open(*options.precompiled);
  if (!results) return infrastructure_error(fmt::format("{}; {}", results.error().message, missing.message));
  Toolkit toolkit;
  toolkit.nvrtc_library = results->folder();
  toolkit.found_by = "precompiled results only, there is no NVRTC here";
  if (const auto version = parse_nvrtc_version(results->nvrtc())) toolkit.version = *version;
  Compiler compiler(std::move(options), std::move(toolkit), "");
  compiler.precompiled_ = std::make_unique<PrecompiledResults>(std::move(*results));
  return compiler;
}

Result<CompileAnswer> Compiler::find_or_compile(const CompileJob& job, bool& cached) {
  std::optional<CompileAnswer> answer;
  if (precompiled_ != nullptr) {
    answer = precompiled_->get(job);
    cached = true;
    if (answer) return std::move(*answer);
    return infrastructure_error(fmt::format(
        "there is no NVRTC here, and {} is not among the precompiled results in {}; install a CUDA toolkit "
        "12.8 or newer, or precompile it where there is one: set WARPWRIGHT_WRITE_PRECOMPILED to a folder, "
        "evaluate the same source with the same knobs for {}, and carry that folder here",
        job.source_name, precompiled_->folder().string(), job.target));
  }
  const std::string key = cache_key(job, stamp_);
  if (cache_ != nullptr) {
    if (const auto bytes = cache_->get(key)) answer = decode_answer(*bytes);
    cached = answer.has_value();
  }
  if (!answer) {
    TRY_ASSIGN(answer, run_child(options_.worker, job, options_.limits));
    if (cache_ != nullptr && is_cacheable(*answer)) cache_->put(key, encode(*answer));
  }
  if (write_precompiled_ != nullptr) {
    write_precompiled_->put(job, *answer);
    if (const std::string fault = write_precompiled_->take_warning(); !fault.empty())
      return infrastructure_error(fault);
  }
  return std::move(*answer);
}

Result<CompileOutcome> Compiler::compile(const CompileRequest& request) {
  SystemClock clock;
  const int64_t start_ms = clock.monotonic_ms();
  CompileOutcome outcome;
  outcome.nvrtc = toolkit_.version.text();
  if (auto refused = refuse(request)) {
    outcome.value = std::move(*refused);
    return outcome;
  }
  const CompileJob job = make_job(request, toolkit_, options_.limits);
  TRY_ASSIGN(CompileAnswer answer, find_or_compile(job, outcome.cached));
  outcome.value = std::move(answer.value);
  outcome.sandbox = precompiled_ != nullptr ? "" : answer.sandbox;
  outcome.seconds = static_cast<double>(clock.monotonic_ms() - start_ms) / 1000;
  if (cache_ != nullptr) outcome.warning = cache_->take_warning();
  if (outcome.warning.empty() && !outcome.sandbox.empty() && !outcome.sandbox.starts_with("landlock"))
    outcome.warning = "this kernel has no Landlock: a candidate's #include can read the worker's files";
  return outcome;
}

}  // namespace warpwright::compile
