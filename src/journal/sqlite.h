// SQLite handles with owners, in the manner of Nix: a connection, a prepared statement that is reset when its
// use ends, a transaction that rolls back unless committed. Only journal/ knows SQLite.
//
// Errors are infrastructure errors in one line that names the file: full disk, read-only folder, damaged
// file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "src/base/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace warpwright::journal {

class Db {
 public:
  enum class Mode { kReadOnly, kReadOnlyImmutable, kReadWrite, kCreate };
  static Result<Db> open(const std::filesystem::path& path, Mode mode);

  Result<void> execute(const char* sql) const;  // one or more statements without results
  sqlite3* handle() const { return handle_.get(); }
  const std::filesystem::path& path() const { return path_; }

  // The connection's last error as ours. `doing`: "cannot write", "cannot read".
  tl::unexpected<Error> error(std::string_view doing) const;

 private:
  struct Close {
    void operator()(sqlite3* handle) const;
  };
  std::unique_ptr<sqlite3, Close> handle_;
  std::filesystem::path path_;
};

// REQUIRES: the Db outlives its statements; one Use at a time.
class Statement {
 public:
  static Result<Statement> prepare(const Db& db, const char* sql);

  class Use {
   public:
    Use(const Db& db, sqlite3_stmt* statement) : db_(&db), statement_(statement) {}
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;
    ~Use();

    // Texts and blobs are not copied. REQUIRES: they live until the last step.
    Use& bind(int64_t value);
    Use& bind(std::string_view text);
    Use& bind_blob(std::string_view bytes);

    Result<bool> step();  // true: a row
    int64_t integer(int column) const;
    std::string text(int column) const;       // text or blob
    std::string_view view(int column) const;  // the same, valid until the next step

   private:
    const Db* db_;
    sqlite3_stmt* statement_;
    int next_ = 1;
    bool bound_ = true;
  };
  Use use(const Db& db) const { return {db, handle_.get()}; }

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  std::unique_ptr<sqlite3_stmt, Finalize> handle_;
};

class Transaction {
 public:
  static Result<Transaction> begin(const Db& db);
  Transaction(Transaction&& other) noexcept : db_(std::exchange(other.db_, nullptr)) {}
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();
  Result<void> commit();

 private:
  explicit Transaction(const Db& db) : db_(&db) {}
  const Db* db_;  // null: done
};

}  // namespace warpwright::journal
