// Money, patience and interruption, against a server on loopback that answers slowly and sometimes fails.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <set>

#include "src/base/json.h"
#include "tests/agent_run/answers.h"
#include "tests/agent_run/world.h"
#include "tests/llm_server/server.h"

namespace warpwright::agent_run {
namespace {

namespace fs = std::filesystem;
using llm_server::kInputTokens;
using llm_server::kOutputTokens;
using llm_server::Server;
using llm_server::ServerOptions;

// The server's answers are words without code: each is paid, followed up and dropped, so that a run ends by
// its budget.
class Paid : public testing::Test {
 protected:
  void serve(const std::vector<std::string>& faults, int64_t delay_ms) {
    ServerOptions options;
    options.script = faults;
    options.manner.delay_ms = delay_ms;
    options.manner.pause_ms = 50;
    server_ = Server::start(options).value();
  }
  // 0.03 dollars an answer.
  fs::path config() const {
    RunTexts texts;
    texts.operators = "scratch = 1.0";
    texts.window = 32;
    texts.models = fmt::format(
        "[models.fast]\nprovider = \"openai-chat\"\nbase_url = \"{}/v1\"\nmodel = \"mock\"\n"
        "max_output_tokens = 60\nmax_in_flight = 16\nprice = {{ input = 0.1, output = 600.0 }}\n",
        server_->address());
    return world_.write_config("run.toml", texts);
  }
  fs::path folder(const std::string& name = "run") const { return world_.path() / name; }
  Arguments evolve(const Arguments& more, const std::string& name = "run") const {
    Arguments arguments = {"evolve", "--config", config(), "--run-dir", folder(name), "--skip-red-team"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }
  Arguments resume(const Arguments& more = {}) const {
    Arguments arguments = {"evolve", "--resume", folder()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }
  std::string report() const { return run({"report", "--run", folder()}).stdout_text; }

  World world_;
  std::unique_ptr<Server> server_;
};

// The most that were in flight at a time.
size_t most_in_flight(const Records& records) {
  std::set<std::pair<events::Ticket, int>> open;
  size_t most = 0;
  for (const events::Record& record : records) {
    if (const auto* call = std::get_if<events::CallStarted>(&record.event))
      open.insert({call->ticket, call->turn});
    if (const auto* end = std::get_if<events::ModelAnswered>(&record.event))
      open.erase({end->ticket, end->turn});
    if (const auto* end = std::get_if<events::CallFailed>(&record.event))
      open.erase({end->ticket, end->turn});
    most = std::max(most, open.size());
  }
  return most;
}

int64_t attempts_ended(const Records& records) {
  return static_cast<int64_t>(all<events::ModelAnswered>(records).size() +
                              all<events::CallFailed>(records).size());
}

TEST_F(Paid, ADollarIsNeverExceeded) {
  std::vector<std::string> faults;
  for (const char* fault : {"cut", "500", "none", "429-ms", "none", "empty-reply", "none", "none",
                            "error-mid-stream", "none", "malformed", "none"})
    faults.emplace_back(fault);
  serve(faults, 20);
  const auto done = run(evolve({"--max-dollars", "1"}));
  EXPECT_EQ(done.status.code, 0) << done.stderr_text;
  const Records records = records_of(folder());
  const int64_t booked = microdollars_of(records);
  EXPECT_LE(booked, 1'000'000);
  EXPECT_GT(booked, 800'000) << "most of it is used";
  // What the server may have billed: every answer that it sent whole.
  const auto counts = server_->counts();
  const double billed = static_cast<double>(counts.answered) *
                        (static_cast<double>(kInputTokens) * 0.1 + static_cast<double>(kOutputTokens) * 600);
  EXPECT_LE(billed, 1e6);
  EXPECT_GE(most_in_flight(records), 12u);
  EXPECT_GE(counts.answered, static_cast<int64_t>(all<events::ModelAnswered>(records).size()));
  expect_nothing_paid_twice(records);
  for (const char* part : {"$1.00", "budget"}) {
    EXPECT_NE(done.stdout_text.find(part), std::string::npos) << part << " is not in:\n" << done.stdout_text;
    EXPECT_NE(report().find(part), std::string::npos) << part;
  }
}

TEST_F(Paid, CallsAndTokensAreCapped) {
  serve({"500", "none", "cut"}, 0);
  const auto few = run(evolve({"--max-calls", "7"}));
  EXPECT_EQ(few.status.code, 0) << few.stderr_text;
  const Records records = records_of(folder());
  int64_t calls = static_cast<int64_t>(all<events::ModelAnswered>(records).size());
  for (const auto& failed : all<events::CallFailed>(records)) calls += failed.counted ? 1 : 0;
  EXPECT_EQ(calls, 7);
  EXPECT_LE(server_->counts().answered, 7);
  EXPECT_NE(report().find("budget of 7 calls"), std::string::npos) << report();

  int64_t reserved = 0;
  for (const auto& call : all<events::CallStarted>(records))
    reserved = std::max(reserved, call.reserved_tokens);
  const int64_t cap = reserved + 5'000;
  const auto tokens = run(evolve({"--max-tokens", std::to_string(cap)}, "tokens"));
  EXPECT_EQ(tokens.status.code, 0) << tokens.stderr_text;
  const Records of_tokens = records_of(folder("tokens"));
  int64_t used = 0;
  for (const auto& answer : all<events::ModelAnswered>(of_tokens))
    used += answer.input_tokens + answer.output_tokens;
  for (const auto& failed : all<events::CallFailed>(of_tokens)) used += failed.charged_tokens;
  EXPECT_LE(used, cap);
  EXPECT_GE(all<events::ModelAnswered>(of_tokens).size(), 3u);
  EXPECT_NE(tokens.stdout_text.find("tokens"), std::string::npos);
}

TEST_F(Paid, AnEndpointWithoutMoneyPausesTheRunUntilItIsMended) {
  serve({"none", "none", "billing"}, 0);
  const auto paused = run(evolve({"--max-calls", "20"}));
  EXPECT_EQ(paused.status.code, 3) << paused.stderr_text;
  for (const std::string& word : {server_->address(), std::string("--resume"), std::string("quota")})
    EXPECT_NE(paused.stderr_text.find(word), std::string::npos) << word << " is not in:\n"
                                                                << paused.stderr_text;
  const Records before = records_of(folder());
  EXPECT_EQ(all<events::RunPaused>(before).size(), 1u);
  EXPECT_TRUE(all<events::RunFinished>(before).empty());
  const auto resumed = run(resume());
  EXPECT_EQ(resumed.status.code, 0) << resumed.stderr_text;
  const Records records = records_of(folder());
  expect_nothing_paid_twice(records);
  EXPECT_EQ(all<events::ModelAnswered>(records).size(), 20u);
  EXPECT_EQ(server_->counts().answered, 20);
  EXPECT_EQ(run({"replay", "--run", folder()}).status.code, 0);
}

TEST_F(Paid, CtrlCOnceKeepsTheAnswersUnderWay) {
  serve({}, 60);
  Running program(evolve({"--max-calls", "40"}), world_.path() / "log");
  const auto many = [](const Records& records) { return all<events::CallStarted>(records).size() >= 12; };
  ASSERT_TRUE(wait_until(program, folder(), many)) << program.stderr_text();
  program.signal(SIGINT);
  EXPECT_EQ(program.wait().code, 130) << program.stderr_text();
  const Records records = records_of(folder());
  EXPECT_EQ(attempts_ended(records), static_cast<int64_t>(all<events::CallStarted>(records).size()));
  EXPECT_EQ(all<events::ModelAnswered>(records).size(), all<events::CallStarted>(records).size())
      << "all of them were waited for";
  EXPECT_LT(all<events::ModelAnswered>(records).size(), 40u);
  EXPECT_EQ(server_->counts().answered, static_cast<int64_t>(all<events::ModelAnswered>(records).size()));
  EXPECT_NE(program.stderr_text().find("--resume"), std::string::npos);

  EXPECT_EQ(run(resume()).status.code, 0);
  const Records after = records_of(folder());
  expect_nothing_paid_twice(after);
  EXPECT_EQ(all<events::ModelAnswered>(after).size(), 40u);
  EXPECT_EQ(server_->counts().answered, 40) << "nothing was paid twice";
}

TEST_F(Paid, CtrlCTwiceStopsAtOnce) {
  serve({}, 2000);  // 16 s an answer
  Running program(evolve({"--max-calls", "60"}), world_.path() / "log");
  const auto many = [](const Records& records) { return all<events::CallStarted>(records).size() >= 6; };
  ASSERT_TRUE(wait_until(program, folder(), many)) << program.stderr_text();
  program.signal(SIGINT);
  EXPECT_FALSE(wait_until(
      program, folder(), [](const Records&) { return false; }, 500));
  EXPECT_FALSE(program.has_ended()) << "it drains: " << program.stderr_text();
  program.signal(SIGINT);
  EXPECT_EQ(program.wait(10'000).code, 130) << program.stderr_text();
  const Records records = records_of(folder());
  EXPECT_TRUE(all<events::ModelAnswered>(records).empty());
  // Those in flight are booked as if they had been billed, by the pause itself.
  const auto json = parse_json(run({"report", "--run", folder(), "--json"}).stdout_text, "report").value();
  const Json model = json["llm"]["models"]["fast"];
  EXPECT_EQ(model.value("lost", size_t{0}), all<events::CallStarted>(records).size()) << model;
  EXPECT_GT(model.value("dollars", 0.0), 0) << model;
}

TEST_F(Paid, AKilledRunPaysForNothingTwiceAndKeepsItsCap) {
  serve({}, 30);
  Arguments arguments = evolve({"--max-calls", "40"});
  for (const size_t answers : {3, 9}) {
    Running program(arguments, world_.path() / fmt::format("log{}", answers));
    const auto some = [&](const Records& records) {
      return all<events::ModelAnswered>(records).size() >= answers;
    };
    ASSERT_TRUE(wait_until(program, folder(), some)) << program.stderr_text();
    program.signal(SIGKILL);
    EXPECT_EQ(program.wait().signal, SIGKILL);
    arguments = resume();
  }
  EXPECT_EQ(run(arguments).status.code, 0);
  const Records records = records_of(folder());
  expect_nothing_paid_twice(records);
  EXPECT_LE(all<events::CallStarted>(records).size(), 40u) << "calls that died in flight count";
  EXPECT_LE(server_->counts().received, 40);
  const auto json = parse_json(run({"report", "--run", folder(), "--json"}).stdout_text, "report").value();
  const Json model = json["llm"]["models"]["fast"];
  EXPECT_GT(model.value("lost", 0), 0) << model;
  EXPECT_EQ(model.value("lost", 0) + model.value("answered", 0), 40) << model;
}

}  // namespace
}  // namespace warpwright::agent_run
