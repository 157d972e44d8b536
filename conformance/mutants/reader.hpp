#pragma once

#include "location.hpp"
#include "manifest.hpp"

#include <hybridbuffer/error.hpp>
#include <hybridbuffer/storage.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <random>
#include <span>
#include <utility>

namespace hybridbuffer::conformance::mutants {

/// What an open handle shows: the object as it was committed when the handle was opened, wherever extensions and cuts have moved its chunks. Threads: any.
class View {
 public:
  /// Requires: `location->readers` was counted up for it.
  View(std::shared_ptr<Location> location, Manifest manifest)
      : location_{std::move(location)}, size_{manifest.size}, manifest_{std::make_shared<const Manifest>(std::move(manifest))} {}
  View(const View&) = delete;
  View& operator=(const View&) = delete;
  ~View() {
    if (location_->is_ours()) location_->reader_gone();
  }

  struct Chunk {
    std::uint64_t begin = 0;  ///< of its first byte in the object
    Bytes bytes;
  };
  /// The chunk that holds `offset`; an empty one at the end and beyond it.
  /// Errors: `not_found` when the object was replaced or removed, `corrupted` when the chunk is lost, those of the store.
  [[nodiscard]] Result<Chunk> chunk_at(std::uint64_t offset) const;
  /// Up to bytes.size() bytes, fewer only at the end.
  [[nodiscard]] Result<std::size_t> copy(std::uint64_t offset, std::span<std::byte> bytes) const;
  [[nodiscard]] std::uint64_t size() const { return size_of(*current()); }
  [[nodiscard]] const Location& location() const noexcept { return *location_; }

 private:
  [[nodiscard]] std::shared_ptr<const Manifest> current() const {
    const std::lock_guard lock{mutex_};
    return manifest_;
  }
  // An extension is not shown: it would come to light at one read or another. A cut is.
  [[nodiscard]] std::uint64_t size_of(const Manifest& manifest) const { return std::min(size_, manifest.size); }
  // What is committed now, when it is the same object.
  [[nodiscard]] Result<void> refresh(const Manifest& seen) const;

  std::shared_ptr<Location> location_;
  std::uint64_t size_;  // when it was opened
  mutable std::mutex mutex_;
  mutable std::shared_ptr<const Manifest> manifest_;
};

/// Delivers the bytes in order; as a seeker from anywhere.
class Reader {
 public:
  explicit Reader(std::shared_ptr<const View> view) noexcept : view_{std::move(view)} {}

  [[nodiscard]] Result<std::size_t> read(std::span<std::byte> bytes);
  [[nodiscard]] Result<std::uint64_t> seek(std::int64_t offset, Whence whence);
  [[nodiscard]] Result<std::uint64_t> size() const;

 private:
  [[nodiscard]] Result<void> check(OperationName operation) const;
  [[nodiscard]] std::size_t most_to_deliver(std::size_t n);

  std::shared_ptr<const View> view_;  // null once moved from
  std::uint64_t position_ = 0;
  View::Chunk chunk_{};  // the last one that was read
  std::minstd_rand random_{};
};

/// Delivers any window.
class ReaderAt {
 public:
  explicit ReaderAt(std::shared_ptr<const View> view) noexcept : view_{std::move(view)} {}

  [[nodiscard]] Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> bytes) const;
  [[nodiscard]] Result<std::uint64_t> size() const;

 private:
  std::shared_ptr<const View> view_;
};

/// A copy of bytes of one chunk.
class Window {
 public:
  explicit Window(Bytes bytes) : bytes_{std::move(bytes)} {}
  [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return bytes_; }

 private:
  Bytes bytes_;
};

}  // namespace hybridbuffer::conformance::mutants
