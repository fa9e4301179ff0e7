// Same seed, same answers, same results: the same run, whatever finishes first. By the whole engine with its
// journal.
#include <gtest/gtest.h>

#include "src/engine/test_agent_run.h"

namespace warpwright::engine {
namespace {

namespace fs = std::filesystem;

Result<AgentRunOutcome> run_once(bool is_measured, const fs::path& folder, uint64_t order_seed) {
  AgentRun how;
  how.config = agent_run_config(is_measured);
  how.order_seed = order_seed;
  TRY_ASSIGN(OpenRun run, how.start(folder));
  TRY(how.go_on(run));
  return outcome_of(run);
}

void expect_all_alike(uint64_t runs, bool is_measured) {
  const auto folder = TempDirectory::create().value();
  std::optional<AgentRunOutcome> first;
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
  EXPECT_EQ(view.applied, AgentRun().tickets);
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
