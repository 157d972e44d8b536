#pragma once

#include <hybridbuffer/detail/forwarded_capabilities.hpp>
#include <hybridbuffer/detail/retried_location.hpp>
#include <hybridbuffer/detail/seek_target.hpp>
#include <hybridbuffer/error.hpp>
#include <hybridbuffer/handle_state.hpp>
#include <hybridbuffer/storage.hpp>
#include <hybridbuffer/transform/retry_policy.hpp>
#include <hybridbuffer/transform/retrying_writer.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <utility>

/// \file
/// What a RetryingBackend hands out: handles that open the inner one anew when it fails. Its writer, which writes again, has a file of its
/// own; those that read on are here.

namespace hybridbuffer::inline v0_1 {

/// Reads on at the same position after a failure: first with the inner handle that failed, then with a new one, unless the object was
/// replaced, shortened or removed since this reader was opened.
///
/// Cost:    where `InnerReader` is no seeker, a new one reads the object up to the position.
/// Threads: one at a time, any thread.
template <hybridbuffer::reader InnerReader, storage_backend Inner, retry_time Time, bool seeks>
class RetryingReader {
  using Location = detail::RetriedLocation<Inner, Time>;
  using Attempts = typename detail::Retrier<Time>::Attempts;

 public:
  RetryingReader(const std::shared_ptr<const Location>& location, InnerReader inner, std::uint64_t version) noexcept
      : location_{location}, inner_{std::move(inner)}, version_{version} {}

  /// Errors: those of the inner reader that could not be helped.
  [[nodiscard]] Result<std::size_t> read(std::span<std::byte> bytes) {
    if (auto usable = state_.check("read"); !usable) return std::unexpected{std::move(usable).error()};
    const auto location = location_.lock();
    auto count = location != nullptr ? read_with(*location, bytes) : inner_.read(bytes);
    if (count) position_ += *count;
    return count;
  }

  [[nodiscard]] Result<std::uint64_t> seek(std::int64_t offset, Whence whence)
    requires(seeks)
  {
    if (auto usable = state_.check("seek"); !usable) return std::unexpected{std::move(usable).error()};
    const auto location = location_.lock();
    auto moved = location != nullptr ? seek_with(*location, offset, whence) : inner_.seek(offset, whence);
    if (moved) position_ = *moved;
    return moved;
  }

  [[nodiscard]] Result<std::uint64_t> size() const
    requires detail::tells_size<InnerReader>
  {
    if (auto usable = state_.check("ask for a size"); !usable) return std::unexpected{std::move(usable).error()};
    const auto location = location_.lock();
    if (location == nullptr) return detail::size_of(inner_);
    return location->retrier().run([&] { return detail::size_of(inner_); });
  }

 private:
  [[nodiscard]] Result<std::size_t> read_with(const Location& location, std::span<std::byte> bytes) {
    Attempts attempts{location.retrier()};
    auto count = inner_.read(bytes);
    for (bool same_handle = true; !count && attempts.again(count.error()); same_handle = false) {
      if (!same_handle && location.version() == version_) {
        if (auto opened = reopen(location); !opened) {
          count = std::unexpected{std::move(opened).error()};
          continue;
        }
      }
      count = inner_.read(bytes);
    }
    return count;
  }

  [[nodiscard]] Result<std::uint64_t> seek_with(const Location& location, std::int64_t offset, Whence whence)
    requires(seeks)
  {
    Attempts attempts{location.retrier()};
    auto moved = inner_.seek(offset, whence);
    while (!moved && attempts.again(moved.error())) {
      // Where it stands after a failure is not known: from the current position is from the beginning.
      if (whence == Whence::current) {
        const auto target = detail::seek_target(offset, whence, position_, 0);
        if (!target || *target > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) return moved;
        offset = static_cast<std::int64_t>(*target);
        whence = Whence::begin;
      }
      moved = inner_.seek(offset, whence);
    }
    return moved;
  }

  // A new handle at the position. Errors: the inner backend's; the old handle then stays.
  [[nodiscard]] Result<void> reopen(const Location& location) {
    auto opened = open(location.inner);
    if (!opened) return std::unexpected{std::move(opened).error()};
    if (auto moved = move_to_position(*opened); !moved) return moved;
    if (location.version() == version_) inner_ = *std::move(opened);
    return {};
  }
  [[nodiscard]] static Result<InnerReader> open(const Inner& inner) {
    if constexpr (seeks) return inner.open_seeker();
    else return inner.open();
  }
  [[nodiscard]] Result<void> move_to_position(InnerReader& inner) {
    if constexpr (seeks) {
      const auto moved = inner.seek(static_cast<std::int64_t>(position_), Whence::begin);
      if (!moved) return std::unexpected{moved.error()};
    } else {
      std::array<std::byte, 4096> scratch;
      for (std::uint64_t at = 0; at < position_;) {
        const auto step = static_cast<std::size_t>(std::min<std::uint64_t>(scratch.size(), position_ - at));
        const auto count = inner.read(std::span{scratch}.first(step));
        if (!count) return std::unexpected{count.error()};
        if (*count == 0) return failure(errc::corrupted, "read stored bytes", "the object ends before its committed size");
        at += *count;
      }
    }
    return {};
  }

  ReaderState state_;  // asked first: a child that was forked must not wait for a lock of `Time`
  std::weak_ptr<const Location> location_;
  InnerReader inner_;
  std::uint64_t version_;  // of the location when this reader was opened
  std::uint64_t position_ = 0;
};

/// Reads any window; one that fails is read again, at last with a new inner handle, under the same condition as a RetryingReader.
/// Threads: any number at once.
template <hybridbuffer::reader_at InnerReaderAt, storage_backend Inner, retry_time Time>
class RetryingReaderAt {
  using Location = detail::RetriedLocation<Inner, Time>;
  using Attempts = typename detail::Retrier<Time>::Attempts;

 public:
  RetryingReaderAt(const std::shared_ptr<const Location>& location, InnerReaderAt inner, std::uint64_t version) noexcept
      : location_{location}, inner_{std::move(inner)}, version_{version} {}

  /// Errors: those of the inner reader_at that could not be helped.
  [[nodiscard]] Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> bytes) const {
    if (auto usable = state_.check("read"); !usable) return std::unexpected{std::move(usable).error()};
    const auto location = location_.lock();
    if (location == nullptr) return inner_.read_at(offset, bytes);
    Attempts attempts{location->retrier()};
    auto count = inner_.read_at(offset, bytes);
    for (bool same_handle = true; !count && attempts.again(count.error()); same_handle = false) {
      if (!same_handle && location->version() == version_) {
        const auto opened = location->inner.open_reader_at();
        if (!opened) {
          count = std::unexpected{opened.error()};
          continue;
        }
        if (location->version() == version_) {
          count = opened->read_at(offset, bytes);
          continue;
        }
      }
      count = inner_.read_at(offset, bytes);
    }
    return count;
  }

  [[nodiscard]] Result<std::uint64_t> size() const
    requires detail::tells_size<InnerReaderAt>
  {
    if (auto usable = state_.check("ask for a size"); !usable) return std::unexpected{std::move(usable).error()};
    const auto location = location_.lock();
    if (location == nullptr) return detail::size_of(inner_);
    return location->retrier().run([&] { return detail::size_of(inner_); });
  }

 private:
  ReaderState state_;  // asked first: a child that was forked must not wait for a lock of `Time`
  std::weak_ptr<const Location> location_;
  InnerReaderAt inner_;
  std::uint64_t version_;
};

}  // namespace hybridbuffer::inline v0_1
