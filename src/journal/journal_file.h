// journal.db as a file: its tables by version, its opening, and the chain that holds its events together.
// Internal to this folder (src/journal/README.md describes the format).
//
// Version 2 has a chain: each event carries a hash of itself and of the event before it, so that an altered,
// missing, foreign or displaced one is noticed when it is read; SQLite itself does not notice a changed
// byte inside a text. Journals of version 1 have none. Version 3 has no table of results: it followed from
// the events, and its pages, which keys that are hashes scatter, were written again by every append. Older
// journals are read and gone on with as they are: a journal keeps the version that it was created with.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "src/journal/sqlite.h"

namespace warpwright::journal {

std::filesystem::path journal_path(const std::filesystem::path& run_directory);

enum class Format { kUnchained = 1, kChainedWithResults = 2, kChained = 3 };

inline bool is_chained(Format format) {
  return format != Format::kUnchained;
}
inline bool has_results(Format format) {
  return format != Format::kChained;
}

// Tables and meta rows of the newest version.
extern const char* const kSchema;

// None: the file is empty (its creation was cut short before the first commit). Errors: another version, not
// a journal.
Result<std::optional<Format>> read_format(const Db& db);
Result<Format> require_format(const Db& db);  // an empty file is an error, too

struct OpenDb {
  Db db;
  Format format;
};
// Beside a writer, or on read-only media.
Result<OpenDb> open_for_reading(const std::filesystem::path& run_directory);
Result<void> require_journal_file(const std::filesystem::path& run_directory);

// What the row of an event bears: 16 hexadecimal digits. `before` is the chain of the event before, empty
// for the first.
std::string chain_of(std::string_view before, int64_t unix_ms, std::string_view kind, std::string_view json);

// The columns of an event, in order; the last one is "chain", or '' of version 1.
std::string select_events_sql(Format format);

}  // namespace warpwright::journal
