// The journal's promises, each provoked: cuts, kills, full disks, second writers, foreign and damaged files.
#include "src/journal/journal.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "src/base/files.h"
#include "src/base/hash.h"
#include "src/base/rng.h"
#include "src/journal/journal_file.h"
#include "src/journal/sqlite.h"

namespace warpwright::journal {
namespace {

namespace fs = std::filesystem;
using namespace events;

std::vector<Event> events_of(int64_t ticket) {
  const std::string key = "key" + std::to_string(ticket);
  ResultSummary summary;
  summary.status = Status::kPassed;
  summary.message = std::string(200, 'm');
  return {Proposed{ticket, {"tune", 0, {}, {}}, "source", {{"A", "1"}}, {}, ""},
          EvaluationFinished{ticket, key, "report", summary}};
}

std::string text_of(const std::vector<Record>& records) {
  std::string text;
  for (const Record& r : records)
    text += std::to_string(r.seq) + std::string(kind_of(r.event)) + dump_json(to_json(r.event)) + "\n";
  return text;
}

class JournalTest : public ::testing::Test {
 protected:
  TempDirectory temp = TempDirectory::create("journal").value();
  fs::path run = temp.path() / "run";
  fs::path file = run / "journal.db";

  // The error of opening for writing, or "opened".
  std::string open_error() {
    auto journal = Journal::open(run);
    return journal ? "opened" : journal.error().message;
  }
  static void write(const fs::path& path, const std::string& bytes) {  // without a flush: there are many
    std::ofstream(path, std::ios::binary) << bytes;
  }
  void write_tickets(int64_t count) {
    auto journal = Journal::create(run).value();
    for (int64_t t = 0; t < count; ++t)
      ASSERT_TRUE(journal.append(events_of(t), t, {"blob" + std::to_string(t)}));
  }
  // Runs `body` in a child process and returns its wait status.
  template <class Body>
  static int in_child(Body body) {
    const pid_t child = ::fork();
    if (child == 0) {
      body();
      ::_exit(0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return status;
  }
};

// A write-ahead log is only seen in the folder of a process that did not close its journal.
void write_and_die(const fs::path& run, int64_t count) {
  auto journal = Journal::create(run).value();
  for (int64_t t = 0; t < count; ++t)
    if (!journal.append(events_of(t), t)) ::_exit(1);
  ::kill(::getpid(), SIGKILL);
}

TEST_F(JournalTest, ReopenedAfterEveryAppendItHoldsExactlyWhatWasAppended) {
  std::vector<Record> expected;
  (void)Journal::create(run).value();
  for (int64_t t = 0; t < 8; ++t) {
    auto journal = Journal::open(run).value();
    EXPECT_EQ(text_of(journal.read_events().value()), text_of(expected));
    auto records = journal.append(events_of(t), 1000 + t, {"blob" + std::to_string(t)}).value();
    ASSERT_EQ(records.size(), 2u);
    expected.insert(expected.end(), records.begin(), records.end());
  }
  auto journal = Journal::open_read_only(run).value();
  const auto all = journal.read_events().value();
  EXPECT_EQ(text_of(all), text_of(expected));
  EXPECT_EQ(all.back().unix_ms, 1007);
  EXPECT_EQ(all.back().seq, 16);
  EXPECT_EQ(journal.read_events(14).value().size(), 2u);
  EXPECT_EQ(journal.blob(sha256_hex("blob5")).value(), "blob5");
  EXPECT_FALSE(journal.blob(sha256_hex("nobody")));
}

TEST_F(JournalTest, BlobsKeepEveryByte) {
  const std::string bytes("a\0b\xff\xfe\n", 6);
  auto journal = Journal::create(run).value();
  ASSERT_TRUE(journal.append({}, 0, {bytes, "", bytes}));
  EXPECT_EQ(journal.blob(sha256_hex(bytes)).value(), bytes);
  EXPECT_EQ(journal.blob(sha256_hex("")).value(), "");
}

TEST_F(JournalTest, ARunIsNotOverwrittenAndAMissingOneIsNamed) {
  EXPECT_NE(open_error().find("there is no run in " + run.string()), std::string::npos) << open_error();
  EXPECT_FALSE(fs::exists(run)) << "a failed open left something behind";
  EXPECT_FALSE(Journal::open_read_only(run));
  write_tickets(1);
  auto again = Journal::create(run);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().kind, ErrorKind::kUsage);
  EXPECT_NE(again.error().message.find("holds a run already"), std::string::npos);
}

TEST_F(JournalTest, ASecondWriterIsRefusedByPidAndReadersAreNot) {
  auto first = Journal::create(run).value();
  ASSERT_TRUE(first.append(events_of(0), 0));
  const std::string error = open_error();
  EXPECT_NE(error.find("in use by process " + std::to_string(::getpid())), std::string::npos) << error;
  auto reader = Journal::open_read_only(run).value();
  EXPECT_EQ(reader.read_events().value().size(), 2u);
  ASSERT_TRUE(first.append(events_of(1), 0));
  EXPECT_EQ(reader.read_events().value().size(), 4u) << "a reader sees what is committed since";
  EXPECT_FALSE(reader.append(events_of(2), 0));
}

TEST_F(JournalTest, TheLockDiesWithItsProcess) {
  const int status = in_child([&] { write_and_die(run, 3); });
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(open_error(), "opened");
}

TEST_F(JournalTest, TheLockOutlivesNoJournal) {
  { auto journal = Journal::create(run).value(); }
  EXPECT_EQ(open_error(), "opened");
}

TEST_F(JournalTest, KilledAtAnyMomentItKeepsWhateverWasAcknowledged) {
  Rng rng(3);
  int64_t acknowledged_before = 0;
  for (int round = 0; round < 8; ++round) {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      ::close(ends[0]);
      auto journal = round == 0 ? Journal::create(run) : Journal::open(run);
      if (!journal) ::_exit(1);
      for (int64_t t = journal->read_events().value().size() / 2;; ++t) {
        if (!journal->append(events_of(t), t, {std::string(3000, 'x') + std::to_string(t)})) ::_exit(1);
        if (::write(ends[1], "a", 1) != 1) ::_exit(1);
      }
    }
    ::close(ends[1]);
    char byte = 0;
    int64_t acknowledged = 0;
    const int64_t enough = 1 + static_cast<int64_t>(rng.below(12));
    while (acknowledged < enough && ::read(ends[0], &byte, 1) == 1) ++acknowledged;
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    while (::read(ends[0], &byte, 1) == 1) ++acknowledged;  // acknowledged before the kill reached it
    ::close(ends[0]);
    ASSERT_GE(acknowledged, enough) << "the writer failed";
    auto journal = Journal::open(run);
    ASSERT_TRUE(journal) << journal.error().message;
    const auto records = journal->read_events().value();
    ASSERT_EQ(records.size() % 2, 0u) << "half an append";
    const auto tickets = static_cast<int64_t>(records.size()) / 2;
    EXPECT_GE(tickets, acknowledged_before + acknowledged);
    EXPECT_LE(tickets, acknowledged_before + acknowledged + 1);
    for (int64_t t = 0; t < tickets; ++t) {
      ASSERT_TRUE(journal->blob(sha256_hex(std::string(3000, 'x') + std::to_string(t))));
    }
    acknowledged_before = tickets;
  }
}

TEST_F(JournalTest, AWriteAheadLogCutAnywhereOpensToTheLastWholeAppend) {
  constexpr int64_t kTickets = 12;
  ASSERT_TRUE(WIFSIGNALED(in_child([&] { write_and_die(run, kTickets); })));
  const std::string db = read_file(file).value(), wal = read_file(file.string() + "-wal").value();
  ASSERT_GT(wal.size(), 20000u);
  int64_t most = 0;
  for (size_t length = 0; length <= wal.size(); length += 1499) {
    const fs::path copy = temp.path() / ("cut" + std::to_string(length));
    ASSERT_TRUE(warpwright::create_directories(copy));
    write(copy / "journal.db", db);
    write(copy / "journal.db-wal", wal.substr(0, length));
    auto journal = Journal::open(copy);
    if (!journal) {  // only before the schema's own commit
      EXPECT_NE(journal.error().message.find("holds no run"), std::string::npos) << journal.error().message;
      EXPECT_EQ(most, 0) << "a longer log opens to less, at " << length;
      continue;
    }
    const auto records = journal->read_events().value();
    const auto tickets = static_cast<int64_t>(records.size()) / 2;
    EXPECT_EQ(records.size() % 2, 0u) << "half an append, at " << length;
    EXPECT_GE(tickets, most);
    most = std::max(most, tickets);
    EXPECT_TRUE(journal->append(events_of(tickets), 0)) << "the run cannot go on, cut at " << length;
    fs::remove_all(copy);
  }
  EXPECT_GE(most, kTickets - 1);
}

TEST_F(JournalTest, WhatIsNoJournalIsSaidToBeNone) {
  ASSERT_TRUE(warpwright::create_directories(run));
  ASSERT_TRUE(
      write_file_atomic(file,
                        "this is a letter to my aunt, and it is long enough to have a header of its own ..."
                        "................................................................"));
  EXPECT_NE(open_error().find("it is not a journal"), std::string::npos) << open_error();
  fs::remove(file);
  sqlite3* other = nullptr;
  ASSERT_EQ(sqlite3_open(file.c_str(), &other), SQLITE_OK);
  sqlite3_exec(other, "CREATE TABLE phones(name, number)", nullptr, nullptr, nullptr);
  sqlite3_close(other);
  EXPECT_NE(open_error().find("is not a journal of warpwright"), std::string::npos) << open_error();
  EXPECT_FALSE(Journal::create(run)) << "somebody else's database was taken";
}

TEST_F(JournalTest, ANewerFormatOrEventIsRefusedByName) {
  write_tickets(1);
  auto change = [&](const char* sql) {
    auto db = Db::open(file, Db::Mode::kReadWrite).value();
    ASSERT_TRUE(db.execute(sql));
  };
  const std::string json = dump_json(to_json(events_of(0)[0]));
  change(fmt::format("UPDATE events SET kind = 'proposed/7', chain = '{}' WHERE seq = 1",
                     chain_of("", 0, "proposed/7", json))
             .c_str());
  auto events = Journal::open(run).value().read_events();
  ASSERT_FALSE(events);
  EXPECT_NE(events.error().message.find("event 1: unknown event kind 'proposed/7'"), std::string::npos);
  change("UPDATE meta SET value = 9 WHERE key = 'version'");
  EXPECT_NE(open_error().find("has journal format 9"), std::string::npos) << open_error();
  EXPECT_FALSE(Journal::open_read_only(run));
}

TEST_F(JournalTest, AMissingEventIsFound) {
  write_tickets(3);
  ASSERT_TRUE(Db::open(file, Db::Mode::kReadWrite).value().execute("DELETE FROM events WHERE seq = 3"));
  EXPECT_NE(open_error().find("is damaged: 5 events, the last is number 6"), std::string::npos)
      << open_error();
}

TEST_F(JournalTest, AnInterruptedCreationIsTakenUpAgain) {
  ASSERT_TRUE(warpwright::create_directories(run));
  ASSERT_TRUE(write_file_atomic(file, ""));
  EXPECT_NE(open_error().find("holds no run"), std::string::npos) << open_error();
  EXPECT_TRUE(Journal::create(run));
}

TEST_F(JournalTest, AFullDiskIsOneClearLineAndLosesNothing) {
  write_tickets(3);
  auto db = Db::open(file, Db::Mode::kReadWrite).value();
  ASSERT_TRUE(
      db.execute("PRAGMA max_page_count = 1"));  // as many pages as there are: the next one is SQLITE_FULL
  auto full = db.execute("INSERT INTO blobs VALUES('h', zeroblob(1000000))");
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().kind, ErrorKind::kInfrastructure);
  EXPECT_NE(full.error().message.find("the disk is full"), std::string::npos) << full.error().message;
}

TEST_F(JournalTest, AFileSizeLimitFailsTheAppendAsAWholeAndTheRunGoesOnLater) {
  write_tickets(3);
  const int status = in_child([&] {
    ::signal(SIGXFSZ, SIG_IGN);
    auto journal = Journal::open(run).value();
    const rlimit limit{200'000, 200'000};
    if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) ::_exit(9);
    auto failed = journal.append(events_of(3), 0, {std::string(1'000'000, 'x')});
    if (failed || failed.error().message.find("cannot") == std::string::npos) ::_exit(1);
    if (failed.error().message.find('\n') != std::string::npos) ::_exit(2);
    if (journal.read_events().value().size() != 6) ::_exit(3);
    if (!journal.append(events_of(3), 0)) ::_exit(4);  // a small one still fits
  });
  EXPECT_EQ(WEXITSTATUS(status), 0);
  auto journal = Journal::open(run).value();
  EXPECT_EQ(journal.read_events().value().size(), 8u);
  EXPECT_TRUE(journal.append(events_of(4), 0));
}

TEST_F(JournalTest, AReadOnlyFolderCanBeReadAndIsNotWritten) {
  write_tickets(3);
  ASSERT_EQ(::chmod(temp.path().c_str(), 0755), 0);
  ASSERT_EQ(::chmod(file.c_str(), 0444), 0);
  fs::remove(run / "journal.lock");
  ASSERT_EQ(::chmod(run.c_str(), 0555), 0);
  const int status = in_child([&] {
    if (::geteuid() == 0 && (::setegid(65534) != 0 || ::seteuid(65534) != 0))
      ::_exit(9);  // root may write anywhere
    auto reader = Journal::open_read_only(run);
    if (!reader || reader->read_events().value().size() != 6) ::_exit(1);
    auto writer = Journal::open(run);
    if (writer || writer.error().message.find("journal.lock: Permission denied") == std::string::npos)
      ::_exit(2);
    auto created = Journal::create(run / "below");
    if (created || created.error().message.find("cannot create folder") == std::string::npos) ::_exit(3);
  });
  EXPECT_EQ(WEXITSTATUS(status), 0);
  ::chmod(run.c_str(), 0755);
}

}  // namespace
}  // namespace warpwright::journal
