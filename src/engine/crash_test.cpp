// kill -9 at random moments, of the orchestrator and of its workers: nothing that had finished is lost or
// done again, and the run ends as the undisturbed one.
#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>
#include <fstream>
#include <random>
#include <thread>

#include "src/base/subprocess.h"
#include "src/engine/run_directory.h"
#include "src/engine/test_run.h"

namespace warpwright::engine {
namespace {

Subprocess start_fixture(const std::filesystem::path& config, const std::filesystem::path& run, bool resume) {
  SubprocessOptions options;
  options.argv = {EVOLVE_FIXTURE, config.string(), run.string(), resume ? "resume" : "new"};
  options.keep_environment.emplace_back("WARPWRIGHT_HOME");
  options.inherit_stderr = true;
  auto process = Subprocess::start(options);
  EXPECT_TRUE(process) << process.error().message;
  return std::move(*process);
}

void sleep_ms(int64_t ms) {
  std::this_thread::sleep_for(std::chrono::milliseconds(ms));
}

std::vector<pid_t> children_of(pid_t pid) {
  std::vector<pid_t> children;
  std::ifstream file("/proc/" + std::to_string(pid) + "/task/" + std::to_string(pid) + "/children");
  for (pid_t child; file >> child;) children.push_back(child);
  return children;
}

bool has_started(const std::filesystem::path& run) {
  return std::filesystem::exists(RunDirectory(run).config());  // written after the first commit
}

constexpr int kKills = 50;
constexpr int64_t kEvaluations = 90;

class Crash : public ::testing::Test {
 protected:
  Crash() : folder_(TempDirectory::create().value()) {
    RunConfig config = test_config(2, {"--work", "6", "--ledger", path("ledger").string()});
    config.max_evaluations = kEvaluations;
    // Equal programs of two races that are both under way are both evaluated (arrivals.cpp): here each is counted.
    config.search.race_margin = 0;
    // A wider space than the default seeds', so that the run outlives all kills.
    config.seeds_folder = path("seeds").string();
    EXPECT_TRUE(warpwright::create_directories(path("seeds")));
    EXPECT_TRUE(write_file_atomic(path("seeds") / "plain.cu", R"(// knob::A knob::B
/*@plan
tune A = 16 in {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 16};
tune B = 1 in {1, 2, 3, 4, 5, 6, 7, 8};
tune COMMENT = 0 in {0, 1, 2};
plain<<<dim3(batch_size), 128>>>(q, output, new_state);
*/
)"));
    EXPECT_TRUE(write_file_atomic(path("config.toml"), to_toml(config)));
  }
  std::filesystem::path path(const std::string& name) const { return folder_.path() / name; }

  int64_t ledger_lines() const {
    int64_t lines = 0;
    for (const auto& [identity, count] : ledger_of(path("ledger"))) lines += count;
    return lines;
  }

  // One process from its start to an untimely end: while it starts or recovers, or in the middle of its work.
  void run_and_kill(int64_t after_ms, bool at_work, bool kill_worker_first) {
    const int64_t before = ledger_lines();
    Subprocess process = start_fixture(path("config.toml"), path("run"), has_started(path("run")));
    while (at_work && ledger_lines() == before && !process.try_wait()) sleep_ms(1);
    sleep_ms(after_ms / 2);
    if (kill_worker_first) {
      const std::vector<pid_t> workers = children_of(process.pid());
      if (!workers.empty()) ::kill(workers[static_cast<size_t>(after_ms) % workers.size()], SIGKILL);
    }
    sleep_ms(after_ms / 2);
    process.kill_group();
    process.wait();
  }

  int run_to_the_end(const std::filesystem::path& run, int interrupt_after_ms = -1) {
    Subprocess process = start_fixture(path("config.toml"), run, has_started(run));
    if (interrupt_after_ms >= 0) {
      while (!has_started(run) && !process.try_wait()) sleep_ms(1);
      sleep_ms(interrupt_after_ms);
      ::kill(process.pid(), SIGINT);
    }
    return process.wait().code;
  }

  TempDirectory folder_;
};

TEST_F(Crash, FiftyKillsLoseNothingRepeatNothingAndChangeNothing) {
  std::mt19937 random(std::random_device{}());
  std::map<std::string, int64_t> finished;
  std::map<std::string, int> evaluated;
  for (int kill = 0; kill < kKills; ++kill) {
    const int64_t after_ms = std::uniform_int_distribution<int64_t>(0, 40)(random);
    run_and_kill(after_ms, kill % 3 != 1, kill % 2 == 0);
    if (!has_started(path("run"))) continue;
    const History history = history_of(path("run"));
    for (const auto& [identity, seq] : finished)
      ASSERT_TRUE(history.finished.contains(identity) && history.finished.at(identity) == seq) << "lost";
    const auto ledger = ledger_of(path("ledger"));
    for (const auto& [identity, count] : evaluated) ASSERT_EQ(ledger.at(identity), count) << "repeated";
    finished = history.finished;
    evaluated.clear();
    for (const auto& [identity, seq] : finished) evaluated[identity] = ledger.at(identity);
  }
  EXPECT_GE(finished.size(), 30u) << "every kill at work comes after one more evaluation";
  ASSERT_EQ(run_to_the_end(path("run")), 0);
  ASSERT_EQ(run_to_the_end(path("undisturbed")), 0);
  const History disturbed = history_of(path("run")), undisturbed = history_of(path("undisturbed"));
  EXPECT_EQ(disturbed.sequence, undisturbed.sequence);
  EXPECT_EQ(disturbed.digest, undisturbed.digest);
  EXPECT_EQ(disturbed.finished.size(), static_cast<size_t>(kEvaluations));
}

TEST_F(Crash, AnInterruptedRunEndsWith130AndGoesOnAsIfNothingHadBeen) {
  ASSERT_EQ(run_to_the_end(path("run"), 60), 130);
  ASSERT_EQ(run_to_the_end(path("run")), 0);
  ASSERT_EQ(run_to_the_end(path("undisturbed")), 0);
  EXPECT_EQ(history_of(path("run")).sequence, history_of(path("undisturbed")).sequence);
}

}  // namespace
}  // namespace warpwright::engine
