#include "evaluator/service/worker_loop.h"

#include <poll.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "src/base/clock.h"
#include "src/base/log.h"
#include "src/base/subprocess.h"

namespace warpwright::service {
namespace {

constexpr int64_t kHeartbeatMs = 2000;

// Whole lines to stdout from either thread. A reader that is gone ends the process.
class Output {
 public:
  void send(const Message& message) {
    const std::string line = encode_line(message);
    std::lock_guard lock(mutex_);
    for (std::string_view rest = line; !rest.empty();) {
      const ssize_t written = ::write(STDOUT_FILENO, rest.data(), rest.size());
      if (written > 0) rest.remove_prefix(static_cast<size_t>(written));
      if (written < 0 && errno != EINTR && errno != EAGAIN) ::_exit(0);
    }
  }

 private:
  std::mutex mutex_;
};

class Worker {
 public:
  explicit Worker(std::unique_ptr<Evaluator> evaluator) : evaluator_(std::move(evaluator)) {}

  int run() {
    output_.send(evaluator_->hello());
    std::thread([this] { evaluate_forever(); }).detach();
    read_forever();
    ::_exit(0);  // the evaluating thread may be anywhere; nothing of it outlives the process
  }

 private:
  void read_forever() {
    SystemClock clock;
    int64_t next_heartbeat_ms = clock.monotonic_ms() + kHeartbeatMs;
    LineBuffer lines;
    char buffer[65536];
    for (;;) {
      pollfd input{STDIN_FILENO, POLLIN, 0};
      const int64_t wait_ms = next_heartbeat_ms - clock.monotonic_ms();
      if (wait_ms <= 0) {
        output_.send(HeartbeatMessage{});
        next_heartbeat_ms = clock.monotonic_ms() + kHeartbeatMs;
        continue;
      }
      if (::poll(&input, 1, static_cast<int>(wait_ms)) <= 0 || input.revents == 0) continue;
      const ssize_t got = ::read(STDIN_FILENO, buffer, sizeof buffer);
      if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
      if (got <= 0) return;
      lines.append({buffer, static_cast<size_t>(got)});
      if (lines.overflowed()) spdlog::warn("a request line over {} bytes was dropped", kMaxLineBytes);
      for (std::string line; lines.next(line);) handle(line);
    }
  }

  void handle(const std::string& line) {
    auto message = decode_line(line);
    if (!message) {
      spdlog::warn("ignored a line: {}", message.error().message);
    } else if (auto* evaluate = std::get_if<EvaluateMessage>(&*message)) {
      std::lock_guard lock(mutex_);
      requests_.push_back(std::move(evaluate->request));
      wake_.notify_one();
    } else if (auto* cancel = std::get_if<CancelMessage>(&*message)) {
      std::lock_guard lock(mutex_);
      if (cancel->id == current_id_) cancel_current_ = true;
      std::erase_if(requests_, [&](const EvaluationRequest& r) { return r.id == cancel->id; });
    }
  }

  void evaluate_forever() {
    for (;;) {
      EvaluationRequest request;
      {
        std::unique_lock lock(mutex_);
        wake_.wait(lock, [this] { return !requests_.empty(); });
        request = std::move(requests_.front());
        requests_.pop_front();
        current_id_ = request.id;
        cancel_current_ = false;
      }
      EvaluationHooks hooks;
      hooks.on_stage = [&](Stage stage) { output_.send(ProgressMessage{request.id, stage}); };
      hooks.cancelled = [this] { return cancel_current_.load(); };
      output_.send(ReportMessage{evaluator_->evaluate(request, hooks)});
      std::lock_guard lock(mutex_);
      current_id_.clear();
    }
  }

  std::unique_ptr<Evaluator> evaluator_;
  Output output_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<EvaluationRequest> requests_;
  std::string current_id_;
  std::atomic<bool> cancel_current_{false};
};

}  // namespace

int run_worker(const EvaluatorOptions& options) {
  auto evaluator = Evaluator::create(options);
  if (!evaluator) {
    Output().send(ByeMessage{evaluator.error().message});
    return evaluator.error().kind == ErrorKind::kUsage ? 2 : 3;
  }
  return Worker(std::move(*evaluator)).run();
}

}  // namespace warpwright::service
