#include "evaluator/exec/device_channel.h"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <thread>

#include "src/base/check.h"
#include "src/base/clock.h"
#include "src/base/log.h"

namespace warpwright::exec::device {
namespace {

constexpr int64_t kExitPatienceMs = 2000;   // after its pipes closed
constexpr int64_t kKillPatienceMs = 20000;  // after SIGKILL: the driver tears the context down
constexpr int kMaxLoggedLines = 200;        // of one process's stderr
constexpr size_t kMaxLogLine = 600;

int64_t now_ms() {
  return SystemClock().monotonic_ms();
}

// Processes that SIGKILL did not end: stuck in the driver. Their owner must not wait for them, ever.
std::vector<std::unique_ptr<Subprocess>>& stuck() {
  static auto* processes = new std::vector<std::unique_ptr<Subprocess>>();
  return *processes;
}

std::optional<ExitStatus> wait_until(Subprocess& process, int64_t end_ms) {
  for (;;) {
    if (auto status = process.try_wait()) return status;
    if (now_ms() >= end_ms) return std::nullopt;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
}

}  // namespace

Channel::Channel(Arena arena, Subprocess process)
    : arena_(std::move(arena)), process_(std::make_unique<Subprocess>(std::move(process))) {}

Channel::~Channel() {
  end();
}

Result<std::unique_ptr<Channel>> Channel::start(const ProcessOptions& options) {
  TRY_ASSIGN(Arena arena, Arena::create());
  SubprocessOptions process;
  process.argv = options.argv;
  process.keep_environment = {"PATH",
                              "LD_LIBRARY_PATH",
                              "CUDA_HOME",
                              "CUDA_PATH",
                              "CUDA_VISIBLE_DEVICES",
                              "CUDA_DEVICE_ORDER",
                              "NVIDIA_VISIBLE_DEVICES",
                              "WARPWRIGHT_LIBCUDA",
                              "WARPWRIGHT_LIBCUPTI",
                              "WARPWRIGHT_LIBNVML",
                              "WARPWRIGHT_LOCK_SM_MHZ",
                              "VIRTUAL_ENV",
                              "HOME",
                              "WARPWRIGHT_LOG",
                              "WARPWRIGHT_HOME"};
  process.set_environment = options.set_environment;
  // Nothing of one candidate's is kept for the next, and code that cannot be loaded is found when it is
  // loaded.
  process.set_environment.insert({{"CUDA_CACHE_DISABLE", "1"}, {"CUDA_MODULE_LOADING", "EAGER"}});
  process.pass_descriptors = {arena.fd()};
  process.working_directory = "/";
  TRY_ASSIGN(Subprocess started, Subprocess::start(process));
  return std::unique_ptr<Channel>(new Channel(std::move(arena), std::move(started)));
}

bool Channel::all_gone() const {
  std::erase_if(stuck(), [](const auto& process) { return process->try_wait().has_value(); });
  return stuck().empty();
}

bool Channel::alive() {
  if (process_ == nullptr || !process_->try_wait()) return process_ != nullptr;
  spdlog::warn("the device process ended while it had nothing to do");
  died();
  return false;
}

void Channel::end() {
  if (process_ != nullptr) stop(0);
}

// How it ended, with that much time to do so by itself.
ExitStatus Channel::stop(int64_t patience_ms) {
  std::optional<ExitStatus> status;
  if (patience_ms > 0) status = wait_until(*process_, now_ms() + patience_ms);
  drain_stderr();
  process_->kill_group();
  if (!status) status = wait_until(*process_, now_ms() + kKillPatienceMs);
  if (!status) {
    spdlog::error("the device process {} cannot be killed: the driver does not let go of it",
                  process_->pid());
    stuck().push_back(std::move(process_));
  }
  process_.reset();
  return status.value_or(ExitStatus{0, SIGKILL});
}

Loss Channel::died() {
  const ExitStatus status = stop(kExitPatienceMs);
  std::string message = "the device process " + status.describe();
  if (!last_words_.empty()) spdlog::warn("{}; its last words: {}", message, last_words_);
  return {Loss::Cause::kDied, std::move(message)};
}

Loss Channel::garbled(std::string what) {
  stop(0);
  return {Loss::Cause::kGarbled, "the device process does not keep to its protocol: " + std::move(what)};
}

// Whatever it writes is read, so that it never waits for us; little of it is kept.
void Channel::drain_stderr() {
  char chunk[4096];
  for (int round = 0; round < 64; ++round) {
    const ssize_t got = ::read(process_->stderr_fd(), chunk, sizeof chunk);
    if (got <= 0) return;
    for (const char c : std::string_view(chunk, static_cast<size_t>(got))) {
      if (c != '\n') {
        if (unfinished_.size() < kMaxLogLine) unfinished_ += c;
        continue;
      }
      last_words_ = clean_text(unfinished_);
      unfinished_.clear();
      if (++logged_lines_ <= kMaxLoggedLines) spdlog::debug("device process: {}", last_words_);
    }
  }
}

std::optional<Loss> Channel::read_reply(std::string& reply) {
  char chunk[65536];
  const ssize_t got = ::read(process_->stdout_fd(), chunk, sizeof chunk);
  if (got < 0 && (errno == EINTR || errno == EAGAIN)) return std::nullopt;
  if (got <= 0) return died();
  reply.append(chunk, static_cast<size_t>(got));
  const size_t end = std::string_view(chunk, static_cast<size_t>(got)).find('\n');
  if (end != std::string_view::npos && end + 1 != static_cast<size_t>(got))
    return garbled("more than one line for one command");
  if (reply.size() > kMaxLineBytes) return garbled("a reply without an end");
  return std::nullopt;
}

// Writes the line, reads one.
tl::expected<std::string, Loss> Channel::transfer(std::string_view line, int64_t deadline_ms) {
  const int64_t end_ms = now_ms() + deadline_ms;
  std::string reply;
  while (reply.empty() || reply.back() != '\n') {
    const int64_t left_ms = end_ms - now_ms();
    if (left_ms <= 0) {
      stop(0);
      return tl::unexpected(Loss{Loss::Cause::kTimeout, fmt::format("no end within {} ms", deadline_ms)});
    }
    pollfd fds[3] = {{process_->stdout_fd(), POLLIN, 0},
                     {process_->stderr_fd(), POLLIN, 0},
                     {line.empty() ? -1 : process_->stdin_fd(), POLLOUT, 0}};
    if (::poll(fds, 3, static_cast<int>(std::min<int64_t>(left_ms, 1000))) < 0) continue;
    if ((fds[1].revents & POLLIN) != 0) drain_stderr();
    if (fds[2].revents != 0) {
      const ssize_t written = ::write(process_->stdin_fd(), line.data(), line.size());
      if (written > 0) line.remove_prefix(static_cast<size_t>(written));
      if (written < 0 && errno != EAGAIN && errno != EINTR) return tl::unexpected(died());
    }
    if (fds[0].revents == 0) continue;
    if (auto loss = read_reply(reply)) return tl::unexpected(std::move(*loss));
  }
  return reply;
}

tl::expected<Reply, Loss> Channel::exchange(const Command& command, int64_t deadline_ms) {
  CHECK(process_ != nullptr);
  const std::string line = encode(CommandLine{++number_, arena_.bytes().size(), command});
  auto answer = transfer(line, deadline_ms);
  if (!answer) return tl::unexpected(std::move(answer.error()));
  auto reply = decode_reply(*answer);
  if (!reply) return tl::unexpected(garbled(clean_text(reply.error().message)));
  if (reply->number != number_) return tl::unexpected(garbled("a reply to another command"));
  return std::move(reply->reply);
}

}  // namespace warpwright::exec::device
