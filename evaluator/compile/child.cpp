#include "evaluator/compile/child.h"

#include <fmt/format.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <set>
#include <string>

#include "evaluator/compile/diagnostics.h"
#include "evaluator/compile/headers.h"
#include "evaluator/compile/job.h"
#include "evaluator/compile/nvrtc.h"
#include "evaluator/compile/resources.h"
#include "evaluator/compile/sandbox.h"

namespace warpwright::compile {
namespace {

std::string read_stdin() {
  std::string bytes;
  char buffer[65536];
  for (;;) {
    const ssize_t got = ::read(STDIN_FILENO, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return bytes;
    bytes.append(buffer, static_cast<size_t>(got));
  }
}

void write_stdout(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(STDOUT_FILENO, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;
    bytes.remove_prefix(static_cast<size_t>(written));
  }
}

void on_cpu_limit(int) {
  ::_exit(kExitCpuLimit);
}

// The parent set a harder limit a little above, for a compiler that would block the signal.
void limit_cpu(uint64_t seconds) {
  if (seconds == 0) return;
  ::signal(SIGXCPU, on_cpu_limit);
  rlimit limit{};
  ::getrlimit(RLIMIT_CPU, &limit);
  limit.rlim_cur = std::min<rlim_t>(seconds, limit.rlim_max);
  ::setrlimit(RLIMIT_CPU, &limit);
}

std::string supported_targets(const Nvrtc& nvrtc) {
  int count = 0;
  if (nvrtc.supported_arch_count(&count) != NvrtcResult::kSuccess || count <= 0) return "none";
  std::vector<int> archs(static_cast<size_t>(count));
  nvrtc.supported_archs(archs.data());
  std::string text;
  for (const int arch : archs) text += fmt::format("{}sm_{}", text.empty() ? "" : " ", arch);
  return text;
}

std::string source_of(const CompileUnit& unit, const std::string& source_name) {
  return fmt::format("#line 1 \"prelude\"\n{}\n#line 1 \"{}\"\n{}", unit.prelude, source_name, unit.text);
}

CompileFailure diagnostics_failure(std::string message, std::string log) {
  return {CompileFailure::Kind::kDiagnostics, std::move(message), std::move(log)};
}

// The lowered names of the wanted kernels, or which of them is no kernel.
std::optional<CompileFailure> resolve_names(const NvrtcProgram& program, const CompileUnit& wanted,
                                            const CompileJob& job, CompiledUnit& unit) {
  for (const std::string& expression : wanted.name_expressions) {
    std::string symbol = program.lowered_name(expression);
    if (!unit.kernels.contains(symbol))
      return diagnostics_failure(fmt::format("{}: error: `{}` named by the plan is not a __global__ function",
                                             job.source_name, expression),
                                 unit.log);
    unit.lowered_names[expression] = std::move(symbol);
  }
  return std::nullopt;
}

CompileFailure too_large(const CompileJob& job, std::string_view what, size_t bytes, size_t limit) {
  return {
      CompileFailure::Kind::kTooLarge,
      fmt::format("{}: error: the {} has {} bytes, the limit is {}: a large initialised array, or too much "
                  "unrolled or instantiated code?",
                  job.source_name, what, bytes, limit),
      ""};
}

struct Attempt {
  NvrtcProgram program;
  NvrtcResult result;
  std::string log;
};

Result<Attempt> attempt(const Nvrtc& nvrtc, const CompileJob& job, const CompileUnit& wanted,
                        const std::vector<std::string>& options) {
  TRY_ASSIGN(NvrtcProgram program, NvrtcProgram::create(nvrtc, source_of(wanted, job.source_name),
                                                        job.source_name, memory_headers()));
  for (const std::string& expression :
       std::set(wanted.name_expressions.begin(), wanted.name_expressions.end()))
    program.add_name_expression(expression);
  const NvrtcResult result = program.compile(options);
  std::string log = program.log();
  return Attempt{std::move(program), result, std::move(log)};
}

// The log of a compilation that failed; see kVerboseAssembler.
std::string log_with_errors(const Nvrtc& nvrtc, const CompileJob& job, const CompileUnit& wanted,
                            std::string log) {
  if (has_error(log)) return log;
  std::vector<std::string> options = job.options;
  std::erase(options, kVerboseAssembler);
  auto again = attempt(nvrtc, job, wanted, options);
  return again && has_error(again->log) ? again->log : log;
}

void report_failure(const Nvrtc& nvrtc, const CompileJob& job, const CompileUnit& wanted, Attempt attempt,
                    CompileAnswer& answer) {
  if (attempt.result == NvrtcResult::kCompilation)
    attempt.log = log_with_errors(nvrtc, job, wanted, std::move(attempt.log));
  const std::string log = clean_log(attempt.log, kMaxLogBytes);
  if (attempt.result == NvrtcResult::kInvalidOption) {
    answer.usage_error = fmt::format(
        "NVRTC {} does not know target {}; it knows {} (with a or f where the hardware has such a variant)",
        answer.nvrtc, job.target, supported_targets(nvrtc));
  } else if (attempt.result == NvrtcResult::kBuiltinOperationFailure) {
    answer.machine_error = fmt::format("NVRTC cannot use its builtins library: {}", log);
  } else if (attempt.result == NvrtcResult::kCompilation) {
    answer.value = diagnostics_failure(first_error(attempt.log, job.source_name, wanted.text), log);
  } else {
    const std::string message = fmt::format("{}: error: the compiler failed: {}", job.source_name,
                                            nvrtc.error_string(attempt.result));
    answer.value = CompileFailure{CompileFailure::Kind::kCrashed, message, log};
  }
}

// NVRTC makes file names absolute; the child works in the root folder.
void shorten_file_name(std::string& ptx, const std::string& name) {
  const std::string absolute = "\"/" + name + "\"";
  for (size_t at = ptx.find("\n\t.file"); at != std::string::npos; at = ptx.find("\n\t.file", at + 1)) {
    const size_t end = ptx.find('\n', at + 1), quote = ptx.find(absolute, at);
    if (quote < end) ptx.erase(quote + 1, 1);
  }
}

void compile_unit(const Nvrtc& nvrtc, const CompileJob& job, const CompileUnit& wanted,
                  CompileAnswer& answer) {
  auto tried = attempt(nvrtc, job, wanted, job.options);
  if (!tried) {
    answer.machine_error = tried.error().message;
    return;
  }
  if (tried->result != NvrtcResult::kSuccess)
    return report_failure(nvrtc, job, wanted, std::move(*tried), answer);
  const NvrtcProgram& program = tried->program;
  if (program.cubin_size() > job.cubin_bytes || program.ptx_size() > 4 * job.cubin_bytes) {
    const bool cubin = program.cubin_size() > job.cubin_bytes;
    answer.value = cubin ? too_large(job, "cubin", program.cubin_size(), job.cubin_bytes)
                         : too_large(job, "PTX", program.ptx_size(), 4 * job.cubin_bytes);
    return;
  }
  CompiledUnit unit{wanted.name, program.ptx(), program.cubin(), clean_log(tried->log, kMaxLogBytes), {}, {}};
  auto kernels = kernel_resources(unit.ptx, unit.cubin, tried->log);
  if (!kernels) {
    answer.machine_error = kernels.error().message;
    return;
  }
  unit.kernels = std::move(*kernels);
  shorten_file_name(unit.ptx, job.source_name);
  if (auto failure = resolve_names(program, wanted, job, unit)) {
    answer.value = std::move(*failure);
    return;
  }
  std::get<CompiledProgram>(answer.value).units.push_back(std::move(unit));
}

CompileAnswer run(const CompileJob& job) {
  CompileAnswer answer;
  auto nvrtc = Nvrtc::load(job.nvrtc_library, job.builtins_library);
  if (!nvrtc) {
    answer.machine_error = nvrtc.error().message;
    return answer;
  }
  int major = 0, minor = 0;
  nvrtc->version(&major, &minor);
  answer.nvrtc = fmt::format("{}.{}", major, minor);
  answer.sandbox = enter_sandbox(job.readable_folders);
  for (const CompileUnit& unit : job.units) {
    compile_unit(*nvrtc, job, unit, answer);
    const bool good = answer.machine_error.empty() && answer.usage_error.empty() &&
                      std::holds_alternative<CompiledProgram>(answer.value);
    if (!good) break;
  }
  return answer;
}

}  // namespace

int compile_child_main() {
  const auto job = decode_job(read_stdin());
  CompileAnswer answer;
  if (job) {
    limit_cpu(job->cpu_seconds);
    answer = run(*job);
  } else {
    answer.machine_error = "the compile child did not understand its job: is the worker of another version?";
  }
  write_stdout(encode(answer));
  // Past the destructors: NVRTC's own, and a leak checker that may not look around in the sandbox.
  ::_exit(0);
}

}  // namespace warpwright::compile
