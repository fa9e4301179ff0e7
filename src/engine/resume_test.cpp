// A run whose process dies at any event, also between an answer and what it came to, and in the middle of
// calls: taken up again it is the undisturbed run. By the whole engine with its journal and recorded answers.
#include <gtest/gtest.h>

#include <span>

#include "src/engine/test_agent_run.h"

namespace warpwright::engine {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kTickets = 32;

AgentRun how_to(uint64_t order_seed) {
  AgentRun how;
  how.tickets = kTickets;
  how.order_seed = order_seed;
  how.config.search.window = 6;
  return how;
}

// The journal of a process that was killed after these events.
Result<OpenRun> killed_after(size_t events, const std::vector<events::Record>& records, const OpenRun& from,
                             const fs::path& folder) {
  TRY_ASSIGN(auto journal, journal::Journal::create(folder));
  std::vector<events::Event> kept;
  std::vector<std::string> blobs;
  for (size_t i = 0; i < events; ++i) {
    kept.push_back(records[i].event);
    TRY_ASSIGN(const auto named, named_blobs(from.journal, kept.back()));
    blobs.insert(blobs.end(), named.begin(), named.end());
  }
  TRY(journal.append(kept, 0, blobs));
  TRY_ASSIGN(search::State state, search::State::fold(std::span(records).first(events)));
  return OpenRun{from.config, std::move(journal), std::move(state)};
}

Result<AgentRunOutcome> resumed(OpenRun run, const AgentRun& how) {
  const events::Event event = events::RunResumed{"test"};
  TRY(run.state.apply(event));
  TRY(run.journal.append({event}, 0));
  TRY(how.go_on(run));
  return outcome_of(run);
}

// By the number of their calls that were answered: an answer that is in the journal is never asked for again.
std::map<std::string, int64_t> answered(const events::RunView& view) {
  std::map<std::string, int64_t> counts;
  for (const auto& [model, usage] : view.models) counts[model] = usage.answered;
  return counts;
}

class ResumeAnywhere : public ::testing::Test {
 protected:
  ResumeAnywhere() : folder_(TempDirectory::create().value()) {}
  fs::path path(const std::string& name) const { return folder_.path() / name; }
  TempDirectory folder_;
};

TEST_F(ResumeAnywhere, AKillAfterAnyEventGivesTheUndisturbedRun) {
  AgentRun how = how_to(1);
  auto run = how.start(path("whole"));
  ASSERT_TRUE(run) << run.error().message;
  ASSERT_TRUE(how.go_on(*run));
  const auto whole = outcome_of(*run);
  ASSERT_TRUE(whole) << whole.error().message;
  ASSERT_GT(whole->view.counters.follow_ups, 0) << "tickets: " << whole->view.applied;
  ASSERT_GT(whole->view.arms.begin()->second.microdollars, 0);
  int64_t lost = 0;
  // The last of them are of the end: the ledger, and that the run is finished.
  for (size_t cut = 1; cut + 2 <= whole->records.size(); ++cut) {
    const events::Event& last = whole->records[cut - 1].event;  // search_test has every cut
    if (!std::holds_alternative<events::ModelAnswered>(last) && cut % 9 != 1) continue;
    auto killed = killed_after(cut, whole->records, *run, path(std::to_string(cut)));
    ASSERT_TRUE(killed) << killed.error().message;
    const auto outcome = resumed(std::move(*killed), how_to(100 + cut));
    ASSERT_TRUE(outcome) << outcome.error().message << ", cut after event " << cut;
    ASSERT_EQ(outcome->sequence, whole->sequence) << "cut after event " << cut;
    ASSERT_EQ(outcome->digest, whole->digest) << "cut after event " << cut;
    ASSERT_EQ(answered(outcome->view), answered(whole->view)) << "cut after event " << cut;
    for (const auto& [model, usage] : outcome->view.models) lost += usage.lost;
    fs::remove_all(path(std::to_string(cut)));
  }
  EXPECT_GT(lost, 3);
}

}  // namespace
}  // namespace warpwright::engine
