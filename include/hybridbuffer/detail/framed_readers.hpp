#pragma once

#include <hybridbuffer/detail/forwarded_capabilities.hpp>
#include <hybridbuffer/detail/framed_object.hpp>
#include <hybridbuffer/detail/seek_target.hpp>
#include <hybridbuffer/error.hpp>
#include <hybridbuffer/handle_state.hpp>
#include <hybridbuffer/storage.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <span>
#include <utility>

/// \file
/// The read side of an object in frames. A handle shows the object as it was when it was opened, less what was cut off since.

namespace hybridbuffer::inline v0_1::detail {

/// Reads exactly `out.size()` bytes: fewer mean that stored bytes are missing.
template <class ReadSome>
[[nodiscard]] Result<void> fill_from_store(std::span<std::byte> out, ReadSome&& read_some) {
  for (std::size_t done = 0; done < out.size();) {
    const Result<std::size_t> count = read_some(done, out.subspan(done));
    if (!count) return std::unexpected{count.error()};
    if (*count == 0) return failure(errc::corrupted, "read a stored frame", "it is cut off");
    done += *count;
  }
  return {};
}

/// The object that a handle shows, and how its frames are decoded.
template <frame_codec Codec>
class FramedView {
 public:
  FramedView(std::shared_ptr<const Codec> codec, std::shared_ptr<FrameTable> table, const FrameTable::Ends& ends) noexcept
      : codec_{std::move(codec)}, table_{std::move(table)}, ends_{ends} {}

  [[nodiscard]] FrameShape shape() const noexcept { return codec_->shape(); }
  [[nodiscard]] std::uint64_t size() const { return std::min(ends_.size, table_->size()); }

  /// The frame that shows the byte at `offset`, as far as this handle shows it; none at the end.
  /// Errors: `corrupted` when it was found damaged before.
  [[nodiscard]] Result<std::optional<FrameTable::Found>> find(std::uint64_t offset) const {
    if (offset >= ends_.size) return std::optional<FrameTable::Found>{};
    auto found = table_->find(offset);
    if (!found) return found;
    if (found->damaged) return failure(errc::corrupted, "read a stored frame", "it was damaged when it was first read");
    // What was added since: this handle's source may not have it.
    found->frame.visible = static_cast<std::size_t>(std::min<std::uint64_t>(found->frame.end(), ends_.size) - found->frame.offset);
    return found;
  }

  /// `plain` is as long as the frame. On a failure it holds zeros.
  [[nodiscard]] Result<void> decode(const Frame& frame, std::span<const std::byte> stored, std::span<std::byte> plain) const {
    auto decoded = codec_->decode(FrameId{frame.number, frame.offset}, stored, plain);
    if (decoded) return decoded;
    std::memset(plain.data(), 0, plain.size());
    // One that was added behind a cut since the opening is none of what this handle's source has to show.
    if (decoded.error() == errc::corrupted && frame.number <= ends_.last_number) table_->mark_damaged(frame.number);
    return decoded;
  }

  /// Where the store has to end, when that is known: nobody has changed the object since this handle was opened, nor tries to.
  [[nodiscard]] std::optional<std::uint64_t> stored_end() const {
    const FrameTable::Ends now = table_->ends();
    if (now.size != ends_.size || now.stored != ends_.stored || now.stored_perhaps) return {};
    return now.stored;
  }
  [[nodiscard]] static std::unexpected<Error> trailing_bytes() noexcept {
    return failure(errc::corrupted, "read a stored object", "bytes were added behind its end");
  }

 private:
  std::shared_ptr<const Codec> codec_;
  std::shared_ptr<FrameTable> table_;
  FrameTable::Ends ends_;
};

/// Delivers the object in order, and from any position where `Source` is a seeker.
///
/// Cost: each frame is read and decoded once, straight into the caller's memory where that has room for it all.
/// Threads: one at a time.
template <frame_codec Codec, reader Source>
class FramedReader {
 public:
  /// `source` stands behind the header. `is_secret`: the location keeps secrets.
  FramedReader(FramedView<Codec> view, Source source, bool is_secret)
      : view_{std::move(view)}, source_{std::move(source)}, source_at_{view_.shape().header_bytes}, frame_{is_secret} {}

  /// Errors: `corrupted`, and `bytes` then holds zeros; a frame that could not be verified stays so. `closed`, `no_space` (memory); those
  ///         of the source. The position stays.
  [[nodiscard]] Result<std::size_t> read(std::span<std::byte> bytes) {
    if (auto usable = state_.check("read"); !usable) return std::unexpected{std::move(usable).error()};
    if (bytes.empty()) return 0;
    try {
      auto count = read_frame(bytes);
      if (!count && count.error() == errc::corrupted) std::memset(bytes.data(), 0, bytes.size());
      return count;
    } catch (const std::bad_alloc&) {
      return failure(errc::no_space, "read", "out of memory");
    }
  }

  /// Errors: `invalid_argument` for a target below 0 and for an unknown whence; the position then stays. `closed`.
  [[nodiscard]] Result<std::uint64_t> seek(std::int64_t offset, Whence whence)
    requires(seeker<Source>)
  {
    if (auto usable = state_.check("seek"); !usable) return std::unexpected{std::move(usable).error()};
    const auto target = seek_target(offset, whence, position_, view_.size());
    if (target) position_ = *target;
    return target;
  }

  /// Errors: `closed`.
  [[nodiscard]] Result<std::uint64_t> size() const
    requires(seeker<Source>)
  {
    if (auto usable = state_.check("size"); !usable) return std::unexpected{std::move(usable).error()};
    return view_.size();
  }

 private:
  [[nodiscard]] Result<std::size_t> read_frame(std::span<std::byte> bytes) {
    auto looked_up = view_.find(position_);
    if (!looked_up) return std::unexpected{std::move(looked_up).error()};
    const auto found = *looked_up;
    if (!found) return end();
    const Frame& frame = found->frame;
    const auto skip = static_cast<std::size_t>(position_ - frame.offset);
    const std::size_t count = std::min(bytes.size(), frame.visible - skip);
    if (found->discarded) {
      std::memset(bytes.data(), 0, count);
    } else if (skip == 0 && count == frame.size) {
      if (auto decoded = load(frame, bytes.first(count)); !decoded) return std::unexpected{std::move(decoded).error()};
    } else {
      const auto plain = frame_.plain.first(frame.size, view_.shape().chunk_bytes);
      if (plain_number_ != frame.number) {
        plain_number_ = 0;
        if (auto decoded = load(frame, plain); !decoded) return std::unexpected{std::move(decoded).error()};
        plain_number_ = frame.number;
      }
      std::memcpy(bytes.data(), plain.data() + skip, count);
    }
    position_ += count;
    return count;
  }

  [[nodiscard]] Result<void> load(const Frame& frame, std::span<std::byte> plain) {
    const FrameShape shape = view_.shape();
    const auto stored = frame_.stored.first(frame.stored_size, shape.chunk_bytes + shape.overhead_bytes);
    if (auto fetched = fetch(frame, stored); !fetched) return fetched;
    auto decoded = view_.decode(frame, stored, plain);
    if (decoded) stored_number_ = 0;
    return decoded;
  }

  [[nodiscard]] Result<void> fetch(const Frame& frame, std::span<std::byte> stored) {
    if (stored_number_ != frame.number) {
      stored_number_ = 0;
      if (auto moved = move_source(frame.stored_offset); !moved) return moved;
      stored_number_ = frame.number;
      stored_filled_ = 0;
    }
    // A source cannot go back everywhere: what it gave before it failed is kept for the next call.
    return fill_from_store(stored.subspan(stored_filled_), [&](std::size_t, std::span<std::byte> rest) {
      auto count = read_source(rest);
      if (count) stored_filled_ += *count;
      return count;
    });
  }

  [[nodiscard]] Result<void> move_source(std::uint64_t target) {
    if (source_at_ == target) return {};
    if constexpr (seeker<Source>) {
      const auto moved = source_.seek(static_cast<std::int64_t>(target), Whence::begin);
      if (!moved) return std::unexpected{moved.error()};
      source_at_ = target;
    } else {
      // Frames between that were cut or discarded. `target` is never behind: without seek() the position only grows.
      const auto scratch = frame_.stored.first(0, view_.shape().chunk_bytes + view_.shape().overhead_bytes).data();
      while (source_at_ < target) {
        const auto step = static_cast<std::size_t>(std::min<std::uint64_t>(target - source_at_, view_.shape().chunk_bytes));
        if (auto skipped = fill_from_store({scratch, step}, [&](std::size_t, std::span<std::byte> rest) { return read_source(rest); });
            !skipped) {
          return skipped;
        }
      }
    }
    return {};
  }

  [[nodiscard]] Result<std::size_t> read_source(std::span<std::byte> bytes) {
    auto count = source_.read(bytes);
    if (count && *count > bytes.size()) return failure(errc::corrupted, "read a stored frame", "the store gave more than was asked for");
    if (count) source_at_ += *count;
    return count;
  }

  // Nothing may stand behind the last frame, if that can be said.
  [[nodiscard]] Result<std::size_t> end() {
    const auto stored_end = view_.stored_end();
    if (!stored_end || source_at_ != *stored_end) return 0;
    std::byte beyond{};
    const auto count = source_.read({&beyond, 1});
    if (!count) return count;
    if (*count != 0) {
      source_at_ += *count;
      if (view_.stored_end()) return FramedView<Codec>::trailing_bytes();
    }
    return 0;
  }

  ReaderState state_;
  FramedView<Codec> view_;
  Source source_;
  std::uint64_t source_at_;
  std::uint64_t position_ = 0;
  FrameBuffers<Codec> frame_;
  std::uint64_t stored_number_ = 0;  // of the frame of which `frame_.stored` holds the first `stored_filled_` bytes; 0 for none
  std::size_t stored_filled_ = 0;
  std::uint64_t plain_number_ = 0;  // of the frame that `frame_.plain` holds; 0 for none
};

/// Delivers any window of the object.
///
/// Cost: each frame that the window touches is read and decoded, straight into the caller's memory where all of it is wanted. The last
/// frame of which a part was wanted is kept, so that windows which follow each other decode each frame once.
/// Threads: any number at once.
template <frame_codec Codec, reader_at Source>
class FramedReaderAt {
 public:
  /// `is_secret`: the location keeps secrets.
  FramedReaderAt(FramedView<Codec> view, Source source, bool is_secret)
      : view_{std::move(view)}, source_{std::move(source)}, is_secret_{is_secret}, kept_{std::make_unique<Kept>(is_secret)} {}

  /// Errors: `corrupted`, and `bytes` then holds zeros; the frame stays so. `closed`, `no_space` (memory); those of the source.
  [[nodiscard]] Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> bytes) const {
    if (auto usable = state_.check("read_at"); !usable) return std::unexpected{std::move(usable).error()};
    std::size_t done = 0;
    try {
      while (done < bytes.size()) {
        auto count = read_frame(offset + done, bytes.subspan(done));
        if (!count) {
          if (count.error() == errc::corrupted) std::memset(bytes.data(), 0, bytes.size());
          return count;
        }
        if (*count == 0) break;
        done += *count;
      }
    } catch (const std::bad_alloc&) {
      return failure(errc::no_space, "read_at", "out of memory");
    }
    return done;
  }

  /// Errors: `closed`.
  [[nodiscard]] Result<std::uint64_t> size() const {
    if (auto usable = state_.check("size"); !usable) return std::unexpected{std::move(usable).error()};
    return view_.size();
  }

 private:
  // The last frame of which a part was wanted.
  struct Kept {
    explicit Kept(bool is_secret) noexcept : frame{is_secret} {}
    std::mutex mutex;
    FrameBuffers<Codec> frame;
    std::uint64_t number = 0;
    bool end_was_checked = false;
  };

  [[nodiscard]] Result<std::size_t> read_frame(std::uint64_t offset, std::span<std::byte> bytes) const {
    auto looked_up = view_.find(offset);
    if (!looked_up) return std::unexpected{std::move(looked_up).error()};
    const auto found = *looked_up;
    if (!found) return check_end();
    const Frame& frame = found->frame;
    const auto skip = static_cast<std::size_t>(offset - frame.offset);
    const std::size_t count = std::min(bytes.size(), frame.visible - skip);
    if (found->discarded) {
      std::memset(bytes.data(), 0, count);
      return count;
    }
    const std::unique_lock lock{kept_->mutex, std::try_to_lock};
    if (lock) return read_part(*kept_, frame, skip, bytes.first(count));
    Kept own{is_secret_};  // another thread is at it
    return read_part(own, frame, skip, bytes.first(count));
  }

  [[nodiscard]] Result<std::size_t> read_part(Kept& kept, const Frame& frame, std::size_t skip, std::span<std::byte> bytes) const {
    const FrameShape shape = view_.shape();
    if (kept.number == frame.number) {
      std::memcpy(bytes.data(), kept.frame.plain.first(frame.size, shape.chunk_bytes).data() + skip, bytes.size());
      return bytes.size();
    }
    const auto stored = kept.frame.stored.first(frame.stored_size, shape.chunk_bytes + shape.overhead_bytes);
    const auto read = [&](std::size_t at, std::span<std::byte> rest) { return source_.read_at(frame.stored_offset + at, rest); };
    if (auto filled = fill_from_store(stored, read); !filled) return std::unexpected{std::move(filled).error()};
    if (bytes.size() == frame.size) {
      if (auto decoded = view_.decode(frame, stored, bytes); !decoded) return std::unexpected{std::move(decoded).error()};
      return bytes.size();
    }
    const auto plain = kept.frame.plain.first(frame.size, shape.chunk_bytes);
    kept.number = 0;
    if (auto decoded = view_.decode(frame, stored, plain); !decoded) return std::unexpected{std::move(decoded).error()};
    kept.number = frame.number;
    std::memcpy(bytes.data(), plain.data() + skip, bytes.size());
    return bytes.size();
  }

  // Nothing may stand behind the last frame, if that can be said. Once a handle.
  [[nodiscard]] Result<std::size_t> check_end() const {
    const std::scoped_lock lock{kept_->mutex};
    const auto stored_end = view_.stored_end();
    if (kept_->end_was_checked || !stored_end) return 0;
    std::byte beyond{};
    const auto count = source_.read_at(*stored_end, {&beyond, 1});
    if (!count) return count;
    if (*count != 0 && view_.stored_end()) return FramedView<Codec>::trailing_bytes();
    kept_->end_was_checked = true;
    return 0;
  }

  ReaderState state_;
  FramedView<Codec> view_;
  Source source_;
  bool is_secret_;
  std::unique_ptr<Kept> kept_;  // null in a moved-from handle, where `state_` answers
};

}  // namespace hybridbuffer::inline v0_1::detail
