#include "src/workers/worker_process.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>

#include "src/base/log.h"

namespace warpwright::workers {
namespace {

constexpr size_t kReadBytesPerCall = 4 << 20;
constexpr size_t kMaxStderrLineBytes = 2000;
constexpr int kMaxStderrLines = 2000;  // per process; a worker that floods its log is not worth the disk
constexpr size_t kLoggedLineBytes = 200;
constexpr int kMaxSkippedLines = 100;  // that are logged, per process

enum class ReadEnd { kBlocked, kBound, kEndOfFile };

// Reads until the pipe is empty, `bound` bytes were read, or the end.
template <class Sink>
ReadEnd read_available(int fd, size_t bound, Sink&& sink) {
  char buffer[65536];
  for (size_t total = 0; total < bound;) {
    const ssize_t got = ::read(fd, buffer, sizeof buffer);
    if (got == 0) return ReadEnd::kEndOfFile;
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno == EAGAIN || errno == EWOULDBLOCK ? ReadEnd::kBlocked : ReadEnd::kEndOfFile;
    total += static_cast<size_t>(got);
    sink(std::string_view(buffer, static_cast<size_t>(got)));
  }
  return ReadEnd::kBound;
}

}  // namespace

Result<WorkerProcess> WorkerProcess::start(const WorkerSettings& settings, int slot) {
  SubprocessOptions options;
  options.argv = settings.command_prefix;
  options.argv.push_back(settings.worker_path);
  options.argv.insert(options.argv.end(), settings.arguments.begin(), settings.arguments.end());
  options.keep_environment.insert(options.keep_environment.end(), settings.keep_environment.begin(),
                                  settings.keep_environment.end());
  if (!settings.command_prefix.empty()) {  // what launchers need to find their service
    for (const char* name : {"SLURM_CONF", "SLURM_JOB_ID", "SSH_AUTH_SOCK", "KUBECONFIG"})
      options.keep_environment.emplace_back(name);
  }
  options.set_environment = settings.set_environment;
  TRY_ASSIGN(Subprocess process, Subprocess::start(options));
  return WorkerProcess(std::move(process), slot);
}

void WorkerProcess::send(const Message& message) {
  outgoing_ += encode_line(message);
  flush();
}

void WorkerProcess::flush() {
  while (wants_write()) {
    const ssize_t written = ::write(process_.stdin_fd(), outgoing_.data(), outgoing_.size());
    if (written > 0) {
      outgoing_.erase(0, static_cast<size_t>(written));
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      return;
    } else if (errno != EINTR) {
      outgoing_.clear();
      process_.close_stdin();
    }
  }
}

WorkerProcess::Reading WorkerProcess::read_messages() {
  Reading reading;
  const ReadEnd end = read_available(process_.stdout_fd(), kReadBytesPerCall, [&](std::string_view bytes) {
    incoming_.append(bytes);
    decode_lines(reading);
  });
  if (end == ReadEnd::kEndOfFile) {
    stdout_open_ = false;
    reading.end_of_file = true;
  }
  return reading;
}

// Nothing after a violation is believed: the lost line may have been the answer.
void WorkerProcess::decode_lines(Reading& reading) {
  if (incoming_.overflowed() && reading.violation.empty())
    reading.violation = fmt::format("it sent a line over {} MiB", kMaxLineBytes >> 20);
  std::string line;
  while (reading.violation.empty() && incoming_.next(line)) {
    auto message = decode_line(line);
    if (message) {
      reading.messages.push_back(std::move(*message));
      continue;
    }
    const std::string shown = line.substr(0, kLoggedLineBytes);
    if (line.starts_with('{')) {
      reading.violation = fmt::format("it sent a line that does not decode ({})", message.error().message);
      spdlog::warn("worker {}: {}: {}", slot_, reading.violation, shown);
    } else if (++skipped_lines_ <= kMaxSkippedLines) {
      spdlog::warn("worker {}: skipped a line that is not of the protocol{}: {}", slot_,
                   skipped_lines_ == kMaxSkippedLines ? " (as are more, which are not shown)" : "", shown);
    }
  }
}

void WorkerProcess::log_stderr_line(std::string line) {
  if (line.empty()) return;
  if (stderr_lines_ < kMaxStderrLines) spdlog::debug("worker {}: {}", slot_, line);
  if (++stderr_lines_ == kMaxStderrLines)
    spdlog::warn("worker {}: over {} lines on standard error, the rest is dropped", slot_, kMaxStderrLines);
  last_stderr_line_ = std::move(line);
}

void WorkerProcess::read_stderr() {
  const ReadEnd end = read_available(process_.stderr_fd(), kReadBytesPerCall, [&](std::string_view bytes) {
    for (const char c : bytes) {
      if (c == '\n')
        log_stderr_line(std::exchange(stderr_text_, {}));
      else if (stderr_text_.size() < kMaxStderrLineBytes)
        stderr_text_ += c;
    }
  });
  if (end == ReadEnd::kEndOfFile) {
    stderr_open_ = false;
    log_stderr_line(std::exchange(stderr_text_, {}));
  }
}

ExitStatus WorkerProcess::kill_and_wait() {
  process_.kill_group();
  return process_.wait();
}

}  // namespace warpwright::workers
