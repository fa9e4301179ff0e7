// A journal looked at from outside: is it sound, what is it made of, and its events as lines of text. For
// `warpwright journal`. Everything works beside a writer, in one read transaction: what it appends meanwhile
// is not seen.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "src/events/event.h"

namespace warpwright::journal {

struct Finding {
  int64_t seq = 0;  // of the event; 0: of the file as a whole
  std::string what;
};
std::string to_string(const Finding& finding);  // "event 12: ..."

struct Inspection {
  int format = 0;
  int64_t events = 0, blobs = 0, results = 0;
  std::vector<Finding> findings;        // none: sound
  std::vector<events::Record> records;  // the events before the first one that is not sound
};

// SQLite's own integrity check; events without gaps, as their chain says they were written, of known kinds;
// every blob that an event names is there, and every blob has its hash; results and events agree. (Whether
// the events make sense one after another is search::State's to say.) Error: it cannot be read at all.
Result<Inspection> inspect(const std::filesystem::path& run_directory);

struct Amount {
  int64_t count = 0, bytes = 0;
  Amount& operator+=(const Amount& other);
};

struct JournalStats {
  int format = 0;
  int64_t database_bytes = 0, log_bytes = 0;  // journal.db and its -wal
  std::map<std::string, Amount> events;       // by kind
  std::map<std::string, Amount> blobs;        // by the kind of the first event that names them; "unnamed"
  int64_t first_ms = 0, last_ms = 0;          // unix time of the first and the last event
  int64_t evaluations = 0, calls = 0, failed_calls = 0;
  int64_t input_tokens = 0, output_tokens = 0, microdollars = 0;  // charged for failed calls, too

  Amount all_events() const;
  Amount all_blobs() const;
  double bytes_per_evaluation() const;  // events and blobs; 0 without one
};
Result<JournalStats> journal_stats(const std::filesystem::path& run_directory);
Json to_json(const JournalStats& stats);

// One line of JSON for each event, in order: {"seq", "time" (ISO 8601, UTC), "kind", "event": {...}}, passed
// to `line` without its end. Error: damage (lines before it were passed), or what `line` returns.
Result<void> export_events(const std::filesystem::path& run_directory,
                           const std::function<Result<void>(const std::string&)>& line);
// Every blob as a file of its hash's name in `folder`, which is made. Returns how many.
Result<int64_t> export_blobs(const std::filesystem::path& run_directory, const std::filesystem::path& folder);

std::string iso_time(int64_t unix_ms);  // "2026-01-31T23:59:59.123Z"

}  // namespace warpwright::journal
