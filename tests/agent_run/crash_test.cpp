// kill -9 of the program at several moments of a run with models: resumed, it decides as if nothing had been,
// and asks nobody for what was answered.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>

#include "tests/agent_run/answers.h"
#include "tests/agent_run/world.h"

namespace warpwright::agent_run {
namespace {

namespace fs = std::filesystem;

TEST(Crash, AKilledRunGoesOnAsIfItHadNotBeen) {
  const World world;
  RunTexts texts;
  texts.operators = "tune = 1.0\nscratch = 2.0\nrewrite = 1.0\ndiff = 2.0\nrepair = 2.0";
  texts.models = scripted_model(world.answers());
  texts.max_evaluations = 12;
  texts.seed = 3;
  const fs::path config = world.write_config("run.toml", texts);
  const fs::path undisturbed = world.path() / "undisturbed", killed = world.path() / "killed";
  const auto done = run({"evolve", "--config", config, "--run-dir", undisturbed, "--skip-red-team"});
  ASSERT_EQ(done.status.code, 0) << done.stderr_text;

  const size_t length = records_of(undisturbed).size();
  int kills = 0;
  Arguments arguments = {"evolve", "--config", config, "--run-dir", killed, "--skip-red-team"};
  for (const size_t part : {1, 2, 3, 4, 5}) {
    const size_t moment = std::max<size_t>(length * part / 6, 2);
    Running program(arguments, world.path() / fmt::format("killed{}", part));
    const bool came =
        wait_until(program, killed, [&](const Records& records) { return records.size() >= moment; });
    ASSERT_TRUE(came) << program.stderr_text();
    program.signal(SIGKILL);
    kills += program.wait().signal == SIGKILL ? 1 : 0;
    arguments = {"evolve", "--resume", killed};
  }
  EXPECT_GE(kills, 4) << "most of the moments were in the middle of the run";
  const auto resumed = run(arguments);
  ASSERT_EQ(resumed.status.code, 0) << resumed.stderr_text;
  const Records records = records_of(killed);
  expect_nothing_paid_twice(records);
  EXPECT_EQ(decisions_of(records_of(undisturbed)), decisions_of(records));
  const auto replay = run({"replay", "--run", killed});
  EXPECT_EQ(replay.status.code, 0) << replay.stdout_text << replay.stderr_text;
}

}  // namespace
}  // namespace warpwright::agent_run
