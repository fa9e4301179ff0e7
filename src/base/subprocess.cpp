#include "src/base/subprocess.h"
#include "src/base/interrupts.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "src/base/check.h"
#include "src/base/clock.h"

namespace warpwright {
namespace {

struct Pipe {
  UniqueFd read_end, write_end;
};

Result<Pipe> make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0)
    return infrastructure_error(fmt::format("pipe: {}", std::strerror(errno)));
  return Pipe{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

void set_nonblocking(int fd) {
  ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
}

void set_limit(decltype(RLIMIT_CPU) resource, uint64_t value) {
  if (value == 0) return;
  const rlimit limit{value, value};
  ::setrlimit(resource, &limit);
}

std::vector<std::string> build_environment(const SubprocessOptions& options) {
  std::map<std::string, std::string> variables;
  for (const std::string& name : options.keep_environment) {
    if (const char* value = std::getenv(name.c_str())) variables[name] = value;
  }
  for (const auto& [name, value] : options.set_environment) variables[name] = value;
  std::vector<std::string> environment;
  for (const auto& [name, value] : variables) environment.push_back(name + "=" + value);
  return environment;
}

std::vector<char*> pointers(std::vector<std::string>& strings) {
  std::vector<char*> result;
  for (std::string& text : strings) result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

constexpr int kFirstPassed = 3;

// Above the numbers that passed descriptors get in the child, so that none is overwritten on the way there.
Result<UniqueFd> duplicate_above(int fd, size_t passed) {
  UniqueFd copy(::fcntl(fd, F_DUPFD_CLOEXEC, kFirstPassed + static_cast<int>(passed)));
  if (!copy)
    return infrastructure_error(fmt::format("cannot pass descriptor {}: {}", fd, std::strerror(errno)));
  return copy;
}

// Runs between fork and exec: only async-signal-safe calls, no allocation.
[[noreturn]] void exec_child(const SubprocessOptions& options, pid_t parent, int in, int out, int err,
                             const std::vector<UniqueFd>& passed, int report, char* const* argv,
                             char* const* environment) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(127);  // the parent died before the line above
  ::dup2(in, STDIN_FILENO);
  ::dup2(out, STDOUT_FILENO);
  if (err >= 0) ::dup2(err, STDERR_FILENO);
  int next = kFirstPassed;
  for (const UniqueFd& fd : passed) ::dup2(fd.get(), next++);
  ::syscall(SYS_close_range, static_cast<unsigned>(next), ~0u, CLOSE_RANGE_CLOEXEC);
  set_limit(RLIMIT_CPU, options.limit_cpu_seconds);
  set_limit(RLIMIT_AS, options.limit_address_space_bytes);
  set_limit(RLIMIT_FSIZE, options.limit_file_bytes);
  const rlimit no_core{0, 0};
  ::setrlimit(RLIMIT_CORE, &no_core);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::signal(SIGINT, SIG_DFL);
  ::signal(SIGTERM, SIG_DFL);
  ::signal(SIGPIPE, SIG_DFL);
  if (options.working_directory.empty() || ::chdir(options.working_directory.c_str()) == 0)
    ::execvpe(argv[0], argv, environment);
  const int error = errno;
  [[maybe_unused]] const ssize_t ignored = ::write(report, &error, sizeof error);
  ::_exit(127);
}

ExitStatus decode(int status) {
  if (WIFSIGNALED(status)) return {0, WTERMSIG(status)};
  return {WEXITSTATUS(status), 0};
}

std::atomic<int> interrupt_signals{0};
void on_interrupt(int) {
  ++interrupt_signals;
}

}  // namespace

void install_interrupt_handler() {
  struct sigaction action {};
  action.sa_handler = on_interrupt;  // no SA_RESTART: a poll returns, so that the loop sees the flag
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
}
bool interrupted() {
  return interrupt_signals > 0;
}
int interrupt_count() {
  return interrupt_signals;
}

std::string ExitStatus::describe() const {
  if (signal != 0) return fmt::format("was killed by signal {} ({})", signal, ::strsignal(signal));
  return fmt::format("exited with code {}", code);
}

Result<Subprocess> Subprocess::start(const SubprocessOptions& options) {
  CHECK(!options.argv.empty());
  // Writing to a child that has died must be an error of write, never the end of this program.
  [[maybe_unused]] static const auto previous = ::signal(SIGPIPE, SIG_IGN);
  TRY_ASSIGN(Pipe input, make_pipe());
  TRY_ASSIGN(Pipe output, make_pipe());
  TRY_ASSIGN(Pipe report, make_pipe());
  Pipe errors;
  if (!options.inherit_stderr) {
    TRY_ASSIGN(errors, make_pipe());
  }
  std::vector<UniqueFd> passed;
  for (const int fd : options.pass_descriptors) {
    TRY_ASSIGN(UniqueFd copy, duplicate_above(fd, options.pass_descriptors.size()));
    passed.push_back(std::move(copy));
  }
  TRY_ASSIGN(report.write_end, duplicate_above(report.write_end.get(), options.pass_descriptors.size()));
  std::vector<std::string> arguments = options.argv;
  std::vector<std::string> environment = build_environment(options);
  const std::vector<char*> argv = pointers(arguments), envp = pointers(environment);
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) return infrastructure_error(fmt::format("fork: {}", std::strerror(errno)));
  if (pid == 0)
    exec_child(options, parent, input.read_end.get(), output.write_end.get(), errors.write_end.get(), passed,
               report.write_end.get(), argv.data(), envp.data());

  Subprocess child;
  child.pid_ = pid;
  child.stdin_ = std::move(input.write_end);
  child.stdout_ = std::move(output.read_end);
  child.stderr_ = std::move(errors.read_end);
  report.write_end.reset();
  int error = 0;
  ssize_t got;
  while ((got = ::read(report.read_end.get(), &error, sizeof error)) < 0 && errno == EINTR) {
  }
  if (got == static_cast<ssize_t>(sizeof error)) {
    child.wait();
    return infrastructure_error(fmt::format("cannot start {}: {}", options.argv[0], std::strerror(error)));
  }
  set_nonblocking(child.stdin_fd());
  set_nonblocking(child.stdout_fd());
  if (child.stderr_) set_nonblocking(child.stderr_fd());
  return child;
}

Subprocess::Subprocess(Subprocess&& other) noexcept {
  *this = std::move(other);
}
Subprocess& Subprocess::operator=(Subprocess&& other) noexcept {
  if (this == &other) return *this;
  if (pid_ > 0 && !status_) {
    kill_group();
    wait();
  }
  pid_ = std::exchange(other.pid_, -1);
  stdin_ = std::move(other.stdin_);
  stdout_ = std::move(other.stdout_);
  stderr_ = std::move(other.stderr_);
  status_ = std::exchange(other.status_, std::nullopt);
  return *this;
}
Subprocess::~Subprocess() {
  if (pid_ <= 0) return;
  if (!status_) {
    kill_group();
    wait();
  }
}

void Subprocess::kill_group() {
  if (pid_ <= 0 || status_) return;
  ::kill(-pid_, SIGKILL);
  ::kill(pid_, SIGKILL);  // the group may not exist yet
}

std::optional<ExitStatus> Subprocess::try_wait() {
  if (status_ || pid_ <= 0) return status_;
  int status = 0;
  if (::waitpid(pid_, &status, WNOHANG) == pid_) status_ = decode(status);
  return status_;
}

ExitStatus Subprocess::wait() {
  if (status_) return *status_;
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  status_ = decode(status);
  return *status_;
}

Result<CompletedProcess> run_to_completion(const SubprocessOptions& options, std::string_view input,
                                           int64_t deadline_ms, size_t output_limit_bytes) {
  TRY_ASSIGN(Subprocess child, Subprocess::start(options));
  SystemClock clock;
  const int64_t end_ms = clock.monotonic_ms() + deadline_ms;
  CompletedProcess completed;
  bool out_open = true, err_open = child.stderr_fd() >= 0;
  if (input.empty()) child.close_stdin();
  char buffer[65536];
  auto drain = [&](int fd, std::string& text, bool& open) {
    const ssize_t got = ::read(fd, buffer, sizeof buffer);
    if (got == 0) open = false;
    if (got > 0) text.append(buffer, static_cast<size_t>(got));
  };
  while (out_open || err_open) {
    const int64_t left_ms = end_ms - clock.monotonic_ms();
    completed.timed_out = left_ms <= 0;
    completed.output_overflow =
        completed.stdout_text.size() + completed.stderr_text.size() > output_limit_bytes;
    if (completed.timed_out || completed.output_overflow) {
      child.kill_group();
      break;
    }
    pollfd fds[3] = {{out_open ? child.stdout_fd() : -1, POLLIN, 0},
                     {err_open ? child.stderr_fd() : -1, POLLIN, 0},
                     {child.stdin_fd(), POLLOUT, 0}};
    if (::poll(fds, 3, static_cast<int>(std::min<int64_t>(left_ms, 1000))) < 0 && errno != EINTR) break;
    if (fds[0].revents != 0) drain(fds[0].fd, completed.stdout_text, out_open);
    if (fds[1].revents != 0) drain(fds[1].fd, completed.stderr_text, err_open);
    if (fds[2].revents != 0) {
      const ssize_t written = ::write(fds[2].fd, input.data(), input.size());
      if (written > 0) input.remove_prefix(static_cast<size_t>(written));
      if (input.empty() || (written < 0 && errno != EAGAIN && errno != EINTR)) child.close_stdin();
    }
  }
  completed.status = child.wait();
  return completed;
}

}  // namespace warpwright
