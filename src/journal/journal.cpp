#include "src/journal/journal.h"

#include <fmt/format.h>

#include <algorithm>

#include "src/base/check.h"
#include "src/base/files.h"
#include "src/base/hash.h"
#include "src/events/event_text.h"
#include "src/journal/journal_file.h"
#include "src/journal/run_lock.h"
#include "src/journal/sqlite.h"

namespace warpwright::journal {
namespace fs = std::filesystem;
namespace {

using events::Event;
using events::Record;

// WAL cannot be set inside a transaction. FULL flushes the log at every commit (src/journal/README.md).
constexpr const char* kPragmas =
    "PRAGMA journal_mode = WAL;"
    "PRAGMA synchronous = FULL;"
    "PRAGMA foreign_keys = OFF;"
    "PRAGMA cache_size = -16384;"        // KiB; the index of a long run's blobs stays in it
    "PRAGMA wal_autocheckpoint = 4096;"  // pages: a page that changes often is copied once in 16 MiB
    "PRAGMA temp_store = MEMORY;";

Result<void> check_sound(const Db& db) {
  TRY_ASSIGN(auto statement, Statement::prepare(db, "PRAGMA quick_check(1)"));
  auto row = statement.use(db);
  TRY(row.step());
  std::string verdict = row.text(0);
  if (verdict == "ok") return {};
  std::replace(verdict.begin(), verdict.end(), '\n', ' ');
  return infrastructure_error(
      fmt::format("{} is damaged ({}); restore it from a copy", db.path().string(), verdict));
}

struct Statements {
  Statement insert_event, insert_blob, insert_result, select_events, select_blob;

  static Result<Statements> prepare(const Db& db, Format format) {
    Statements s;
    TRY_ASSIGN(s.insert_event,
               Statement::prepare(db, is_chained(format) ? "INSERT INTO events VALUES(?, ?, ?, ?, ?)"
                                                         : "INSERT INTO events VALUES(?, ?, ?, ?)"));
    TRY_ASSIGN(s.insert_blob, Statement::prepare(db, "INSERT OR IGNORE INTO blobs VALUES(?, ?)"));
    if (has_results(format)) {
      TRY_ASSIGN(s.insert_result, Statement::prepare(db, "INSERT INTO results VALUES(?, ?, ?)"));
    }
    TRY_ASSIGN(s.select_events, Statement::prepare(db, select_events_sql(format).c_str()));
    TRY_ASSIGN(s.select_blob, Statement::prepare(db, "SELECT bytes FROM blobs WHERE hash = ?"));
    return s;
  }
};

}  // namespace

struct Journal::Impl {
  std::optional<RunLock> lock;  // empty: read-only. Before `db`: released after the connection is closed
  Db db;
  Format format = Format::kChained;
  Statements statements;
  int64_t last_seq = 0;
  std::string chain;  // of event last_seq; empty: none, or version 1

  Result<void> load() {
    TRY_ASSIGN(statements, Statements::prepare(db, format));
    TRY_ASSIGN(auto query, Statement::prepare(db, "SELECT max(seq), count(*) FROM events"));
    auto row = query.use(db);
    TRY(row.step());
    last_seq = row.integer(0);
    if (row.integer(1) != last_seq)
      return infrastructure_error(
          fmt::format("{} is damaged: {} events, the last is number {}; restore it from a copy",
                      db.path().string(), row.integer(1), last_seq));
    TRY_ASSIGN(chain, chain_at(last_seq));
    return {};
  }

  Result<std::string> chain_at(int64_t seq) const {
    if (!is_chained(format) || seq == 0) return std::string();
    auto row = statements.select_events.use(db);
    TRY_ASSIGN(const bool found, row.bind(seq - 1).step());
    return found ? row.text(4) : std::string();
  }

  // `link`: the chain of the event before; becomes this one's.
  Result<void> store_event(int64_t seq, int64_t unix_ms, const Event& event, std::string& link) {
    const std::string_view kind = events::kind_of(event);
    const std::string json = events::to_json_text(event);
    auto row = statements.insert_event.use(db);
    row.bind(seq).bind(unix_ms).bind(kind).bind(json);
    if (is_chained(format)) {
      link = chain_of(link, unix_ms, kind, json);
      row.bind(link);
    }
    TRY(row.step());
    const auto* finished = std::get_if<events::EvaluationFinished>(&event);
    return finished != nullptr && has_results(format) ? store_result(*finished) : Result<void>();
  }

  // `link`: the chain of the event before; becomes this one's.
  Result<Record> read_event(const Statement::Use& row, int64_t expected, std::string& link) const {
    const auto where = [&] { return fmt::format("{}, event {}", db.path().string(), row.integer(0)); };
    if (row.integer(0) != expected)
      return infrastructure_error(fmt::format("{}: event {} is missing", where(), expected));
    const std::string_view kind = row.view(2), text = row.view(3);
    if (is_chained(format)) {
      link = chain_of(link, row.integer(1), kind, text);
      if (link != row.view(4))
        return infrastructure_error(fmt::format(
            "{} is damaged: it is not what was written, or not in its place; restore it from a copy",
            where()));
    }
    if (auto event = events::scan_event(kind, text))
      return Record{row.integer(0), row.integer(1), std::move(*event)};
    const auto json = parse_json(text, where());
    if (!json) return infrastructure_error(json.error().message);
    auto event = events::event_from_json(kind, *json);
    if (!event) return add_context(event.error(), where());
    return Record{row.integer(0), row.integer(1), std::move(*event)};
  }

  Result<void> store_result(const events::EvaluationFinished& finished) {
    auto row = statements.insert_result.use(db);
    TRY(row.bind(finished.result_key).bind(finished.ticket).bind(finished.report_hash).step());
    return {};
  }
};

Journal::Journal(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Journal::Journal(Journal&&) noexcept = default;
Journal& Journal::operator=(Journal&&) noexcept = default;
Journal::~Journal() = default;

const fs::path& Journal::path() const {
  return impl_->db.path();
}

Result<Journal> Journal::create(const fs::path& run_directory) {
  TRY(warpwright::create_directories(run_directory));
  auto impl = std::make_unique<Impl>();
  TRY_ASSIGN(impl->lock, RunLock::acquire(run_directory));
  TRY_ASSIGN(impl->db, Db::open(journal_path(run_directory), Db::Mode::kCreate));
  TRY_ASSIGN(const auto present, read_format(impl->db));
  if (present)
    return usage_error(
        fmt::format("{} holds a run already: resume it, or choose another folder", run_directory.string()));
  TRY(impl->db.execute(kPragmas));
  TRY_ASSIGN(auto transaction, Transaction::begin(impl->db));
  TRY(impl->db.execute(kSchema));
  TRY(transaction.commit());
  TRY(impl->load());
  return Journal(std::move(impl));
}

Result<Journal> Journal::open(const fs::path& run_directory) {
  TRY(require_journal_file(run_directory));
  auto impl = std::make_unique<Impl>();
  TRY_ASSIGN(impl->lock, RunLock::acquire(run_directory));
  TRY_ASSIGN(impl->db, Db::open(journal_path(run_directory), Db::Mode::kReadWrite));
  TRY_ASSIGN(impl->format, require_format(impl->db));
  TRY(impl->db.execute(kPragmas));
  TRY(check_sound(impl->db));
  TRY(impl->load());
  return Journal(std::move(impl));
}

Result<Journal> Journal::open_read_only(const fs::path& run_directory) {
  TRY_ASSIGN(OpenDb open, open_for_reading(run_directory));
  auto impl = std::make_unique<Impl>();
  impl->db = std::move(open.db);
  impl->format = open.format;
  TRY(impl->load());
  return Journal(std::move(impl));
}

Result<std::vector<Record>> Journal::append(const std::vector<Event>& events, int64_t unix_ms,
                                            const std::vector<std::string>& blobs) {
  std::map<std::string, std::string> hashed;
  for (const std::string& bytes : blobs) hashed.emplace(sha256_hex(bytes), bytes);
  const int64_t before = impl_->last_seq;
  TRY(append_hashed(events, unix_ms, hashed));
  std::vector<Record> records;
  for (const Event& event : events)
    records.push_back({before + static_cast<int64_t>(records.size()) + 1, unix_ms, event});
  return records;
}

Result<void> Journal::append_hashed(const std::vector<Event>& events, int64_t unix_ms,
                                    const std::map<std::string, std::string>& blobs) {
  if (!impl_->lock) return infrastructure_error(fmt::format("{} is open for reading only", path().string()));
  TRY_ASSIGN(auto transaction, Transaction::begin(impl_->db));
  for (const auto& [hash, bytes] : blobs)
    TRY(impl_->statements.insert_blob.use(impl_->db).bind(hash).bind_blob(bytes).step());
  int64_t seq = impl_->last_seq;
  std::string link = impl_->chain;
  for (const Event& event : events) TRY(impl_->store_event(++seq, unix_ms, event, link));
  TRY(transaction.commit());
  impl_->chain = std::move(link);
  impl_->last_seq = seq;
  return {};
}

Result<std::vector<Record>> Journal::read_events(int64_t after_seq) const {
  std::vector<Record> records;
  TRY(for_each_event(after_seq, [&](Record&& record) {
    records.push_back(std::move(record));
    return Result<void>();
  }));
  return records;
}

Result<void> Journal::for_each_event(int64_t after_seq,
                                     const std::function<Result<void>(Record&&)>& take) const {
  TRY_ASSIGN(std::string link, impl_->chain_at(after_seq));
  auto row = impl_->statements.select_events.use(impl_->db);
  row.bind(after_seq);
  for (int64_t expected = after_seq + 1;; ++expected) {
    TRY_ASSIGN(const bool found, row.step());
    if (!found) return {};
    TRY_ASSIGN(Record record, impl_->read_event(row, expected, link));
    TRY(take(std::move(record)));
  }
}

Result<std::string> Journal::blob(const std::string& hash) const {
  auto row = impl_->statements.select_blob.use(impl_->db);
  TRY_ASSIGN(const bool found, row.bind(hash).step());
  if (!found) return infrastructure_error(fmt::format("{} has no blob {}", path().string(), hash));
  std::string bytes = row.text(0);
  if (sha256_hex(bytes) != hash)
    return infrastructure_error(fmt::format("{}: blob {} is damaged", path().string(), hash));
  return bytes;
}

}  // namespace warpwright::journal
