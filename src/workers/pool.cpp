#include "src/workers/pool.h"

#include <fmt/format.h>

#include <algorithm>

#include "src/base/check.h"
#include "src/base/log.h"

namespace warpwright::workers {
namespace {

constexpr int64_t kLeaveGraceMs = 2'000;  // from `bye` or end-of-file to being killed
constexpr int64_t kReapIntervalMs = 10;

}  // namespace

WorkerPool::WorkerPool(WorkerSettings settings) : settings_(std::move(settings)) {
  CHECK(settings_.count > 0);
  slots_.resize(static_cast<size_t>(settings_.count));
  for (size_t i = 0; i < slots_.size(); ++i) slots_[i].index = static_cast<int>(i);
}

void WorkerPool::submit(EvaluationRequest request, int64_t priority) {
  Job job{std::move(request), priority, next_sequence_++, 0, false};
  queue_.emplace(std::pair(job.priority, job.sequence), std::move(job));
}

void WorkerPool::cancel(const std::string& id) {
  std::erase_if(queue_, [&](const auto& entry) { return entry.second.request.id == id; });
  for (Slot& slot : slots_) {
    if (!slot.job || slot.job->request.id != id) continue;
    slot.job->cancelled = true;
    if (slot.state == State::kBusy) slot.process->send(CancelMessage{id});
  }
}

size_t WorkerPool::running() const {
  return static_cast<size_t>(
      std::count_if(slots_.begin(), slots_.end(), [](const Slot& slot) { return slot.job.has_value(); }));
}

size_t WorkerPool::ready() const {
  return static_cast<size_t>(std::count_if(slots_.begin(), slots_.end(), [](const Slot& slot) {
    return slot.state == State::kIdle || slot.state == State::kBusy;
  }));
}

std::vector<PoolEvent> WorkerPool::take_events() {
  return std::exchange(events_, {});
}

void WorkerPool::kill_all() {
  for (Slot& slot : slots_) {
    slot.process.reset();
    slot.job.reset();
    slot.state = State::kGivenUp;
  }
  queue_.clear();
}

// --- waiting ---

void WorkerPool::add_poll_descriptors(std::vector<pollfd>& descriptors) const {
  for (const Slot& slot : slots_) {
    if (!slot.process) continue;
    if (slot.process->stdout_fd() >= 0) descriptors.push_back({slot.process->stdout_fd(), POLLIN, 0});
    if (slot.process->stderr_fd() >= 0) descriptors.push_back({slot.process->stderr_fd(), POLLIN, 0});
    if (slot.process->wants_write()) descriptors.push_back({slot.process->stdin_fd(), POLLOUT, 0});
  }
}

void WorkerPool::on_ready(int fd, short revents, int64_t now_ms) {
  if (revents == 0 || fd < 0) return;
  for (Slot& slot : slots_) {
    if (!slot.process) continue;
    if (fd == slot.process->stderr_fd()) return slot.process->read_stderr();
    if (fd == slot.process->stdin_fd()) return slot.process->flush();
    if (fd != slot.process->stdout_fd()) continue;
    WorkerProcess::Reading reading = slot.process->read_messages();
    for (Message& message : reading.messages) {
      if (!slot.process) return;  // an earlier message ended it
      handle(slot, std::move(message), now_ms);
    }
    if (!slot.process) return;
    if (!reading.violation.empty()) return kill(slot, reading.violation, now_ms);
    if (reading.end_of_file) leave(slot, slot.said_bye ? slot.reason : "it closed its output", now_ms);
    return;
  }
}

int64_t WorkerPool::wall_deadline_ms(const Slot& slot) const {
  const EvaluationRequest& request = slot.job->request;
  int64_t allowed_ms = request.limits.compile_deadline_ms + settings_.deadline_grace_ms;
  if (request.last_stage > Stage::kCompile) allowed_ms += request.limits.evaluation_deadline_ms;
  return slot.state_since_ms + allowed_ms;
}

std::optional<int64_t> WorkerPool::deadline_of(const Slot& slot, int64_t now_ms) const {
  switch (slot.state) {
    case State::kDown:
      return slot.respawn_at_ms;
    case State::kStarting:
      return slot.state_since_ms + settings_.hello_deadline_ms;
    case State::kBusy:
      return std::min(slot.last_message_ms + settings_.silence_deadline_ms, wall_deadline_ms(slot));
    case State::kLeaving:
      return now_ms + kReapIntervalMs;
    case State::kIdle:
    case State::kGivenUp:
      break;
  }
  return std::nullopt;
}

std::optional<int64_t> WorkerPool::next_deadline_ms(int64_t now_ms) const {
  std::optional<int64_t> next;
  for (const Slot& slot : slots_) {
    const auto deadline = deadline_of(slot, now_ms);
    if (deadline && (!next || *deadline < *next)) next = deadline;
  }
  return next;
}

void WorkerPool::tick(int64_t now_ms) {
  for (Slot& slot : slots_) check_deadlines(slot, now_ms);
  dispatch(now_ms);
}

void WorkerPool::check_deadlines(Slot& slot, int64_t now_ms) {
  if (slot.state == State::kLeaving) {
    if (const auto exit = slot.process->try_wait()) return finish(slot, *exit, now_ms);
    if (now_ms - slot.state_since_ms >= kLeaveGraceMs) kill(slot, slot.reason, now_ms);
    return;
  }
  const auto deadline = deadline_of(slot, now_ms);
  if (!deadline || now_ms < *deadline) return;
  if (slot.state == State::kDown) {
    start(slot, now_ms);
  } else if (slot.state == State::kStarting) {
    kill(slot, fmt::format("it did not say hello within {} s", settings_.hello_deadline_ms / 1000), now_ms);
  } else if (now_ms >= wall_deadline_ms(slot)) {
    kill(slot, fmt::format("it was still busy after {} s", (now_ms - slot.state_since_ms) / 1000), now_ms);
  } else {
    kill(slot, fmt::format("it was silent for {} s", settings_.silence_deadline_ms / 1000), now_ms);
  }
}

// --- a slot's life ---

void WorkerPool::start(Slot& slot, int64_t now_ms) {
  slot.greeted = slot.said_bye = slot.killed = slot.served = false;
  slot.reason.clear();
  auto process = WorkerProcess::start(settings_, slot.index);
  slot.state_since_ms = slot.last_message_ms = now_ms;
  if (process) {
    slot.process.emplace(std::move(*process));
    slot.state = State::kStarting;
    return;
  }
  slot.reason = process.error().message;
  finish(slot, ExitStatus{}, now_ms);
}

void WorkerPool::dispatch(int64_t now_ms) {
  for (Slot& slot : slots_) {
    if (queue_.empty()) return;
    if (slot.state != State::kIdle) continue;
    slot.job = std::move(queue_.begin()->second);
    queue_.erase(queue_.begin());
    slot.state = State::kBusy;
    slot.state_since_ms = slot.last_message_ms = now_ms;
    events_.emplace_back(RequestStarted{slot.job->request.id, slot.index});
    slot.process->send(EvaluateMessage{slot.job->request});
  }
}

void WorkerPool::handle(Slot& slot, Message message, int64_t now_ms) {
  slot.last_message_ms = now_ms;
  if (auto* hello = std::get_if<HelloMessage>(&message)) {
    handle_hello(slot, std::move(*hello), now_ms);
  } else if (auto* report = std::get_if<ReportMessage>(&message)) {
    handle_report(slot, std::move(report->report), now_ms);
  } else if (const auto* progress = std::get_if<ProgressMessage>(&message)) {
    if (slot.job && !slot.job->cancelled && slot.job->request.id == progress->id)
      events_.emplace_back(RequestProgress{progress->id, progress->stage});
  } else if (const auto* bye = std::get_if<ByeMessage>(&message)) {
    slot.said_bye = true;
    leave(slot, bye->reason, now_ms);
  }
}

void WorkerPool::handle_hello(Slot& slot, HelloMessage hello, int64_t now_ms) {
  if (slot.state != State::kStarting) return;
  if (hello.protocol != kProtocolVersion) {
    return kill(slot,
                fmt::format("it speaks protocol {}, this program {}: build both from one version",
                            hello.protocol, kProtocolVersion),
                now_ms);
  }
  slot.greeted = true;
  slot.failed_starts = 0;
  slot.state = State::kIdle;
  events_.emplace_back(WorkerStarted{slot.index, std::move(hello)});
}

void WorkerPool::handle_report(Slot& slot, EvaluationReport report, int64_t now_ms) {
  if (!slot.job || slot.job->request.id != report.id) {
    spdlog::warn("worker {}: ignored a report for '{}', which it was not asked for", slot.index, report.id);
    return;
  }
  if (report.status == Status::kWorkerLost && !slot.job->cancelled) {
    return kill(slot, report.message.empty() ? "it reported WORKER_LOST" : report.message, now_ms);
  }
  const Job job = std::move(*slot.job);
  slot.job.reset();
  slot.failures_in_a_row = 0;
  slot.served = true;
  if (slot.state == State::kBusy) slot.state = State::kIdle;
  if (!job.cancelled) events_.emplace_back(RequestFinished{std::move(report), job.lost_workers + 1, false});
}

void WorkerPool::leave(Slot& slot, std::string reason, int64_t now_ms) {
  slot.reason = std::move(reason);
  if (slot.state == State::kLeaving) return;
  slot.state = State::kLeaving;
  slot.state_since_ms = now_ms;
}

void WorkerPool::kill(Slot& slot, std::string reason, int64_t now_ms) {
  slot.reason = std::move(reason);
  slot.killed = true;
  finish(slot, slot.process->kill_and_wait(), now_ms);
}

// The process has ended, or never came to be: sort out its request and when to start the next.
void WorkerPool::finish(Slot& slot, const ExitStatus& exit, int64_t now_ms) {
  std::string reason = slot.reason;
  if (slot.process) {
    if (slot.process->stderr_fd() >= 0) slot.process->read_stderr();
    if (!slot.said_bye && !slot.killed) reason = "it " + exit.describe();
    if (reason.empty()) reason = "it said bye";
    const std::string& last_words = slot.process->last_stderr_line();
    if (!slot.greeted && !last_words.empty()) reason += fmt::format(" ({})", last_words);
  }
  slot.process.reset();
  const bool had_job = slot.job.has_value();
  // A worker that leaves after a report (a sticky device error) may have been handed the next request
  // already.
  if (had_job && slot.said_bye && slot.served && !slot.killed) --slot.job->lost_workers;
  if (had_job) retry_or_quarantine(std::move(*std::exchange(slot.job, std::nullopt)), reason);
  const bool clean = slot.said_bye && slot.served && !slot.killed;
  if (!slot.greeted) ++slot.failed_starts;
  if (!clean) ++slot.failures_in_a_row;
  const int doublings = std::clamp(slot.failures_in_a_row - 1, 0, 20);
  const int64_t backoff_ms = std::min(settings_.respawn_cap_ms, settings_.respawn_base_ms << doublings);
  slot.respawn_at_ms = clean ? now_ms : now_ms + backoff_ms;
  slot.state = slot.failed_starts >= settings_.max_failed_starts ? State::kGivenUp : State::kDown;
  slot.reason = reason;
  spdlog::debug("worker {} ended: {}", slot.index, reason);
  events_.emplace_back(WorkerStopped{slot.index, std::move(reason)});
  give_up_if_all_failed();
}

void WorkerPool::retry_or_quarantine(Job job, const std::string& reason) {
  if (job.cancelled) return;
  if (++job.lost_workers < settings_.max_attempts) {
    spdlog::warn("request {}: lost its worker ({}), trying again", job.request.id, reason);
    queue_.emplace(std::pair(job.priority, job.sequence), std::move(job));
    return;
  }
  RequestFinished finished;
  finished.quarantined = true;
  finished.attempts = job.lost_workers;
  finished.report.id = job.request.id;
  finished.report.status = Status::kWorkerLost;
  finished.report.message =
      fmt::format("quarantined: lost {} workers in a row, the last one because {}", job.lost_workers, reason);
  spdlog::warn("request {}: {}", job.request.id, finished.report.message);
  events_.emplace_back(std::move(finished));
}

void WorkerPool::give_up_if_all_failed() {
  const auto given_up = [](const Slot& slot) { return slot.state == State::kGivenUp; };
  if (unusable_ || !std::all_of(slots_.begin(), slots_.end(), given_up)) return;
  unusable_ = true;
  events_.emplace_back(PoolUnusable{slots_.back().reason});
}

}  // namespace warpwright::workers
