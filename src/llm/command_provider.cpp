#include "src/llm/command_provider.h"

#include <fmt/format.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>

#include "src/base/check.h"
#include "src/base/files.h"
#include "src/base/quotable.h"
#include "src/base/subprocess.h"
#include "src/llm/plain_text.h"

namespace warpwright::llm {
namespace {

constexpr size_t kMaxOutputBytes = size_t{16} << 20;
constexpr size_t kKeptErrorBytes = size_t{16} << 10;  // the end of stderr
constexpr size_t kReadsAtOnce = 4;                    // of 64 KiB, from each pipe in one poll
constexpr int64_t kLookAgainMs = 200;                 // whether it has ended, where no pipe would say so
constexpr int64_t kLookSoonMs = 5;                    // the pipes are closed: it is about to end
constexpr int64_t kDrainMs = 500;  // for a pipe that outlives the program, held by a child of it
constexpr size_t kMinSecretBytes = 8;

bool has_ended(pid_t pid) {
  siginfo_t info{};
  return ::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
         info.si_pid == pid;
}

std::string last_line(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back()))) text.remove_suffix(1);
  const size_t line = text.rfind('\n');
  return std::string(line == std::string_view::npos ? text : text.substr(line + 1));
}

bool is_blank(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isspace(c); });
}

Failure failed(FailureClass kind, std::string reason, bool started) {
  Failure failure;
  failure.kind = kind;
  failure.reason = std::move(reason);
  failure.maybe_billed = started;  // what a program pays for is not known here
  return failure;
}

}  // namespace

class CommandProvider::Run {
 public:
  Run(const Call& asked, TempDirectory folder, Subprocess child, Clock& clock)
      : call(asked),
        folder_(std::move(folder)),
        child_(std::move(child)),
        clock_(clock),
        input_(plain_text(asked.conversation)),
        left_(input_),
        started_ms_(clock.monotonic_ms()) {
    call.conversation = {};  // input_ holds it
  }

  Call call;

  void exchange() {
    write_input();
    drain(child_.stdout_fd(), output_open_, [this](std::string_view bytes) {
      if (first_byte_ms_ < 0) first_byte_ms_ = clock_.monotonic_ms();
      output_ += bytes;
    });
    drain(child_.stderr_fd(), errors_open_, [this](std::string_view bytes) {
      errors_ += bytes;
      if (errors_.size() > 2 * kKeptErrorBytes) errors_.erase(0, errors_.size() - kKeptErrorBytes);
    });
  }

  // How it ended, if it has. Kills whatever is left of the group then.
  std::optional<std::variant<Reply, Failure>> outcome(const ModelConfig& config) {
    const int64_t now_ms = clock_.monotonic_ms();
    if (output_.size() > kMaxOutputBytes)
      return killed(FailureClass::kBadReply, fmt::format("printed more than {} MiB", kMaxOutputBytes >> 20),
                    config);
    if (ended_ms_ < 0 && has_ended(child_.pid())) ended_ms_ = now_ms;
    const bool drained = !output_open_ && !errors_open_;
    if (ended_ms_ >= 0 && (drained || now_ms - ended_ms_ >= kDrainMs)) return judged(config, now_ms);
    if (now_ms - started_ms_ >= config.total_timeout_ms)
      return killed(FailureClass::kTimeout,
                    fmt::format("was killed after {} ms (total_timeout_ms)", config.total_timeout_ms),
                    config);
    return std::nullopt;
  }

  void wait_on(WaitSet& waits, const ModelConfig& config) const {
    if (output_open_) waits.descriptors.push_back({child_.stdout_fd(), POLLIN, 0});
    if (errors_open_) waits.descriptors.push_back({child_.stderr_fd(), POLLIN, 0});
    if (child_.stdin_fd() >= 0) waits.descriptors.push_back({child_.stdin_fd(), POLLOUT, 0});
    waits.wake_within(output_open_ || errors_open_ ? kLookAgainMs : kLookSoonMs);
    waits.wake_within(std::max<int64_t>(0, started_ms_ + config.total_timeout_ms - clock_.monotonic_ms()));
  }

 private:
  void write_input() {
    while (child_.stdin_fd() >= 0) {
      const ssize_t put = left_.empty() ? 0 : ::write(child_.stdin_fd(), left_.data(), left_.size());
      if (put < 0 && errno == EINTR) continue;
      if (put < 0 && errno == EAGAIN) return;
      if (put > 0) left_.remove_prefix(static_cast<size_t>(put));
      if (left_.empty() || put < 0)
        child_.close_stdin();  // a program that does not read all of it may still answer
    }
  }

  template <class Take>
  void drain(int fd, bool& open, Take take) {
    char buffer[65536];
    for (size_t i = 0; open && i < kReadsAtOnce; ++i) {
      const ssize_t got = ::read(fd, buffer, sizeof buffer);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0 && errno == EAGAIN) return;
      if (got <= 0) open = false;
      if (got > 0) take(std::string_view(buffer, static_cast<size_t>(got)));
    }
  }

  std::string named(const ModelConfig& config, const std::string& what) const {
    const std::string said = last_line(errors_);
    return fmt::format("{} {}{}{}", config.command[0], what, said.empty() ? "" : ": ", said);
  }

  std::variant<Reply, Failure> killed(FailureClass kind, const std::string& what, const ModelConfig& config) {
    child_.kill_group();
    child_.wait();
    return failed(kind, named(config, what), true);
  }

  std::variant<Reply, Failure> judged(const ModelConfig& config, int64_t now_ms) {
    child_.kill_group();  // what the program left behind; it is still there as a zombie, so the group is its
                          // own
    const ExitStatus status = child_.wait();
    if (!status.success()) return failed(FailureClass::kServer, named(config, status.describe()), true);
    if (is_blank(output_)) return failed(FailureClass::kBadReply, named(config, "printed no answer"), true);
    Reply reply;
    reply.text = well_formed(output_);
    reply.model =
        config.model.empty() ? std::filesystem::path(config.command[0]).filename().string() : config.model;
    reply.finish_detail = status.describe();
    reply.first_byte_ms = first_byte_ms_ - started_ms_;
    reply.total_ms = now_ms - started_ms_;
    return reply;
  }

  TempDirectory folder_;  // outlives the child
  Subprocess child_;
  Clock& clock_;
  const std::string input_;
  std::string_view left_;  // of the input
  std::string output_, errors_;
  bool output_open_ = true, errors_open_ = true;
  int64_t started_ms_, first_byte_ms_ = -1, ended_ms_ = -1;
};

CommandProvider::CommandProvider(ModelConfig config, Clock& clock)
    : config_(std::move(config)), clock_(clock) {
  CHECK(!config_.command.empty());
  std::string& program = config_.command[0];
  if (program.find('/') != std::string::npos) program = std::filesystem::absolute(program);
  for (const std::string& name : config_.keep_environment) {
    const char* value = std::getenv(name.c_str());
    if (value != nullptr && std::string_view(value).size() >= kMinSecretBytes) secrets_.emplace_back(value);
  }
}
CommandProvider::~CommandProvider() = default;

Result<std::unique_ptr<CommandProvider::Run>> CommandProvider::begin(const Call& call) const {
  TRY_ASSIGN(TempDirectory folder, TempDirectory::create("warpwright-command"));
  SubprocessOptions options;
  options.argv = config_.command;
  options.keep_environment = {"PATH", "HOME", "LANG"};
  options.keep_environment.insert(options.keep_environment.end(), config_.keep_environment.begin(),
                                  config_.keep_environment.end());
  options.working_directory = folder.path();
  TRY_ASSIGN(Subprocess child, Subprocess::start(options));
  return std::make_unique<Run>(call, std::move(folder), std::move(child), clock_);
}

void CommandProvider::start(const Call& call) {
  CHECK(!runs_.contains(call.ticket));
  auto run = begin(call);
  if (!run) {
    const std::string& why = run.error().message;
    // A program that is not there will not be there the next time; the lack of a process or a descriptor
    // passes.
    const bool lasting = why.starts_with("cannot start");
    complete(call, failed(lasting ? FailureClass::kInvalid : FailureClass::kServer,
                          lasting ? why + "; mend the model's `command`" : why, false));
    return;
  }
  (*run)->exchange();
  runs_[call.ticket] = std::move(*run);
}

std::vector<Completion> CommandProvider::poll() {
  for (auto it = runs_.begin(); it != runs_.end();) {
    Run& run = *it->second;
    run.exchange();
    auto outcome = run.outcome(config_);
    if (!outcome) {
      ++it;
      continue;
    }
    complete(run.call, std::move(*outcome));
    it = runs_.erase(it);
  }
  return std::exchange(completed_, {});
}

void CommandProvider::complete(const Call& call, std::variant<Reply, Failure> outcome) {
  if (auto* reply = std::get_if<Reply>(&outcome)) {
    reply->text = without_secrets(std::move(reply->text));
  } else {
    auto& failure = std::get<Failure>(outcome);
    failure.reason = quotable_line(without_secrets(std::move(failure.reason)), 500);
  }
  completed_.push_back({call.ticket, call.turn, call.attempt, std::move(outcome)});
}

std::string CommandProvider::without_secrets(std::string text) const {
  for (const std::string& secret : secrets_)
    for (size_t at = 0; (at = text.find(secret, at)) != std::string::npos;)
      text.replace(at, secret.size(), "[key]");
  return text;
}

void CommandProvider::cancel(int64_t ticket) {
  runs_.erase(ticket);
  std::erase_if(completed_, [ticket](const Completion& completion) { return completion.ticket == ticket; });
}

void CommandProvider::wait_on(WaitSet& waits) const {
  for (const auto& [ticket, run] : runs_) run->wait_on(waits, config_);
  if (!completed_.empty()) waits.wake_within(0);
}

}  // namespace warpwright::llm
