#pragma once

#include "model_streams.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <fcntl.h>
#include <limits>
#include <stdexcept>
#include <string>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

/// \file
/// Files, pipes and sockets for tests. What a test cannot get of them is an exception.

namespace hybridbuffer::testing {

/// A descriptor, closed in the end.
class OwnedDescriptor {
 public:
  explicit OwnedDescriptor(int number) : number_{number} {
    if (number < 0) throw std::runtime_error{"a test got no descriptor"};
  }
  OwnedDescriptor(OwnedDescriptor&& other) noexcept : number_{std::exchange(other.number_, -1)} {}
  OwnedDescriptor(const OwnedDescriptor&) = delete;
  OwnedDescriptor& operator=(OwnedDescriptor other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~OwnedDescriptor() { close(); }

  [[nodiscard]] int number() const noexcept { return number_; }
  void close() noexcept {
    if (number_ >= 0) ::close(number_);
    number_ = -1;
  }
  /// Reads and writes answer EAGAIN instead of waiting.
  void set_non_blocking() const { ::fcntl(number_, F_SETFL, ::fcntl(number_, F_GETFL) | O_NONBLOCK); }

 private:
  int number_;
};

/// Two connected ends: what is written to `in` comes out of `out`.
struct Channel {
  OwnedDescriptor out;
  OwnedDescriptor in;
};
[[nodiscard]] inline Channel make_pipe() {
  std::array<int, 2> ends{-1, -1};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw std::runtime_error{"no pipe"};
  return {OwnedDescriptor{ends[0]}, OwnedDescriptor{ends[1]}};
}
[[nodiscard]] inline Channel make_socket_pair() {
  std::array<int, 2> ends{-1, -1};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) throw std::runtime_error{"no socket"};
  return {OwnedDescriptor{ends[0]}, OwnedDescriptor{ends[1]}};
}

inline void write_whole(int descriptor, View bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(descriptor, bytes.data(), bytes.size());
    if (count <= 0) throw std::runtime_error{"a test's own write failed"};
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
}

/// What is left up to the end, `most` bytes of it.
[[nodiscard]] inline Bytes read_whole(int descriptor, std::size_t most = std::numeric_limits<std::size_t>::max()) {
  Bytes all;
  std::array<std::byte, 65536> block{};
  while (all.size() < most) {
    const ssize_t count = ::read(descriptor, block.data(), std::min(block.size(), most - all.size()));
    if (count < 0) throw std::runtime_error{"a test's own read failed"};
    if (count == 0) break;
    all.insert(all.end(), block.begin(), block.begin() + count);
  }
  return all;
}

inline void seek_to(int descriptor, std::uint64_t offset) {
  if (::lseek(descriptor, static_cast<off_t>(offset), SEEK_SET) < 0) throw std::runtime_error{"a test's own seek failed"};
}
[[nodiscard]] inline std::uint64_t position_of(int descriptor) { return static_cast<std::uint64_t>(::lseek(descriptor, 0, SEEK_CUR)); }

/// A file without a name that holds `content`; its position is at the start.
[[nodiscard]] inline OwnedDescriptor make_file(View content, const std::string& directory) {
  OwnedDescriptor file{::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600)};
  write_whole(file.number(), content);
  seek_to(file.number(), 0);
  return file;
}
/// The same in memory.
[[nodiscard]] inline OwnedDescriptor make_memory_file(View content) {
  OwnedDescriptor file{::memfd_create("test", MFD_CLOEXEC)};
  write_whole(file.number(), content);
  seek_to(file.number(), 0);
  return file;
}

}  // namespace hybridbuffer::testing
