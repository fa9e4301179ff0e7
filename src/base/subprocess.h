// The only place that starts, waits for and kills processes.
//
// A child gets its own process group and dies with its parent (PR_SET_PDEATHSIG); it inherits no descriptor
// but the three pipes and those it is passed, and no environment variable but those allowed. Passive: whoever
// owns it polls its descriptors (the engine's loop is the one place that waits), except for the convenience
// run_to_completion.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/result.h"
#include "src/base/unique_fd.h"

namespace warpwright {

struct SubprocessOptions {
  std::vector<std::string> argv;  // argv[0] is looked up in PATH if it has no slash
  // The child's whole environment: the parent's variables named here, then `set_environment`.
  std::vector<std::string> keep_environment = {"PATH",   "HOME",     "LANG", "LD_LIBRARY_PATH",
                                               "TMPDIR", "CUDA_HOME"};
  std::map<std::string, std::string> set_environment;
  std::vector<int> pass_descriptors;  // the child's 3, 4, ...; they stay the caller's too
  std::string working_directory;      // empty: the parent's
  bool inherit_stderr = false;        // else a pipe: stderr_fd()
  uint64_t limit_cpu_seconds = 0;     // 0: none
  uint64_t limit_address_space_bytes = 0;
  uint64_t limit_file_bytes = 0;
};

struct ExitStatus {
  int code = 0;  // valid if signal == 0
  int signal = 0;
  bool success() const { return code == 0 && signal == 0; }
  std::string describe() const;  // "exited with code 3", "was killed by signal 9 (Killed)"
};

class Subprocess {
 public:
  static Result<Subprocess> start(const SubprocessOptions& options);
  Subprocess(Subprocess&&) noexcept;
  Subprocess& operator=(Subprocess&&) noexcept;
  ~Subprocess();  // kills the whole group and reaps

  pid_t pid() const { return pid_; }
  int stdin_fd() const { return stdin_.get(); }    // non-blocking
  int stdout_fd() const { return stdout_.get(); }  // non-blocking
  int stderr_fd() const { return stderr_.get(); }  // non-blocking; -1 if inherited
  void close_stdin() { stdin_.reset(); }
  void kill_group();                     // SIGKILL to every process of the group
  std::optional<ExitStatus> try_wait();  // reaps if it has ended
  ExitStatus wait();

 private:
  Subprocess() = default;
  pid_t pid_ = -1;
  UniqueFd stdin_, stdout_, stderr_;
  std::optional<ExitStatus> status_;
};

// Names every signal handler's flag: set by SIGINT and SIGTERM once install_interrupt_handler() ran.
void install_interrupt_handler();
bool interrupted();

struct CompletedProcess {
  ExitStatus status;
  std::string stdout_text;
  std::string stderr_text;
  bool timed_out = false;        // killed at the deadline
  bool output_overflow = false;  // killed because it printed more than the limit
};

// Feeds `input`, collects both outputs, kills at the wall-clock deadline or the output limit.
Result<CompletedProcess> run_to_completion(const SubprocessOptions& options, std::string_view input,
                                           int64_t deadline_ms, size_t output_limit_bytes);

}  // namespace warpwright
