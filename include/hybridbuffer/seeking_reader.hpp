#pragma once

#include <hybridbuffer/detail/seek_target.hpp>
#include <hybridbuffer/storage.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>
#include <utility>

namespace hybridbuffer::inline v0_1 {

/// A reader_at that knows how long its object is.
template <class R>
concept sized_reader_at = reader_at<R> && requires(const R& r) {
  { r.size() } -> std::same_as<Result<std::uint64_t>>;
};

/// A Reader and Seeker made out of any reader_at with a size: what a backend returns from open() and open_seeker().
///
/// Reads are as long as the reader_at's; the position is this handle's own. In a moved-from reader the reader_at beneath answers.
/// Threads: one at a time.
template <sized_reader_at ReaderAt>
class SeekingReader {
 public:
  explicit SeekingReader(ReaderAt source) noexcept(std::is_nothrow_move_constructible_v<ReaderAt>) : source_{std::move(source)} {}

  /// Errors: those of the reader_at; the position then stays.
  [[nodiscard]] Result<std::size_t> read(std::span<std::byte> bytes) {
    auto count = source_.read_at(position_, bytes);
    if (count) position_ += *count;
    return count;
  }

  /// Returns: the new absolute position; beyond the end is legal and reads nothing.
  /// Errors:  `invalid_argument` for a target below 0 or above 2^64 − 1 and for an unknown whence; the position then stays.
  [[nodiscard]] Result<std::uint64_t> seek(std::int64_t offset, Whence whence) {
    const auto size = source_.size();
    if (!size) return size;
    const auto target = detail::seek_target(offset, whence, position_, *size);
    if (target) position_ = *target;
    return target;
  }

  /// The object's size as the reader_at shows it.
  [[nodiscard]] Result<std::uint64_t> size() const { return source_.size(); }

 private:
  ReaderAt source_;
  std::uint64_t position_ = 0;
};

}  // namespace hybridbuffer::inline v0_1
