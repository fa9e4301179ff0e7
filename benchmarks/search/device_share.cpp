#include "benchmarks/search/device_share.h"

#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <map>

#include "src/base/files.h"
#include "src/base/rng.h"
#include "src/engine/engine.h"
#include "src/engine/open_run.h"
#include "src/engine/test_model.h"
#include "src/workers/pool.h"

namespace warpwright::bench {
namespace {

using engine::RunConfig;

// Answers as the instant model does, but late.
class SlowModel final : public llm::Provider {
 public:
  SlowModel(const ShareSettings& settings, Clock& clock) : settings_(settings), clock_(clock) {}
  void start(const llm::Call& call) override {
    const double factor = 1 + settings_.jitter * (2 * rng_.uniform() - 1);
    const auto delay_ms = static_cast<int64_t>(1000 * settings_.model_s * factor);
    model_.start(call);
    for (llm::Completion& done : model_.poll())
      due_.emplace(clock_.monotonic_ms() + delay_ms, std::move(done));
  }
  std::vector<llm::Completion> poll() override {
    std::vector<llm::Completion> done;
    while (!due_.empty() && due_.begin()->first <= clock_.monotonic_ms()) {
      done.push_back(std::move(due_.begin()->second));
      due_.erase(due_.begin());
    }
    return done;
  }
  void cancel(int64_t ticket) override {
    std::erase_if(due_, [&](const auto& entry) { return entry.second.ticket == ticket; });
  }
  void wait_on(llm::WaitSet& waits) const override {
    if (!due_.empty()) waits.wake_within(std::max<int64_t>(0, due_.begin()->first - clock_.monotonic_ms()));
  }

 private:
  const ShareSettings& settings_;
  Clock& clock_;
  Rng rng_{7};
  engine::TestModel model_{2255};
  std::multimap<int64_t, llm::Completion> due_;
};

double cpu_s() {
  timespec time{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

// Notes where the run stood when the warm-up was over, and when the time was.
class Watch final : public report::LiveView {
 public:
  Watch(const ShareSettings& settings, const search::State& state, const engine::Engine*& engine)
      : settings_(settings), state_(state), engine_(engine) {}
  struct Point {
    int64_t at_ms = 0, evaluations = 0, tickets = 0;
    double cpu_s = 0;
    report::StageLedger ledger;
  };
  void update(const report::LiveStatus&, int64_t now_ms) override {
    if (begin_ms_ == 0) begin_ms_ = now_ms;
    const auto after = [&](double seconds) {
      return now_ms - begin_ms_ >= static_cast<int64_t>(1000 * seconds);
    };
    if (!begin && after(4 * settings_.model_s)) begin = point(now_ms);
    if (!end && after(4 * settings_.model_s + settings_.seconds)) end = point(now_ms);  // not the drain behind it
  }
  void note(const std::string&) override {}
  void finish() override {}
  std::optional<Point> begin, end;

 private:
  Point point(int64_t now_ms) const {
    return {now_ms, state_.view().counters.evaluations, state_.next_ticket(), cpu_s(),
            engine_->stage_ledger()};
  }
  const ShareSettings& settings_;
  const search::State& state_;
  const engine::Engine*& engine_;
  int64_t begin_ms_ = 0;
};

report::StageLedger between(const report::StageLedger& before, report::StageLedger after) {
  after.wall_ms -= before.wall_ms;
  after.evaluators.slot_ms -= before.evaluators.slot_ms;
  after.evaluators.device_ms -= before.evaluators.device_ms;
  after.evaluators.compile_ms -= before.evaluators.compile_ms;
  for (const auto& [reason, ms] : before.evaluators.idle_ms) after.evaluators.idle_ms[reason] -= ms;
  after.calls.slot_ms -= before.calls.slot_ms;
  after.calls.busy_ms -= before.calls.busy_ms;
  for (const auto& [reason, ms] : before.calls.idle_ms) after.calls.idle_ms[reason] -= ms;
  return after;
}

RunConfig config_of(const ShareSettings& settings) {
  RunConfig config;
  config.definition = "gdn_decode_qk4_v8_d128_k_last";
  config.seed = 42;
  config.max_evaluations = 1'000'000;
  config.device = "b200";
  config.target = "sm_100a";
  config.executor = config.selection = "sim";
  config.red_team = false;
  config.worker_count = 1;
  config.worker_path = (program_directory() / "fake_worker").string();
  config.worker_arguments = {"--work", fmt::format("{:.0f}", 1000 * settings.evaluation_s)};
  // The time ends the run once the last point was taken.
  config.max_minutes = (4 * settings.model_s + settings.seconds + 1) / 60;
  config.search.window = settings.window;
  config.search.operators = {{"rewrite", 1.0}};
  config.search.tuning_budget = 0;  // every candidate costs a call
  config.operators_given = true;
  config.agent = "evolver";
  llm::ModelConfig& model = config.models["slow"];
  model.name = "slow";
  model.is_free = true;
  model.max_in_flight = settings.calls;
  return config;
}

}  // namespace

Result<Share> device_share(const ShareSettings& settings) {
  RunConfig config = config_of(settings);
  TRY_ASSIGN(const auto home, find_home());
  TRY_ASSIGN(const engine::Agent agent, engine::load_agent(config.agent, home));
  TRY(engine::settle_agent(config, agent));
  TRY_ASSIGN(engine::RunSetup setup, engine::load_setup(config));
  TRY_ASSIGN(const TempDirectory folder, TempDirectory::create());
  SystemClock clock;
  TRY_ASSIGN(engine::OpenRun run, engine::start_new(config, {{"plain.cu", engine::test_source(-1, 2255)}},
                                                    setup, &agent, folder.path() / "run", clock));
  workers::WorkerPool pool(setup.workers);
  llm::CallDesk desk({}, {}, config.seed);
  TRY(desk.add_model(config.models.at("slow"), std::make_shared<SlowModel>(settings, clock), llm::Price{}));
  const engine::Engine* engine = nullptr;
  Watch watch(settings, run.state, engine);
  engine::Engine loop(config, setup, run.journal, run.state, pool, &agent, &desk, watch, clock);
  engine = &loop;
  TRY(loop.run([] {}));
  if (!watch.begin || !watch.end) return infrastructure_error("the run ended early: " + loop.stop_reason());
  const auto& [begin, end] = std::pair(*watch.begin, *watch.end);
  const double wall_s = static_cast<double>(end.at_ms - begin.at_ms) / 1000;
  const auto& before = begin.ledger;
  const auto& after = end.ledger;
  Share share;
  share.busy = static_cast<double>(end.evaluations - begin.evaluations) * settings.evaluation_s / wall_s;
  share.ledger_busy =
      static_cast<double>(after.evaluators.device_ms - before.evaluators.device_ms) / (1000 * wall_s);
  share.decisions_per_s = static_cast<double>(end.tickets - begin.tickets) / wall_s;
  share.calls_in_flight = static_cast<double>(after.calls.busy_ms - before.calls.busy_ms) / (1000 * wall_s);
  share.cpu_share = (end.cpu_s - begin.cpu_s) / wall_s;
  share.verdict = report::verdict(between(before, after));
  return share;
}

}  // namespace warpwright::bench
