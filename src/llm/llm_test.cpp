// The scripted provider: files in the order of names, by index, each request answered once.
#include <gtest/gtest.h>

#include "src/base/files.h"
#include "src/llm/scripted_provider.h"

namespace warpwright::llm {
namespace {

class ScriptedProviderTest : public ::testing::Test {
 protected:
  TempDirectory temp = TempDirectory::create("scripted").value();
  void add(const char* name, const char* text) { ASSERT_TRUE(write_file_atomic(temp.path() / name, text)); }
  Call request(int64_t ticket, int64_t index) {
    Call call;
    call.ticket = ticket;
    call.op = "scripted";
    call.index = index;
    return call;
  }
};

TEST_F(ScriptedProviderTest, AnswersFollowTheOrderOfNamesWhateverTheirKind) {
  add("02.cu", "kernel");
  add("01.md", "first");
  add("03.txt", "third");
  add("notes.json", "no answer");
  auto provider = ScriptedProvider::open(temp.path()).value();
  EXPECT_EQ(provider.answer_count(), 3);
  for (int64_t i : {2, 0, 1}) provider.start(request(100 + i, i));  // as a resumed run may ask
  auto done = provider.poll();
  ASSERT_EQ(done.size(), 3u);
  EXPECT_EQ(done[0].ticket, 102);
  EXPECT_EQ(std::get<Reply>(done[0].outcome).text, "third");
  EXPECT_EQ(std::get<Reply>(done[1].outcome).text, "first");
  EXPECT_EQ(std::get<Reply>(done[2].outcome).text, "```cuda\nkernel\n```\n");
  EXPECT_EQ(std::get<Reply>(done[2].outcome).model, "02.cu");
  EXPECT_TRUE(provider.poll().empty()) << "answered twice";
}

TEST_F(ScriptedProviderTest, ACandidateThatHoldsFencesIsHandedOnWhole) {
  add("a.cu", "// ```\n// ````\ncode\n");
  auto provider = ScriptedProvider::open(temp.path()).value();
  provider.start(request(0, 0));
  EXPECT_EQ(std::get<Reply>(provider.poll().at(0).outcome).text, "`````cuda\n// ```\n// ````\ncode\n`````\n");
}

TEST_F(ScriptedProviderTest, BeyondTheLastAnswerIsAFailureNotAnError) {
  add("a.md", "x");
  auto provider = ScriptedProvider::open(temp.path()).value();
  provider.start(request(7, 1));
  auto done = provider.poll();
  ASSERT_EQ(done.size(), 1u);
  EXPECT_EQ(std::get<Failure>(done[0].outcome).reason, "answer 2 was asked for, there are 1");
}

TEST_F(ScriptedProviderTest, ACancelledRequestIsNotAnswered) {
  add("a.md", "x");
  auto provider = ScriptedProvider::open(temp.path()).value();
  WaitSet idle, busy;
  provider.wait_on(idle);
  EXPECT_EQ(idle.timeout_ms, -1);
  provider.start(request(7, 0));
  provider.wait_on(busy);
  EXPECT_EQ(busy.timeout_ms, 0);
  provider.cancel(7);
  EXPECT_TRUE(provider.poll().empty());
}

TEST_F(ScriptedProviderTest, AMissingOrEmptyFolderIsAUsageError) {
  auto empty = ScriptedProvider::open(temp.path());
  ASSERT_FALSE(empty);
  EXPECT_EQ(empty.error().kind, ErrorKind::kUsage);
  auto missing = ScriptedProvider::open(temp.path() / "none");
  ASSERT_FALSE(missing);
  EXPECT_NE(missing.error().message.find("does not exist"), std::string::npos);
}

}  // namespace
}  // namespace warpwright::llm
