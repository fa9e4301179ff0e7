// A run that is branched off where races have been planned: the fork has exactly those that its first ticket
// saw, and with the same settings and answers it is the run that it came from.
#include <gtest/gtest.h>

#include "src/engine/test_agent_run.h"

namespace warpwright::engine {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kTickets = 36;

AgentRun how_to(uint64_t order_seed) {
  AgentRun how;
  how.tickets = kTickets;
  how.order_seed = order_seed;
  how.config.search.window = 6;
  return how;
}

class ForkOfRaces : public ::testing::Test {
 protected:
  ForkOfRaces() : folder_(TempDirectory::create().value()) {}
  fs::path path(const std::string& name) const { return folder_.path() / name; }

  Result<OpenRun> whole(AgentRun& how) {
    TRY_ASSIGN(OpenRun run, how.start(path("whole")));
    TRY(how.go_on(run));
    return run;
  }
  Result<OpenRun> fork_at(events::Ticket ticket, const RunConfig& config, const std::string& name) {
    TRY_ASSIGN(const RunSetup setup, load_setup(config));
    TRY_ASSIGN(const fs::path home, find_home());
    TRY_ASSIGN(const Agent agent, load_agent(config.agent, home));
    SystemClock clock;
    return fork_run(path("whole"), ticket, config, setup, &agent, path(name), clock);
  }
  TempDirectory folder_;
};

TEST_F(ForkOfRaces, GoesOnAsTheRunItCameFromWhateverTicketItLeavesItAt) {
  AgentRun how = how_to(1);
  const auto run = whole(how);
  ASSERT_TRUE(run) << run.error().message;
  const auto expected = outcome_of(*run);
  ASSERT_TRUE(expected) << expected.error().message;
  ASSERT_FALSE(expected->view.races.empty());
  ASSERT_GT(expected->view.counters.lost_races, 0);
  for (events::Ticket ticket = 2; ticket <= kTickets; ticket += 4) {
    auto fork = fork_at(ticket, how.config, std::to_string(ticket));
    ASSERT_TRUE(fork) << fork.error().message;
    ASSERT_TRUE(how_to(ticket).go_on(*fork));
    const auto outcome = outcome_of(*fork);
    ASSERT_TRUE(outcome) << outcome.error().message;
    EXPECT_EQ(outcome->sequence, expected->sequence) << "left at ticket " << ticket;
    EXPECT_EQ(outcome->digest, expected->digest) << "left at ticket " << ticket;
  }
}

TEST_F(ForkOfRaces, TakesOverTheRacesThatItsFirstTicketSawAndNoOthers) {
  AgentRun how = how_to(1);
  const auto run = whole(how);
  ASSERT_TRUE(run) << run.error().message;
  const auto expected = outcome_of(*run);
  ASSERT_TRUE(expected) << expected.error().message;
  for (events::Ticket ticket = 2; ticket <= kTickets; ++ticket) {
    const int64_t seen = search::outcomes_needed(ticket, 2, how.config.search.window);
    size_t planned = 0;
    for (const events::Record& record : expected->records)
      if (const auto* race = std::get_if<events::RacePlanned>(&record.event))
        planned += race->after_applied <= seen ? 1 : 0;
    const auto fork = fork_at(ticket, how.config, "at " + std::to_string(ticket));
    ASSERT_TRUE(fork) << fork.error().message;
    EXPECT_EQ(fork->state.view().races.size(), planned) << "left at ticket " << ticket;
    for (const auto& [id, candidate] : fork->state.view().candidates) {
      if (candidate.race) {
        EXPECT_LT(*candidate.race, planned) << "candidate " << id << " of a fork at " << ticket;
      }
    }
    fs::remove_all(path("at " + std::to_string(ticket)));
  }
}

// The races of the past stay as they were; what is decided from here on is not raced any more.
TEST_F(ForkOfRaces, MayDoWithoutRacesFromThereOn) {
  AgentRun how = how_to(1);
  const auto run = whole(how);
  ASSERT_TRUE(run) << run.error().message;
  RunConfig without = how.config;
  without.search.race_margin = 0;
  auto fork = fork_at(24, without, "without");
  ASSERT_TRUE(fork) << fork.error().message;
  const size_t races = fork->state.view().races.size();
  ASSERT_GT(races, 0u);
  const auto stop = how_to(5).go_on(*fork);
  ASSERT_TRUE(stop) << stop.error().message;
  EXPECT_EQ(fork->state.view().races.size(), races);
  EXPECT_EQ(fork->state.applied(), kTickets);
}

}  // namespace
}  // namespace warpwright::engine
