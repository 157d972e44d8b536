#pragma once

#include <hybridbuffer/detail/seek_target.hpp>
#include <hybridbuffer/storage.hpp>

#include <cstddef>
#include <cstdint>
#include <span>

namespace hybridbuffer::inline v0_1 {

/// An independent cursor over a buffer, from HybridBuffer::open_reader(). A Reader and a Seeker.
///
/// Sees what was appended since, in memory or spilled; a part that was discarded answers `invalid_argument`, a truncated one is the end.
/// Refers to the buffer: valid until that is moved from or destroyed; `closed` once it was closed.
/// Threads: one at a time each; several cursors at once while nobody changes the buffer.
template <class Buffer>
class BufferReader {
 public:
  /// Reads until `out` is full or the end is reached. Errors: as HybridBuffer::read_at(); the position then stays.
  [[nodiscard]] Result<std::size_t> read(std::span<std::byte> out) {
    auto count = buffer_->read_at(stored_position_, offset_, out);
    if (count) offset_ += *count;
    return count;
  }

  /// Returns: the new position. Errors: `invalid_argument` before the buffer's first_offset() and for an unknown whence; beyond the end is
  /// legal and reads nothing.
  [[nodiscard]] Result<std::uint64_t> seek(std::int64_t offset, Whence whence = Whence::begin) {
    if (!buffer_->is_open()) return failure(errc::closed, "seek");
    const auto target = detail::seek_target(offset, whence, offset_, buffer_->size());
    if (!target) return target;
    if (*target < buffer_->first_offset()) return failure(errc::invalid_argument, "seek", "below the buffer's first offset");
    return offset_ = *target;
  }

  /// The offset that the next read starts from.
  [[nodiscard]] std::uint64_t tell() const noexcept { return offset_; }

 private:
  friend Buffer;
  BufferReader(const Buffer& buffer, std::uint64_t offset) noexcept : buffer_{&buffer}, offset_{offset} {}

  const Buffer* buffer_;
  std::uint64_t offset_;
  [[no_unique_address]] typename Buffer::stored_position stored_position_{};
};

}  // namespace hybridbuffer::inline v0_1
