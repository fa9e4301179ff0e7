#include "benchmarks/search/run.h"

#include <fmt/format.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <chrono>
#include <fstream>

#include "src/base/files.h"
#include "src/engine/engine.h"
#include "src/engine/open_run.h"
#include "src/engine/test_evaluator.h"
#include "src/engine/test_model.h"
#include "src/search/decide.h"
#include "src/workers/in_process_pool.h"

namespace warpwright::bench {
namespace {

namespace fs = std::filesystem;
using engine::RunConfig;

double now_s() {
  using namespace std::chrono;
  return duration<double>(steady_clock::now().time_since_epoch()).count();
}

double cpu_s() {
  timespec time{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

double resident_mb() {
  size_t total = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> total >> resident;
  return static_cast<double>(resident) * static_cast<double>(::sysconf(_SC_PAGESIZE)) / 1e6;
}

double peak_mb() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) * 1024 / 1e6;
}

RunConfig config_of(const Settings& settings) {
  RunConfig config;
  config.definition = "gdn_decode_qk4_v8_d128_k_last";
  config.seed = 42;
  config.max_evaluations = 1'000'000'000;
  config.device = "b200";
  config.target = "sm_100a";
  config.executor = "sim";
  config.selection = "sim";
  config.red_team = false;
  config.search.window = settings.window;
  config.search.islands = 5;
  config.search.archive_size = 100;
  config.search.population_size = 10'000'000;
  if (settings.variant == Variant::kScripted) {
    config.search.operators = {{"tune", 0.25}, {"scripted", 0.75}};
    config.scripted_folder = "/nowhere";
  } else if (settings.variant == Variant::kAgent) {
    config.agent = "evolver";
    llm::ModelConfig model;
    model.name = "instant";
    config.models = {{"instant", model}};
  }
  return config;
}

// Takes the times: the engine calls it after every commit.
class Watch final : public report::LiveView {
 public:
  void update(const report::LiveStatus&, int64_t) override {
    if (state == nullptr) return;
    if (first_decision_s == 0 && state->next_ticket() > first_ticket) first_decision_s = now_s();
    if (state->applied() < begin_at || end_s != 0) return;
    if (begin_s == 0) {
      begin_s = now_s();
      begin_cpu_s = cpu_s();
      begun = state->applied();
      evaluator_begin_s = *evaluator_s;
    }
    if (state->applied() < end_at) return;
    end_s = now_s();
    end_cpu_s = cpu_s();
    ended = state->applied();
    evaluator_end_s = *evaluator_s;
  }
  void note(const std::string&) override {}
  void finish() override {}

  const search::State* state = nullptr;
  const double* evaluator_s = nullptr;
  int64_t first_ticket = 0, begin_at = 0, end_at = 0;
  int64_t begun = 0, ended = 0;
  double first_decision_s = 0, begin_s = 0, end_s = 0, begin_cpu_s = 0, end_cpu_s = 0, evaluator_begin_s = 0,
         evaluator_end_s = 0;
};

Result<engine::OpenRun> open_run(RunConfig& config, const Settings& settings, const engine::RunSetup& setup,
                                 const engine::Agent* agent, const fs::path& folder, Clock& clock) {
  if (fs::exists(folder / "journal.db")) {
    TRY_ASSIGN(auto journal, journal::Journal::open(folder));
    TRY_ASSIGN(auto state, engine::fold(journal, folder));
    return engine::OpenRun{config, std::move(journal), std::move(state)};
  }
  std::vector<engine::Seed> seeds;
  for (int i = 0; i < 8; ++i) {
    // The first is the baseline and must pass: the stand-in draws what a text is worth.
    seeds.push_back({i == 0 ? "plain.cu" : fmt::format("seed_{}.cu", i),
                     engine::test_source(-i - 1, settings.source_bytes)});
  }
  return engine::start_new(config, seeds, setup, agent, folder, clock);
}

double file_mb(const fs::path& folder) {
  double bytes = 0;
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.is_regular_file()) bytes += static_cast<double>(entry.file_size());
  return bytes / 1e6;
}

int64_t population_of(const events::RunView& view) {
  int64_t passed = 0;
  for (const auto& [id, candidate] : view.candidates) passed += candidate.passed() ? 1 : 0;
  return passed;
}

}  // namespace

Result<Figures> run(const Settings& settings, const fs::path& folder, int64_t decisions, int64_t warm_up) {
  const double start_s = now_s();
  RunConfig config = config_of(settings);
  std::optional<engine::Agent> agent;
  if (settings.variant == Variant::kAgent) {
    TRY_ASSIGN(const fs::path home, find_home());
    TRY_ASSIGN(agent, engine::load_agent(config.agent, home));
    TRY(engine::settle_agent(config, *agent));
  }
  TRY_ASSIGN(engine::RunSetup setup, engine::load_setup(config));
  SystemClock clock;
  const double open_begin_s = now_s();
  TRY_ASSIGN(engine::OpenRun open,
             open_run(config, settings, setup, agent ? &*agent : nullptr, folder, clock));
  Figures figures;
  figures.open_s = now_s() - open_begin_s;
  figures.resident_mb_open = resident_mb();

  constexpr int kTimedEvery = 16;
  int evaluations = 0;
  double evaluator_s = 0;
  const engine::TestEvaluator evaluator(
      setup.sources->workloads(), settings.simulated_reports ? engine::TestEvaluator::Reports::kSimulated
                                                             : engine::TestEvaluator::Reports::kMeasured);
  workers::InProcessPool pool(
      [&](const EvaluationRequest& request) {
        // To ask for the time costs a quarter of what is timed: every sixteenth stands for the others.
        if (evaluations++ % kTimedEvery != 0) return evaluator(request);
        const double begin_s = cpu_s();
        EvaluationReport report = evaluator(request);
        evaluator_s += kTimedEvery * (cpu_s() - begin_s);
        return report;
      },
      static_cast<size_t>(settings.window));
  llm::CallDesk desk({}, {}, config.seed);
  llm::ModelConfig model;
  model.is_free = true;
  model.max_in_flight = 1'000'000;
  const auto provider = std::make_shared<engine::TestModel>(settings.source_bytes);
  for (const char* name : {"instant", "scripted"}) {
    model.name = name;
    TRY(desk.add_model(model, provider, llm::Price{}));
  }
  Watch watch;
  watch.state = &open.state;
  watch.evaluator_s = &evaluator_s;
  watch.first_ticket = open.state.next_ticket();
  watch.begin_at = open.state.applied() + warm_up;
  watch.end_at = open.state.applied() + decisions;
  {
    engine::Engine loop(config, setup, open.journal, open.state, pool, agent ? &*agent : nullptr, &desk,
                        watch, clock);
    loop.end_before(watch.end_at + 2 * settings.window + settings.tail);
    if (watch.first_ticket > 0) TRY(loop.commit_now(events::RunResumed{engine::kProgramVersion}));
    TRY_ASSIGN(const engine::Stop stop, loop.run([] {}));
    (void)stop;
    if (watch.end_s == 0) return infrastructure_error("the run ended early: " + loop.stop_reason());
  }
  const events::RunView& view = open.state.view();
  figures.first_decision_s = watch.first_decision_s - start_s;
  figures.decisions = watch.ended - watch.begun;
  figures.decisions_per_s = static_cast<double>(figures.decisions) / (watch.end_s - watch.begin_s);
  figures.cpu_us = (watch.end_cpu_s - watch.begin_cpu_s) * 1e6 / static_cast<double>(figures.decisions);
  figures.evaluator_share =
      (watch.evaluator_end_s - watch.evaluator_begin_s) / (watch.end_cpu_s - watch.begin_cpu_s);
  figures.applied = view.applied;
  figures.population = population_of(view);
  figures.evaluations = view.counters.evaluations;
  figures.failed_proposals = view.counters.by_phase[static_cast<size_t>(events::Phase::kProposalFailed)];
  figures.peak_mb = peak_mb();
  figures.file_mb = file_mb(folder);
  return figures;
}

}  // namespace warpwright::bench
