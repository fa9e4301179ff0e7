#include "src/workers/pool.h"

#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <map>
#include <set>

#include "src/base/clock.h"
#include "src/base/files.h"
#include "src/base/rng.h"

namespace warpwright::workers {
namespace {

WorkerSettings fake_settings(std::vector<std::string> arguments = {}, int count = 1) {
  WorkerSettings settings;
  settings.worker_path = FAKE_WORKER;
  settings.arguments = std::move(arguments);
  settings.count = count;
  settings.hello_deadline_ms = 5'000;
  settings.respawn_base_ms = 1;
  settings.respawn_cap_ms = 20;
  return settings;
}

EvaluationRequest request(const std::string& id, const std::string& behaviour = "") {
  EvaluationRequest request;
  request.id = id;
  request.definition = "any";
  request.source = "// a candidate\n" + (behaviour.empty() ? "" : "//@fake " + behaviour + "\n");
  return request;
}

// The engine's loop in small: waits and collects events until `done` says so.
class Loop {
 public:
  explicit Loop(WorkerSettings settings) : pool(std::move(settings)) {}

  template <class Done>
  void run_until(Done&& done) {
    const int64_t give_up_ms = clock.monotonic_ms() + 30'000;
    while (!done()) {
      ASSERT_LT(clock.monotonic_ms(), give_up_ms) << "nothing happened for 30 s";
      pool.tick(clock.monotonic_ms());
      collect();
      if (done()) return;
      std::vector<pollfd> descriptors;
      pool.add_poll_descriptors(descriptors);
      const int64_t now_ms = clock.monotonic_ms();
      const int64_t next_ms = pool.next_deadline_ms(now_ms).value_or(now_ms + 100);
      const int64_t wait_ms = std::clamp<int64_t>(next_ms - now_ms, 0, 100);
      ::poll(descriptors.data(), descriptors.size(), static_cast<int>(wait_ms));
      for (const pollfd& ready : descriptors) pool.on_ready(ready.fd, ready.revents, clock.monotonic_ms());
      collect();
    }
  }

  void collect() {
    for (PoolEvent& event : pool.take_events()) {
      if (auto* finished_event = std::get_if<RequestFinished>(&event))
        finished.push_back(std::move(*finished_event));
      else if (auto* stopped_event = std::get_if<WorkerStopped>(&event))
        stopped.push_back(stopped_event->reason);
      else if (auto* unusable_event = std::get_if<PoolUnusable>(&event))
        unusable.push_back(unusable_event->reason);
      else if (auto* progress_event = std::get_if<RequestProgress>(&event))
        progress.push_back(*progress_event);
    }
  }

  RequestFinished evaluate(EvaluationRequest one) {
    pool.submit(std::move(one));
    const size_t before = finished.size();
    run_until([&] { return finished.size() > before || !unusable.empty(); });
    return finished.size() > before ? finished.back() : RequestFinished{};
  }

  SystemClock clock;
  WorkerPool pool;
  std::vector<RequestFinished> finished;
  std::vector<std::string> stopped, unusable;
  std::vector<RequestProgress> progress;
};

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(WorkerPool, AnswersARequestAndReportsItsProgress) {
  Loop loop(fake_settings());
  const RequestFinished result = loop.evaluate(request("a"));
  EXPECT_EQ(result.report.status, Status::kPassed);
  EXPECT_EQ(result.report.id, "a");
  EXPECT_EQ(result.attempts, 1);
  ASSERT_EQ(loop.progress.size(), 1u);
  EXPECT_EQ(loop.progress[0].stage, Stage::kCompile);
}

TEST(WorkerPool, ServesManyRequestsOnSeveralWorkersEachOnce) {
  Loop loop(fake_settings({}, 3));
  for (int i = 0; i < 60; ++i) loop.pool.submit(request(std::to_string(i)));
  loop.run_until([&] { return loop.finished.size() == 60; });
  std::set<std::string> ids;
  for (const RequestFinished& result : loop.finished) ids.insert(result.report.id);
  EXPECT_EQ(ids.size(), 60u);
  EXPECT_EQ(loop.pool.queued() + loop.pool.running(), 0u);
}

TEST(WorkerPool, SmallerPriorityGoesFirst) {
  Loop loop(fake_settings());
  loop.pool.submit(request("late"), 9);
  loop.pool.submit(request("early"), 1);
  loop.run_until([&] { return loop.finished.size() == 2; });
  EXPECT_EQ(loop.finished[0].report.id, "early");
}

TEST(WorkerPool, AcceptsASlowHelloAndALoginBanner) {
  Loop loop(fake_settings({"--hello-delay", "150", "--banner"}));
  EXPECT_EQ(loop.evaluate(request("a")).report.status, Status::kPassed);
}

TEST(WorkerPool, WithoutHelloTheSlotIsGivenUpAndSaysWhy) {
  WorkerSettings settings = fake_settings({"--no-hello"});
  settings.hello_deadline_ms = 30;
  settings.max_failed_starts = 2;
  Loop loop(settings);
  loop.evaluate(request("a"));
  ASSERT_EQ(loop.unusable.size(), 1u);
  EXPECT_TRUE(contains(loop.unusable[0], "hello")) << loop.unusable[0];
  EXPECT_EQ(loop.stopped.size(), 2u);
}

TEST(WorkerPool, RefusesAnotherProtocolVersion) {
  Loop loop(fake_settings({"--protocol", "7"}));
  loop.evaluate(request("a"));
  ASSERT_EQ(loop.unusable.size(), 1u);
  EXPECT_TRUE(contains(loop.unusable[0], "protocol 7")) << loop.unusable[0];
}

TEST(WorkerPool, AWorkerThatCannotStartIsQuotedInItsOwnWords) {
  Loop by_stderr(fake_settings({"--die-at-start"}));
  by_stderr.evaluate(request("a"));
  ASSERT_EQ(by_stderr.unusable.size(), 1u);
  EXPECT_TRUE(contains(by_stderr.unusable[0], "no compiler on this machine")) << by_stderr.unusable[0];

  Loop by_bye(fake_settings({"--bye-at-start"}));
  by_bye.evaluate(request("a"));
  ASSERT_EQ(by_bye.unusable.size(), 1u);
  EXPECT_TRUE(contains(by_bye.unusable[0], "NVRTC is missing")) << by_bye.unusable[0];
}

TEST(WorkerPool, AMissingProgramIsAnErrorThatNamesIt) {
  WorkerSettings settings = fake_settings();
  settings.worker_path = "/nonexistent/worker";
  Loop loop(settings);
  loop.evaluate(request("a"));
  ASSERT_EQ(loop.unusable.size(), 1u);
  EXPECT_TRUE(contains(loop.unusable[0], "/nonexistent/worker")) << loop.unusable[0];
}

TEST(WorkerPool, ARequestWhoseWorkerDiesOnceIsAnsweredByAFreshOne) {
  auto folder = TempDirectory::create();
  ASSERT_TRUE(folder);
  Loop loop(fake_settings());
  const RequestFinished result = loop.evaluate(request("a", "crash_once " + (folder->path() / "x").string()));
  EXPECT_EQ(result.report.status, Status::kPassed);
  EXPECT_EQ(result.attempts, 2);
  EXPECT_FALSE(result.quarantined);
}

TEST(WorkerPool, ARequestThatKillsThreeWorkersInARowIsQuarantinedAndOthersGoOn) {
  Loop loop(fake_settings());
  const RequestFinished result = loop.evaluate(request("a", "crash"));
  EXPECT_TRUE(result.quarantined);
  EXPECT_EQ(result.report.status, Status::kWorkerLost);
  EXPECT_EQ(result.attempts, 3);
  EXPECT_TRUE(contains(result.report.message, "signal 9")) << result.report.message;
  EXPECT_EQ(loop.evaluate(request("b")).report.status, Status::kPassed);
  EXPECT_TRUE(loop.unusable.empty());
}

TEST(WorkerPool, ExitCodeZeroProvesNothing) {
  Loop loop(fake_settings());
  const RequestFinished result = loop.evaluate(request("a", "exit0"));
  EXPECT_TRUE(result.quarantined);
  EXPECT_TRUE(contains(result.report.message, "exited with code 0")) << result.report.message;
}

TEST(WorkerPool, SilenceIsALostWorker) {
  WorkerSettings settings = fake_settings();
  settings.silence_deadline_ms = 60;
  Loop loop(settings);
  const RequestFinished result = loop.evaluate(request("a", "silent"));
  EXPECT_TRUE(result.quarantined);
  EXPECT_TRUE(contains(result.report.message, "silent")) << result.report.message;
}

TEST(WorkerPool, HeartbeatsKeepASlowRequestAlive) {
  WorkerSettings settings = fake_settings();
  settings.silence_deadline_ms = 250;
  Loop loop(settings);
  const RequestFinished result = loop.evaluate(request("a", "slow 700"));
  EXPECT_EQ(result.report.status, Status::kPassed);
  EXPECT_EQ(result.attempts, 1);
}

TEST(WorkerPool, AWorkerBusyPastTheRequestsDeadlineIsKilled) {
  WorkerSettings settings = fake_settings();
  settings.deadline_grace_ms = 10;
  Loop loop(settings);
  EvaluationRequest hanging = request("a", "hang");
  hanging.limits.compile_deadline_ms = hanging.limits.evaluation_deadline_ms = 50;
  const RequestFinished result = loop.evaluate(hanging);
  EXPECT_TRUE(result.quarantined);
  EXPECT_TRUE(contains(result.report.message, "still busy")) << result.report.message;
}

TEST(WorkerPool, UnreadableAnswersAreALostWorker) {
  for (const char* behaviour : {"oversize", "bad_json"}) {
    Loop loop(fake_settings());
    const RequestFinished result = loop.evaluate(request("a", behaviour));
    EXPECT_TRUE(result.quarantined) << behaviour;
    EXPECT_TRUE(contains(result.report.message, "line")) << result.report.message;
  }
}

TEST(WorkerPool, SkipsLinesThatAreNotOfTheProtocolAndReportsOfOthers) {
  for (const char* behaviour : {"banner", "wrong_id"}) {
    Loop loop(fake_settings());
    const RequestFinished result = loop.evaluate(request("a", behaviour));
    EXPECT_EQ(result.report.status, Status::kPassed) << behaviour;
    EXPECT_EQ(result.report.id, "a");
    EXPECT_EQ(loop.finished.size(), 1u);
  }
}

// Output without an end, without a line's end, without sense: its worker is replaced, others are served.
TEST(WorkerPool, WhateverAWorkerWritesItNeverHoldsUpTheOthers) {
  WorkerSettings settings = fake_settings({}, 2);
  settings.silence_deadline_ms = 400;
  settings.max_attempts = 2;
  Loop loop(settings);
  const std::vector<std::string> hostile = {"endless",      "endless_lines", "oversize", "bad_json",
                                            "not_a_number", "silent",        "crash",    "exit0"};
  const std::vector<std::string> odd = {"garbage", "flood_stderr", "twice", "wrong_id", "banner", ""};
  for (const std::string& behaviour : hostile) loop.pool.submit(request(behaviour, behaviour));
  for (const std::string& behaviour : odd) loop.pool.submit(request("odd " + behaviour, behaviour));
  loop.run_until([&] { return loop.finished.size() == hostile.size() + odd.size(); });
  std::map<std::string, bool> quarantined;
  for (const RequestFinished& result : loop.finished) quarantined[result.report.id] = result.quarantined;
  for (const std::string& behaviour : hostile) {
    ASSERT_TRUE(quarantined.contains(behaviour)) << behaviour;
    EXPECT_TRUE(quarantined[behaviour]) << behaviour;
  }
  for (const std::string& behaviour : odd) {
    ASSERT_TRUE(quarantined.contains("odd " + behaviour)) << behaviour;
    EXPECT_FALSE(quarantined["odd " + behaviour]) << behaviour;
  }
}

TEST(WorkerPool, AWorkersOwnWorkerLostIsRetriedToo) {
  Loop loop(fake_settings());
  const RequestFinished result = loop.evaluate(request("a", "worker_lost"));
  EXPECT_TRUE(result.quarantined);
  EXPECT_TRUE(contains(result.report.message, "the device went away")) << result.report.message;
}

TEST(WorkerPool, AWorkerThatSaysByeAfterItsReportIsReplaced) {
  Loop loop(fake_settings({"--bye-after-report"}));
  for (const char* id : {"a", "b", "c"}) EXPECT_EQ(loop.evaluate(request(id)).attempts, 1) << id;
}

TEST(WorkerPool, ACancelledRequestIsNeverReported) {
  Loop loop(fake_settings());
  loop.pool.submit(request("a", "slow 100"));
  loop.pool.submit(request("b"));
  loop.pool.submit(request("c"));
  loop.run_until([&] { return loop.pool.running() == 1; });
  loop.pool.cancel("a");  // running
  loop.pool.cancel("b");  // queued
  loop.run_until([&] { return !loop.finished.empty(); });
  ASSERT_EQ(loop.finished.size(), 1u);
  EXPECT_EQ(loop.finished[0].report.id, "c");
}

TEST(WorkerPool, KeysOfThisProcessDoNotReachAWorker) {
  ::setenv("OPENAI_API_KEY", "secret", 1);
  Loop loop(fake_settings());
  EXPECT_EQ(loop.evaluate(request("a", "environment OPENAI_API_KEY")).report.message, "unset");
  EXPECT_EQ(loop.evaluate(request("b", "environment PATH")).report.message, "set");
}

TEST(WorkerPool, ALaunchPrefixComesBeforeTheWorker) {
  WorkerSettings settings = fake_settings();
  settings.command_prefix = {"env", "PLACED=1"};
  Loop loop(settings);
  EXPECT_EQ(loop.evaluate(request("a", "environment PLACED")).report.message, "set");
}

TEST(WorkerPool, WorkersKilledAtRandomMomentsLoseNoRequest) {
  WorkerSettings settings = fake_settings({"--work", "3", "--random-death", "4"}, 2);
  settings.max_attempts = 50;
  Loop loop(settings);
  for (int i = 0; i < 40; ++i) loop.pool.submit(request(std::to_string(i)));
  loop.run_until([&] { return loop.finished.size() == 40; });
  for (const RequestFinished& result : loop.finished) EXPECT_EQ(result.report.status, Status::kPassed);
}

TEST(WorkerPool, KillAllLeavesNothingToWaitFor) {
  Loop loop(fake_settings({}, 2));
  loop.pool.submit(request("a", "hang"));
  loop.run_until([&] { return loop.pool.running() == 1; });
  loop.pool.kill_all();
  std::vector<pollfd> descriptors;
  loop.pool.add_poll_descriptors(descriptors);
  EXPECT_TRUE(descriptors.empty());
  EXPECT_EQ(loop.pool.running(), 0u);
  EXPECT_FALSE(loop.pool.next_deadline_ms(0));
}

}  // namespace
}  // namespace warpwright::workers
