// A run whose bands want different knobs composes their champions; the text is made anew on replay.
#include "src/engine/composing.h"

#include <gtest/gtest.h>

#include "src/base/hash.h"
#include "src/engine/replay.h"
#include "src/engine/test_run.h"

namespace warpwright::engine {
namespace {

constexpr const char* kSeed = R"(/*@plan
tune ROWS = 8 in {1, 2, 4, 8, 12, 16};
rows<<<dim3(batch_size), 128>>>(q, output, new_state);
*/
// knob::ROWS
)";

class Composing : public ::testing::Test {
 protected:
  Composing() : folder_(TempDirectory::create().value()) {
    std::filesystem::create_directory(path("seeds"));
    EXPECT_TRUE(write_file_atomic(path("seeds") / "plain.cu", kSeed));
  }
  std::filesystem::path path(const std::string& name) const { return folder_.path() / name; }
  RunConfig config(int workers) const {
    RunConfig config = test_config(workers, {"--bands"});
    config.seeds_folder = path("seeds").string();
    config.search.operators = {{"tune", 1}, {"compose", 1}};
    config.max_evaluations = 16;
    return config;
  }
  TempDirectory folder_;
};

TEST_F(Composing, ChampionsOfTwoBandsBecomeTheBestCandidate) {
  ASSERT_TRUE(run(config(2), path("run")));
  const events::RunView view = history_of(path("run")).view;
  const events::Candidate* composed = nullptr;
  double best_single = 0;
  for (const auto& [id, candidate] : view.candidates) {
    if (candidate.origin.op == "compose") composed = &candidate;
    if (composed == nullptr) best_single = std::max(best_single, candidate.score);
  }
  ASSERT_NE(composed, nullptr);
  EXPECT_TRUE(composed->passed());
  EXPECT_GT(composed->score, best_single * 1.01);
  EXPECT_EQ(composed->origin.inspirations.size(), 2u);
  EXPECT_TRUE(composed->note.starts_with("compose of c0")) << composed->note;
  EXPECT_EQ(composed->knobs.size(), 2u);
  const auto journal = journal::Journal::open_read_only(path("run"));
  ASSERT_TRUE(journal);
  const auto source = journal->blob(composed->source_hash);
  ASSERT_TRUE(source) << "its text is in the journal";
  EXPECT_NE(source->find("if (batch_size <= 8) {  // P0: c0"), std::string::npos) << *source;
}

TEST_F(Composing, IsAFunctionOfTheSeedAndReplays) {
  ASSERT_TRUE(run(config(1), path("one")));
  ASSERT_TRUE(run(config(4), path("four")));
  EXPECT_EQ(history_of(path("one")).sequence, history_of(path("four")).sequence);
  SystemClock clock;
  const auto replayed = replay(path("one"), path("again"), Prompts::kCompared, clock);
  ASSERT_TRUE(replayed) << replayed.error().message;
  EXPECT_FALSE(replayed->divergence) << *replayed->divergence;
  EXPECT_EQ(replayed->prompts, 0);
}

// A journal that tells of another text than the champions come to is no faithful record.
TEST_F(Composing, AReplayNoticesAnotherText) {
  ASSERT_TRUE(run(config(1), path("run")));
  const auto journal = journal::Journal::open_read_only(path("run"));
  ASSERT_TRUE(journal);
  auto forged = journal::Journal::create(path("forged"));
  ASSERT_TRUE(forged);
  const auto records = journal->read_events();
  ASSERT_TRUE(records);
  for (const events::Record& record : *records) {
    events::Event event = record.event;
    std::vector<std::string> blobs;
    for (const std::string& hash : events::blobs_of(event)) blobs.push_back(*journal->blob(hash));
    auto* proposed = std::get_if<events::Proposed>(&event);
    if (proposed != nullptr && proposed->origin.op == "compose") {
      blobs = {*journal->blob(proposed->source_hash) + "// changed"};
      proposed->source_hash = sha256_hex(blobs[0]);
    }
    ASSERT_TRUE(forged->append({event}, 0, blobs));
  }
  SystemClock clock;
  const auto replayed = replay(path("forged"), path("again"), Prompts::kCompared, clock);
  ASSERT_TRUE(replayed) << replayed.error().message;
  EXPECT_TRUE(replayed->divergence);
}

}  // namespace
}  // namespace warpwright::engine
