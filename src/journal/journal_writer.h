// Appends to a journal in a thread of its own, so that the next events are made while the last ones reach the
// disk.
//
// One batch is under way at a time and is one append: all of it or nothing, in the order of begin(). What
// comes meanwhile is the caller's to gather for the next one, so there is no queue, and a slow disk means
// larger batches. Nothing of a batch may be acted upon before finish() has returned without an error.
#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "src/journal/journal.h"

namespace warpwright::journal {

class JournalWriter {
 public:
  struct Batch {
    std::vector<events::Event> events;
    int64_t unix_ms = 0;
    std::map<std::string, std::string> blobs;  // by their SHA-256, as in Journal::append_hashed
  };

  // `journal` outlives the writer; nobody else uses it while a batch is under way. Error: no thread, no
  // descriptor.
  static Result<std::unique_ptr<JournalWriter>> start(Journal& journal);
  ~JournalWriter();  // after the batch under way
  JournalWriter(const JournalWriter&) = delete;
  JournalWriter& operator=(const JournalWriter&) = delete;

  // All by one thread, the caller's.
  // REQUIRES: no batch is under way, finish() has never returned an error.
  void begin(Batch batch);
  // A batch is not yet on the disk: finish() would wait.
  bool is_writing() const;
  // Waits for the batch under way, if there is one; after it none is. Its error stays: nothing is written
  // behind a hole.
  Result<void> finish();
  // Of the batch under way, until finish(); null: not there.
  const std::string* find_blob(const std::string& hash) const;
  // For poll: readable once the batch under way is written, or could not be, until finish().
  int descriptor() const { return written_fd_; }

 private:
  enum class Phase { kIdle, kWriting, kWritten, kEnding };
  JournalWriter(Journal& journal, int written_fd) : journal_(journal), written_fd_(written_fd) {}
  void work();

  Journal& journal_;
  const int written_fd_;
  Batch batch_;  // only read while kWriting
  Result<void> result_;
  std::optional<Error> failed_;
  mutable std::mutex mutex_;  // guards phase_ and result_
  std::condition_variable changed_;
  Phase phase_ = Phase::kIdle;
  std::thread thread_;
};

}  // namespace warpwright::journal
