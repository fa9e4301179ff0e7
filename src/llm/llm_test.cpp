// The scripted provider: files in the order of names, by index, each request answered once.
#include <gtest/gtest.h>

#include "src/base/files.h"
#include "src/llm/scripted_provider.h"

namespace warpwright::llm {
namespace {

TEST(Finish, WordsOfTodayAndOfOlderJournalsAreRead) {
  for (FinishClass finish : {FinishClass::kComplete, FinishClass::kTruncated, FinishClass::kRefused})
    EXPECT_EQ(finish_from_string(to_string(finish)), finish);
  EXPECT_EQ(finish_from_string("stop"), FinishClass::kComplete);
  EXPECT_EQ(finish_from_string("refusal"), FinishClass::kRefused);
  EXPECT_EQ(finish_from_string("length"), FinishClass::kTruncated);
  EXPECT_EQ(finish_from_string("something new"), FinishClass::kTruncated)
      << "not known as complete: not compiled";
}

class ScriptedProviderTest : public ::testing::Test {
 protected:
  TempDirectory temp = TempDirectory::create("scripted").value();
  void add(const std::filesystem::path& name, const char* text) {
    ASSERT_TRUE(warpwright::create_directories((temp.path() / name).parent_path()));
    ASSERT_TRUE(write_file_atomic(temp.path() / name, text));
  }
  std::variant<Reply, Failure> ask(Call call) {
    auto provider = ScriptedProvider::open(temp.path()).value();
    provider.start(call);
    return provider.poll().at(0).outcome;
  }
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

TEST_F(ScriptedProviderTest, AnOperatorsOwnFolderComesFirst) {
  add("scratch/1.cu", "code");
  add("scratch/2.md", "second");
  add("repair/1.md", "mended");
  add("1.md", "anybody's");
  auto provider = ScriptedProvider::open(temp.path()).value();
  EXPECT_EQ(provider.answer_count("scratch"), 2);
  EXPECT_EQ(provider.answer_count("repair"), 1);
  EXPECT_EQ(provider.answer_count("diff"), 1);
  EXPECT_EQ(provider.answer_count(), 1);
  const auto model_of = [&](const char* op, int64_t index) {
    Call call = request(0, index);
    call.op = op;
    return std::get<Reply>(ask(call)).model;
  };
  EXPECT_EQ(model_of("scratch", 1), "scratch/2.md");
  EXPECT_EQ(model_of("repair", 0), "repair/1.md");
  EXPECT_EQ(model_of("diff", 0), "1.md");
}

TEST_F(ScriptedProviderTest, AFollowUpIsAnsweredFromTheFileBeside) {
  add("diff/1.md", "does not apply");
  add("diff/1.turn1.md", "applies");
  add("diff/2.md", "fine");
  auto provider = ScriptedProvider::open(temp.path()).value();
  EXPECT_EQ(provider.answer_count("diff"), 2) << "a follow-up is no answer of its own";
  Call call = request(0, 0);
  call.op = "diff";
  call.turn = 1;
  EXPECT_EQ(std::get<Reply>(ask(call)).text, "applies");
  call.index = 1;
  const auto none = std::get<Failure>(ask(call));
  EXPECT_EQ(none.kind, FailureClass::kNoAnswer);
  EXPECT_EQ(none.reason, "a follow-up to 2.md was asked for, there is no 2.turn1.md");
}

TEST_F(ScriptedProviderTest, DirectionsAtTheTopAreObeyedAndRemoved) {
  add("1.md",
      "<!-- usage input=1200 output=800 cached=200 -->\r\n"
      "<!-- fail rate-limited retry_after_ms=50 times=2 status=429 -->\n<!-- finish truncated -->\n"
      "<!-- a comment of the answer -->\n<!-- usage input=1 -->\n");
  Call call = request(0, 0);
  for (int attempt : {0, 1}) {
    call.attempt = attempt;
    const auto failure = std::get<Failure>(ask(call));
    EXPECT_EQ(failure.kind, FailureClass::kRateLimited);
    EXPECT_EQ(failure.retry_after_ms, 50);
    EXPECT_EQ(failure.http_status, 429);
    EXPECT_FALSE(failure.maybe_billed);
  }
  call.attempt = 2;
  const auto reply = std::get<Reply>(ask(call));
  EXPECT_TRUE(reply.usage.known);
  EXPECT_EQ(reply.usage.input, 1200);
  EXPECT_EQ(reply.usage.output, 800);
  EXPECT_EQ(reply.usage.cached_read, 200);
  EXPECT_EQ(reply.finish, FinishClass::kTruncated);
  EXPECT_EQ(reply.text, "<!-- a comment of the answer -->\n<!-- usage input=1 -->\n");
}

TEST_F(ScriptedProviderTest, AWrongDirectionIsNamedWithItsLine) {
  for (const auto& [line, message] :
       {std::pair{"<!-- usage inputs=3 -->", ":2: 'inputs=3' is none of cached=NUMBER"},
        {"<!-- usage input=x -->", "'input=x' is none of"},
        {"<!-- usage input= -->", "'input=' is none of"},
        {"<!-- usage input=-1 -->", "'input=-1' is none of"},
        {"<!-- usage input=1 cached=2 -->", "part of the input"},
        {"<!-- fail -->", "'' is no kind of failure"},
        {"<!-- fail slow -->", "'slow' is no kind of failure"},
        {"<!-- finish early -->", "not 'early'"}}) {
    add("1.md", (std::string("<!-- finish complete -->\n") + line + "\nanswer").c_str());
    const auto failure = std::get<Failure>(ask(request(0, 0)));
    EXPECT_EQ(failure.kind, FailureClass::kInvalid);
    EXPECT_NE(failure.reason.find(message), std::string::npos) << failure.reason;
  }
}

}  // namespace
}  // namespace warpwright::llm
