#pragma once

#include <hybridbuffer/error.hpp>

#include <cstddef>
#include <iterator>
#include <utility>

namespace hybridbuffer::inline v0_1 {

template <class Buffer>
class AppendIterator;

/// Appends to a buffer through an output iterator, and keeps what an iterator cannot return: the first error.
///
///     Appender appender{buffer};
///     std::format_to(appender.out(), "{} of {}\n", done, all);
///     if (!appender.status()) return appender.status().error();
///
/// Each character is in the buffer as soon as it is assigned; there is nothing to flush. After the first error nothing more is appended,
/// so that what is in the buffer is a prefix of what was assigned.
/// Requires: the buffer is neither moved from nor destroyed while the appender is used.
/// Errors:   those of HybridBuffer::append(), in status(); std::bad_alloc.
template <class Buffer>
class Appender {
 public:
  explicit Appender(Buffer& buffer) noexcept : buffer_{&buffer} {}
  // Iterators refer to it.
  Appender(const Appender&) = delete;
  Appender& operator=(const Appender&) = delete;
  ~Appender() = default;

  /// The place behind the buffer's last byte, whatever was appended by another way meanwhile. Valid while the appender lives.
  [[nodiscard]] AppendIterator<Buffer> out() noexcept { return AppendIterator<Buffer>{*this}; }

  /// The first error since the start or the last restart().
  [[nodiscard]] const Result<void>& status() const noexcept { return status_; }
  /// Forgets the error, so that appending goes on.
  void restart() noexcept { status_ = {}; }

 private:
  friend AppendIterator<Buffer>;

  template <class Unit>
  void append(Unit unit) {
    if (!status_) return;
    if (auto done = buffer_->append(unit); !done) [[unlikely]]
      status_ = std::move(done);
  }

  Buffer* buffer_;
  Result<void> status_{};
};

/// An output iterator for `char` and `std::byte`, from Appender::out(). Copies append to the same end, in the order of the assignments.
template <class Buffer>
class AppendIterator {
 public:
  // The names and types that the standard's algorithms ask of an output iterator.
  using iterator_category = std::output_iterator_tag;
  using value_type = void;
  using difference_type = std::ptrdiff_t;
  using pointer = void;
  using reference = void;

  /// Appends one byte of text.
  AppendIterator& operator=(char unit) {
    appender_->append(unit);
    return *this;
  }
  /// Appends one byte.
  AppendIterator& operator=(std::byte unit) {
    appender_->append(unit);
    return *this;
  }
  [[nodiscard]] AppendIterator& operator*() noexcept { return *this; }
  AppendIterator& operator++() noexcept { return *this; }
  AppendIterator operator++(int) noexcept { return *this; }

 private:
  friend Appender<Buffer>;
  explicit AppendIterator(Appender<Buffer>& appender) noexcept : appender_{&appender} {}

  Appender<Buffer>* appender_;
};

}  // namespace hybridbuffer::inline v0_1
