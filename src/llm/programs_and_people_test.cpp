// The providers without a wire: a program that is asked through pipes, a person who is asked through files.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "src/base/files.h"
#include "src/llm/command_provider.h"
#include "src/llm/manual_provider.h"
#include "src/llm/plain_text.h"

namespace warpwright::llm {
namespace {
namespace fs = std::filesystem;

Call call_for(int64_t ticket, std::string text = "write a kernel") {
  Call call;
  call.ticket = ticket;
  call.conversation.system = "You write kernels.";
  call.conversation.messages = {{Message::Role::kUser, std::move(text)}};
  return call;
}

std::vector<Completion> collect(Provider& provider, size_t count, int64_t limit_ms = 10'000) {
  SystemClock clock;
  const int64_t end_ms = clock.monotonic_ms() + limit_ms;
  std::vector<Completion> all;
  while (all.size() < count && clock.monotonic_ms() < end_ms) {
    WaitSet waits;
    waits.wake_within(100);
    provider.wait_on(waits);
    ::poll(waits.descriptors.data(), waits.descriptors.size(), static_cast<int>(waits.timeout_ms));
    for (Completion& completion : provider.poll()) all.push_back(std::move(completion));
  }
  return all;
}

const Reply& reply_of(const Completion& completion) {
  if (const auto* failure = std::get_if<Failure>(&completion.outcome)) ADD_FAILURE() << failure->reason;
  static const Reply none;
  const auto* reply = std::get_if<Reply>(&completion.outcome);
  return reply != nullptr ? *reply : none;
}

TEST(PlainText, PartsStandBelowLinesThatNameThem) {
  Conversation conversation = call_for(1, "first\n").conversation;
  conversation.messages.push_back({Message::Role::kAssistant, "second"});
  conversation.messages.push_back({Message::Role::kUser, "third"});
  EXPECT_EQ(
      plain_text(conversation),
      "===== SYSTEM =====\nYou write kernels.\n\n===== USER =====\nfirst\n\n===== ASSISTANT =====\nsecond\n\n"
      "===== USER =====\nthird\n");
  EXPECT_EQ(well_formed("a\xff\xc3 é"), "a\uFFFD\uFFFD é");
}

class CommandProviderTest : public ::testing::Test {
 protected:
  SystemClock clock;
  ModelConfig config;
  void SetUp() override { config.total_timeout_ms = 20'000; }
  Completion run(const std::string& script, std::string prompt = "write a kernel") {
    config.command = {"sh", "-c", script};
    CommandProvider provider(config, clock);
    provider.start(call_for(7, std::move(prompt)));
    auto done = collect(provider, 1);
    EXPECT_EQ(done.size(), 1u) << script;
    return done.empty() ? Completion{} : done[0];
  }
  Failure failure(const std::string& script) {
    const Completion completion = run(script);
    EXPECT_TRUE(std::holds_alternative<Failure>(completion.outcome)) << script;
    return std::holds_alternative<Failure>(completion.outcome) ? std::get<Failure>(completion.outcome)
                                                               : Failure();
  }
};

TEST_F(CommandProviderTest, TheProgramReadsTheWholePromptAndItsOutputIsTheReply) {
  const std::string prompt(3'000'000, 'p');
  const Completion completion = run("cat", prompt);
  EXPECT_EQ(reply_of(completion).text, plain_text(call_for(7, prompt).conversation));
  EXPECT_EQ(reply_of(completion).model, "sh");
}

TEST_F(CommandProviderTest, AProgramThatDoesNotReadItsInputMayAnswer) {
  EXPECT_EQ(reply_of(run("exec <&-; echo fine", std::string(3'000'000, 'p'))).text, "fine\n");
}

TEST_F(CommandProviderTest, FailuresSayWhyAndMayBeTriedAgain) {
  struct Row {
    const char* script;
    FailureClass kind;
    const char* says;
  };
  for (const Row& row : {Row{"echo some; echo first >&2; printf 'no credit\\n\\n' >&2; exit 3",
                             FailureClass::kServer, "exited with code 3: no credit"},
                         Row{"kill -SEGV $$", FailureClass::kServer, "signal 11"},
                         Row{"printf ' \\n'", FailureClass::kBadReply, "printed no answer"},
                         Row{"printf '\\033[31mred' >&2; exit 1", FailureClass::kServer, "red"},
                         Row{"yes", FailureClass::kBadReply, "more than 16 MiB"}}) {
    const Failure failed = failure(row.script);
    EXPECT_EQ(to_string(failed.kind), to_string(row.kind)) << failed.reason;
    EXPECT_NE(failed.reason.find(row.says), std::string::npos) << failed.reason;
    EXPECT_EQ(failed.reason.find('\033'), std::string::npos) << "a terminal escape went through";
  }
}

TEST_F(CommandProviderTest, AMissingProgramIsNotTriedAgain) {
  config.command = {"/no/such/agent"};
  CommandProvider provider(config, clock);
  provider.start(call_for(1));
  const auto done = collect(provider, 1);
  ASSERT_EQ(done.size(), 1u);
  const Failure& failed = std::get<Failure>(done[0].outcome);
  EXPECT_EQ(to_string(failed.kind), "invalid") << failed.reason;
  EXPECT_FALSE(failed.maybe_billed);
}

TEST_F(CommandProviderTest, TheTimeLimitKillsTheWholeGroup) {
  TempDirectory temp = TempDirectory::create("command").value();
  const std::string file = temp.path() / "child";
  config.total_timeout_ms = 300;
  const Failure failed = failure("(sleep 60) & echo $! >" + file + "; wait");
  EXPECT_EQ(to_string(failed.kind), "timeout") << failed.reason;
  EXPECT_NE(failed.reason.find("total_timeout_ms"), std::string::npos);
  const int child = std::stoi(read_file(file).value());
  for (int i = 0; i < 100 && ::kill(child, 0) == 0; ++i) {
    std::ifstream stat("/proc/" + std::to_string(child) + "/stat");
    std::string text((std::istreambuf_iterator<char>(stat)), {});
    if (text.find(") Z") != std::string::npos) return;  // dead; whoever adopted it has not looked yet
    ::usleep(10'000);
  }
  EXPECT_NE(::kill(child, 0), 0) << "a grandchild lived on";
}

TEST_F(CommandProviderTest, AHelperThatKeepsThePipeOpenDoesNotHoldTheAnswerBack) {
  const Completion completion = run("sleep 60 & echo done");
  EXPECT_EQ(reply_of(completion).text, "done\n");
  EXPECT_LT(reply_of(completion).total_ms, 10'000);
}

TEST_F(CommandProviderTest, TheEnvironmentIsWhatIsAllowed) {
  ::setenv("OTHER_API_KEY", "sk-OTHER-SENTINEL", 1);
  ::setenv("AGENT_API_KEY", "sk-AGENT-SENTINEL", 1);
  EXPECT_EQ(reply_of(run("env")).text.find("SENTINEL"), std::string::npos);
  config.keep_environment = {"AGENT_API_KEY"};
  EXPECT_EQ(reply_of(run("test -n \"$AGENT_API_KEY\" && env")).text.find("SENTINEL"), std::string::npos)
      << "a program may print the key it was given";
  const Failure failed = failure("echo $AGENT_API_KEY$OTHER_API_KEY >&2; exit 1");
  EXPECT_EQ(failed.reason.find("SENTINEL"), std::string::npos) << failed.reason;
  EXPECT_NE(failed.reason.find("[key]"), std::string::npos) << failed.reason;
}

TEST_F(CommandProviderTest, EachCallHasAFolderOfItsOwnThatIsRemoved) {
  const std::string folder = reply_of(run("pwd; touch here")).text;
  EXPECT_NE(fs::current_path().string() + "\n", folder);
  EXPECT_FALSE(fs::exists(folder.substr(0, folder.size() - 1)));
}

TEST_F(CommandProviderTest, ManyRunSideBySideAndACancelledOneIsNotHeardOf) {
  config.command = {"sh", "-c", "sleep 0.2; tail -n 1"};
  CommandProvider provider(config, clock);
  for (int64_t ticket = 0; ticket < 6; ++ticket) provider.start(call_for(ticket, std::to_string(ticket)));
  provider.cancel(3);
  const auto done = collect(provider, 6, 1500);
  ASSERT_EQ(done.size(), 5u);
  for (const Completion& completion : done) {
    EXPECT_NE(completion.ticket, 3);
    EXPECT_EQ(reply_of(completion).text, std::to_string(completion.ticket) + "\n");
  }
}

class ManualProviderTest : public ::testing::Test {
 protected:
  TempDirectory temp = TempDirectory::create("manual").value();
  const fs::path folder = temp.path() / "desk";
  FakeClock clock;
  ModelConfig config;
  std::unique_ptr<ManualProvider> provider;

  void SetUp() override {
    clock.now_ms = 1'000'000;
    provider = std::make_unique<ManualProvider>(config, folder, clock);
  }
  fs::path file(const char* name) const { return folder / name; }
  void save(const char* name, const std::string& text) const { std::ofstream(file(name)) << text; }
  std::vector<Completion> after(int64_t ms) {
    clock.now_ms += ms;
    return provider->poll();
  }
};

TEST_F(ManualProviderTest, ThePromptSaysWhereTheAnswerGoesAndHoldsTheTextAsItIs) {
  provider->start(call_for(12));
  const std::string prompt = read_file(file("t0012.0.prompt.md")).value();
  EXPECT_NE(prompt.find("t0012.0.reply.md"), std::string::npos);
  EXPECT_TRUE(prompt.ends_with("-->\n\n" + plain_text(call_for(12).conversation))) << prompt;
}

TEST_F(ManualProviderTest, AReplyIsTakenOnceItHasKeptStillForTwoSeconds) {
  provider->start(call_for(12));
  EXPECT_TRUE(after(0).empty());
  save("t0012.0.reply.md", "");
  EXPECT_TRUE(after(5000).empty()) << "an empty file is no answer";
  save("t0012.0.reply.md", "half");
  EXPECT_TRUE(after(500).empty());
  EXPECT_TRUE(after(1500).empty());
  save("t0012.0.reply.md", "half and the other half");
  EXPECT_TRUE(after(1500).empty()) << "it had changed";
  EXPECT_TRUE(after(1500).empty());
  const auto done = after(500);
  ASSERT_EQ(done.size(), 1u);
  EXPECT_EQ(done[0].ticket, 12);
  EXPECT_EQ(reply_of(done[0]).text, "half and the other half");
  EXPECT_TRUE(after(5000).empty());
}

TEST_F(ManualProviderTest, AFileThatWasFinishedEarlierIsTakenAtOnce) {
  SystemClock system;
  ManualProvider real(config, folder, system);
  real.start(call_for(3));
  save("draft", "ready");
  const timespec old[2] = {{1'000'000, 0}, {1'000'000, 0}};
  ASSERT_EQ(::utimensat(AT_FDCWD, file("draft").c_str(), old, 0), 0);
  fs::rename(file("draft"), file("t0003.0.reply.md"));
  const auto done = collect(real, 1, 1500);
  ASSERT_EQ(done.size(), 1u);
  EXPECT_EQ(reply_of(done[0]).text, "ready");
}

TEST_F(ManualProviderTest, ARunThatGoesOnTakesTheReplyThatCameMeanwhile) {
  provider->start(call_for(12));
  provider->cancel(12);
  save("t0012.0.reply.md", "while it was away");
  provider = std::make_unique<ManualProvider>(config, folder, clock);
  provider->start(call_for(12));
  provider->poll();
  const auto done = after(2000);
  ASSERT_EQ(done.size(), 1u);
  EXPECT_EQ(reply_of(done[0]).text, "while it was away");
}

TEST_F(ManualProviderTest, AReplyToAnotherRunsPromptIsNotTaken) {
  provider->start(call_for(12, "the first run's question"));
  save("t0012.0.reply.md", "the first run's answer");
  provider = std::make_unique<ManualProvider>(config, folder, clock);
  provider->start(call_for(12, "another question"));
  EXPECT_TRUE(after(0).empty());
  EXPECT_TRUE(after(10'000).empty());
  EXPECT_EQ(read_file(file("t0012.0.reply.md.old")).value(), "the first run's answer");
}

TEST_F(ManualProviderTest, APersonMayPass) {
  provider->start(call_for(12));
  save("t0012.0.skip", "");
  const auto done = after(500);
  ASSERT_EQ(done.size(), 1u);
  EXPECT_EQ(to_string(std::get<Failure>(done[0].outcome).kind), "no-answer");
}

TEST_F(ManualProviderTest, ItLooksTwiceASecondAndOnlyWhileSomethingIsAsked) {
  WaitSet idle, waiting;
  provider->wait_on(idle);
  EXPECT_EQ(idle.timeout_ms, -1);
  provider->start(call_for(12));
  provider->poll();
  provider->wait_on(waiting);
  EXPECT_EQ(waiting.timeout_ms, 500);
}

TEST_F(ManualProviderTest, AFolderThatCannotBeWrittenIsAFailureNotACrash) {
  std::ofstream(temp.path() / "desk") << "a file where the folder should be";
  provider->start(call_for(1));
  const auto done = provider->poll();
  ASSERT_EQ(done.size(), 1u);
  EXPECT_TRUE(std::holds_alternative<Failure>(done[0].outcome));
}

}  // namespace
}  // namespace warpwright::llm
