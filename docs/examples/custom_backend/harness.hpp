#pragma once

#include <hybridbuffer/conformance.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <stdlib.h>
#include <string>
#include <string_view>
#include <unistd.h>
#include <vector>

#include "sqlite_backend.hpp"

namespace sqlite_example {

/// A database of its own in a new directory, for a harness.
class TemporaryDatabase {
 public:
  TemporaryDatabase() {
    if (::mkdtemp(directory_.data()) == nullptr) throw std::runtime_error{"cannot make " + directory_};
    auto opened = Database::open(file());
    if (!opened) throw std::runtime_error{opened.error().message()};
    database_ = std::move(*opened);
  }
  TemporaryDatabase(const TemporaryDatabase&) = delete;
  TemporaryDatabase& operator=(const TemporaryDatabase&) = delete;
  ~TemporaryDatabase() {
    if (owner_ != ::getpid()) return;
    database_.reset();
    ::unlink(file().c_str());
    ::rmdir(directory_.c_str());
  }
  [[nodiscard]] const std::shared_ptr<Database>& database() const noexcept { return database_; }
  [[nodiscard]] const std::string& directory() const noexcept { return directory_; }

 private:
  [[nodiscard]] std::string file() const { return directory_ + "/objects.sqlite"; }

  std::string directory_ = "/tmp/hybridbuffer-sqlite-XXXXXX";
  std::shared_ptr<Database> database_;
  pid_t owner_ = ::getpid();
};

// [harness]
/// Tells the kit about SqliteBackend. The traits and hooks below `make_backend` are optional; each one unlocks clauses.
struct Harness {
  static constexpr std::string_view name = "sqlite";
  hybridbuffer::Result<SqliteBackend> make_backend() { return make_storage().value().create_backend(); }

  hybridbuffer::Result<SqliteStorage> make_storage() { return SqliteStorage{place.database()}; }
  static constexpr std::uint64_t chunk_size = sqlite_example::chunk_size;
  std::size_t stored_objects() {
    return static_cast<std::size_t>(place.database()->run("SELECT count(DISTINCT object) FROM chunk", {}).value().number);
  }
  std::vector<std::string> roots() { return {place.directory()}; }

  TemporaryDatabase place;
};
// [harness]

}  // namespace sqlite_example
