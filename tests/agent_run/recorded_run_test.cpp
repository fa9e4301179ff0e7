// One run through every operator and every sort of answer; its replay; what show and report say of it.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <set>

#include "src/base/hash.h"
#include "src/base/json.h"
#include "tests/agent_run/answers.h"
#include "tests/agent_run/world.h"

namespace warpwright::agent_run {
namespace {

namespace fs = std::filesystem;
using events::ProposalFailed;

// Weights and seed of the draws are such that every answer is asked for (expected by the first test).
const RunTexts& whole_run() {
  static const RunTexts texts = [] {
    RunTexts t;
    t.operators =
        "tune = 1.0\nscratch = 3.0\nrewrite = 3.0\ndiff = 3.0\ncrossover = 1.0\nplan = 1.0\nrepair = 3.0\n"
        "research = 4.0";
    t.max_evaluations = 18;
    return t;
  }();
  return texts;
}

class RecordedRun : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    world_ = std::make_unique<World>();
    RunTexts texts = whole_run();
    texts.models = scripted_model(world_->answers());
    const fs::path config = world_->write_config("run.toml", texts);
    done_ = agent_run::run({"evolve", "--config", config, "--run-dir", run(), "--skip-red-team"});
    fs::remove_all(world_->answers());  // nothing below asks anybody
    records_ = records_of(run());
  }
  static void TearDownTestSuite() { world_.reset(); }

  static fs::path run() { return world_->path() / "run"; }

  // Tickets of this operator, with the last that was heard of each.
  static std::vector<events::ModelRequested> requests_of(const std::string& op) {
    std::vector<events::ModelRequested> found;
    for (const auto& request : all<events::ModelRequested>(records_))
      if (request.origin.op == op) found.push_back(request);
    return found;
  }
  static events::Ticket ticket_of(const std::string& op, int64_t index) {
    for (const auto& request : requests_of(op))
      if (request.request_index == index) return request.ticket;
    ADD_FAILURE() << "nobody was asked for " << op << " number " << index;
    return -1;
  }
  static std::vector<std::string> kinds_of(events::Ticket ticket) {
    std::vector<std::string> kinds;
    for (const events::Record& record : records_)
      if (events::ticket_of(record.event) == ticket)
        kinds.emplace_back(
            std::string(events::kind_of(record.event)).substr(0, events::kind_of(record.event).find('/')));
    return kinds;
  }
  static std::optional<Status> status_of(events::Ticket ticket) {
    for (const auto& applied : all<events::Applied>(records_))
      if (applied.ticket == ticket) return applied.status;
    return std::nullopt;
  }
  static std::optional<ProposalFailed> failure_of(events::Ticket ticket) {
    for (const auto& failed : all<ProposalFailed>(records_))
      if (failed.ticket == ticket) return failed;
    return std::nullopt;
  }
  static std::string show(const Arguments& what) {
    Arguments arguments = {"show", "--run", run()};
    arguments.insert(arguments.end(), what.begin(), what.end());
    const auto done = agent_run::run(arguments);
    EXPECT_EQ(done.status.code, 0) << done.stderr_text;
    return done.stdout_text;
  }

  static std::unique_ptr<World> world_;
  static CompletedProcess done_;
  static Records records_;
};
std::unique_ptr<World> RecordedRun::world_;
CompletedProcess RecordedRun::done_;
Records RecordedRun::records_;

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST_F(RecordedRun, EndsWellWithABest) {
  ASSERT_EQ(done_.status.code, 0) << done_.stderr_text;
  EXPECT_TRUE(contains(done_.stdout_text, "best against plain.cu")) << done_.stdout_text;
  expect_nothing_paid_twice(records_);
  // Of every answered turn: 1000 tokens at 1 dollar, 200 at 10 dollars a million.
  const auto answers = all<events::ModelAnswered>(records_);
  EXPECT_GE(answers.size(), 14u);
  for (const auto& answer : answers) EXPECT_EQ(answer.cost_microdollars, 3000) << line_of(answer);
}

TEST_F(RecordedRun, CandidatesFromScratchArePassedMendedOrRepaired) {
  const auto first = kinds_of(ticket_of("scratch", 0));
  EXPECT_EQ(std::count(first.begin(), first.end(), "call-failed"), 1) << "rate-limited once";
  EXPECT_EQ(status_of(ticket_of("scratch", 0)), Status::kPassed);
  const auto broken = ticket_of("scratch", 1), wrong = ticket_of("scratch", 2);
  EXPECT_EQ(status_of(broken), Status::kCompileError);
  EXPECT_EQ(status_of(wrong), Status::kIncorrectNumerical);
  std::set<events::CandidateId> repaired;
  for (const auto& request : requests_of("repair")) {
    repaired.insert(request.origin.parent.value());
    const std::string prompt = show({"prompt", std::to_string(request.ticket) + ".0"});
    if (request.origin.parent == broken) {
      EXPECT_TRUE(contains(prompt, "no_such_function")) << "the compiler's words are shown";
    }
    EXPECT_EQ(status_of(request.ticket), Status::kPassed);
  }
  EXPECT_TRUE(repaired.contains(broken));
  EXPECT_TRUE(repaired.contains(wrong));
}

TEST_F(RecordedRun, RefusedAndTruncatedAnswersAreNeverCompiled) {
  EXPECT_EQ(status_of(ticket_of("rewrite", 0)), Status::kPassed);
  const auto refused = ticket_of("rewrite", 1), truncated = ticket_of("rewrite", 2);
  EXPECT_EQ(failure_of(refused).value().kind, ProposalFailed::Kind::kRefused);
  EXPECT_EQ(failure_of(truncated).value().kind, ProposalFailed::Kind::kTruncated);
  for (const auto ticket : {refused, truncated})
    for (const std::string& kind : kinds_of(ticket))
      EXPECT_FALSE(kind == "proposed" || kind == "compiled" || kind == "evaluation-finished") << kind;
}

TEST_F(RecordedRun, ADiffThatDoesNotApplyIsAnsweredOnceThenDropped) {
  const auto applies = ticket_of("diff", 0), second = ticket_of("diff", 1), never = ticket_of("diff", 2);
  EXPECT_EQ(status_of(applies), Status::kPassed);
  EXPECT_EQ(status_of(second), Status::kPassed);
  const auto asked_again = [&](events::Ticket ticket) {
    const auto all_of_them = all<events::FollowUpAsked>(records_);
    return std::count_if(all_of_them.begin(), all_of_them.end(),
                         [&](const auto& asked) { return asked.ticket == ticket; });
  };
  EXPECT_EQ(asked_again(applies), 0);
  EXPECT_EQ(asked_again(second), 1);
  EXPECT_EQ(asked_again(never), 1);
  EXPECT_EQ(failure_of(never).value().kind, ProposalFailed::Kind::kDiffRefused);
  EXPECT_EQ(status_of(never), std::nullopt);
  const std::string prompt = show({"prompt", std::to_string(second)});
  for (const char* part : {"kEgde2", "kEdge2", "==== assistant ====", "==== user ===="})
    EXPECT_TRUE(contains(prompt, part)) << part << " is not in the second turn";
  EXPECT_FALSE(contains(show({"prompt", std::to_string(second) + ".0"}), "kEgde2"));
  EXPECT_TRUE(contains(show({"reply", std::to_string(second) + ".0"}), "kEgde2"));
  EXPECT_FALSE(contains(show({"reply", std::to_string(second)}), "kEgde2"));
}

TEST_F(RecordedRun, CrossoverPlanAndResearchDoWhatTheyPromise) {
  const auto crossover = requests_of("crossover");
  ASSERT_FALSE(crossover.empty());
  EXPECT_EQ(status_of(crossover.front().ticket), Status::kPassed);
  ASSERT_FALSE(crossover.front().origin.inspirations.empty()) << "a crossover has two parents";
  EXPECT_NE(crossover.front().origin.parent, crossover.front().origin.inspirations.front());
  EXPECT_EQ(status_of(ticket_of("plan", 0)), Status::kPassed);
  const auto researched = all<events::Researched>(records_);
  ASSERT_EQ(researched.size(), 1u);
  ASSERT_EQ(researched.front().lessons.size(), 2u);
  const std::string lessons = show({"lessons"});
  EXPECT_TRUE(contains(lessons, "the border of the softplus does not matter")) << lessons;
  EXPECT_TRUE(contains(lessons, "more rows for each warp")) << lessons;
  bool is_shown_later = false;
  for (const auto& request : all<events::ModelRequested>(records_))
    if (request.ticket > researched.front().ticket)
      is_shown_later =
          is_shown_later || contains(blob_of(run(), request.prompt_hash), "the border of the softplus");
  EXPECT_TRUE(is_shown_later) << "later prompts hold the lesson";
}

TEST_F(RecordedRun, ShowAndReportSayWhatItCost) {
  const std::string calls = show({"calls"});
  const auto answers = all<events::ModelAnswered>(records_);
  const auto failed = all<events::CallFailed>(records_);
  EXPECT_EQ(std::count(calls.begin(), calls.end(), '\n'),
            static_cast<int64_t>(answers.size() + failed.size()));
  for (const char* part :
       {"fast", "complete", "refused", "truncated", "rate-limited", "1000 in", "200 out", "$0.0030"})
    EXPECT_TRUE(contains(calls, part)) << part << " is not in:\n" << calls;
  const std::string text = agent_run::run({"report", "--run", run()}).stdout_text;
  const std::string dollars = fmt::format("{:.4f}", static_cast<double>(microdollars_of(records_)) / 1e6);
  for (const std::string& part : {std::string("fast"), dollars, std::string("refused"), std::string("diff")})
    EXPECT_TRUE(contains(text, part)) << part << " is not in:\n" << text;
  const auto report = agent_run::run({"report", "--run", run(), "--json"});
  const auto json = parse_json(report.stdout_text, "report");
  ASSERT_TRUE(json) << report.stdout_text;
  const Json model = (*json)["llm"]["models"]["fast"];
  EXPECT_NEAR(model.value("dollars", 0.0), static_cast<double>(microdollars_of(records_)) / 1e6, 1e-9)
      << model;
  EXPECT_EQ(model["answered"], static_cast<int64_t>(answers.size()));
  EXPECT_EQ((*json)["llm"]["operators"]["diff"]["asked"], static_cast<int64_t>(requests_of("diff").size()));
}

TEST_F(RecordedRun, ReplaysOfflineEventForEvent) {
  const fs::path again = world_->path() / "replayed";
  const auto done = agent_run::run({"replay", "--run", run(), "--out", again});
  EXPECT_EQ(done.status.code, 0) << done.stdout_text << done.stderr_text;
  EXPECT_TRUE(done.stdout_text.starts_with("identical")) << done.stdout_text;
  EXPECT_EQ(lines_of(run()), lines_of(again));
  const auto json = parse_json(agent_run::run({"replay", "--run", run(), "--json"}).stdout_text, "replay");
  ASSERT_TRUE(json);
  EXPECT_EQ((*json)["identical"], true);
  EXPECT_EQ((*json)["events"], static_cast<int64_t>(records_.size()));
  EXPECT_EQ((*json)["prompts"], static_cast<int64_t>(all<events::ModelRequested>(records_).size()));
}

// The same events in another folder, but for what `change` does to one of them and to its blobs.
using Change = std::function<void(events::Event& event, std::vector<std::string>& blobs)>;
void copy_changed(const fs::path& from, const fs::path& to, const Change& change) {
  const auto source = journal::Journal::open_read_only(from).value();
  auto target = journal::Journal::create(to).value();
  std::vector<events::Record> records = source.read_events().value();
  for (events::Record& record : records) {
    std::vector<std::string> blobs;
    for (const std::string& hash : events::blobs_of(record.event)) blobs.push_back(source.blob(hash).value());
    change(record.event, blobs);
    ASSERT_TRUE(target.append({record.event}, record.unix_ms, blobs));
  }
}

TEST_F(RecordedRun, AChangedReplyOrTemplateIsFoundAndItsEventNamed) {
  const auto expect_different = [&](const fs::path& changed, events::Ticket ticket, const std::string& kind) {
    const auto done = agent_run::run({"replay", "--run", changed});
    EXPECT_EQ(done.status.code, 1) << done.stdout_text << done.stderr_text;
    EXPECT_TRUE(done.stdout_text.starts_with("DIFFERENT")) << done.stdout_text;
    int64_t seq = 0;
    for (const events::Record& record : records_of(changed))
      if (seq == 0 && events::ticket_of(record.event) == ticket &&
          events::kind_of(record.event).starts_with(kind))
        seq = record.seq;
    EXPECT_TRUE(contains(done.stdout_text, fmt::format("event {}: recorded {}", seq, kind)))
        << done.stdout_text;
    const auto json =
        parse_json(agent_run::run({"replay", "--run", changed, "--json"}).stdout_text, "replay");
    ASSERT_TRUE(json);
    EXPECT_EQ((*json)["identical"], false);
  };
  const events::Ticket scratch = ticket_of("scratch", 0);
  const std::string other_reply = reply_with(kernel(60), "somebody else's answer");
  copy_changed(run(), world_->path() / "other-reply",
               [&](events::Event& event, std::vector<std::string>& blobs) {
                 auto* answered = std::get_if<events::ModelAnswered>(&event);
                 if (answered == nullptr || answered->ticket != scratch) return;
                 std::replace(blobs.begin(), blobs.end(), blob_of(run(), answered->reply_hash), other_reply);
                 answered->reply_hash = sha256_hex(other_reply);
               });
  expect_different(world_->path() / "other-reply", scratch, "proposed");

  copy_changed(run(), world_->path() / "other-library",
               [&](events::Event& event, std::vector<std::string>& blobs) {
                 auto* started = std::get_if<events::RunStarted>(&event);
                 if (started == nullptr) return;
                 const std::string library = blob_of(run(), started->library_hash);
                 Json files = parse_json(library, "library").value();
                 for (auto& [path, text] : files.items())
                   if (path.ends_with("system.md")) text = text.get<std::string>() + "\nAnswer in verse.\n";
                 const std::string changed = dump_json(files);
                 ASSERT_NE(changed, library);
                 std::replace(blobs.begin(), blobs.end(), library, changed);
                 started->library_hash = sha256_hex(changed);
               });
  const auto requests = all<events::ModelRequested>(records_);
  expect_different(world_->path() / "other-library", requests.front().ticket, "model-requested");
}

TEST_F(RecordedRun, EvaluatedAgainItComesOutTheSame) {
  const fs::path again = world_->path() / "evaluated-again";
  const auto done =
      agent_run::run({"replay", "--run", run(), "--out", again, "--evaluate", "--workers", "2"});
  EXPECT_EQ(done.status.code, 0) << done.stdout_text << done.stderr_text;
  EXPECT_TRUE(done.stdout_text.starts_with("identical")) << done.stdout_text;
  const auto before = decisions_of(records_), now = decisions_of(records_of(again));
  EXPECT_EQ(before, now);
}

}  // namespace
}  // namespace warpwright::agent_run
