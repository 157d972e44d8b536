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
#include <optional>
#include <random>
#include <span>
#include <utility>

namespace hybridbuffer::conformance::mutants {

/// What an open handle shows: the object as it was committed when the handle was opened, wherever extensions and cuts have moved its
/// chunks. Threads: any.
class View {
 public:
  /// Requires: `location->readers` was counted up for it.
  View(std::shared_ptr<Location> location, Manifest manifest);
  View(const View&) = delete;
  View& operator=(const View&) = delete;
  ~View();

  struct Chunk {
    std::uint64_t begin = 0;  ///< of its first byte in the object
    Bytes bytes;
  };
  /// The chunk that holds `offset`; an empty one at the end and beyond it.
  /// Errors: `not_found` when the object was replaced or removed, `corrupted` when the chunk is lost, those of the store.
  [[nodiscard]] Result<Chunk> chunk_at(std::uint64_t offset) const;
  /// Up to bytes.size() bytes, fewer only at the end.
  [[nodiscard]] Result<std::size_t> copy(std::uint64_t offset, std::span<std::byte> bytes) const;
  [[nodiscard]] std::uint64_t size() const;
  [[nodiscard]] const Location& location() const noexcept { return *location_; }
  /// Whether the handle belongs to this process.
  [[nodiscard]] bool is_usable() const noexcept;
  /// Of the cursor that a bug keeps for it.
  [[nodiscard]] std::size_t number() const noexcept { return number_; }
  /// Whether another reader that was closed took this one along: a bug.
  [[nodiscard]] bool was_closed_with_another() const noexcept;

 private:
  [[nodiscard]] std::shared_ptr<const Manifest> current() const {
    const std::lock_guard lock{mutex_};
    return manifest_;
  }
  // An extension is not shown: it would come to light at one read or another. A cut is.
  [[nodiscard]] std::uint64_t size_of(const Manifest& manifest) const { return std::min(size_, manifest.size); }
  // Looks what is committed now. Returns: false when there is nothing more to show.
  [[nodiscard]] Result<bool> refresh(const Manifest& seen) const;

  std::shared_ptr<Location> location_;
  std::uint64_t size_;  // when it was opened
  mutable std::mutex mutex_;
  mutable std::shared_ptr<const Manifest> manifest_;
  std::uint64_t readers_gone_;  // when it was opened
  std::uint64_t backend_moves_;
  std::uint64_t commits_;
  std::size_t number_ = 0;
};

/// Delivers the bytes in order; as a seeker from anywhere.
class Reader {
 public:
  explicit Reader(std::shared_ptr<const View> view, bool is_seeker = false) noexcept : view_{std::move(view)}, is_seeker_{is_seeker} {}

  [[nodiscard]] Result<std::size_t> read(std::span<std::byte> bytes);
  [[nodiscard]] Result<std::uint64_t> seek(std::int64_t offset, Whence whence);
  [[nodiscard]] Result<std::uint64_t> size() const;

 private:
  [[nodiscard]] Result<void> check(OperationName operation) const;
  [[nodiscard]] std::size_t most_to_deliver(std::size_t n);
  [[nodiscard]] Result<std::size_t> deliver(std::span<std::byte> bytes);
  [[nodiscard]] Result<std::uint64_t> seek_to(std::int64_t offset, Whence whence);

  // Where several lines are broken together.
  void misplace();
  void skip_what_was_fetched_ahead(std::size_t wanted);
  [[nodiscard]] std::optional<Result<std::size_t>> misread(std::span<std::byte> bytes);
  [[nodiscard]] std::size_t misdeliver(std::span<std::byte> bytes, std::size_t inside, std::size_t count);
  [[nodiscard]] std::optional<Result<std::uint64_t>> misseek(std::int64_t offset, Whence whence);

  std::shared_ptr<const View> view_;  // null once moved from
  std::uint64_t position_ = 0;
  View::Chunk chunk_{};  // the last one that was read
  std::minstd_rand random_{};

  // Only for bugs.
  bool is_seeker_;
  bool paused_ = false;        // false_end_at_boundary
  bool at_end_ = false;        // end_survives_seek
  std::size_t last_size_ = 0;  // fetch_ahead_skips
  int equal_sizes_ = 0;
};

/// Delivers any window.
class ReaderAt {
 public:
  explicit ReaderAt(std::shared_ptr<const View> view) noexcept : view_{std::move(view)} {}

  [[nodiscard]] Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> bytes) const;
  [[nodiscard]] Result<std::uint64_t> size() const;

 private:
  [[nodiscard]] std::optional<Result<std::size_t>> misread(std::uint64_t offset, std::span<std::byte> bytes) const;
  [[nodiscard]] Result<std::size_t> read_through_cache(std::uint64_t offset, std::span<std::byte> bytes) const;

  std::shared_ptr<const View> view_;
  mutable std::uint64_t last_offset_ = ~std::uint64_t{0};  // read_at_remembers_last
  mutable std::size_t last_length_ = 0;
};

/// A copy of bytes of one chunk.
class Window {
 public:
  Window(std::shared_ptr<const Bytes> bytes, std::size_t n) : bytes_{std::move(bytes)}, n_{n} {}
  [[nodiscard]] std::span<const std::byte> bytes() const noexcept {
    return bytes_ == nullptr ? std::span<const std::byte>{} : std::span{*bytes_}.first(n_);
  }

 private:
  std::shared_ptr<const Bytes> bytes_;
  std::size_t n_;
};

}  // namespace hybridbuffer::conformance::mutants
