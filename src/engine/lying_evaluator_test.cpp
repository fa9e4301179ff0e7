// Evaluators that lie or are broken, in every order of arrival: before the baseline is known and after, about
// the baseline and about others. None ends the run, and what is decided does not hang on the order.
#include <gtest/gtest.h>

#include <limits>

#include "src/engine/report_check.h"
#include "src/engine/test_agent_run.h"

namespace warpwright::engine {
namespace {

namespace fs = std::filesystem;

struct Lie {
  const char* name;
  std::function<void(EvaluationReport&)> tell;
};

const std::vector<Lie>& lies() {
  static const double nan = std::numeric_limits<double>::quiet_NaN();
  static const std::vector<Lie> kLies = {
      {"missing", [](auto& r) { r.workloads.pop_back(); }},
      {"extra", [](auto& r) { r.workloads.push_back(r.workloads[0]), r.workloads.back().uuids = {"more"}; }},
      {"twice", [](auto& r) { r.workloads.push_back(r.workloads[0]); }},
      {"one for another", [](auto& r) { r.workloads[1] = r.workloads[0]; }},
      {"foreign", [](auto& r) { r.workloads[0].uuids = {"elsewhere"}; }},
      {"none", [](auto& r) { r.workloads.clear(); }},
      {"no number", [](auto& r) { r.workloads[0].latency_us = nan; }},
      {"negative", [](auto& r) { r.workloads[0].latency_us = -3; }},
      {"endless", [](auto& r) { r.workloads[0].latency_us = 1e308; }},
      {"instant", [](auto& r) { r.workloads[0].latency_us = 1e-308; }},
      {"heavy", [](auto& r) { r.workloads[0].weight = 1e308; }},
      {"weight of no number", [](auto& r) { r.workloads[0].weight = nan; }},
      {"another device", [](auto& r) { r.timing.device = "abacus"; }},
      {"a race that was not held", [](auto& r) { r.lost_race = true, r.race_bound = 9; }},
      {"no worker", [](auto& r) { r.status = Status::kWorkerLost; }},
      {"failed with no number", [](auto& r) {
         r.status = Status::kIncorrectNumerical;
         r.workloads[0].latency_us = r.workloads[0].max_rel = nan;
       }}};
  return kLies;
}

// By itself: it would do as a baseline.
bool is_consistent(const Lie& lie) {
  EvaluationReport report;
  report.status = Status::kPassed;
  report.timing.method = "sim-estimate";
  for (const char* uuid : {"a", "b"}) {
    report.workloads.emplace_back().uuids = {uuid};
    report.workloads.back().latency_us = 10;
  }
  lie.tell(report);
  return why_not_believed(report, nullptr) == std::nullopt;
}

constexpr int kOrders = 3;

class LyingEvaluator : public ::testing::Test {
 protected:
  LyingEvaluator() : folder_(TempDirectory::create().value()) {}

  // `is_told_of` says about whom.
  Result<AgentRunOutcome> run_with(const Lie& lie, uint64_t order, bool has_seeds,
                                   const std::function<bool(int64_t ticket)>& is_told_of) {
    AgentRun how;
    how.tickets = 20;
    how.order_seed = order;
    how.config.search.window = 8;
    if (has_seeds) {
      for (const int variant : {-3, -4, -5})
        how.seeds.push_back({fmt::format("s{}.cu", variant), test_source(variant, 900)});
    } else {
      how.seeds.clear();
    }
    how.distort = [&](const EvaluationRequest& request, EvaluationReport& report) {
      const auto item = work_of_request(request.id);
      if (!item || item->kind != WorkKind::kEvaluate || report.status != Status::kPassed) return;
      if (is_told_of(item->ticket)) lie.tell(report);
    };
    TRY_ASSIGN(OpenRun run, how.start(folder_.path() / std::to_string(runs_++)));
    TRY(how.go_on(run));
    return outcome_of(run);
  }

  void expect_same_run_in_every_order(const Lie& lie, bool has_seeds,
                                      const std::function<bool(int64_t ticket)>& is_told_of) {
    std::optional<AgentRunOutcome> first;
    for (uint64_t order = 0; order < kOrders; ++order) {
      auto outcome = run_with(lie, order, has_seeds, is_told_of);
      ASSERT_TRUE(outcome) << lie.name << ": " << outcome.error().message;
      EXPECT_EQ(outcome->view.applied, 20) << lie.name << ", order " << order;
      for (const auto& [id, candidate] : outcome->view.candidates)
        EXPECT_LT(candidate.passed() ? candidate.score : 0, 20) << lie.name << ": no lie leads";
      if (!first) {
        first = std::move(*outcome);
        continue;
      }
      EXPECT_EQ(outcome->sequence, first->sequence) << lie.name << ", order " << order;
      EXPECT_EQ(outcome->digest, first->digest) << lie.name << ", order " << order;
    }
  }

  TempDirectory folder_;
  int runs_ = 0;
};

TEST_F(LyingEvaluator, AboutOtherSeedsAndCandidatesEndsNoRun) {
  for (const Lie& lie : lies())
    expect_same_run_in_every_order(lie, true, [](int64_t ticket) { return ticket % 3 == 1 || ticket == 2; });
}

// The first that passes is the baseline: what is said before anything is applied has nothing to be held
// against, and whatever comes first into force is what the rest is held against.
TEST_F(LyingEvaluator, BeforeThereIsABaselineEndsNoRun) {
  for (const Lie& lie : lies())
    expect_same_run_in_every_order(lie, false, [](int64_t ticket) { return ticket % 2 == 1; });
}

TEST_F(LyingEvaluator, AboutTheBaselineIsAskedAgain) {
  for (const Lie& lie : lies()) {
    // Which workloads and what device there are, nobody knows better than the baseline's report.
    if (is_consistent(lie)) continue;
    int told = 0;
    const auto outcome = run_with(lie, 1, true, [&](int64_t ticket) { return ticket == 0 && told++ < 2; });
    ASSERT_TRUE(outcome) << lie.name << ": " << outcome.error().message;
    EXPECT_EQ(outcome->view.applied, 20) << lie.name;
    ASSERT_TRUE(outcome->view.baseline) << lie.name;
  }
}

TEST_F(LyingEvaluator, AboutTheBaselineForGoodLeavesARunThatCanBeTakenUp) {
  const Lie& lie = lies()[6];
  AgentRun how;
  how.tickets = 20;
  bool is_lying = true;
  how.distort = [&](const EvaluationRequest& request, EvaluationReport& report) {
    if (is_lying && request.id == "t0/evaluate") lie.tell(report);
  };
  auto run = how.start(folder_.path() / "run");
  ASSERT_TRUE(run) << run.error().message;
  const auto stop = how.go_on(*run);
  ASSERT_FALSE(stop);
  EXPECT_EQ(stop.error().kind, ErrorKind::kInfrastructure);
  EXPECT_NE(stop.error().message.find("cannot be believed"), std::string::npos) << stop.error().message;
  is_lying = false;
  ASSERT_TRUE(how.go_on(*run));
  EXPECT_EQ(run->state.applied(), 20);
}

}  // namespace
}  // namespace warpwright::engine
