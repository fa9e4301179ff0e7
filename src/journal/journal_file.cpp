#include "src/journal/journal_file.h"

#include <fmt/format.h>

#include <optional>
#include <system_error>

#include "src/base/hash.h"

namespace warpwright::journal {
namespace fs = std::filesystem;

const char* const kSchema =
    "CREATE TABLE meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID;"
    "CREATE TABLE events(seq INTEGER PRIMARY KEY, unix_ms INTEGER NOT NULL, kind TEXT NOT NULL, json TEXT "
    "NOT NULL, chain TEXT NOT NULL);"
    // With a row number: blobs are appended, and only their hashes are kept in order. (Version 1 may hold
    // them in the index itself; statements are the same.)
    "CREATE TABLE blobs(hash TEXT PRIMARY KEY, bytes BLOB NOT NULL);"
    "INSERT INTO meta VALUES('format', 'warpwright-journal'), ('version', 3);";

fs::path journal_path(const fs::path& run_directory) {
  return run_directory / "journal.db";
}

namespace {

tl::unexpected<Error> no_journal(const Db& db) {
  return infrastructure_error(fmt::format("{} is not a journal of warpwright", db.path().string()));
}

// A damaged version number must not switch the chain off, or the results.
Result<void> check_tables(const Db& db, Format format) {
  TRY_ASSIGN(auto tables, Statement::prepare(db,
                                             "SELECT (SELECT count(*) FROM pragma_table_info('events')),"
                                             "(SELECT count(*) FROM pragma_table_info('results'))"));
  auto row = tables.use(db);
  TRY(row.step());
  if (row.integer(0) == (is_chained(format) ? 5 : 4) && (row.integer(1) > 0) == has_results(format))
    return {};
  return infrastructure_error(fmt::format("{} is damaged: its tables are not those of format {}",
                                          db.path().string(), static_cast<int>(format)));
}

}  // namespace

Result<std::optional<Format>> read_format(const Db& db) {
  TRY_ASSIGN(auto exists, Statement::prepare(db, "SELECT count(*) FROM sqlite_schema"));
  auto tables = exists.use(db);
  TRY(tables.step());
  if (tables.integer(0) == 0) return std::optional<Format>();
  auto query = Statement::prepare(db, "SELECT value FROM meta WHERE key = 'version'");
  if (!query) return no_journal(db);
  auto row = query->use(db);
  TRY_ASSIGN(const bool found, row.step());
  if (!found) return no_journal(db);
  const int64_t version = row.integer(0);
  if (version < 1 || version > 3)
    return usage_error(
        fmt::format("{} has journal format {}, this program reads 1 to 3: use the version that wrote it",
                    db.path().string(), version));
  const auto format = static_cast<Format>(version);
  TRY(check_tables(db, format));
  return std::optional<Format>(format);
}

Result<Format> require_format(const Db& db) {
  TRY_ASSIGN(const auto format, read_format(db));
  if (!format)
    return usage_error(
        fmt::format("{} holds no run (it ended before it began); remove it", db.path().string()));
  return *format;
}

Result<void> require_journal_file(const fs::path& run_directory) {
  const fs::path path = journal_path(run_directory);
  std::error_code error;
  if (!fs::exists(path, error))
    return usage_error(fmt::format("there is no run in {}: {} is missing", run_directory.string(),
                                   path.filename().string()));
  return {};
}

Result<OpenDb> open_for_reading(const fs::path& run_directory) {
  TRY(require_journal_file(run_directory));
  const fs::path path = journal_path(run_directory);
  OpenDb open;
  TRY_ASSIGN(open.db, Db::open(path, Db::Mode::kReadOnly));
  if (!read_format(open.db)) {
    // A reader of a WAL file needs its -shm beside it. On read-only media it cannot make one; without a -wal
    // it needs none, and the file can be read as it stands.
    std::error_code error;
    const auto wal_bytes = fs::file_size(fs::path(path.string() + "-wal"), error);
    if (error || wal_bytes == 0) {
      TRY_ASSIGN(open.db, Db::open(path, Db::Mode::kReadOnlyImmutable));
    }
  }
  TRY_ASSIGN(open.format, require_format(open.db));
  return open;
}

std::string chain_of(std::string_view before, int64_t unix_ms, std::string_view kind, std::string_view json) {
  FieldHasher hasher;
  hasher.add(before).add(fmt::format_int(unix_ms).str()).add(kind).add(json);
  return hasher.hex().substr(0, 16);
}

std::string select_events_sql(Format format) {
  return fmt::format("SELECT seq, unix_ms, kind, json, {} FROM events WHERE seq > ? ORDER BY seq",
                     is_chained(format) ? "chain" : "''");
}

}  // namespace warpwright::journal
