#include "src/journal/sqlite.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <cstring>
#include <vector>

namespace warpwright::journal {
namespace {

constexpr int kBusyTimeout_ms = 5000;  // a reader's recovery or checkpoint may hold the file for a moment

std::string reason_of(sqlite3* handle) {
  const int code = sqlite3_errcode(handle);
  const int system = sqlite3_system_errno(handle);
  switch (code) {
    case SQLITE_FULL:
      return "the disk is full; make room and resume";
    case SQLITE_NOTADB:
      return "it is not a journal, or its start is damaged";
    case SQLITE_CORRUPT:
      return "it is damaged or cut short; restore it from a copy";
    case SQLITE_READONLY:
    case SQLITE_PERM:
      return "it is read-only";
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return "another process holds it";
    default:
      break;
  }
  std::string text = sqlite3_errmsg(handle);
  if (system != 0) text += fmt::format(" ({})", std::strerror(system));
  return text;
}

// Characters with a meaning in a URI are escaped.
std::string immutable_uri(const std::filesystem::path& path) {
  std::string uri = "file:";
  for (char c : std::filesystem::absolute(path).string()) {
    if (c == '?' || c == '#' || c == '%')
      uri += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    else
      uri += c;
  }
  return uri + "?immutable=1";
}

}  // namespace

void Db::Close::operator()(sqlite3* handle) const {
  sqlite3_close_v2(handle);
}

Result<Db> Db::open(const std::filesystem::path& path, Mode mode) {
  int flags = SQLITE_OPEN_NOMUTEX;
  switch (mode) {
    case Mode::kReadOnly:
      flags |= SQLITE_OPEN_READONLY;
      break;
    case Mode::kReadOnlyImmutable:
      flags |= SQLITE_OPEN_READONLY | SQLITE_OPEN_URI;
      break;
    case Mode::kReadWrite:
      flags |= SQLITE_OPEN_READWRITE;
      break;
    case Mode::kCreate:
      flags |= SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
      break;
  }
  Db db;
  db.path_ = path;
  const std::string name = mode == Mode::kReadOnlyImmutable ? immutable_uri(path) : path.string();
  sqlite3* handle = nullptr;
  const int code = sqlite3_open_v2(name.c_str(), &handle, flags, nullptr);
  db.handle_.reset(handle);  // owned even if opening failed
  if (code != SQLITE_OK) return db.error("cannot open");
  sqlite3_busy_timeout(handle, kBusyTimeout_ms);
  return db;
}

Result<void> Db::execute(const char* sql) const {
  if (sqlite3_exec(handle_.get(), sql, nullptr, nullptr, nullptr) != SQLITE_OK) return error("cannot use");
  return {};
}

tl::unexpected<Error> Db::error(std::string_view doing) const {
  return infrastructure_error(fmt::format("{} {}: {}", doing, path_.string(), reason_of(handle_.get())));
}

void Statement::Finalize::operator()(sqlite3_stmt* statement) const {
  sqlite3_finalize(statement);
}

Result<Statement> Statement::prepare(const Db& db, const char* sql) {
  sqlite3_stmt* handle = nullptr;
  const int code = sqlite3_prepare_v3(db.handle(), sql, -1, SQLITE_PREPARE_PERSISTENT, &handle, nullptr);
  Statement statement;
  statement.handle_.reset(handle);
  if (code != SQLITE_OK) return db.error("cannot use");
  return statement;
}

Statement::Use::~Use() {
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
}

Statement::Use& Statement::Use::bind(int64_t value) {
  bound_ &= sqlite3_bind_int64(statement_, next_++, value) == SQLITE_OK;
  return *this;
}
Statement::Use& Statement::Use::bind(std::string_view text) {
  bound_ &= sqlite3_bind_text64(statement_, next_++, text.data() ? text.data() : "", text.size(),
                                SQLITE_STATIC, SQLITE_UTF8) == SQLITE_OK;
  return *this;
}
Statement::Use& Statement::Use::bind_blob(std::string_view bytes) {
  bound_ &= sqlite3_bind_blob64(statement_, next_++, bytes.data() ? bytes.data() : "", bytes.size(),
                                SQLITE_STATIC) == SQLITE_OK;
  return *this;
}

Result<bool> Statement::Use::step() {
  if (!bound_) return db_->error("cannot use");
  switch (sqlite3_step(statement_)) {
    case SQLITE_ROW:
      return true;
    case SQLITE_DONE:
      return false;
    default:
      return db_->error(sqlite3_stmt_readonly(statement_) ? "cannot read" : "cannot write");
  }
}

int64_t Statement::Use::integer(int column) const {
  return sqlite3_column_int64(statement_, column);
}

std::string Statement::Use::text(int column) const {
  return std::string(view(column));
}

std::string_view Statement::Use::view(int column) const {
  const void* bytes = sqlite3_column_blob(statement_, column);
  const int size = sqlite3_column_bytes(statement_, column);
  return bytes == nullptr ? std::string_view()
                          : std::string_view(static_cast<const char*>(bytes), static_cast<size_t>(size));
}

Result<Transaction> Transaction::begin(const Db& db) {
  TRY(db.execute("BEGIN IMMEDIATE"));
  return Transaction(db);
}

Transaction::~Transaction() {
  // A failed statement may have rolled back already; then there is nothing to undo.
  if (db_ != nullptr && !sqlite3_get_autocommit(db_->handle())) (void)db_->execute("ROLLBACK");
}

Result<void> Transaction::commit() {
  TRY(db_->execute("COMMIT"));
  db_ = nullptr;
  return {};
}

}  // namespace warpwright::journal
