// Same seed, same answers, same results: the same run, whatever finishes first. By the whole engine with its
// journal.
#include <gtest/gtest.h>

#include "src/engine/engine.h"
#include "src/engine/open_run.h"
#include "src/engine/test_evaluator.h"
#include "src/engine/test_model.h"
#include "src/engine/test_run.h"
#include "src/search/window.h"
#include "src/workers/in_process_pool.h"

namespace warpwright::engine {
namespace {

namespace fs = std::filesystem;

constexpr int kSourceBytes = 1500;
constexpr int64_t kTickets = 120;

// Agent, two models to choose from, and every rule of the search that a new run has by default.
RunConfig config_of(bool is_measured) {
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
  for (const char* name : {"fast", "strong"}) config.models[name].name = name;
  return config;
}

struct Outcome {
  std::vector<std::string> sequence;  // of the events whose order is promised
  std::string digest;
  events::RunView view;
};

Result<Outcome> run_once(bool is_measured, const fs::path& folder, uint64_t order_seed) {
  RunConfig config = config_of(is_measured);
  TRY_ASSIGN(const fs::path home, find_home());
  TRY_ASSIGN(const Agent agent, load_agent(config.agent, home));
  TRY(settle_agent(config, agent));
  TRY_ASSIGN(RunSetup setup, load_setup(config));
  SystemClock clock;
  std::vector<Seed> seeds = {{"plain.cu", test_source(-1, kSourceBytes)},
                             {"other.cu", test_source(-2, kSourceBytes)}};
  TRY_ASSIGN(OpenRun run, start_new(config, seeds, setup, &agent, folder, clock));
  workers::InProcessPool pool(
      TestEvaluator(setup.sources->workloads(),
                    is_measured ? TestEvaluator::Reports::kMeasured : TestEvaluator::Reports::kSimulated),
      4, order_seed);
  llm::CallDesk desk({}, {}, config.seed);
  const auto provider = std::make_shared<TestModel>(kSourceBytes, order_seed + 1000);
  for (auto& [name, model] : config.models) {
    model.is_free = true;
    model.max_in_flight = 5;
    TRY(desk.add_model(model, provider, llm::Price{}));
  }
  report::SilentView live;
  {
    Engine engine(config, setup, run.journal, run.state, pool, &agent, &desk, live, clock);
    engine.end_before(kTickets);
    TRY(engine.run([] {}));
  }
  Outcome outcome;
  TRY_ASSIGN(const auto records, run.journal.read_events());
  events::Ticket next = 0;
  for (const events::Record& record : records) {
    const auto ticket = events::ticket_of(record.event);
    const bool decides = ticket == next && (std::holds_alternative<events::Proposed>(record.event) ||
                                            std::holds_alternative<events::ModelRequested>(record.event) ||
                                            std::holds_alternative<events::ProposalFailed>(record.event));
    next += decides ? 1 : 0;
    if (decides || search::is_settlement(record.event))
      outcome.sequence.push_back(
          fmt::format("{} {}", events::kind_of(record.event), dump_json(events::to_json(record.event))));
  }
  TRY_ASSIGN(const search::State folded, search::State::fold(records));
  outcome.digest = folded.digest();
  EXPECT_EQ(outcome.digest, run.state.digest()) << "the journal folds to what the run ended with";
  outcome.view = folded.view();
  return outcome;
}

void expect_all_alike(uint64_t runs, bool is_measured) {
  const auto folder = TempDirectory::create().value();
  std::optional<Outcome> first;
  for (uint64_t i = 0; i < runs; ++i) {
    auto outcome = run_once(is_measured, folder.path() / std::to_string(i), i);
    ASSERT_TRUE(outcome) << outcome.error().message;
    if (!first) {
      first = std::move(*outcome);
      continue;
    }
    ASSERT_EQ(outcome->sequence.size(), first->sequence.size());
    for (size_t k = 0; k < first->sequence.size(); ++k)
      ASSERT_EQ(outcome->sequence[k], first->sequence[k]) << "run " << i << ", ordered event " << k;
    ASSERT_EQ(outcome->digest, first->digest);
  }
  // The run has what could depend on an order.
  const events::RunView& view = first->view;
  EXPECT_EQ(view.applied, kTickets);
  EXPECT_GT(view.counters.duplicates, 0);
  EXPECT_GT(view.counters.follow_ups, 0);
  EXPECT_GT(view.counters.by_operator.at("tune"), 5);
  EXPECT_GT(view.counters.by_operator.at("repair"), 0);
  EXPECT_GT(view.models.size(), 1u);
  EXPECT_FALSE(view.interventions.empty());
  EXPECT_FALSE(view.lessons.empty());
  EXPECT_EQ(view.duels.empty(), !is_measured);
}

TEST(EngineDeterminism, TwentyRunsWithFourEvaluatorsInRandomOrderAreOne) {
  expect_all_alike(20, false);
}

TEST(EngineDeterminism, AlsoWhenTimesAreMeasuredAndDuelsDecide) {
  expect_all_alike(6, true);
}

}  // namespace
}  // namespace warpwright::engine
