#pragma once

#include <hybridbuffer/error.hpp>
#include <hybridbuffer/handle_state.hpp>
#include <hybridbuffer/seeking_reader.hpp>
#include <hybridbuffer/storage.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "database.hpp"

namespace sqlite_example {

using hybridbuffer::Capabilities;
using hybridbuffer::Capability;
using hybridbuffer::errc;
using hybridbuffer::failure;
using hybridbuffer::Result;

inline constexpr std::uint64_t chunk_size = 16384;

/// The rows of one object: chunks of chunk_size bytes under an id that no other object of the database has. Owns them.
class Rows {
 public:
  static Result<std::shared_ptr<Rows>> make(std::shared_ptr<Database> database) {
    auto id = database->run("INSERT INTO object DEFAULT VALUES RETURNING id", {});
    if (!id) return std::unexpected{id.error()};
    return std::make_shared<Rows>(std::move(database), id->number);
  }
  Rows(std::shared_ptr<Database> database, std::int64_t id) noexcept : database_{std::move(database)}, id_{id} {}
  Rows(const Rows&) = delete;
  Rows& operator=(const Rows&) = delete;
  ~Rows() { static_cast<void>(erase()); }  // nothing in a forked child: the database refuses there

  Result<void> add(std::span<const std::byte> chunk) {
    auto added = database_->run("INSERT INTO chunk VALUES (?, ?, ?)", {id_, static_cast<std::int64_t>(size_ / chunk_size)}, chunk);
    if (!added) return std::unexpected{added.error()};
    size_ += chunk.size();
    return {};
  }
  /// One chunk, whole.
  [[nodiscard]] Result<std::vector<std::byte>> chunk(std::uint64_t number) const {
    auto row = database_->run("SELECT bytes FROM chunk WHERE object = ? AND number = ?", {id_, static_cast<std::int64_t>(number)});
    if (!row) return std::unexpected{row.error()};
    if (row->bytes.size() != std::min(chunk_size, size_ - number * chunk_size)) return failure(errc::corrupted, "read a chunk");
    return std::move(row->bytes);
  }
  /// Deletes all rows; what still reads them gets `corrupted`.
  Result<void> erase() {
    if (erased_) return {};
    auto done = database_->run("DELETE FROM chunk WHERE object = ?", {id_});
    if (!done) return std::unexpected{done.error()};
    erased_ = true;
    return {};
  }
  [[nodiscard]] std::uint64_t size() const noexcept { return size_; }

 private:
  std::shared_ptr<Database> database_;
  std::int64_t id_;
  std::uint64_t size_ = 0;  // of what was added; nobody adds once a reader can see it
  bool erased_ = false;
};

/// Reads any window: what the sequential readers are made of as well.
class SqliteReaderAt {
 public:
  explicit SqliteReaderAt(std::shared_ptr<const Rows> rows) noexcept : rows_{std::move(rows)} {}

  [[nodiscard]] Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> bytes) const {
    if (auto usable = state_.check("read"); !usable) return std::unexpected{usable.error()};
    std::size_t done = 0;
    while (done < bytes.size() && offset < rows_->size()) {
      const auto chunk = rows_->chunk(offset / chunk_size);
      if (!chunk) return std::unexpected{chunk.error()};
      const auto begin = static_cast<std::size_t>(offset % chunk_size);
      const std::size_t count = std::min(bytes.size() - done, chunk->size() - begin);
      std::memcpy(bytes.data() + done, chunk->data() + begin, count);
      done += count;
      offset += count;
    }
    return done;
  }
  [[nodiscard]] Result<std::uint64_t> size() const {
    if (auto usable = state_.check("size"); !usable) return std::unexpected{usable.error()};
    return rows_->size();
  }

 private:
  hybridbuffer::ReaderState state_;
  std::shared_ptr<const Rows> rows_;  // what was committed when it was opened, also when another object has replaced it
};

class SqliteBackend {
  using Object = std::shared_ptr<Rows>;  // what is committed; null: nothing

 public:
  using Reader = hybridbuffer::SeekingReader<SqliteReaderAt>;

  /// Collects whole chunks and adds them to rows that nobody sees before close(); dropping it drops the rows.
  class Writer {
   public:
    Writer(hybridbuffer::WriterState<Object> state, Object rows) : state_{std::move(state)}, rows_{std::move(rows)} {}

    Result<void> write(std::span<const std::byte> bytes) {
      return state_.write([&]() -> Result<void> {
        while (!bytes.empty()) {
          const auto part = bytes.first(std::min<std::size_t>(bytes.size(), chunk_size - pending_.size()));
          pending_.insert(pending_.end(), part.begin(), part.end());
          bytes = bytes.subspan(part.size());
          if (auto flushed = pending_.size() == chunk_size ? flush() : Result<void>{}; !flushed) return flushed;
        }
        return {};
      });
    }
    Result<void> close() {
      auto closed = state_.close([&](Object& object) -> Result<void> {
        if (auto flushed = pending_.empty() ? Result<void>{} : flush(); !flushed) return flushed;
        object = rows_;
        return {};
      });
      rows_.reset();
      return closed;
    }

   private:
    Result<void> flush() {
      auto added = rows_->add(pending_);
      pending_.clear();
      return added;
    }
    hybridbuffer::WriterState<Object> state_;
    Object rows_;
    std::vector<std::byte> pending_;
  };

  explicit SqliteBackend(std::shared_ptr<Database> database) : database_{std::move(database)} {}

  static constexpr Capabilities capabilities() { return {Capability::reader_at, Capability::seeker}; }

  Result<Writer> create() {
    auto state = location_.start_writer("create an object");
    if (!state) return std::unexpected{state.error()};
    auto rows = Rows::make(database_);
    if (!rows) return std::unexpected{rows.error()};
    return Writer{std::move(*state), std::move(*rows)};
  }
  [[nodiscard]] Result<SqliteReaderAt> open_reader_at() const {
    return location_.read("open an object", [](const Object& object) -> Result<SqliteReaderAt> {
      if (object == nullptr) return failure(errc::not_found, "open an object");
      return SqliteReaderAt{object};
    });
  }
  [[nodiscard]] Result<Reader> open() const {
    auto reader = open_reader_at();
    if (!reader) return std::unexpected{reader.error()};
    return Reader{std::move(*reader)};
  }
  [[nodiscard]] Result<Reader> open_seeker() const { return open(); }
  Result<void> remove() {
    return location_.remove("remove an object", [](Object& object) {
      auto erased = object == nullptr ? Result<void>{} : object->erase();
      if (erased) object.reset();
      return erased;
    });
  }

 private:
  std::shared_ptr<Database> database_;
  hybridbuffer::LocationState<Object> location_;
};

/// Objects as rows of one database file.
class SqliteStorage {
 public:
  explicit SqliteStorage(std::shared_ptr<Database> database) : database_{std::move(database)} {}
  [[nodiscard]] Result<SqliteBackend> create_backend() const {
    if (database_->is_ours()) return SqliteBackend{database_};
    auto own = Database::open(database_->path());  // a connection does not survive a fork: the child has its own
    if (!own) return std::unexpected{own.error()};
    return SqliteBackend{std::move(*own)};
  }

 private:
  std::shared_ptr<Database> database_;
};

}  // namespace sqlite_example
