// One evaluator process: its pipes, framing and standard error. Passive: the pool decides what a message or
// a silence means, the engine's loop waits.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "src/base/subprocess.h"
#include "src/contract/messages.h"
#include "src/workers/settings.h"

namespace warpwright::workers {

class WorkerProcess {
 public:
  // `slot` names the worker in log lines.
  static Result<WorkerProcess> start(const WorkerSettings& settings, int slot);

  void send(const Message& message);
  // Writes what the pipe takes. A broken pipe shows as end-of-file on the reading side.
  void flush();
  bool wants_write() const { return !outgoing_.empty() && process_.stdin_fd() >= 0; }

  struct Reading {
    std::vector<Message> messages;
    bool end_of_file = false;
    std::string violation;  // not empty: the stream cannot be trusted any more, and why
  };
  // Reads what is there, up to a bound, so that one chatty worker cannot starve the others. Lines that do not
  // look like JSON (a login banner of a launch prefix) are logged and skipped; a line that starts as an
  // object and does not decode, or one too long, may have been the report we wait for: a violation.
  Reading read_messages();
  void read_stderr();  // to the log, bounded

  int stdin_fd() const { return process_.stdin_fd(); }
  int stdout_fd() const { return stdout_open_ ? process_.stdout_fd() : -1; }
  int stderr_fd() const { return stderr_open_ ? process_.stderr_fd() : -1; }
  std::optional<ExitStatus> try_wait() { return process_.try_wait(); }
  ExitStatus kill_and_wait();
  const std::string& last_stderr_line() const { return last_stderr_line_; }

 private:
  WorkerProcess(Subprocess process, int slot) : process_(std::move(process)), slot_(slot) {}
  void decode_lines(Reading& reading);
  void log_stderr_line(std::string line);

  Subprocess process_;
  int slot_;
  std::string outgoing_;
  LineBuffer incoming_;
  std::string stderr_text_;
  std::string last_stderr_line_;
  int stderr_lines_ = 0, skipped_lines_ = 0;
  bool stdout_open_ = true, stderr_open_ = true;
};

}  // namespace warpwright::workers
