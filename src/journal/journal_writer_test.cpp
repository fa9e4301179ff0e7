// What a writer in its own thread promises: the order, all or nothing, and that no error is lost.
#include "src/journal/journal_writer.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "src/base/files.h"
#include "src/base/hash.h"

namespace warpwright::journal {
namespace {

namespace fs = std::filesystem;
using namespace events;

std::string blob_of(int64_t ticket, size_t bytes = 3000) {
  return std::string(bytes, 'x') + std::to_string(ticket);
}

// Two events and a blob.
JournalWriter::Batch batch_of(int64_t ticket, size_t blob_bytes = 3000) {
  JournalWriter::Batch batch;
  ResultSummary summary;
  summary.status = Status::kPassed;
  batch.events = {Proposed{ticket, {"tune", 0, {}, {}}, "source", {{"A", "1"}}, {}, ""},
                  EvaluationFinished{ticket, "key" + std::to_string(ticket), "report", summary}};
  batch.unix_ms = ticket;
  std::string blob = blob_of(ticket, blob_bytes);
  std::string hash = sha256_hex(blob);
  batch.blobs.emplace(std::move(hash), std::move(blob));
  return batch;
}

class JournalWriterTest : public ::testing::Test {
 protected:
  TempDirectory temp = TempDirectory::create("writer").value();
  fs::path run = temp.path() / "run";

  // Of the events in the journal, in order.
  std::vector<Ticket> tickets() const {
    std::vector<Ticket> tickets;
    const auto journal = Journal::open_read_only(run).value();
    const auto records = journal.read_events().value();
    for (const Record& record : records) tickets.push_back(*ticket_of(record.event));
    return tickets;
  }
};

bool is_readable(int descriptor, int timeout_ms) {
  pollfd wait{descriptor, POLLIN, 0};
  return ::poll(&wait, 1, timeout_ms) == 1;
}

TEST_F(JournalWriterTest, BatchesAreInTheJournalInTheirOrderOnceFinished) {
  auto journal = Journal::create(run).value();
  const auto writer = JournalWriter::start(journal).value();
  std::vector<Ticket> expected;
  for (Ticket t = 0; t < 40; ++t) {
    EXPECT_FALSE(is_readable(writer->descriptor(), 0)) << "nothing is under way";
    writer->begin(batch_of(t));
    const std::string* kept = writer->find_blob(sha256_hex(blob_of(t)));
    ASSERT_NE(kept, nullptr);
    EXPECT_EQ(*kept, blob_of(t));
    if (t % 2 == 0) {  // who polls first need not wait in finish()
      ASSERT_TRUE(is_readable(writer->descriptor(), -1));
      EXPECT_FALSE(writer->is_writing());
    }
    ASSERT_TRUE(writer->finish());
    EXPECT_EQ(writer->find_blob(sha256_hex(blob_of(t))), nullptr);
    EXPECT_EQ(journal.blob(sha256_hex(blob_of(t))).value(), blob_of(t));
    expected.insert(expected.end(), 2, t);
  }
  EXPECT_EQ(tickets(), expected);
  EXPECT_EQ(journal.read_events().value().back().unix_ms, 39);
}

TEST_F(JournalWriterTest, TheBatchUnderWayIsWrittenBeforeTheWriterGoes) {
  auto journal = Journal::create(run).value();
  JournalWriter::start(journal).value()->begin(batch_of(7));
  EXPECT_EQ(tickets(), (std::vector<Ticket>{7, 7}));
}

TEST_F(JournalWriterTest, AnErrorIsSaidUntilTheEndAndNothingOfItsBatchIsWritten) {
  auto journal = Journal::create(run).value();
  const auto writer = JournalWriter::start(journal).value();
  writer->begin(batch_of(0));
  ASSERT_TRUE(writer->finish());
  auto again = batch_of(1);
  std::get<EvaluationFinished>(again.events[1]).result_key = "key0";
  writer->begin(std::move(again));
  ASSERT_TRUE(is_readable(writer->descriptor(), -1)) << "a failure wakes who waits, too";
  for (int i = 0; i < 2; ++i) {
    const auto failed = writer->finish();
    ASSERT_FALSE(failed);
    EXPECT_NE(failed.error().message.find("key0 is recorded already"), std::string::npos);
  }
  EXPECT_EQ(tickets(), (std::vector<Ticket>{0, 0}));
}

TEST_F(JournalWriterTest, AFileSizeLimitIsAnErrorAndNotASignal) {
  const pid_t child = ::fork();
  if (child == 0) {
    auto journal = Journal::create(run).value();
    const auto writer = JournalWriter::start(journal).value();
    writer->begin(batch_of(0));
    if (!writer->finish()) ::_exit(1);
    const rlimit limit{200'000, 200'000};
    if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) ::_exit(9);
    writer->begin(batch_of(1, 1'000'000));
    const auto failed = writer->finish();
    if (failed || failed.error().message.find("cannot") == std::string::npos) ::_exit(2);
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  ASSERT_TRUE(WIFEXITED(status)) << "signal " << WTERMSIG(status);
  EXPECT_EQ(WEXITSTATUS(status), 0);
  EXPECT_EQ(tickets(), (std::vector<Ticket>{0, 0}));
}

// Killed after a batch was handed over, at once and at any moment later: what was finished is there, of the
// rest all or nothing.
TEST_F(JournalWriterTest, KilledBetweenHandOverAndTheDiskItLosesOnlyWhatWasNotFinished) {
  int64_t before = 0;
  for (int round = 0; round < 12; ++round) {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      ::close(ends[0]);
      auto journal = round == 0 ? Journal::create(run).value() : Journal::open(run).value();
      const auto writer = JournalWriter::start(journal).value();
      for (int64_t t = before; t < before + 4; ++t) {
        writer->begin(batch_of(t));
        if (!writer->finish() || ::write(ends[1], "a", 1) != 1) ::_exit(1);
      }
      writer->begin(batch_of(before + 4, 400'000));
      ::usleep(static_cast<useconds_t>(round) * 300);
      ::kill(::getpid(), SIGKILL);
    }
    ::close(ends[1]);
    int64_t finished = 0;
    for (char byte = 0; ::read(ends[0], &byte, 1) == 1;) ++finished;
    ::close(ends[0]);
    ::waitpid(child, nullptr, 0);
    ASSERT_EQ(finished, 4);
    std::vector<Ticket> expected;
    for (Ticket t = 0; t < before + finished; ++t) expected.insert(expected.end(), 2, t);
    std::vector<Ticket> found = tickets();
    if (found.size() > expected.size()) expected.insert(expected.end(), 2, before + finished);
    ASSERT_EQ(found, expected) << "round " << round;
    before = static_cast<int64_t>(found.size()) / 2;
  }
}

}  // namespace
}  // namespace warpwright::journal
