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

// A program whose one line differs, as in the measurements of other frameworks.
std::string source_of(int64_t variant, int source_bytes) {
  std::string text = fmt::format(
      "/*@plan\n"
      "tune ROWS = 4 in {{1, 2, 4, 8, 16, 32, 64, 128}};\n"
      "tune WARPS = 4 in {{1, 2, 3, 4, 5, 6, 7, 8}};\n"
      "tune STAGES = 2 in {{1, 2, 3, 4, 5, 6, 7, 8}};\n"
      "tune UNROLL = 4 in {{1, 2, 4, 8, 16, 32}};\n"
      "tune VECTOR = 4 in {{1, 2, 4, 8}};\n"
      "tune SPLIT = 1 in {{1, 2, 3, 4, 5, 6, 7, 8}};\n"
      "require WARPS * STAGES <= 60 else \"more stages than shared memory holds\";\n"
      "gdn_decode<<<dim3(num_v_heads, batch_size), 32 * WARPS>>>(\n"
      "    q, k, v, state, A_log, a, dt_bias, b, scale, output, new_state);\n"
      "*/\n"
      "constexpr int kVariant = {};\n"
      "__global__ void gdn_decode(const __nv_bfloat16* q, const __nv_bfloat16* k, const __nv_bfloat16* v,\n"
      "                           const float* state, const float* A_log, const __nv_bfloat16* a,\n"
      "                           const float* dt_bias, const __nv_bfloat16* b, float scale,\n"
      "                           __nv_bfloat16* output, float* new_state) {{\n",
      variant);
  for (int i = 0; static_cast<int>(text.size()) < source_bytes; ++i)
    text +=
        fmt::format("  const float part_{0} = {0}.0f * scale + kVariant * __bfloat162float(q[{0}]);\n", i);
  return text + "  output[threadIdx.x] = __float2bfloat16(part_0);\n}\n";
}

class InstantModel final : public llm::Provider {
 public:
  explicit InstantModel(int source_bytes) : source_bytes_(source_bytes) {}
  void start(const llm::Call& call) override {
    llm::Completion& done = ready_.emplace_back();
    done.ticket = call.ticket;
    done.turn = call.turn;
    done.attempt = call.attempt;
    auto& reply = std::get<llm::Reply>(done.outcome);
    reply.text = answer(call);
    int64_t bytes = static_cast<int64_t>(call.conversation.system.size());
    for (const llm::Message& message : call.conversation.messages)
      bytes += static_cast<int64_t>(message.text.size());
    reply.usage = {true, bytes / 4 + 1, 0, 0, 500, 0};
  }
  std::vector<llm::Completion> poll() override { return std::exchange(ready_, {}); }
  void cancel(int64_t) override {}
  void wait_on(llm::WaitSet& waits) const override {
    if (!ready_.empty()) waits.wake_within(0);
  }

 private:
  std::string answer(const llm::Call& call) const {
    const std::string line = fmt::format("constexpr int kVariant = {};", call.ticket);
    if (call.op == "research")
      return fmt::format("LESSON: variant {} is slower with wide loads\nDIRECTION: split the state",
                         call.ticket);
    if (call.op == "plan") return fmt::format("IDEA: other rows\n```plan\n{}\n```\n", plan_of(call.ticket));
    if (call.op == "diff") {
      const std::string& prompt = call.conversation.messages.back().text;
      const size_t at = prompt.find("constexpr int kVariant = ");
      if (at != std::string::npos)
        return fmt::format("IDEA: another variant\n<<<<<<< SEARCH\n{}\n=======\n{}\n>>>>>>> REPLACE\n",
                           prompt.substr(at, prompt.find('\n', at) - at), line);
    }
    return "IDEA: another variant\n```cuda\n" + source_of(call.ticket, source_bytes_) + "```\n";
  }
  std::string plan_of(int64_t ticket) const {
    std::string text = source_of(ticket, 0);
    text = text.substr(0, text.find("*/") + 2);
    const std::string rows = "tune ROWS = 4";
    text.replace(text.find(rows), rows.size(), fmt::format("// {}\n{}", ticket, rows));
    return text;
  }
  int source_bytes_;
  std::vector<llm::Completion> ready_;
};

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
    seeds.push_back(
        {i == 0 ? "plain.cu" : fmt::format("seed_{}.cu", i), source_of(-i - 1, settings.source_bytes)});
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

  double evaluator_s = 0;
  const engine::TestEvaluator evaluator(
      setup.sources->workloads(), settings.simulated_reports ? engine::TestEvaluator::Reports::kSimulated
                                                             : engine::TestEvaluator::Reports::kMeasured);
  workers::InProcessPool pool(
      [&](const EvaluationRequest& request) {
        const double begin_s = cpu_s();
        EvaluationReport report = evaluator(request);
        evaluator_s += cpu_s() - begin_s;
        return report;
      },
      static_cast<size_t>(settings.window));
  llm::CallDesk desk({}, {}, config.seed);
  llm::ModelConfig model;
  model.is_free = true;
  model.max_in_flight = 1'000'000;
  const auto provider = std::make_shared<InstantModel>(settings.source_bytes);
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
    loop.end_before(watch.end_at + 2 * settings.window);
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
