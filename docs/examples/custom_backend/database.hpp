#pragma once

#include <hybridbuffer/error.hpp>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <fcntl.h>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <span>
#include <sqlite3.h>
#include <string>
#include <system_error>
#include <unistd.h>
#include <utility>
#include <vector>

namespace sqlite_example {

/// SQLite's result codes as a std::error_category, so that an Error keeps the native code.
inline const std::error_category& sqlite_category() {
  class Category final : public std::error_category {
    [[nodiscard]] const char* name() const noexcept override { return "sqlite"; }
    [[nodiscard]] std::string message(int code) const override { return sqlite3_errstr(code); }
  };
  static const Category category;
  return category;
}

inline hybridbuffer::errc category_of(int code) {
  using hybridbuffer::errc;
  switch (code & 0xff) {
    case SQLITE_FULL:
    case SQLITE_NOMEM: return errc::no_space;
    case SQLITE_TOOBIG: return errc::limit_exceeded;
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return errc::busy;
    case SQLITE_PERM:
    case SQLITE_AUTH:
    case SQLITE_READONLY: return errc::permission;
    case SQLITE_CANTOPEN: return errc::unavailable;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return errc::corrupted;
    default: return errc::io;
  }
}

/// One connection. A forked child neither uses nor closes it, as SQLite demands; there everything is `closed`.
/// Threads: any.
class Database {
 public:
  struct Row {
    std::int64_t number = 0;         // its first column, where that is a number
    std::vector<std::byte> bytes{};  // where that is a blob
  };

  static hybridbuffer::Result<std::shared_ptr<Database>> open(const std::string& path) {
    auto database = std::make_shared<Database>(path);
    const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);  // SQLite would let others read it
    if (descriptor < 0) return std::unexpected{hybridbuffer::Error::from_errno(errno, "make a database", path)};
    ::close(descriptor);
    const int opened = sqlite3_open_v2(path.c_str(), &database->connection_, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nullptr);
    if (opened != SQLITE_OK) return database->failed(opened);
    sqlite3_busy_timeout(database->connection_, 10'000);
    // What is spilled need not survive a crash: no journal file and no waiting for the disk.
    for (const char* statement :
         {"PRAGMA journal_mode = MEMORY", "PRAGMA synchronous = OFF", "PRAGMA temp_store = MEMORY",
          "CREATE TABLE IF NOT EXISTS object (id INTEGER PRIMARY KEY AUTOINCREMENT)",
          "CREATE TABLE IF NOT EXISTS chunk (object INTEGER, number INTEGER, bytes BLOB, PRIMARY KEY (object, number))"}) {
      if (auto done = database->run(statement, {}); !done) return std::unexpected{done.error()};
    }
    return database;
  }
  explicit Database(std::string path) : path_{std::move(path)} {}
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;
  ~Database() {
    if (is_ours()) sqlite3_close_v2(connection_);
  }

  [[nodiscard]] bool is_ours() const noexcept { return owner_ == ::getpid(); }
  [[nodiscard]] const std::string& path() const noexcept { return path_; }

  /// Runs one statement with these numbers, and then `blob`, as its parameters. Returns: its first row, or an empty one.
  hybridbuffer::Result<Row> run(const char* statement, std::initializer_list<std::int64_t> numbers, std::span<const std::byte> blob = {}) {
    if (!is_ours()) return hybridbuffer::failure(hybridbuffer::errc::closed, "use a database of another process");
    const std::lock_guard guard{mutex_};
    sqlite3_stmt* prepared = nullptr;
    if (const int code = sqlite3_prepare_v2(connection_, statement, -1, &prepared, nullptr); code != SQLITE_OK) return failed(code);
    const std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)> ending{prepared, &sqlite3_finalize};
    int index = 0;
    for (const std::int64_t number : numbers) sqlite3_bind_int64(prepared, ++index, number);
    if (!blob.empty()) sqlite3_bind_blob64(prepared, ++index, blob.data(), blob.size(), SQLITE_STATIC);
    Row row;
    int code = sqlite3_step(prepared);
    for (bool first = true; code == SQLITE_ROW; first = false, code = sqlite3_step(prepared)) {
      if (!first) continue;
      row.number = sqlite3_column_int64(prepared, 0);
      const auto* bytes = static_cast<const std::byte*>(sqlite3_column_blob(prepared, 0));
      row.bytes.assign(bytes, bytes + sqlite3_column_bytes(prepared, 0));
    }
    return code == SQLITE_DONE ? hybridbuffer::Result<Row>{std::move(row)} : failed(code);
  }

 private:
  std::unexpected<hybridbuffer::Error> failed(int code) const {
    return std::unexpected{hybridbuffer::Error{category_of(code), "run an SQL statement", std::error_code{code, sqlite_category()}}};
  }

  std::string path_;
  std::mutex mutex_;
  sqlite3* connection_ = nullptr;
  pid_t owner_ = ::getpid();
};

}  // namespace sqlite_example
