// For tests: whole runs of the engine in this process, with an agent, two models that cost money, an
// evaluator without a compiler, and every rule of the search that a new run has by default.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "src/engine/engine.h"
#include "src/engine/open_run.h"
#include "src/engine/test_evaluator.h"
#include "src/engine/test_model.h"
#include "src/engine/test_run.h"
#include "src/search/window.h"
#include "src/workers/in_process_pool.h"

namespace warpwright::engine {

inline RunConfig agent_run_config(bool is_measured) {
  RunConfig config;
  config.definition = "gdn_decode_qk4_v8_d128_k_last";
  config.seed = 11;
  config.max_evaluations = 1'000'000;
  config.device = "b200";
  config.target = "sm_100a";
  config.executor = is_measured ? "cuda" : "sim";
  config.selection = is_measured ? "all" : "sim";
  config.red_team = false;
  config.search.window = 12;
  config.search.stagnation_after = 10;
  config.search.migration_interval = 15;
  config.search.model_choice = config.search.operator_choice = "bandit";
  config.search.trial_sections = {"lessons"};
  config.agent = "evolver";
  for (const char* name : {"fast", "strong"}) {
    llm::ModelConfig& model = config.models[name];
    model.name = name;
    model.provider = llm::ProviderKind::kReplay;
    model.folder = "answers";
  }
  return config;
}

struct AgentRun {
  using Distort = std::function<void(const EvaluationRequest&, EvaluationReport&)>;

  RunConfig config = agent_run_config(false);
  std::vector<Seed> seeds = {{"plain.cu", test_source(-1, kSourceBytes)},
                             {"other.cu", test_source(-2, kSourceBytes)}};
  int64_t tickets = 120;
  uint64_t order_seed = 0;                  // of arrivals
  Distort distort;                          // what the evaluator says in place of the truth
  std::shared_ptr<llm::Provider> provider;  // null: a TestModel

  static constexpr int kSourceBytes = 1500;

  Result<OpenRun> start(const std::filesystem::path& folder) {
    TRY_ASSIGN(const std::filesystem::path home, find_home());
    TRY_ASSIGN(const Agent agent, load_agent(config.agent, home));
    TRY(settle_agent(config, agent));
    TRY_ASSIGN(const RunSetup setup, load_setup(config));
    SystemClock clock;
    return start_new(config, seeds, setup, &agent, folder, clock);
  }

  Result<Stop> go_on(OpenRun& run) const {
    TRY_ASSIGN(RunSetup setup, load_setup(run.config));
    TRY_ASSIGN(const std::optional<Agent> agent, recorded_agent(run.state.view(), run.journal));
    const bool is_measured = run.config.executor == "cuda";
    const TestEvaluator evaluator(setup.sources->workloads(), is_measured
                                                                  ? TestEvaluator::Reports::kMeasured
                                                                  : TestEvaluator::Reports::kSimulated);
    const auto evaluate = [&](const EvaluationRequest& request) {
      EvaluationReport report = evaluator(request);
      if (distort) distort(request, report);
      return report;
    };
    workers::InProcessPool pool(evaluate, 4, order_seed);
    llm::CallDesk desk({}, {}, run.config.seed);
    const auto answers = provider ? provider : std::make_shared<TestModel>(kSourceBytes, order_seed + 1000);
    for (auto [name, model] : run.config.models) {
      model.max_in_flight = 5;
      const double price = name == "strong" ? 10 : 1;
      TRY(desk.add_model(model, answers, llm::Price{price, price}));
    }
    report::SilentView live;
    SystemClock clock;
    Engine engine(run.config, setup, run.journal, run.state, pool, &*agent, &desk, live, clock);
    engine.end_before(tickets);
    return engine.run([] {});
  }
};

// What two runs of equal seed and answers have in common.
struct AgentRunOutcome {
  std::vector<events::Record> records;
  std::vector<std::string> sequence;  // of the events whose order is promised
  std::string digest;
  events::RunView view;
};

inline Result<AgentRunOutcome> outcome_of(const OpenRun& run) {
  AgentRunOutcome outcome;
  TRY_ASSIGN(outcome.records, run.journal.read_events());
  events::Ticket next = 0;
  for (const events::Record& record : outcome.records) {
    const auto ticket = events::ticket_of(record.event);
    const bool decides = ticket == next && (std::holds_alternative<events::Proposed>(record.event) ||
                                            std::holds_alternative<events::ModelRequested>(record.event) ||
                                            std::holds_alternative<events::ProposalFailed>(record.event));
    next += decides ? 1 : 0;
    if (decides || search::is_settlement(record.event))
      outcome.sequence.push_back(
          fmt::format("{} {}", events::kind_of(record.event), dump_json(events::to_json(record.event))));
  }
  TRY_ASSIGN(const search::State folded, search::State::fold(outcome.records));
  outcome.digest = folded.digest();
  EXPECT_EQ(outcome.digest, run.state.digest()) << "the journal folds to what the run ended with";
  outcome.view = folded.view();
  return outcome;
}

}  // namespace warpwright::engine
