#pragma once

#include <hybridbuffer/detail/checksum_table.hpp>
#include <hybridbuffer/detail/checksum_verification.hpp>
#include <hybridbuffer/detail/checksummed_object.hpp>
#include <hybridbuffer/detail/content_memory.hpp>
#include <hybridbuffer/detail/seek_target.hpp>
#include <hybridbuffer/error.hpp>
#include <hybridbuffer/handle_state.hpp>
#include <hybridbuffer/storage.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <utility>

/// \file
/// What a ChecksummedBackend hands out. No byte leaves a reader before the whole chunk that holds it was verified.

namespace hybridbuffer::inline v0_1 {

/// Writes to the inner writer and sums up. Threads: one at a time, any thread.
template <writer Inner>
class ChecksummedWriter {
 public:
  using State = WriterState<std::shared_ptr<detail::ChecksummedObject>>;

  /// `extended`: the table of the object that is extended; null for a new one.
  ChecksummedWriter(State state, Inner inner, std::shared_ptr<detail::ChecksumTable> extended, detail::RunningChecksums sums)
      : state_{std::move(state)}, inner_{std::move(inner)}, extended_{std::move(extended)}, sums_{std::move(sums)} {}

  /// Errors: those of the inner writer; `no_space` without memory for the checksums.
  [[nodiscard]] Result<void> write(std::span<const std::byte> bytes) {
    return state_.write([&]() -> Result<void> {
      sums_.add(bytes);
      return inner_.write(bytes);
    });
  }
  [[nodiscard]] Result<void> write(std::span<const std::span<const std::byte>> pieces)
    requires gathering_writer<Inner>
  {
    return state_.write([&]() -> Result<void> {
      for (const auto piece : pieces) sums_.add(piece);
      return inner_.write(pieces);
    });
  }

  /// Errors: those of the inner writer; `not_found` when the location was removed or destroyed.
  [[nodiscard]] Result<void> close() {
    return state_.close([&](std::shared_ptr<detail::ChecksummedObject>& object) -> Result<void> {
      const bool extends = extended_ != nullptr;
      auto table = extends ? extended_ : std::make_shared<detail::ChecksumTable>(sums_.chunk_bytes());
      table->reserve(sums_);
      auto closed = inner_.close();
      if (closed) {
        table->extend(sums_);
        object->is(std::move(table));
      } else if (closed.error().is_indeterminate()) {
        object->may_be([&] {
          auto other = extends ? table->copy() : table;
          other->reserve(sums_);
          other->extend(sums_);
          return other;
        });
      }
      return closed;
    });
  }

 private:
  State state_;
  Inner inner_;
  std::shared_ptr<detail::ChecksumTable> extended_;
  detail::RunningChecksums sums_;
};

/// Reads an object from its start, and from anywhere where `Inner` is a seeker.
///
/// Cost:    whole chunks go straight into a span that has room for them; others through a chunk of memory, allocated when it is needed.
/// Threads: one at a time, any thread.
template <hybridbuffer::reader Inner>
class ChecksummedReader {
 public:
  /// `is_secret`: what it read is wiped from memory that it gives back.
  ChecksummedReader(Inner inner, detail::ChecksumView view, bool is_secret)
      : inner_{std::move(inner)}, view_{std::move(view)}, is_secret_{is_secret} {}

  /// Errors: `corrupted` when a chunk is not what was written, or ends early; `no_space`; those of the inner reader. `bytes` then holds
  ///         zeros, or what it held, and the position stays. The next call reads the chunk again where the inner reader seeks; otherwise
  ///         it fails for the same reason.
  [[nodiscard]] Result<std::size_t> read(std::span<std::byte> bytes) {
    if (auto usable = state_.check("read"); !usable) return std::unexpected{std::move(usable).error()};
    const std::uint64_t size = view_.size();
    if (bytes.empty() || position_ >= size) return 0;
    const std::size_t whole =
        detail::whole_chunks(view_, position_, std::min(bytes.size(), limit()), [](const auto&, auto) { return true; });
    auto count = whole != 0 ? read_into(bytes.first(whole)) : read_part(bytes, size);
    if (count) position_ += *count;
    return count;
  }

  /// Errors: as detail::seek_target; `closed`.
  [[nodiscard]] Result<std::uint64_t> seek(std::int64_t offset, Whence whence)
    requires seeker<Inner>
  {
    if (auto usable = state_.check("seek"); !usable) return std::unexpected{std::move(usable).error()};
    const auto target = detail::seek_target(offset, whence, position_, view_.size());
    if (target) position_ = *target;
    return target;
  }

  /// Errors: `closed`.
  [[nodiscard]] Result<std::uint64_t> size() const {
    if (auto usable = state_.check("ask for a size"); !usable) return std::unexpected{std::move(usable).error()};
    return view_.size();
  }

 private:
  static constexpr bool seeks = seeker<Inner>;

  // A chunk larger than that is read at once all the same.
  [[nodiscard]] std::size_t limit() const noexcept {
    return std::max(detail::verified_at_once, static_cast<std::size_t>(view_.chunk_bytes()));
  }

  // Reads [position_, position_ + bytes.size()), whole chunks.
  [[nodiscard]] Result<std::size_t> read_into(std::span<std::byte> bytes) {
    auto done = fetch(position_, bytes);
    if (done) done = detail::verify(view_, position_, bytes);
    if (done) return bytes.size();
    std::memset(bytes.data(), 0, bytes.size());
    return std::unexpected{keep(std::move(done).error())};
  }

  [[nodiscard]] Result<std::size_t> read_part(std::span<std::byte> bytes, std::uint64_t size) {
    const detail::ChecksummedChunk chunk = view_.chunk_at(position_);
    if (position_ >= chunk.end()) return detail::was_shortened();
    if (!held_ || !(*held_ == chunk)) {
      if (auto loaded = load(chunk); !loaded) return std::unexpected{std::move(loaded).error()};
    }
    const std::uint64_t end = std::min(chunk.end(), size);
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), end - position_));
    std::memcpy(bytes.data(), chunk_.get() + (position_ - chunk.begin), count);
    return count;
  }

  [[nodiscard]] Result<void> load(const detail::ChecksummedChunk& chunk) {
    held_.reset();
    if (chunk_ == nullptr) {
      auto made = detail::make_chunk(static_cast<std::size_t>(view_.chunk_bytes()), is_secret_);
      if (!made) return std::unexpected{std::move(made).error()};
      chunk_ = *std::move(made);
    }
    const std::span<std::byte> bytes{chunk_.get(), chunk.length};
    auto done = fetch(chunk.begin, bytes);
    if (done && !chunk.matches(bytes)) done = detail::chunk_differs();
    if (!done) return std::unexpected{keep(std::move(done).error())};
    held_ = chunk;
    return {};
  }

  // The inner reader stands behind what it gave, so that without seeks there is no second try.
  [[nodiscard]] Error keep(Error error) {
    if constexpr (!seeks) failed_ = error;
    return error;
  }

  // Fills `bytes` from `offset` on.
  [[nodiscard]] Result<void> fetch(std::uint64_t offset, std::span<std::byte> bytes) {
    if (failed_) return std::unexpected{*failed_};
    if (inner_position_ != offset) {
      if (auto moved = move_to(offset); !moved) return moved;
    }
    inner_position_.reset();  // unknown until all is read
    auto done = detail::read_whole(bytes, [&](std::size_t, auto rest) { return inner_.read(rest); });
    if (done) inner_position_ = offset + bytes.size();
    return done;
  }
  [[nodiscard]] Result<void> move_to(std::uint64_t offset) {
    if constexpr (seeks) {
      if (auto moved = inner_.seek(static_cast<std::int64_t>(offset), Whence::begin); !moved) {
        return std::unexpected{std::move(moved).error()};
      }
      inner_position_ = offset;
      return {};
    } else {  // only when the object was shortened beneath this reader
      return detail::was_shortened();
    }
  }

  ReaderState state_;
  Inner inner_;
  detail::ChecksumView view_;
  std::uint64_t position_ = 0;
  std::optional<std::uint64_t> inner_position_ = 0;  // where `inner_` stands, when that is known
  bool is_secret_;
  detail::ContentMemory chunk_;
  std::optional<detail::ChecksummedChunk> held_;  // what `chunk_` holds, verified
  std::optional<Error> failed_;                   // of an inner reader that cannot go back
};

/// Reads any window of an object.
///
/// Cost:    chunks that lie wholly in the window go straight into it. One that lies there in part is read and verified whole; the last
///          such chunk is kept, so that small windows that follow each other cost a copy, and random ones a chunk each.
/// Threads: any number at once; those that meet at the kept chunk take memory of their own.
template <hybridbuffer::reader_at Inner>
class ChecksummedReaderAt {
 public:
  /// `is_secret`: what it read is wiped from memory that it gives back.
  ChecksummedReaderAt(Inner inner, detail::ChecksumView view, std::unique_ptr<std::atomic_flag> lock, bool is_secret)
      : inner_{std::move(inner)}, view_{std::move(view)}, is_secret_{is_secret}, kept_lock_{std::move(lock)} {}

  /// Errors: `corrupted` when a chunk is not what was written, or ends early; `no_space`; those of the inner reader_at. `bytes` then
  ///         holds zeros.
  [[nodiscard]] Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> bytes) const {
    if (auto usable = state_.check("read"); !usable) return std::unexpected{std::move(usable).error()};
    const std::uint64_t size = view_.size();
    if (bytes.empty() || offset >= size) return 0;
    bytes = bytes.first(static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), size - offset)));
    for (std::size_t done = 0; done < bytes.size();) {
      const auto rest = bytes.subspan(done);
      const auto count = read_some(offset + done, rest);
      if (!count) {
        std::memset(bytes.data(), 0, bytes.size());
        return count;
      }
      done += *count;
    }
    return bytes.size();
  }

  /// Errors: `closed`.
  [[nodiscard]] Result<std::uint64_t> size() const {
    if (auto usable = state_.check("ask for a size"); !usable) return std::unexpected{std::move(usable).error()};
    return view_.size();
  }

 private:
  // Whole chunks, or part of one. Requires: `bytes` ends before the object does.
  [[nodiscard]] Result<std::size_t> read_some(std::uint64_t offset, std::span<std::byte> bytes) const {
    const std::size_t most = std::max(detail::verified_at_once, static_cast<std::size_t>(view_.chunk_bytes()));
    const std::size_t whole = detail::whole_chunks(view_, offset, std::min(bytes.size(), most), [](const auto&, auto) { return true; });
    if (whole != 0) {
      auto done = fetch(offset, bytes.first(whole));
      if (done) done = detail::verify(view_, offset, bytes.first(whole));
      if (!done) return std::unexpected{std::move(done).error()};
      return whole;
    }
    const detail::ChecksummedChunk chunk = view_.chunk_at(offset);
    if (offset >= chunk.end()) return detail::was_shortened();
    const auto within = static_cast<std::size_t>(offset - chunk.begin);
    const auto part = bytes.first(std::min(bytes.size(), chunk.length - within));
    auto done = copy_part(chunk, within, part);
    if (!done) return std::unexpected{std::move(done).error()};
    return part.size();
  }

  [[nodiscard]] Result<void> copy_part(const detail::ChecksummedChunk& chunk, std::size_t within, std::span<std::byte> out) const {
    const HeldIfFree kept_is_ours{*kept_lock_};
    detail::ContentMemory own;
    detail::ContentMemory& memory = kept_is_ours ? kept_bytes_ : own;
    const bool is_kept = kept_is_ours && kept_ && *kept_ == chunk;
    if (!is_kept) {
      if (kept_is_ours) kept_.reset();
      if (memory == nullptr) {
        auto made = detail::make_chunk(static_cast<std::size_t>(view_.chunk_bytes()), is_secret_);
        if (!made) return std::unexpected{std::move(made).error()};
        memory = *std::move(made);
      }
      const std::span<std::byte> bytes{memory.get(), chunk.length};
      if (auto done = fetch(chunk.begin, bytes); !done) return done;
      if (!chunk.matches(bytes)) return detail::chunk_differs();
      if (kept_is_ours) kept_ = chunk;
    }
    std::memcpy(out.data(), memory.get() + within, out.size());
    return {};
  }

  [[nodiscard]] Result<void> fetch(std::uint64_t offset, std::span<std::byte> bytes) const {
    return detail::read_whole(bytes, [&](std::size_t done, auto rest) { return inner_.read_at(offset + done, rest); });
  }

  // Never waits: who does not get it does without.
  class HeldIfFree {
   public:
    explicit HeldIfFree(std::atomic_flag& flag) noexcept : flag_{flag.test_and_set(std::memory_order_acquire) ? nullptr : &flag} {}
    HeldIfFree(const HeldIfFree&) = delete;
    HeldIfFree& operator=(const HeldIfFree&) = delete;
    ~HeldIfFree() {
      if (flag_ != nullptr) flag_->clear(std::memory_order_release);
    }
    explicit operator bool() const noexcept { return flag_ != nullptr; }

   private:
    std::atomic_flag* flag_;
  };

  ReaderState state_;
  Inner inner_;
  detail::ChecksumView view_;
  bool is_secret_;
  std::unique_ptr<std::atomic_flag> kept_lock_;  // guards the two below; apart, so that this can be moved
  mutable detail::ContentMemory kept_bytes_;
  mutable std::optional<detail::ChecksummedChunk> kept_;
};

}  // namespace hybridbuffer::inline v0_1
