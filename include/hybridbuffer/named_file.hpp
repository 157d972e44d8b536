#pragma once

#include <hybridbuffer/detail/system_calls.hpp>
#include <hybridbuffer/error.hpp>

#include <cstddef>
#include <cstdint>
#include <fcntl.h>
#include <span>
#include <string>
#include <sys/stat.h>
#include <utility>

namespace hybridbuffer::inline v0_1 {

/// A regular file that has a name, opened for reading: a reader_at that knows its size.
///
/// Owns the descriptor. Threads: const members from any number at once.
class NamedFile {
 public:
  /// Never waits for what is no file, such as a FIFO that nobody writes to, and takes no terminal over.
  ///
  /// Errors: those of open(2) and fstat(2); `unsupported` for what is no regular file.
  [[nodiscard]] static Result<NamedFile> open(const std::string& path) {
    const int descriptor = detail::system_calls::open_at(AT_FDCWD, path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY);
    if (descriptor < 0) return failure_from_errno("open a file");
    NamedFile file{descriptor};
    if (const auto regular = file.size(); !regular) return std::unexpected{regular.error()};
    return file;
  }
  NamedFile(NamedFile&& other) noexcept : descriptor_{std::exchange(other.descriptor_, -1)} {}
  NamedFile& operator=(NamedFile other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    return *this;
  }
  ~NamedFile() {
    if (descriptor_ >= 0) detail::system_calls::close(descriptor_);
  }

  /// Short only at the end. Errors: those of pread(2).
  [[nodiscard]] Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> out) const {
    const ssize_t count = detail::system_calls::read_at(descriptor_, out, offset);
    if (count < 0) return failure_from_errno("read a file");
    return static_cast<std::size_t>(count);
  }
  /// Errors: those of fstat(2); `unsupported` for what is no regular file.
  [[nodiscard]] Result<std::uint64_t> size() const {
    struct stat status{};
    if (detail::system_calls::status(descriptor_, status) != 0) return failure_from_errno("inspect a file");
    if (!S_ISREG(status.st_mode)) return failure(errc::unsupported, "read a file", "it is no regular one");
    return static_cast<std::uint64_t>(status.st_size);
  }

 private:
  explicit NamedFile(int descriptor) noexcept : descriptor_{descriptor} {}
  int descriptor_;
};

}  // namespace hybridbuffer::inline v0_1
