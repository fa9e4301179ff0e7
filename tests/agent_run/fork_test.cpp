// A run that branches off another one in its middle: what came before is taken over and not paid again, what
// comes after goes by the new settings, and the whole replays.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>

#include "tests/agent_run/answers.h"
#include "tests/agent_run/world.h"

namespace warpwright::agent_run {
namespace {

namespace fs = std::filesystem;

class Fork : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    world_ = std::make_unique<World>();
    RunTexts texts;
    texts.operators = "tune = 1.0\nscratch = 1.0\nrewrite = 1.0\ndiff = 1.0";
    texts.models = scripted_model(world_->answers());
    texts.max_evaluations = 8;
    const auto done = run({"evolve", "--config", world_->write_config("run.toml", texts), "--run-dir",
                           old_run(), "--skip-red-team"});
    ASSERT_EQ(done.status.code, 0) << done.stderr_text;
    fs::remove_all(world_->answers());
    for (int i = 0; i < 20; ++i)
      write_file(world_->path() / fmt::format("others/{:02d}.md", i),
                 reply_with(kernel(100 + i), "another one"));
  }
  static void TearDownTestSuite() { world_.reset(); }

  static fs::path old_run() { return world_->path() / "run"; }
  static RunTexts other_settings() {
    RunTexts texts;
    texts.operators = "tune = 1.0\nscratch = 4.0";
    texts.models = scripted_model(world_->path() / "others");
    texts.seed = 77;
    texts.max_evaluations = 14;
    return texts;
  }
  static events::Ticket middle() {
    return static_cast<events::Ticket>(all<events::Applied>(records_of(old_run())).size()) / 2;
  }

  static std::unique_ptr<World> world_;
};
std::unique_ptr<World> Fork::world_;

TEST_F(Fork, TakesOverWhatWasBeforeAndGoesOnByItsOwnSettings) {
  const fs::path forked = world_->path() / "forked";
  const events::Ticket step = middle();
  ASSERT_GE(step, 3);
  const auto done =
      run({"evolve", "--fork", fmt::format("{}@{}", old_run().string(), step), "--config",
           world_->write_config("other.toml", other_settings()), "--run-dir", forked, "--skip-red-team"});
  ASSERT_EQ(done.status.code, 0) << done.stderr_text;
  const Records records = records_of(forked), before = records_of(old_run());
  const auto fork = std::find_if(records.begin(), records.end(), [](const events::Record& record) {
    return std::holds_alternative<events::RunForked>(record.event);
  });
  ASSERT_NE(fork, records.end());
  EXPECT_EQ(std::get<events::RunForked>(fork->event).ticket, step);

  std::vector<std::string> old_lines, taken_lines;  // of the tickets before the step
  for (const auto& record : before)
    if (events::ticket_of(record.event).value_or(step) < step &&
        !std::holds_alternative<events::Applied>(record.event))
      old_lines.push_back(line_of(record.event));
  for (auto record = records.begin(); record != fork; ++record)
    if (events::ticket_of(record->event) && !std::holds_alternative<events::Applied>(record->event))
      taken_lines.push_back(line_of(record->event));
  EXPECT_EQ(old_lines, taken_lines);

  for (auto record = fork; record != records.end(); ++record) {
    const auto* call = std::get_if<events::CallStarted>(&record->event);
    if (call == nullptr) continue;
    EXPECT_GE(call->ticket, step) << "paid again: " << line_of(record->event);
  }
  expect_nothing_paid_twice(records);
  int64_t asked = 0;
  for (const auto& request : all<events::ModelRequested>(records)) {
    if (request.ticket < step) continue;
    ++asked;
    EXPECT_EQ(request.origin.op, "scratch") << "only this operator has a weight now";
  }
  EXPECT_GT(asked, 0);

  const fs::path replayed = world_->path() / "forked-replayed";
  const auto replay = run({"replay", "--run", forked, "--out", replayed});
  EXPECT_EQ(replay.status.code, 0) << replay.stdout_text << replay.stderr_text;
  EXPECT_EQ(lines_of(forked), lines_of(replayed));
  const auto again = run({"replay", "--run", forked, "--evaluate"});
  EXPECT_EQ(again.status.code, 0) << again.stdout_text << again.stderr_text;
}

TEST_F(Fork, WithItsOldSettingsItDecidesAsBefore) {
  const fs::path forked = world_->path() / "forked-alike";
  const events::Ticket step = middle();
  write_answers(world_->answers());
  const auto done = run({"evolve", "--fork", fmt::format("{}@{}", old_run().string(), step), "--run-dir",
                         forked, "--skip-red-team"});
  fs::remove_all(world_->answers());
  ASSERT_EQ(done.status.code, 0) << done.stderr_text;
  EXPECT_EQ(decisions_of(records_of(old_run())), decisions_of(records_of(forked)));
}

TEST_F(Fork, WhatCannotBeForkedIsNamed) {
  const auto refuse = [&](const std::string& step, RunTexts texts, const std::string& definition,
                          const std::vector<std::string>& words) {
    const fs::path config = world_->write_config("refused.toml", texts);
    std::string text = read_file(config).value();
    if (!definition.empty()) {
      const std::string old_name = "gdn_decode_qk4_v8_d128_k_last";
      text.replace(text.find(old_name), old_name.size(), definition);
    }
    write_file(config, text);
    const fs::path folder = world_->path() / "refused";
    const auto done = run({"evolve", "--fork", old_run().string() + "@" + step, "--config", config,
                           "--run-dir", folder, "--skip-red-team"});
    EXPECT_EQ(done.status.code, 2) << done.stderr_text;
    for (const std::string& word : words)
      EXPECT_NE(done.stderr_text.find(word), std::string::npos) << word << " is not in: " << done.stderr_text;
    EXPECT_FALSE(fs::exists(folder / "journal.db"));
  };
  const std::string step = std::to_string(middle());
  RunTexts islands = other_settings();
  islands.islands = 3;
  refuse(step, islands, "", {"search.islands"});
  refuse(step, other_settings(), "gdn_prefill_qk4_v8_d128_k_last", {"run.definition"});
  refuse("100000", other_settings(), "", {"100000", "steps"});
  refuse("0", other_settings(), "", {"@0", "steps"});
  refuse("x", other_settings(), "", {"RUN@STEP"});
}

}  // namespace
}  // namespace warpwright::agent_run
