// The journal: the durable record of a run, one SQLite file `journal.db` in the run's folder
// (src/journal/README.md has the format).
//
// Rejected: a JSONL file, appended and fsynced. It is readable with less, but a torn last line, blobs beside
// it, "all of these or none" and a reader beside a writer would each be our own code, and each is a feature
// of SQLite that has been tested for years. `sqlite3 journal.db` reads this one too.
//
// Durability: WAL with synchronous=FULL. An append that returned is committed: kill -9 loses nothing of it, a
// power cut neither, as far as the disk honours a flush. Group what belongs together in one append: a flush
// is the cost.
//
// One writer: the folder's `journal.lock` is held (flock) while a Journal is open for writing; the lock dies
// with its process. Any number of readers may read beside it. Not thread-safe.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "src/events/event.h"

namespace warpwright::journal {

class Journal {
 public:
  // Creates the folder and the journal. Error: it holds a run already, it is not writable, another process
  // has it.
  static Result<Journal> create(const std::filesystem::path& run_directory);
  // Opens the journal of an existing run for writing. Error: no run there, damaged, written by a newer
  // version, another process has it (named by its pid).
  static Result<Journal> open(const std::filesystem::path& run_directory);
  // For show and report; works beside a writer and on read-only media. `append` is then an error.
  static Result<Journal> open_read_only(const std::filesystem::path& run_directory);

  Journal(Journal&&) noexcept;
  Journal& operator=(Journal&&) noexcept;
  ~Journal();

  // All or nothing, durable when it returns. Blobs are stored under their SHA-256 (those present already are
  // kept). Error: full disk and the like; nothing was written then.
  Result<std::vector<events::Record>> append(const std::vector<events::Event>& events, int64_t unix_ms,
                                             const std::vector<std::string>& blobs = {});
  // The same without a copy of the events; blobs by their SHA-256, which the caller knows (it is not
  // checked).
  Result<void> append_hashed(const std::vector<events::Event>& events, int64_t unix_ms,
                             const std::map<std::string, std::string>& blobs);

  // In order. Error: damage, or an event kind of another version.
  Result<std::vector<events::Record>> read_events(int64_t after_seq = 0) const;
  // The same one by one, without all of them in memory; ends with the first error of `take`, which must not
  // use this journal.
  Result<void> for_each_event(int64_t after_seq,
                              const std::function<Result<void>(events::Record&&)>& take) const;

  Result<std::string> blob(const std::string& hash) const;  // error: missing or damaged

  const std::filesystem::path& path() const;

 private:
  struct Impl;
  explicit Journal(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace warpwright::journal
