// While the journal is written in its own thread, nothing is acted upon before it is durable, and no error of
// the disk is lost.
#include <gtest/gtest.h>

#include <set>

#include "src/engine/engine.h"
#include "src/engine/open_run.h"
#include "src/engine/test_evaluator.h"
#include "src/engine/test_run.h"
#include "src/journal/journal_file.h"
#include "src/journal/sqlite.h"
#include "src/workers/in_process_pool.h"

namespace warpwright::engine {
namespace {

namespace fs = std::filesystem;

// Calls `before_submit` with each piece of work, before it is begun.
class WatchedPool final : public workers::EvaluatorPool {
 public:
  using Watch = std::function<void(const WorkItem&)>;
  WatchedPool(workers::InProcessPool& pool, Watch before_submit)
      : pool_(pool), before_submit_(std::move(before_submit)) {}

  void submit(EvaluationRequest request, int64_t priority) override {
    before_submit_(work_of_request(request.id).value());
    pool_.submit(std::move(request), priority);
  }
  void tick(int64_t now_ms) override { pool_.tick(now_ms); }
  std::vector<workers::PoolEvent> take_events() override { return pool_.take_events(); }
  bool has_events() const override { return pool_.has_events(); }
  std::optional<int64_t> next_deadline_ms(int64_t now_ms) const override {
    return pool_.next_deadline_ms(now_ms);
  }
  void add_poll_descriptors(std::vector<pollfd>&) const override {}
  void on_ready(int, short, int64_t) override {}
  size_t queued() const override { return pool_.queued(); }
  size_t running() const override { return pool_.running(); }
  size_t ready() const override { return pool_.ready(); }
  size_t slot_count() const override { return pool_.slot_count(); }
  void kill_all() override { pool_.kill_all(); }

 private:
  workers::InProcessPool& pool_;
  Watch before_submit_;
};

struct Outcome {
  Result<Stop> stop;
  std::string digest;
};

// A run of 60 tickets that asks no model. `order_seed`: the order in which evaluations end; none: all at
// once.
Outcome run_watched(const fs::path& folder, std::optional<uint64_t> order_seed,
                    const WatchedPool::Watch& watch, bool is_measured = false) {
  RunConfig config = test_config();
  config.max_evaluations = 1'000'000;
  config.device = "b200";
  config.target = "sm_100a";
  config.executor = is_measured ? "cuda" : "sim";
  config.selection = is_measured ? "all" : "sim";
  config.search.window = 12;
  auto setup = load_setup(config).value();
  SystemClock clock;
  const std::vector<Seed> seeds = {{"plain.cu", test_source(-1, 1500)}, {"other.cu", test_source(-2, 1500)}};
  OpenRun run = start_new(config, seeds, setup, nullptr, folder, clock).value();
  workers::InProcessPool instant(
      TestEvaluator(setup.sources->workloads(),
                    is_measured ? TestEvaluator::Reports::kMeasured : TestEvaluator::Reports::kSimulated),
      4, order_seed);
  WatchedPool pool(instant, watch);
  report::SilentView live;
  Engine engine(config, setup, run.journal, run.state, pool, nullptr, nullptr, live, clock);
  engine.end_before(60);
  auto stop = engine.run([] {});
  return {std::move(stop), run.state.digest()};
}

// What is on the disk, as another process sees it.
class Durable {
 public:
  explicit Durable(fs::path folder) : folder_(std::move(folder)) {}

  bool has_what_opened(const WorkItem& item) {
    if (!journal_) journal_ = journal::Journal::open_read_only(folder_).value();
    const auto records = journal_->read_events(seq_).value();
    for (const events::Record& record : records) {
      seq_ = record.seq;
      const auto ticket = events::ticket_of(record.event);
      if (std::holds_alternative<events::Proposed>(record.event)) proposed_.insert(*ticket);
      if (std::holds_alternative<events::Compiled>(record.event)) compiled_.insert(*ticket);
      if (std::holds_alternative<events::EvaluationFinished>(record.event)) evaluated_.insert(*ticket);
    }
    switch (item.kind) {
      case WorkKind::kAskProvider:
      case WorkKind::kCompile:
        return proposed_.contains(item.ticket);
      case WorkKind::kEvaluate:
        return compiled_.contains(item.ticket);
      case WorkKind::kDuel:
      case WorkKind::kFinal:
        return evaluated_.contains(item.ticket);
    }
    return false;
  }

 private:
  fs::path folder_;
  std::optional<journal::Journal> journal_;
  int64_t seq_ = 0;
  std::set<events::Ticket> proposed_, compiled_, evaluated_;
};

void expect_durable_before_acted_on(bool is_measured) {
  const auto temp = TempDirectory::create().value();
  std::set<std::string> digests;
  const std::vector<std::optional<uint64_t>> orders = {std::nullopt, 1u, 2u, 3u};
  for (const std::optional<uint64_t>& order : orders) {
    const fs::path folder = temp.path() / (order ? std::to_string(*order) : "at_once");
    Durable durable(folder);
    int64_t begun = 0;
    const Outcome outcome = run_watched(
        folder, order,
        [&](const WorkItem& item) {
          ++begun;
          EXPECT_TRUE(durable.has_what_opened(item)) << request_id(item);
        },
        is_measured);
    ASSERT_TRUE(outcome.stop) << outcome.stop.error().message;
    EXPECT_GT(begun, 60);
    digests.insert(outcome.digest);
    EXPECT_EQ(history_of(folder).digest, outcome.digest) << "all that was made is in the journal";
  }
  EXPECT_EQ(digests.size(), 1u);
}

TEST(Commit, WhatOpensAPieceOfWorkIsDurableBeforeItIsBegun) {
  expect_durable_before_acted_on(false);
}

TEST(Commit, DuelsToo) {
  expect_durable_before_acted_on(true);
}

TEST(Commit, AJournalThatCannotBeWrittenEndsTheRunWithItsReason) {
  const auto temp = TempDirectory::create().value();
  const fs::path folder = temp.path() / "run";
  int64_t begun = 0, begun_at_loss = 0;
  const Outcome outcome = run_watched(folder, std::nullopt, [&](const WorkItem&) {
    if (++begun != 50) return;
    begun_at_loss = begun;
    const auto db = journal::Db::open(journal::journal_path(folder), journal::Db::Mode::kReadWrite).value();
    ASSERT_TRUE(db.execute("DROP TABLE results"));
  });
  ASSERT_FALSE(outcome.stop);
  EXPECT_NE(outcome.stop.error().message.find("journal.db"), std::string::npos)
      << outcome.stop.error().message;
  EXPECT_EQ(begun_at_loss, 50);
  EXPECT_LT(begun, 50 + 2 * 12) << "what could not be recorded was not built upon";
}

}  // namespace
}  // namespace warpwright::engine
