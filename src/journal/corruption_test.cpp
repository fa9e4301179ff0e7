// A journal that was cut short or altered anywhere opens to the events that were written, from the first on,
// or is refused in one line. It never ends the process, and never yields an event that nobody wrote.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "src/base/files.h"
#include "src/base/hash.h"
#include "src/base/rng.h"
#include "src/journal/inspect.h"
#include "src/journal/journal.h"
#include "src/journal/journal_file.h"

namespace warpwright::journal {
namespace {

namespace fs = std::filesystem;
using namespace events;

std::vector<Event> events_of(int64_t ticket) {
  ResultSummary summary;
  summary.status = Status::kPassed;
  summary.message = std::string(80, static_cast<char>('a' + ticket % 26));
  return {Proposed{ticket, {"tune", 0, {}, {}}, "", {{"A", std::to_string(ticket)}}, {}, "a note"},
          EvaluationFinished{ticket, "key" + std::to_string(ticket), "", summary}};
}

std::vector<std::string> lines_of(const std::vector<Record>& records) {
  std::vector<std::string> lines;
  for (const Record& r : records)
    lines.push_back(
        fmt::format("{} {} {} {}", r.seq, r.unix_ms, kind_of(r.event), dump_json(to_json(r.event))));
  return lines;
}

void write(const fs::path& path, const std::string& bytes) {  // without a flush: there are many
  std::ofstream(path, std::ios::binary) << bytes;
}

class CorruptionTest : public ::testing::Test {
 protected:
  // journal.db of so many tickets; with a log if the writer is killed instead of closing.
  void make(int64_t tickets, bool with_log) {
    const pid_t child = ::fork();
    if (child == 0) {
      auto journal = Journal::create(run).value();
      for (int64_t t = 0; t < tickets; ++t)
        if (!journal.append(events_of(t), 1000 + t, {"blob" + std::to_string(t)})) ::_exit(1);
      if (with_log) ::kill(::getpid(), SIGKILL);
    }
    if (child == 0) ::_exit(0);  // after the journal is closed
    int status = 0;
    ::waitpid(child, &status, 0);
    ASSERT_EQ(WIFSIGNALED(status), with_log);
    db = read_file(file).value();
    if (with_log) log = read_file(log_file).value();
    auto copy = Journal::open_read_only(run).value();
    whole = lines_of(copy.read_events().value());
    ASSERT_EQ(whole.size(), static_cast<size_t>(tickets) * 2);
  }

  // Puts the files there, opens them in both ways; what comes out must be a beginning of `whole`. Returns how
  // many events; -1: refused.
  int64_t open_with(const std::string& db_bytes, const std::string& log_bytes, const std::string& what) {
    int64_t least = -1;
    for (const bool writing : {false, true}) {
      fs::remove(run / "journal.db-shm");
      write(file, db_bytes);
      fs::remove(log_file);
      if (!log_bytes.empty()) write(log_file, log_bytes);
      least = try_open(writing, what);
    }
    return least;
  }

  int64_t try_open(bool writing, const std::string& what) {
    auto journal = writing ? Journal::open(run) : Journal::open_read_only(run);
    auto records = journal ? journal->read_events() : tl::unexpected(journal.error());
    if (!records) {
      EXPECT_EQ(records.error().message.find('\n'), std::string::npos) << what;
      EXPECT_NE(records.error().message.find("journal.db"), std::string::npos)
          << what << ": " << records.error().message;
      return -1;
    }
    const auto lines = lines_of(*records);
    EXPECT_LE(lines.size(), whole.size()) << what;
    EXPECT_TRUE(lines.size() <= whole.size() && std::equal(lines.begin(), lines.end(), whole.begin()))
        << what << ": an event that was not written";
    return static_cast<int64_t>(lines.size());
  }

  TempDirectory temp = TempDirectory::create("corruption").value();
  fs::path run = temp.path() / "run", file = run / "journal.db", log_file = run / "journal.db-wal";
  std::string db, log;
  std::vector<std::string> whole;
};

TEST_F(CorruptionTest, ASmallDatabaseCutAnywhereIsWholeOrRefused) {
  make(1, false);
  constexpr size_t kPage = 4096;  // the first one at every byte
  size_t refused = 0, cuts = 0;
  for (size_t length = db.size() - 1; length > 0; length -= length > kPage ? 13 : 1) {
    ++cuts;
    ASSERT_EQ(::truncate(file.c_str(), static_cast<off_t>(length)), 0);
    if (try_open(false, fmt::format("cut at {}", length)) < 0) ++refused;
  }
  EXPECT_GT(refused, cuts * 3 / 4) << "only a part that no event stands in can be missing";
}

TEST_F(CorruptionTest, ADatabaseCutAnywhereIsWholeOrRefused) {
  make(150, false);
  ASSERT_GT(db.size(), 60'000u);
  for (size_t length = 0; length < db.size(); length += 2053)
    open_with(db.substr(0, length), "", fmt::format("cut at {}", length));
  EXPECT_EQ(open_with(db, "", "whole"), 300);
}

TEST_F(CorruptionTest, ALogCutAnywhereOpensToABeginning) {
  make(30, true);
  ASSERT_GT(log.size(), 100'000u);
  int64_t most = 0;
  for (size_t length = 0; length <= log.size(); length += 2039) {
    const int64_t count = open_with(db, log.substr(0, length), fmt::format("log cut at {}", length));
    EXPECT_GE(count, most == 0 ? -1 : most) << "a longer log holds less, cut at " << length;
    most = std::max(most, count);
  }
  EXPECT_GE(most, 56);
}

TEST_F(CorruptionTest, AChangedByteAnywhereIsNoticedOrHarmless) {
  make(150, false);
  Rng rng(11);
  int refused = 0;
  for (int round = 0; round < 200; ++round) {
    std::string damaged = db;
    const size_t at = rng.below(damaged.size());
    damaged[at] = static_cast<char>(damaged[at] ^ (1 + static_cast<char>(rng.below(127))));
    if (open_with(damaged, "", fmt::format("byte {} changed", at)) < 0) ++refused;
  }
  EXPECT_GT(refused, 50) << "texts of events make up most of the file";
}

TEST_F(CorruptionTest, AChangedByteInTheLogEndsItThere) {
  make(30, true);
  Rng rng(12);
  int whole_ones = 0;
  for (int round = 0; round < 80; ++round) {
    std::string damaged = log;
    const size_t at = rng.below(damaged.size());
    damaged[at] = static_cast<char>(damaged[at] ^ (1 + static_cast<char>(rng.below(127))));
    if (open_with(db, damaged, fmt::format("byte {} of the log changed", at)) == 60) ++whole_ones;
  }
  EXPECT_LT(whole_ones, 40);
}

TEST_F(CorruptionTest, AnAlteredWordInsideAnEventIsNoticed) {
  make(4, false);
  for (const char* sql : {"UPDATE events SET json = replace(json, 'a note', 'a lie.') WHERE seq = 3",
                          "UPDATE events SET unix_ms = unix_ms + 1 WHERE seq = 3",
                          "UPDATE events SET kind = 'applied/1' WHERE seq = 3"}) {
    write(file, db);
    ASSERT_TRUE(Db::open(file, Db::Mode::kReadWrite).value().execute(sql));
    const auto records = Journal::open_read_only(run).value().read_events();
    ASSERT_FALSE(records) << sql;
    EXPECT_NE(records.error().message.find("event 3 is damaged"), std::string::npos)
        << records.error().message;
    const auto later = Journal::open_read_only(run).value().read_events(3);
    EXPECT_TRUE(later) << "what stands after it is held against what stood before";
    const auto inspection = inspect(run).value();
    ASSERT_FALSE(inspection.findings.empty());
    EXPECT_EQ(inspection.findings[0].seq, 3);
    EXPECT_EQ(inspection.records.size(), 2u) << "the sound beginning";
  }
}

// As older programs made them.
std::string old_schema(int version) {
  return fmt::format(
      "CREATE TABLE meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID;"
      "CREATE TABLE events(seq INTEGER PRIMARY KEY, unix_ms INTEGER NOT NULL, kind TEXT NOT NULL, json TEXT "
      "NOT "
      "NULL{});"
      "CREATE TABLE blobs(hash TEXT PRIMARY KEY, bytes BLOB NOT NULL){};"
      "CREATE TABLE results(result_key TEXT PRIMARY KEY, ticket INTEGER NOT NULL, report_hash TEXT NOT NULL)"
      " WITHOUT ROWID;"
      "INSERT INTO meta VALUES('format', 'warpwright-journal'), ('version', {});",
      version == 1 ? "" : ", chain TEXT NOT NULL", version == 1 ? " WITHOUT ROWID" : "", version);
}

TEST_F(CorruptionTest, AJournalOfAnOlderFormatIsReadAndGoneOnWith) {
  for (const int version : {1, 2}) {
    fs::remove_all(run);
    ASSERT_TRUE(warpwright::create_directories(run));
    ASSERT_TRUE(Db::open(file, Db::Mode::kCreate).value().execute(old_schema(version).c_str()));
    {
      auto journal = Journal::open(run).value();
      ASSERT_TRUE(journal.append(events_of(0), 1, {}));
    }
    auto journal = Journal::open(run).value();
    ASSERT_TRUE(journal.append(events_of(1), 2, {}));
    EXPECT_EQ(journal.read_events().value().size(), 4u);
    const auto inspection = inspect(run).value();
    EXPECT_EQ(inspection.format, version);
    EXPECT_EQ(inspection.results, 2);
    EXPECT_TRUE(inspection.findings.empty()) << to_string(inspection.findings[0]);
  }
}

// It has a table of results, with unique keys.
TEST_F(CorruptionTest, AnAppendThatAnOlderFormatRefusesLeavesNothing) {
  ASSERT_TRUE(warpwright::create_directories(run));
  ASSERT_TRUE(Db::open(file, Db::Mode::kCreate).value().execute(old_schema(2).c_str()));
  auto journal = Journal::open(run).value();
  ASSERT_TRUE(journal.append(events_of(0), 1, {}));
  auto events = events_of(1);
  std::get<EvaluationFinished>(events[1]).result_key =
      std::get<EvaluationFinished>(events_of(0)[1]).result_key;
  ASSERT_FALSE(journal.append(events, 2, {"lonely"}));
  EXPECT_EQ(journal.read_events().value().size(), 2u);
  EXPECT_FALSE(journal.blob(sha256_hex("lonely"))) << "half of a refused append was kept";
  EXPECT_TRUE(journal.append(events_of(1), 2));
}

TEST_F(CorruptionTest, ResultsOfAnOlderFormatAreHeldAgainstTheEvents) {
  const std::pair<const char*, const char*> cases[] = {
      {"DELETE FROM results WHERE ticket = 1", "its result key1 is missing"},
      {"UPDATE results SET ticket = 7 WHERE ticket = 1", "result key1 differs from it"},
      {"INSERT INTO results VALUES('k', 1, 'h')", "result k belongs to no event"}};
  for (const auto& [sql, finding] : cases) {
    fs::remove_all(run);
    ASSERT_TRUE(warpwright::create_directories(run));
    ASSERT_TRUE(Db::open(file, Db::Mode::kCreate).value().execute(old_schema(2).c_str()));
    {
      auto journal = Journal::open(run).value();
      for (int64_t t = 0; t < 2; ++t) ASSERT_TRUE(journal.append(events_of(t), 1, {}));
    }
    ASSERT_TRUE(Db::open(file, Db::Mode::kReadWrite).value().execute(sql));
    const auto inspection = inspect(run).value();
    ASSERT_EQ(inspection.findings.size(), 1u) << sql;
    EXPECT_EQ(inspection.findings[0].what, finding);
  }
}

TEST_F(CorruptionTest, ADamagedVersionDoesNotSwitchTheChainOff) {
  make(2, false);
  ASSERT_TRUE(Db::open(file, Db::Mode::kReadWrite)
                  .value()
                  .execute("UPDATE meta SET value = 1 WHERE key = 'version'"));
  const auto journal = Journal::open_read_only(run);
  ASSERT_FALSE(journal);
  EXPECT_NE(journal.error().message.find("its tables are not those of format 1"), std::string::npos);
}

}  // namespace
}  // namespace warpwright::journal
