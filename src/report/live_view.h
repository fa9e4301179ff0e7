// What a person sees of a running search, on standard error: one block that is redrawn on a terminal, a plain
// line every few seconds elsewhere.
#pragma once

#include <array>
#include <cstdint>
#include <cstdio>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "src/contract/evaluation.h"

namespace warpwright::report {

struct LiveStatus {
  std::string definition;
  std::string executor;  // sim | cuda
  std::string device;
  std::string method;  // of the best's times: sim-estimate, cupti, ...
  int workers_up = 0, workers = 0;
  std::map<std::string, int> in_flight;  // by stage: "waiting", "plan", "compile", ..., "model"
  std::map<Status, int64_t> by_status;   // applied candidates
  int64_t lost_races = 0;                // of those that passed
  int64_t duplicates = 0, abandoned = 0, not_proposed = 0;
  int64_t evaluations = 0, max_evaluations = 0;
  std::string best;         // "c0017", empty: none yet
  double best_score = 0;    // times the baseline
  std::string baseline;     // its name
  std::string best_origin;  // "tune: ROWS 4 -> 8"
  std::string stages;       // report/ledger_text.h: what evaluators wait for; empty: not known yet
  std::string spending;     // report/models_text.h; empty: this run asks no model
  double elapsed_s = 0;
  double evaluations_per_s = 0;
  std::optional<double> seconds_left;
};

// The block's lines, each at most `width` columns. `color`: ANSI colours.
std::vector<std::string> render_block(const LiveStatus& status, int width, bool color);
std::string render_line(const LiveStatus& status);
std::string format_duration(double seconds);  // "42 s", "3 min 05 s", "2 h 10 min"

class LiveView {
 public:
  virtual ~LiveView() = default;
  virtual void update(const LiveStatus& status, int64_t now_ms) = 0;  // called often; draws when it is time
  virtual void note(const std::string& line) = 0;                     // a line that stays
  virtual void finish() = 0;                                          // the last state stays on the screen
};

class SilentView final : public LiveView {
 public:
  void update(const LiveStatus&, int64_t) override {}
  void note(const std::string&) override {}
  void finish() override {}
};

// A redrawn block if `stream` is a terminal, TERM is not "dumb" and CI is not set; else plain lines. NO_COLOR
// is respected. While a block is shown, the program's log lines are printed above it.
std::unique_ptr<LiveView> make_live_view(std::FILE* stream);

}  // namespace warpwright::report
