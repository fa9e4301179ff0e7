// What comes at once shares one flush of the disk, and nobody is told of, paid for, or left asleep with what
// is not durable yet.
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <set>

#include "src/engine/test_agent_run.h"

namespace warpwright::engine {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kTickets = 120;

std::vector<events::Record> durable(const fs::path& folder) {
  const auto journal = journal::Journal::open_read_only(folder);
  EXPECT_TRUE(journal) << journal.error().message;
  return journal->read_events().value();
}

template <class Event>
int64_t count(const std::vector<events::Record>& records) {
  return std::count_if(records.begin(), records.end(),
                       [](const auto& record) { return std::holds_alternative<Event>(record.event); });
}

// What the view is told of, against what the journal holds in that moment.
class DurableView final : public report::LiveView {
 public:
  void update(const report::LiveStatus&, int64_t) override {
    if (state == nullptr || state->applied() == seen) return;
    seen = state->applied();
    ++updates;
    EXPECT_EQ(count<events::Applied>(durable(folder)), seen);
  }
  void note(const std::string&) override {}
  void finish() override {}

  const search::State* state = nullptr;
  fs::path folder;
  int64_t seen = 0, updates = 0;
};

// Every look at it is so much later.
class TickingClock final : public Clock {
 public:
  explicit TickingClock(int64_t step_ms) : step_ms_(step_ms) {}
  int64_t monotonic_ms() override { return now_ms_ += step_ms_; }
  int64_t wall_unix_ms() override { return now_ms_; }

 private:
  int64_t step_ms_, now_ms_ = 0;
};

// One request at a time, which ends only while the loop sleeps: then it may look at the journal for a moment.
class SleepyPool final : public workers::EvaluatorPool {
 public:
  SleepyPool(workers::InProcessPool::Evaluate evaluate, std::function<void()> on_sleep)
      : inner_(std::move(evaluate), 1), on_sleep_(std::move(on_sleep)), wake_(::eventfd(0, EFD_NONBLOCK)) {}
  ~SleepyPool() override { ::close(wake_); }

  void submit(EvaluationRequest request, int64_t priority) override {
    inner_.submit(std::move(request), priority);
    ++outstanding_;
  }
  void add_poll_descriptors(std::vector<pollfd>& descriptors) const override {
    descriptors.push_back({wake_, POLLIN, 0});
    // The first look after something came does not sleep; the second one does.
    if (outstanding_ == 0 || ++looks_ < 2) return;
    on_sleep_();
    const uint64_t one = 1;
    EXPECT_EQ(::write(wake_, &one, sizeof one), 8);
  }
  void on_ready(int, short revents, int64_t) override {
    if ((revents & POLLIN) == 0) return;
    uint64_t value = 0;
    EXPECT_EQ(::read(wake_, &value, sizeof value), 8);
    looks_ = 0;
    inner_.tick(0);
    outstanding_ = static_cast<int64_t>(inner_.queued() + inner_.running());
  }
  void tick(int64_t) override {}
  std::optional<int64_t> next_deadline_ms(int64_t) const override { return std::nullopt; }
  std::vector<workers::PoolEvent> take_events() override { return inner_.take_events(); }
  bool has_events() const override { return inner_.has_events(); }
  size_t queued() const override { return inner_.queued(); }
  size_t running() const override { return inner_.running(); }
  size_t ready() const override { return 1; }
  size_t slot_count() const override { return 1; }
  void kill_all() override { inner_.kill_all(); }

 private:
  workers::InProcessPool inner_;
  std::function<void()> on_sleep_;
  int wake_;
  int64_t outstanding_ = 0;
  mutable int looks_ = 0;
};

class GroupCommit : public ::testing::Test {
 protected:
  GroupCommit() : folder_(TempDirectory::create().value()) {
    const RunConfig with_models = agent_run_config(false);
    config_.definition = with_models.definition;
    config_.max_evaluations = with_models.max_evaluations;
    config_.device = with_models.device;
    config_.target = with_models.target;
    config_.executor = config_.selection = "sim";
    config_.red_team = false;
    config_.search.window = 12;
    auto setup = load_setup(config_);
    EXPECT_TRUE(setup) << setup.error().message;
    setup_.emplace(std::move(*setup));
    auto open = start_new(config_, {{"plain.cu", test_source(-1, 500)}, {"other.cu", test_source(-2, 500)}},
                          *setup_, nullptr, folder_.path(), clock_);
    EXPECT_TRUE(open) << open.error().message;
    open_.emplace(std::move(*open));
    view_.state = &open_->state;
    view_.folder = folder_.path();
  }

  void run(workers::EvaluatorPool& pool, Clock& clock) {
    Engine engine(config_, *setup_, open_->journal, open_->state, pool, nullptr, nullptr, view_, clock);
    engine.end_before(kTickets);
    const auto stop = engine.run([] {});
    ASSERT_TRUE(stop) << stop.error().message;
    EXPECT_EQ(count<events::Applied>(durable(folder_.path())), kTickets);
  }
  workers::InProcessPool::Evaluate evaluate() const {
    return TestEvaluator(setup_->sources->workloads(), TestEvaluator::Reports::kSimulated);
  }

  TempDirectory folder_;
  SystemClock clock_;
  RunConfig config_;
  std::optional<RunSetup> setup_;
  std::optional<OpenRun> open_;
  DurableView view_;
};

TEST_F(GroupCommit, WhatComesAtOnceSharesAFlush) {
  workers::InProcessPool pool(evaluate(), 12);
  FakeClock clock;  // no time passes: only a new best and the end ask for a flush
  run(pool, clock);
  std::set<events::CandidateId> leaders;
  const auto records = durable(folder_.path());
  auto state = search::State::fold(std::span(records).first(1)).value();
  for (const events::Record& record : std::span(records).subspan(1)) {
    ASSERT_TRUE(state.apply(record.event));
    if (state.view().best) leaders.insert(*state.view().best);
  }
  EXPECT_LE(view_.updates, static_cast<int64_t>(leaders.size()) + 2);
}

TEST_F(GroupCommit, WhatCameIsDurableAfterAMoment) {
  workers::InProcessPool pool(evaluate(), 12);
  TickingClock clock(51);
  run(pool, clock);
  EXPECT_GE(view_.updates, kTickets / 12);
}

TEST_F(GroupCommit, TheLoopSleepsOnlyWithAllThatCameDurable) {
  int64_t evaluated = 0, sleeps = 0;
  FakeClock clock;
  SleepyPool pool(
      [&, evaluate = evaluate()](const EvaluationRequest& request) {
        if (request.last_stage != Stage::kCompile) ++evaluated;
        return evaluate(request);
      },
      [&] {
        ++sleeps;
        EXPECT_EQ(count<events::EvaluationFinished>(durable(folder_.path())), evaluated);
      });
  run(pool, clock);
  EXPECT_GE(sleeps, kTickets);
}

// Looks into the journal when a call is sent.
class WatchedModel final : public llm::Provider {
 public:
  explicit WatchedModel(fs::path folder) : folder_(std::move(folder)) {}
  void start(const llm::Call& call) override {
    const auto records = durable(folder_);
    const auto started = std::find_if(records.begin(), records.end(), [&](const events::Record& record) {
      const auto* event = std::get_if<events::CallStarted>(&record.event);
      return event != nullptr && event->ticket == call.ticket && event->attempt == call.attempt;
    });
    EXPECT_NE(started, records.end()) << "ticket " << call.ticket;
    ++calls;
    inner_.start(call);
  }
  std::vector<llm::Completion> poll() override { return inner_.poll(); }
  void cancel(int64_t ticket) override { inner_.cancel(ticket); }
  void wait_on(llm::WaitSet& waits) const override { inner_.wait_on(waits); }

  int64_t calls = 0;

 private:
  fs::path folder_;
  TestModel inner_{AgentRun::kSourceBytes};
};

TEST(GroupCommitOfCalls, ACallIsSentOnlyWhenItsIntentIsDurable) {
  const auto folder = TempDirectory::create().value();
  AgentRun how;
  how.tickets = 60;
  const auto model = std::make_shared<WatchedModel>(folder.path());
  how.provider = model;
  auto run = how.start(folder.path());
  ASSERT_TRUE(run) << run.error().message;
  ASSERT_TRUE(how.go_on(*run));
  EXPECT_GE(model->calls, 10);
}

}  // namespace
}  // namespace warpwright::engine
