#include "limit.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <memory>
#include <unistd.h>
#include <utility>

namespace tune {

namespace {

using hybridbuffer::Error;
using hybridbuffer::Result;

class MemoryLoop {
 public:
  explicit MemoryLoop(std::uint64_t volume) : bytes_{std::make_unique_for_overwrite<std::byte[]>(static_cast<std::size_t>(volume))} {}

  [[nodiscard]] Result<void> append(std::span<const std::byte> piece) {
    std::memcpy(bytes_.get() + end_, piece.data(), piece.size());
    end_ += piece.size();
    return {};
  }
  [[nodiscard]] Result<std::size_t> read(std::span<std::byte> out) {
    const std::size_t count = std::min(out.size(), end_ - position_);
    std::memcpy(out.data(), bytes_.get() + position_, count);
    position_ += count;
    return count;
  }
  [[nodiscard]] Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> out) const {
    std::memcpy(out.data(), bytes_.get() + offset, out.size());
    return out.size();
  }

 private:
  std::unique_ptr<std::byte[]> bytes_;
  std::size_t end_ = 0;
  std::size_t position_ = 0;
};

class FileLoop {
 public:
  explicit FileLoop(int descriptor) : descriptor_{descriptor} {}
  ~FileLoop() { ::close(descriptor_); }
  FileLoop(const FileLoop&) = delete;
  FileLoop& operator=(const FileLoop&) = delete;

  [[nodiscard]] Result<void> append(std::span<const std::byte> piece) {
    if (piece.size() >= large_piece) return write(piece);
    if (piece.size() > staging_bytes - staged_) {
      if (auto done = flush(); !done) return done;
    }
    std::memcpy(staging_.get() + staged_, piece.data(), piece.size());
    staged_ += piece.size();
    return {};
  }
  [[nodiscard]] Result<std::size_t> read(std::span<std::byte> out) {
    auto count = read_at(position_, out);
    if (count) position_ += *count;
    return count;
  }
  [[nodiscard]] Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> out) {
    if (auto done = flush(); !done) return std::unexpected{done.error()};
    const ssize_t count = ::pread(descriptor_, out.data(), out.size(), static_cast<off_t>(offset));
    if (count < 0) return std::unexpected{Error::from_errno(errno, "pread")};
    return static_cast<std::size_t>(count);
  }

 private:
  static constexpr std::size_t staging_bytes = std::size_t{256} << 10U;
  static constexpr std::size_t large_piece = std::size_t{64} << 10U;

  [[nodiscard]] Result<void> flush() { return write({staging_.get(), std::exchange(staged_, 0)}); }
  [[nodiscard]] Result<void> write(std::span<const std::byte> bytes) const {
    while (!bytes.empty()) {
      const ssize_t count = ::write(descriptor_, bytes.data(), bytes.size());
      if (count < 0) return std::unexpected{Error::from_errno(errno, "write")};
      bytes = bytes.subspan(static_cast<std::size_t>(count));
    }
    return {};
  }

  int descriptor_;
  std::unique_ptr<std::byte[]> staging_ = std::make_unique<std::byte[]>(staging_bytes);
  std::size_t staged_ = 0;
  std::uint64_t position_ = 0;
};

/// An anonymous file, or one that loses its name at once where the file system has none.
Result<int> make_file(const std::string& directory) {
  int descriptor = ::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (descriptor < 0 && (errno == EOPNOTSUPP || errno == EISDIR)) {
    std::string name = directory + "/hybridbuffer-tune-XXXXXX";
    descriptor = ::mkostemp(name.data(), O_CLOEXEC);
    if (descriptor >= 0) ::unlink(name.c_str());
  }
  if (descriptor < 0) return std::unexpected{Error::from_errno(errno, "make a file in", directory)};
  return descriptor;
}

}  // namespace

Result<Figures> run_limit(const Load& load, std::uint64_t volume) {
  if (volume <= load.memory) {
    MemoryLoop loop{volume};
    return run_load(loop, load, volume);
  }
  const auto descriptor = make_file(load.directory);
  if (!descriptor) return std::unexpected{descriptor.error()};
  FileLoop loop{*descriptor};
  return run_load(loop, load, volume);
}

}  // namespace tune
