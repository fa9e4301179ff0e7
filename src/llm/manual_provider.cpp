#include "src/llm/manual_provider.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>

#include "src/base/files.h"
#include "src/base/log.h"
#include "src/base/quotable.h"
#include "src/llm/plain_text.h"

namespace warpwright::llm {
namespace {
namespace fs = std::filesystem;

constexpr int64_t kLookEveryMs = 500, kSettledMs = 2000;
constexpr size_t kMaxReplyBytes = size_t{16} << 20;

std::string head(const std::string& stem) {
  return fmt::format(
      "<!-- Save the answer as {0}.reply.md in this folder; it is read once it has not changed for two "
      "seconds.\n"
      "     To pass, create an empty file {0}.skip. The prompt is all that follows this comment. -->\n\n",
      stem);
}

bool is_blank(const std::string& text) {
  return std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isspace(c); });
}

Failure failed(FailureClass kind, const std::string& reason) {
  Failure failure;
  failure.kind = kind;
  failure.reason = quotable_line(reason, 500);
  return failure;
}

}  // namespace

ManualProvider::ManualProvider(const ModelConfig& config, fs::path folder, Clock& clock)
    : folder_(std::move(folder)), model_(config.model.empty() ? "manual" : config.model), clock_(clock) {}

fs::path ManualProvider::path(const Question& question, std::string_view suffix) const {
  return folder_ / (question.stem + std::string(suffix));
}

Result<void> ManualProvider::write_prompt(const Question& question, const Conversation& conversation) const {
  TRY(warpwright::create_directories(folder_));
  const std::string text = head(question.stem) + plain_text(conversation);
  const fs::path prompt = path(question, ".prompt.md"), reply = path(question, ".reply.md");
  const auto before = read_file(prompt);
  if (before && *before == text) return {};  // asked before the run was stopped
  std::error_code error;
  if (before && fs::exists(reply, error)) {
    fs::rename(reply, fs::path(reply) += ".old", error);
    spdlog::warn("{} answers another prompt, which is no longer asked: moved to {}.old", reply.string(),
                 reply.filename().string());
  }
  if (before) fs::remove(path(question, ".skip"), error);
  return write_file_atomic(prompt, text);
}

void ManualProvider::start(const Call& call) {
  Question question;
  question.turn = call.turn;
  question.attempt = call.attempt;
  question.stem = fmt::format("t{:04}.{}", call.ticket, call.turn);
  question.asked_ms = clock_.monotonic_ms();
  if (auto written = write_prompt(question, call.conversation); !written) {
    completed_.push_back(
        {call.ticket, call.turn, call.attempt, failed(FailureClass::kServer, written.error().message)});
    return;
  }
  spdlog::info("a prompt waits in {}", path(question, ".prompt.md").string());
  questions_[call.ticket] = question;
  next_look_ms_ = question.asked_ms;  // a reply may lie there already
}

// Whether the reply file has kept still long enough; remembers what it looks like.
bool ManualProvider::is_settled(Question& question) const {
  struct stat info {};
  if (::stat(path(question, ".reply.md").c_str(), &info) != 0 || !S_ISREG(info.st_mode) ||
      info.st_size == 0) {
    question.seen = {};
    return false;
  }
  const int64_t now_ms = clock_.monotonic_ms();
  const int64_t changed_ms = info.st_mtim.tv_sec * 1000 + info.st_mtim.tv_nsec / 1'000'000;
  const State state{static_cast<uint64_t>(info.st_size), info.st_ino,
                    info.st_mtim.tv_sec * 1'000'000'000 + info.st_mtim.tv_nsec};
  if (state != question.seen) {
    question.seen = state;
    question.seen_ms = now_ms;
  }
  return now_ms - question.seen_ms >= kSettledMs || clock_.wall_unix_ms() - changed_ms >= kSettledMs;
}

std::optional<std::variant<Reply, Failure>> ManualProvider::look(Question& question) const {
  std::error_code error;
  if (fs::exists(path(question, ".skip"), error))
    return failed(FailureClass::kNoAnswer, "passed by a person");
  if (!is_settled(question)) return std::nullopt;
  auto text = read_file(path(question, ".reply.md"), kMaxReplyBytes);
  if (!text) return failed(FailureClass::kBadReply, text.error().message);
  if (is_blank(*text)) return std::nullopt;
  Reply reply;
  reply.text = well_formed(*text);
  reply.model = model_;
  reply.finish_detail = "saved";
  reply.total_ms = clock_.monotonic_ms() - question.asked_ms;
  reply.first_byte_ms = reply.total_ms;
  return reply;
}

std::vector<Completion> ManualProvider::poll() {
  const int64_t now_ms = clock_.monotonic_ms();
  if (!questions_.empty() && now_ms >= next_look_ms_) {
    next_look_ms_ = now_ms + kLookEveryMs;
    for (auto it = questions_.begin(); it != questions_.end();) {
      auto outcome = look(it->second);
      if (outcome)
        completed_.push_back({it->first, it->second.turn, it->second.attempt, std::move(*outcome)});
      it = outcome ? questions_.erase(it) : std::next(it);
    }
  }
  return std::exchange(completed_, {});
}

void ManualProvider::cancel(int64_t ticket) {
  questions_.erase(ticket);
  std::erase_if(completed_, [ticket](const Completion& completion) { return completion.ticket == ticket; });
}

void ManualProvider::wait_on(WaitSet& waits) const {
  if (!questions_.empty()) waits.wake_within(std::max<int64_t>(0, next_look_ms_ - clock_.monotonic_ms()));
  if (!completed_.empty()) waits.wake_within(0);
}

}  // namespace warpwright::llm
