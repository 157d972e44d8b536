// The buffer and what C++ programs use in its place, on the workloads of workloads.hpp.

#include "workloads.hpp"

#include <boost/iostreams/device/file_descriptor.hpp>
#include <boost/iostreams/stream.hpp>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <hybridbuffer/hybrid_buffer.hpp>
#include <sqlite3.h>
#include <unistd.h>

namespace {

using namespace hybridbuffer;
using peers::require;

class Ours {
 public:
  explicit Ours(std::size_t) : buffer_{SpillAt{}, storage()} {}
  void append(const char* data, std::size_t size) { require(buffer_.append(std::string_view{data, size}).has_value(), "append"); }
  void flush() {}
  void rewind() { require(buffer_.seek(0).has_value(), "seek"); }
  std::size_t read(char* data, std::size_t size) { return buffer_.read(std::as_writable_bytes(std::span{data, size})).value(); }
  void read_at(std::uint64_t offset, char* data, std::size_t size) {
    require(buffer_.read_at(offset, std::as_writable_bytes(std::span{data, size})).value_or(0) == size, "read_at");
  }

 private:
  static const FileStorage& storage() {
    static const FileStorage place{{.directory = peers::directory()}};
    return place;
  }
  HybridBuffer<> buffer_;
};

/// A file that has lost its name, for those that open by name.
std::string temporary_name() {
  std::string name = peers::directory() + "/hybridbuffer-peer-XXXXXX";
  const int descriptor = ::mkostemp(name.data(), O_CLOEXEC);
  require(descriptor >= 0, "make a file");
  ::close(descriptor);
  return name;
}

class StandardStream {
 public:
  explicit StandardStream(std::size_t) {
    const std::string name = temporary_name();
    file_.open(name, std::ios::in | std::ios::out | std::ios::binary | std::ios::trunc);
    ::unlink(name.c_str());
    require(file_.is_open(), "open an fstream");
  }
  void append(const char* data, std::size_t size) { file_.write(data, static_cast<std::streamsize>(size)); }
  void flush() { require(static_cast<bool>(file_.flush()), "flush"); }
  void rewind() {
    file_.clear();
    file_.seekg(0);
  }
  std::size_t read(char* data, std::size_t size) {
    file_.read(data, static_cast<std::streamsize>(size));
    return static_cast<std::size_t>(file_.gcount());
  }
  void read_at(std::uint64_t offset, char* data, std::size_t size) {
    file_.clear();
    file_.seekg(static_cast<std::streamoff>(offset));
    require(read(data, size) == size, "read at an offset");
  }

 private:
  std::fstream file_;
};

class BoostStream {
  using Device = boost::iostreams::file_descriptor;

 public:
  explicit BoostStream(std::size_t) {
    const std::string name = temporary_name();
    const int descriptor = ::open(name.c_str(), O_RDWR | O_CLOEXEC);
    ::unlink(name.c_str());
    file_.open(Device{descriptor, boost::iostreams::close_handle});
  }
  void append(const char* data, std::size_t size) { file_.write(data, static_cast<std::streamsize>(size)); }
  void flush() { require(static_cast<bool>(file_.flush()), "flush"); }
  void rewind() {
    file_.clear();
    file_.seekg(0);
  }
  std::size_t read(char* data, std::size_t size) {
    file_.read(data, static_cast<std::streamsize>(size));
    return static_cast<std::size_t>(file_.gcount());
  }
  void read_at(std::uint64_t offset, char* data, std::size_t size) {
    file_.clear();
    file_.seekg(static_cast<std::streamoff>(offset));
    require(read(data, size) == size, "read at an offset");
  }

 private:
  boost::iostreams::stream<Device> file_;
};

/// A blob in a temporary database; its size has to be known before.
class SqliteBlob {
 public:
  explicit SqliteBlob(std::size_t size) : size_{size} {
    require(sqlite3_open("", &database_) == SQLITE_OK, "open a temporary database");
    require(sqlite3_exec(database_, "create table content (bytes blob); begin", nullptr, nullptr, nullptr) == SQLITE_OK, "create a table");
    const std::string insert = "insert into content values (zeroblob(" + std::to_string(size) + "))";
    require(sqlite3_exec(database_, insert.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK, "insert a blob");
    require(sqlite3_blob_open(database_, "main", "content", "bytes", sqlite3_last_insert_rowid(database_), 1, &blob_) == SQLITE_OK,
            "open a blob");
  }
  ~SqliteBlob() {
    sqlite3_blob_close(blob_);
    sqlite3_close(database_);
  }
  SqliteBlob(const SqliteBlob&) = delete;
  SqliteBlob& operator=(const SqliteBlob&) = delete;

  void append(const char* data, std::size_t size) {
    require(sqlite3_blob_write(blob_, data, static_cast<int>(size), static_cast<int>(end_)) == SQLITE_OK, "write to a blob");
    end_ += size;
  }
  void flush() {}
  void rewind() { position_ = 0; }
  std::size_t read(char* data, std::size_t size) {
    const std::size_t count = std::min(size, size_ - position_);
    if (count != 0) read_at(position_, data, count);
    position_ += count;
    return count;
  }
  void read_at(std::uint64_t offset, char* data, std::size_t size) {
    require(sqlite3_blob_read(blob_, data, static_cast<int>(size), static_cast<int>(offset)) == SQLITE_OK, "read a blob");
  }

 private:
  std::size_t size_;
  std::size_t end_ = 0;
  std::size_t position_ = 0;
  sqlite3* database_ = nullptr;
  sqlite3_blob* blob_ = nullptr;
};

}  // namespace

int main() {
  peers::run_all<Ours>("HybridBuffer");
  peers::run_all<StandardStream>("std::fstream");
  peers::run_all<BoostStream>("Boost.Iostreams");
  peers::run_all<SqliteBlob>("SQLite blob");
}
