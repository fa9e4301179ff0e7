// A full-agent run: its answers come from the prompt alone. Nobody whom it asks can open the project's
// folder, and it needs no seeds.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

#include "tests/agent_run/answers.h"
#include "tests/agent_run/world.h"

namespace warpwright::agent_run {
namespace {

namespace fs = std::filesystem;

std::string command_model(const fs::path& program) {
  return fmt::format("[models.agent]\nprovider = \"command\"\ncommand = [\"/bin/sh\", \"{}\"]\n",
                     program.string());
}

TEST(FullAgent, AProgramThatItAsksCannotOpenTheSeeds) {
  const World world;
  const fs::path seed =
      fs::path(std::getenv("WARPWRIGHT_HOME")) / "seeds/gdn_decode_qk4_v8_d128_k_last/plain.cu";
  ASSERT_TRUE(fs::exists(seed));
  const auto hidden = run({"without-folder", (world.path() / "seeds").string(), "--", "true"});
  if (hidden.stderr_text.find("Landlock") != std::string::npos) GTEST_SKIP() << "this kernel has no Landlock";
  write_file(world.path() / "reply.md", reply_with(kernel(1), "from the prompt alone"));
  const fs::path program = world.path() / "agent.sh";
  write_file(program,
             fmt::format("prompt=$(cat)\n"
                         "if cat '{}' >/dev/null 2>&1; then echo 'the seed can be read'; exit 0; fi\n"
                         "case \"$prompt\" in *DeltaNet*) cat '{}';; esac\n",
                         seed.string(), (world.path() / "reply.md").string()));
  RunTexts texts;
  texts.agent = "scratch";
  texts.operators = "scratch = 1.0\ntune = 1.0";
  texts.models = command_model(program);
  texts.seeds_allowed = false;
  texts.max_evaluations = 3;
  const fs::path folder = world.path() / "run";
  const auto done = run({"evolve", "--config", world.write_config("run.toml", texts), "--run-dir", folder,
                         "--skip-red-team", "--max-calls", "6"});
  EXPECT_EQ(done.status.code, 0) << done.stderr_text;
  const Records records = records_of(folder);
  for (const auto& answer : all<events::ModelAnswered>(records))
    EXPECT_EQ(blob_of(folder, answer.reply_hash).find("the seed can be read"), std::string::npos);
  const auto applied = all<events::Applied>(records);
  EXPECT_TRUE(
      std::any_of(applied.begin(), applied.end(), [](const auto& a) { return a.status == Status::kPassed; }));
}

// Beside nothing: a home with all that the program needs, and no seeds.
TEST(FullAgent, NeedsNoSeedsFolder) {
  const World world;
  const fs::path home = world.path() / "home";
  fs::create_directories(home);
  for (const auto& entry : fs::directory_iterator(std::getenv("WARPWRIGHT_HOME"))) {
    const std::string name = entry.path().filename();
    if (name == "configs" || name == "prompts" || name == "agents" || name == "evaluator")
      fs::create_directory_symlink(entry.path(), home / name);
  }
  fs::remove_all(world.path() / "seeds");
  RunTexts texts;
  texts.agent = "scratch";
  texts.operators = "scratch = 2.0\nrewrite = 1.0\ndiff = 1.0\ntune = 1.0\nrepair = 1.0";
  texts.models = scripted_model(world.answers());
  texts.seeds_allowed = false;
  texts.max_evaluations = 6;
  const fs::path folder = world.path() / "run";
  const Environment environment = {{"WARPWRIGHT_HOME", home.string()}};
  const auto done = run(
      {"evolve", "--config", world.write_config("run.toml", texts), "--run-dir", folder, "--skip-red-team"},
      environment);
  EXPECT_EQ(done.status.code, 0) << done.stderr_text;
  for (const auto& proposed : all<events::Proposed>(records_of(folder)))
    EXPECT_NE(proposed.origin.op, "seed");
  const auto replay = run({"replay", "--run", folder}, environment);
  EXPECT_EQ(replay.status.code, 0) << replay.stdout_text << replay.stderr_text;
}

}  // namespace
}  // namespace warpwright::agent_run
