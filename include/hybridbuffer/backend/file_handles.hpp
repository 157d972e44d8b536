#pragma once

#include <hybridbuffer/backend/file_object.hpp>
#include <hybridbuffer/backend/file_transfer.hpp>
#include <hybridbuffer/detail/system_calls.hpp>
#include <hybridbuffer/error.hpp>
#include <hybridbuffer/handle_state.hpp>
#include <hybridbuffer/seeking_reader.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

/// \file
/// What a FileBackend hands out: writer, readers, mapped windows. Each keeps its file alive.

namespace hybridbuffer::inline v0_1 {

/// Any window of a stored file. Shows extensions that are committed after its opening; a replaced or removed object stays readable.
/// Threads: any number at once.
class FileReaderAt {
 public:
  explicit FileReaderAt(detail::FileRef file) noexcept : file_{std::move(file)} {}

  /// Errors: `corrupted` when somebody made the file shorter than its object; `closed` after a move and in a forked child; the system's.
  [[nodiscard]] Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> bytes) const {
    if (auto usable = state_.check("read file"); !usable) return std::unexpected{std::move(usable).error()};
    return file_->read(offset, bytes);
  }
  /// The committed size.
  [[nodiscard]] Result<std::uint64_t> size() const {
    if (auto usable = state_.check("ask for the size of a file"); !usable) return std::unexpected{std::move(usable).error()};
    return file_->size();
  }

 private:
  detail::FileRef file_;
  ReaderState state_;
};

/// Reads a stored file from its start, and anywhere by seek.
using FileReader = SeekingReader<FileReaderAt>;

/// Writes a new object, or an extension of the committed one; nothing of it is visible before close() succeeds.
///
/// Bytes go to the file at once and are not synchronised to the medium: close() is no system call, so on file systems that report
/// errors late (NFS, some quotas) an error may come with a later read, write or publish.
/// Threads: one at a time, any thread.
class FileWriter {
 public:
  FileWriter(WriterState<detail::FileRef> state, detail::FileRef file, std::uint64_t limit) noexcept
      : state_{std::move(state)}, file_{std::move(file)}, position_{file_->size()}, limit_{limit} {}
  FileWriter(FileWriter&&) noexcept = default;
  FileWriter& operator=(FileWriter&& other) noexcept {
    if (this != &other) {
      abandon();
      state_ = std::move(other.state_);
      file_ = std::move(other.file_);
      position_ = other.position_;
      limit_ = other.limit_;
    }
    return *this;
  }
  ~FileWriter() { abandon(); }

  /// Errors: `limit_exceeded` above the storage's max_bytes and for EFBIG (a lower RLIMIT_FSIZE raises SIGXFSZ first: ignore it to see
  ///         the error); `no_space`; `io`; `closed`. After an error nothing of this writer will be visible.
  /// Cost:   one system call for each 64 pieces and each 2 GiB, and one now and then to claim storage; no allocation.
  [[nodiscard]] Result<void> write(std::span<const std::span<const std::byte>> pieces) {
    return write_pieces({pieces.data(), pieces.size()});
  }
  [[nodiscard]] Result<void> write(std::span<const std::byte> bytes) { return write_pieces({&bytes, 1}); }

  /// Makes everything written visible at once.
  [[nodiscard]] Result<void> close() {
    if (!state_.is_open()) abandon();
    detail::FileRef replaced;
    bool committed = false;
    auto verdict = state_.close([&](detail::FileRef& object) -> Result<void> {
      file_->commit(position_);
      if (object != file_) replaced = std::exchange(object, file_);
      committed = true;
      return {};
    });
    if (committed) file_ = {};
    abandon();
    return verdict;
  }

  /// Writes the first `n` bytes of another object.
  [[nodiscard]] Result<void> copy(const detail::StoredFile& source, std::uint64_t n) {
    return state_.write([&]() -> Result<void> {
      auto copied = detail::copy_into(*file_, source, n);
      if (copied) position_ = n;
      return copied;
    });
  }

  /// Takes up to `n` bytes from the position of `source`.
  /// Returns: how many; fewer than n at its end, or when an error came after some.
  [[nodiscard]] Result<std::uint64_t> take(int source, std::uint64_t n) {
    std::uint64_t taken = 0;
    auto moved = state_.write([&]() -> Result<void> {
      const std::uint64_t room = limit_ - position_;
      if (n != 0 && room == 0) return failure(errc::limit_exceeded, "transfer more than max_bytes to a file in", file_->path());
      auto count = detail::transfer_into(*file_, position_, source, n < room ? n : room);
      if (!count) return std::unexpected{std::move(count).error()};
      taken = *count;
      position_ += taken;
      return {};
    });
    if (!moved) return std::unexpected{std::move(moved).error()};
    return taken;
  }

 private:
  [[nodiscard]] Result<void> write_pieces(detail::PieceList pieces) {
    return state_.write([&]() -> Result<void> {
      std::uint64_t total = 0;
      for (const auto piece : pieces) total += piece.size();
      if (total > limit_ - position_) return failure(errc::limit_exceeded, "write more than max_bytes to a file in", file_->path());
      auto written = file_->write(position_, pieces);
      if (written) position_ += total;
      return written;
    });
  }

  /// Gives the storage of an extension back before anybody else may write; a new object's file just goes.
  void abandon() noexcept {
    if (!file_) return;
    if (file_->is_ours()) file_->abandon_tail();
    file_ = {};
  }

  WriterState<detail::FileRef> state_;
  detail::FileRef file_;    // null once committed or abandoned
  std::uint64_t position_;  // of the next byte; the object's size when this writer commits
  std::uint64_t limit_;
};

/// Bytes of a stored file, mapped. They stay readable, after the backend is gone too; only shrinking the object below their end, or
/// discarding them, ends that.
/// Threads: any number at once.
class FileWindow {
 public:
  FileWindow(detail::FileRef file, std::byte* mapping, std::size_t mapped, std::size_t skipped) noexcept
      : file_{std::move(file)}, mapping_{mapping}, mapped_{mapped}, skipped_{skipped} {}
  FileWindow(FileWindow&& other) noexcept
      : file_{std::move(other.file_)},
        mapping_{std::exchange(other.mapping_, nullptr)},
        mapped_{std::exchange(other.mapped_, 0)},
        skipped_{std::exchange(other.skipped_, 0)} {}
  FileWindow& operator=(FileWindow other) noexcept {  // by value: what was shown before is let go of here
    std::swap(file_, other.file_);
    std::swap(mapping_, other.mapping_);
    std::swap(mapped_, other.mapped_);
    std::swap(skipped_, other.skipped_);
    return *this;
  }
  ~FileWindow() {
    if (mapping_ != nullptr) detail::system_calls::unmap(mapping_, mapped_);
  }

  [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return {mapping_ + skipped_, mapped_ - skipped_}; }

 private:
  detail::FileRef file_;  // a file that somebody looks at is not reused
  std::byte* mapping_;
  std::size_t mapped_;
  std::size_t skipped_;  // the mapping begins at a page, the window where it was asked for
};

namespace detail {

/// Maps up to `n` bytes from `offset`; none at and beyond the end.
[[nodiscard]] inline Result<FileWindow> map_window(FileRef file, std::uint64_t offset, std::size_t n) {
  const std::uint32_t shrinks_before = file->shrinks();
  const std::uint64_t size = file->size();
  const std::uint64_t rest = offset < size ? size - offset : 0;
  const std::size_t length = n < rest ? n : static_cast<std::size_t>(rest);
  if (length == 0) return FileWindow{std::move(file), nullptr, 0, 0};
  struct stat status{};
  if (system_calls::status(file->descriptor(), status) != 0) return failure_from_errno("inspect file in", file->path());
  if (static_cast<std::uint64_t>(status.st_size) < offset + length) {
    if (file->shrinks() != shrinks_before) return map_window(std::move(file), offset, n);
    return failure(errc::corrupted, "map a file that lost its end in", file->path());
  }
  static const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  const auto skipped = static_cast<std::size_t>(offset % page);
  if (length > SIZE_MAX - skipped) return failure(errc::invalid_argument, "map more than the address space of a file in", file->path());
  void* mapping = system_calls::map_readable(file->descriptor(), skipped + length, offset - skipped);
  if (mapping == MAP_FAILED) return failure_from_errno("map file in", file->path());
  return FileWindow{std::move(file), static_cast<std::byte*>(mapping), skipped + length, skipped};
}

}  // namespace detail
}  // namespace hybridbuffer::inline v0_1
