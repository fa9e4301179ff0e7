#include "tests/agent_run/world.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>
#include <cstdlib>
#include <set>
#include <thread>

#include "tests/agent_run/answers.h"

namespace warpwright::agent_run {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kDeadlineMs = 100'000;

// One for all tests of this process: what was compiled once is not compiled again.
const fs::path& compile_cache() {
  static const TempDirectory folder = TempDirectory::create("warpwright-agent-run-cache").value();
  return folder.path();
}

SubprocessOptions options_of(Arguments argv, const Environment& environment) {
  SubprocessOptions options;
  options.argv = std::move(argv);
  for (const char* name : {"WARPWRIGHT_HOME", "WARPWRIGHT_WORKER", "WARPWRIGHT_PYTHON", "ASAN_OPTIONS"})
    options.keep_environment.emplace_back(name);
  options.set_environment = environment;
  options.set_environment.try_emplace("WARPWRIGHT_CACHE", compile_cache().string());
  return options;
}

Subprocess start_logged(const Arguments& arguments, const fs::path& log, const Environment& environment) {
  Arguments argv = {"/bin/sh", "-c", "log=$1; shift; exec \"$@\" >\"$log.out\" 2>\"$log.err\" </dev/null",
                    "sh",      log,  std::getenv("WARPWRIGHT_PROGRAM")};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  return Subprocess::start(options_of(std::move(argv), environment)).value();
}

int64_t now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

void nap() {
  std::this_thread::sleep_for(std::chrono::milliseconds(5));
}

}  // namespace

CompletedProcess run(const Arguments& arguments, const Environment& environment) {
  Arguments argv = {std::getenv("WARPWRIGHT_PROGRAM")};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  return run_to_completion(options_of(std::move(argv), environment), "", kDeadlineMs, 16 << 20).value();
}

Running::Running(const Arguments& arguments, const fs::path& log, const Environment& environment)
    : process_(start_logged(arguments, log, environment)), log_(log) {}

void Running::signal(int number) {
  ::kill(process_.pid(), number);
}

ExitStatus Running::wait(int64_t deadline_ms) {
  for (const int64_t end = now_ms() + deadline_ms; now_ms() < end; nap())
    if (auto status = process_.try_wait()) return *status;
  ADD_FAILURE() << "the program does not end: " << stderr_text();
  process_.kill_group();
  return process_.wait();
}

std::string Running::stderr_text() const {
  return read_file(log_.string() + ".err").value_or("");
}

std::string scripted_model(const fs::path& folder) {
  return fmt::format(
      "[models.fast]\nprovider = \"scripted\"\nfolder = \"{}\"\nprice = {{ input = 1.0, output = 10.0 }}\n",
      folder.string());
}

World::World() : folder_(TempDirectory::create("warpwright-agent-run").value()) {
  write_seeds(path() / "seeds");
  write_answers(answers());
}

fs::path World::write_config(const std::string& name, const RunTexts& texts) const {
  const fs::path file = path() / name;
  const std::string seeds = texts.seeds_allowed
                                ? fmt::format("[seeds]\nfolder = \"{}\"\n", (path() / "seeds").string())
                                : "[seeds]\nallowed = false\n";
  write_file(file, fmt::format("[run]\n"
                               "definition = \"gdn_decode_qk4_v8_d128_k_last\"\n"
                               "seed = {}\nmax_evaluations = {}\nwindow = {}\n"
                               "[device]\nexecutor = \"sim\"\n"
                               "[workers]\ncount = 2\n"
                               "[agent]\nname = \"{}\"\n"
                               "[evaluation]\nselection = \"0\"\n"
                               "[search]\nislands = {}\nmigration_interval = 8\ntuning_budget = 0\n"
                               "[search.operators]\n{}\n[budget]\n{}\n{}{}",
                               texts.seed, texts.max_evaluations, texts.window, texts.agent, texts.islands,
                               texts.operators, texts.budget, seeds, texts.models));
  return file;
}

Records records_of(const fs::path& run) {
  if (!fs::exists(run / "journal.db")) return {};
  const auto journal = journal::Journal::open_read_only(run);
  if (!journal) return {};  // it is just being made
  return journal->read_events().value_or(Records());
}

std::string blob_of(const fs::path& run, const std::string& hash) {
  return journal::Journal::open_read_only(run).value().blob(hash).value();
}

std::string line_of(const events::Event& event) {
  return fmt::format("{} {}", events::kind_of(event), dump_json(events::to_json(event)));
}

std::vector<std::string> lines_of(const fs::path& run) {
  std::vector<std::string> lines;
  for (const events::Record& record : records_of(run)) lines.push_back(line_of(record.event));
  return lines;
}

std::vector<std::string> decisions_of(const Records& records) {
  std::vector<std::string> lines;
  for (const events::Record& record : records) {
    const events::Event& event = record.event;
    const auto* proposed = std::get_if<events::Proposed>(&event);
    const auto* failed = std::get_if<events::ProposalFailed>(&event);
    const bool is_own =
        proposed != nullptr && (proposed->origin.op == "seed" || proposed->origin.op == "tune");
    const bool is_idle = failed != nullptr && failed->kind == events::ProposalFailed::Kind::kIdle;
    if (is_own || is_idle || std::holds_alternative<events::ModelRequested>(event) ||
        std::holds_alternative<events::Applied>(event) || std::holds_alternative<events::Migrated>(event))
      lines.push_back(line_of(event));
  }
  return lines;
}

bool wait_until(Running& program, const fs::path& run, const std::function<bool(const Records&)>& wanted,
                int64_t deadline_ms) {
  for (const int64_t end = now_ms() + deadline_ms; now_ms() < end; nap()) {
    if (wanted(records_of(run))) return true;
    if (program.has_ended()) return wanted(records_of(run));
  }
  return false;
}

void expect_nothing_paid_twice(const Records& records) {
  using Turn = std::pair<events::Ticket, int>;
  std::set<Turn> answered;
  std::set<std::tuple<events::Ticket, int, int>> started;
  for (const events::Record& record : records) {
    if (const auto* start = std::get_if<events::CallStarted>(&record.event)) {
      EXPECT_FALSE(answered.contains({start->ticket, start->turn}))
          << "asked again: " << line_of(record.event);
      EXPECT_TRUE(started.insert({start->ticket, start->turn, start->attempt}).second)
          << line_of(record.event);
    }
    if (const auto* answer = std::get_if<events::ModelAnswered>(&record.event)) {
      EXPECT_TRUE(started.contains({answer->ticket, answer->turn, answer->attempt})) << line_of(record.event);
      EXPECT_TRUE(answered.insert({answer->ticket, answer->turn}).second) << line_of(record.event);
    }
  }
}

int64_t microdollars_of(const Records& records) {
  int64_t sum = 0;
  for (const auto& answer : all<events::ModelAnswered>(records)) sum += answer.cost_microdollars;
  for (const auto& failed : all<events::CallFailed>(records)) sum += failed.charged_microdollars;
  return sum;
}

}  // namespace warpwright::agent_run
