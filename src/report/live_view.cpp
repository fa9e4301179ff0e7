#include "src/report/live_view.h"

#include <fmt/format.h>
#include <spdlog/sinks/base_sink.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <mutex>
#include <string_view>

#include "src/base/log.h"
#include "src/base/quotable.h"

namespace warpwright::report {
namespace {

constexpr int64_t kRedrawMs = 250;
constexpr int64_t kLineMs = 5'000;
constexpr size_t kLabelWidth = 13;
constexpr int kBarWidth = 30;

template <class Map>
std::string counts_text(const Map& counts) {
  std::string text;
  for (const auto& [name, count] : counts)
    text += fmt::format("{}{} {}", text.empty() ? "" : "  ", name, count);
  return text;
}

// Stages in the order in which a candidate passes them.
std::string in_flight_text(const LiveStatus& status) {
  std::string text;
  for (const char* stage : {"model", "waiting", "plan", "compile", "smoke", "validate", "time"}) {
    const auto count = status.in_flight.find(stage);
    if (count != status.in_flight.end())
      text += fmt::format("{}{} {}", text.empty() ? "" : "  ", stage, count->second);
  }
  return text.empty() ? "nothing" : text;
}

std::string candidates_text(const LiveStatus& status) {
  std::map<std::string_view, int64_t> by_status;
  for (const auto& [name, count] : status.by_status) by_status[to_string(name)] = count;
  if (status.lost_races > 0) by_status[to_string(Status::kPassed)] -= status.lost_races;
  std::string text = by_status.empty() ? "none yet" : counts_text(by_status);
  if (status.lost_races > 0) text += fmt::format("  lost a race {}", status.lost_races);
  if (status.duplicates > 0) text += fmt::format("  duplicates {}", status.duplicates);
  if (status.not_proposed > 0) text += fmt::format("  unusable answers {}", status.not_proposed);
  if (status.abandoned > 0) text += fmt::format("  lost by the machine {}", status.abandoned);
  return text;
}

std::string best_text(const LiveStatus& status) {
  constexpr size_t kShownOrigin = 100;
  if (status.best.empty()) return "none yet";
  return fmt::format("{}  {:.3f}x {}{}  ({})", status.best, status.best_score,
                     status.baseline.empty() ? "the baseline" : status.baseline,
                     status.method.empty() ? "" : " [" + status.method + "]",
                     quotable_line(status.best_origin, kShownOrigin));
}

std::string bar(int64_t done, int64_t total) {
  const int filled = total > 0 ? static_cast<int>(std::min<int64_t>(kBarWidth, done * kBarWidth / total)) : 0;
  return fmt::format("[{}{}]", std::string(static_cast<size_t>(filled), '#'),
                     std::string(static_cast<size_t>(kBarWidth - filled), '.'));
}

std::string time_text(const LiveStatus& status) {
  std::string text = format_duration(status.elapsed_s);
  if (status.seconds_left) text += fmt::format(", about {} left", format_duration(*status.seconds_left));
  return text;
}

// Redraws its block in place; what is noted or logged scrolls above it.
class TerminalView final : public LiveView {
 public:
  TerminalView(std::FILE* stream, bool color) : stream_(stream), color_(color) {
    logger_ = spdlog::default_logger();
    log_sinks_ = logger_->sinks();
    logger_->sinks() = {std::make_shared<AboveBlock>(*this)};
    logger_->set_pattern("%H:%M:%S %l: %v");
  }
  TerminalView(const TerminalView&) = delete;
  ~TerminalView() override { finish(); }

  void update(const LiveStatus& status, int64_t now_ms) override {
    status_ = status;
    if (drawn_lines_ > 0 && now_ms - last_draw_ms_ < kRedrawMs) return;
    last_draw_ms_ = now_ms;
    draw();
  }
  void note(const std::string& line) override { print_above(line + "\n"); }
  void finish() override {
    if (finished_) return;
    if (drawn_lines_ > 0) draw();
    finished_ = true;
    logger_->sinks() = log_sinks_;
    logger_->set_pattern("%H:%M:%S %n %^%l%$: %v");
  }

 private:
  class AboveBlock final : public spdlog::sinks::base_sink<std::mutex> {
   public:
    explicit AboveBlock(TerminalView& view) : view_(view) {}

   private:
    void sink_it_(const spdlog::details::log_msg& message) override {
      spdlog::memory_buf_t text;
      formatter_->format(message, text);
      view_.print_above(std::string(text.data(), text.size()));
    }
    void flush_() override {}
    TerminalView& view_;
  };

  int width() const {
    winsize size{};
    if (::ioctl(::fileno(stream_), TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
    return size.ws_col;
  }
  void erase() {
    if (drawn_lines_ > 0) fmt::print(stream_, "\x1b[{}A\r\x1b[J", drawn_lines_);
    drawn_lines_ = 0;
  }
  void draw() {
    erase();
    for (const std::string& line : render_block(status_, width() - 1, color_)) {
      fmt::print(stream_, "{}\n", line);
      ++drawn_lines_;
    }
    std::fflush(stream_);
  }
  void print_above(const std::string& text) {
    const bool shown = drawn_lines_ > 0 && !finished_;
    if (shown) erase();
    fmt::print(stream_, "{}", text);
    if (shown) draw();
    std::fflush(stream_);
  }

  std::FILE* stream_;
  bool color_;
  std::shared_ptr<spdlog::logger> logger_;
  std::vector<spdlog::sink_ptr> log_sinks_;
  LiveStatus status_;
  int drawn_lines_ = 0;
  int64_t last_draw_ms_ = 0;
  bool finished_ = false;
};

// For files and pipes: one line every few seconds, and one whenever the best changes.
class LineView final : public LiveView {
 public:
  explicit LineView(std::FILE* stream) : stream_(stream) {}

  void update(const LiveStatus& status, int64_t now_ms) override {
    const bool new_best = status.best != best_;
    status_ = status;
    if (!new_best && last_line_ms_ && now_ms - *last_line_ms_ < kLineMs) return;
    best_ = status.best;
    last_line_ms_ = now_ms;
    note(render_line(status));
  }
  void note(const std::string& line) override {
    fmt::print(stream_, "{}\n", line);
    std::fflush(stream_);
  }
  void finish() override {
    if (last_line_ms_) note(render_line(status_));
    last_line_ms_.reset();
  }

 private:
  std::FILE* stream_;
  LiveStatus status_;
  std::string best_;
  std::optional<int64_t> last_line_ms_;
};

}  // namespace

std::string format_duration(double seconds) {
  const auto whole = static_cast<int64_t>(seconds + 0.5);
  if (whole < 60) return fmt::format("{} s", whole);
  if (whole < 3600) return fmt::format("{} min {:02} s", whole / 60, whole % 60);
  return fmt::format("{} h {:02} min", whole / 3600, whole % 3600 / 60);
}

std::vector<std::string> render_block(const LiveStatus& status, int width, bool color) {
  const bool estimate = status.executor == "sim";
  std::vector<std::pair<std::string, std::string>> rows = {
      {"evolving", fmt::format("{}  on {} {}{}", status.definition, status.executor, status.device,
                               estimate ? " (estimated times)" : "")},
      {"evaluations",
       fmt::format("{} {}/{}  {:.2f}/s  {}", bar(status.evaluations, status.max_evaluations),
                   status.evaluations, status.max_evaluations, status.evaluations_per_s, time_text(status))},
      {"in flight",
       fmt::format("{}  |  workers {}/{}", in_flight_text(status), status.workers_up, status.workers)},
      {"candidates", candidates_text(status)},
      {"best", best_text(status)}};
  if (!status.stages.empty()) rows.insert(rows.begin() + 3, {"stages", status.stages});
  if (!status.spending.empty()) rows.insert(rows.end() - 1, {"models", status.spending});
  std::vector<std::string> lines;
  for (const auto& [label, text] : rows) {
    std::string line = fmt::format("{:<{}}{}", label, kLabelWidth, text);
    line.resize(std::min(line.size(), static_cast<size_t>(std::max(width, 1))));
    if (color && line.size() > kLabelWidth) line = "\x1b[2m" + line.insert(kLabelWidth, "\x1b[0m");
    lines.push_back(std::move(line));
  }
  return lines;
}

std::string render_line(const LiveStatus& status) {
  return fmt::format("{}/{} evaluations, {:.2f}/s, {} | in flight: {}{}{} | {}{} | best: {}",
                     status.evaluations, status.max_evaluations, status.evaluations_per_s, time_text(status),
                     in_flight_text(status), status.stages.empty() ? "" : " | ", status.stages,
                     candidates_text(status), status.spending.empty() ? "" : " | models: " + status.spending,
                     best_text(status));
}

std::unique_ptr<LiveView> make_live_view(std::FILE* stream) {
  const auto variable = [](const char* name) {
    const char* value = std::getenv(name);
    return std::string_view(value == nullptr ? "" : value);
  };
  const std::string_view terminal = variable("TERM");
  const bool redraw =
      ::isatty(::fileno(stream)) != 0 && !terminal.empty() && terminal != "dumb" && variable("CI").empty();
  if (!redraw) return std::make_unique<LineView>(stream);
  return std::make_unique<TerminalView>(stream, variable("NO_COLOR").empty());
}

}  // namespace warpwright::report
