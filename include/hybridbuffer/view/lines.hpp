#pragma once

#include <hybridbuffer/detail/newline_scan.hpp>
#include <hybridbuffer/storage.hpp>
#include <hybridbuffer/view/source_view.hpp>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace hybridbuffer::inline v0_1 {

namespace detail {

[[nodiscard]] inline std::string_view without_return(std::string_view line) noexcept {
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

}  // namespace detail

/// Cuts what a reader delivers into lines. The source of lines().
///
///     block_ [ shown already | unread_ … ]      partial_: the start of a line that began in an earlier block
///
/// A line that lies in one block is shown there, without a copy.
template <reader Reader>
class LineSource {
 public:
  using value_type = std::string;

  LineSource(Reader source, std::size_t block_bytes)
      : reader_{std::move(source)}, size_{std::max<std::size_t>(block_bytes, 1)}, block_{std::make_unique_for_overwrite<char[]>(size_)} {}

  [[nodiscard]] bool load_at_hand() noexcept {
    if (!partial_.empty()) return false;
    const char* const newline = unread_.find();
    if (newline != nullptr) line_ = detail::without_return(unread_.take(newline));
    return newline != nullptr;
  }
  [[nodiscard]] Result<bool> load() {
    for (;;) {
      if (const char* const newline = unread_.find(); newline != nullptr) {
        if (!partial_.empty()) partial_.append(unread_.before(newline));  // first: it may throw, and then nothing is taken
        const std::string_view line = unread_.take(newline);
        line_ = detail::without_return(partial_.empty() ? line : std::string_view{partial_});
        return true;
      }
      partial_.append(unread_.rest());
      unread_ = {};
      const auto count = read_some_of(reader_, std::as_writable_bytes(std::span{block_.get(), size_}));
      if (!count) return std::unexpected{count.error()};
      if (*count == 0) return show_rest();
      unread_ = detail::NewlineScan{{block_.get(), *count}};
    }
  }
  [[nodiscard]] std::string_view current() const noexcept { return line_; }
  void drop() noexcept {
    if (!partial_.empty()) [[unlikely]]
      partial_.clear();
  }

 private:
  // A last line without a newline; a "\r" at its end ends nothing.
  bool show_rest() noexcept {
    line_ = partial_;
    return !line_.empty();
  }

  Reader reader_;
  std::size_t size_;
  std::unique_ptr<char[]> block_;
  detail::NewlineScan unread_{};
  std::string partial_{};
  std::string_view line_{};  // in block_ or partial_
};

/// Of a reader with windows it shows lines that lie in one window there. What the buffer did from one line to the next may have ended the
/// window: as long as it is shown, it is the one that was scanned.
template <window_reader Reader>
class LineSource<Reader> {
 public:
  using value_type = std::string;

  LineSource(Reader source, std::size_t /*block_bytes*/) noexcept : reader_{std::move(source)} {}

  [[nodiscard]] bool load_at_hand() noexcept {
    if (!partial_.empty() || reader_.shown().empty()) return false;
    const char* const newline = unread_.find();
    if (newline != nullptr) line_ = detail::without_return(take(newline));
    return newline != nullptr;
  }
  [[nodiscard]] Result<bool> load() {
    for (;;) {
      const auto shown = reader_.peek();
      if (!shown) return std::unexpected{shown.error()};
      if (shown->empty()) break;
      unread_ = detail::NewlineScan{{reinterpret_cast<const char*>(shown->data()), shown->size()}};
      if (const char* const newline = unread_.find(); newline != nullptr) {
        if (!partial_.empty()) partial_.append(unread_.before(newline));  // first: it may throw, and then nothing is taken
        const std::string_view line = take(newline);
        line_ = detail::without_return(partial_.empty() ? line : std::string_view{partial_});
        return true;
      }
      partial_.append(unread_.rest());
      reader_.consume(shown->size());
    }
    line_ = partial_;  // a last line without a newline; a "\r" at its end ends nothing
    return !line_.empty();
  }
  [[nodiscard]] std::string_view current() const noexcept { return line_; }
  void drop() noexcept {
    if (!partial_.empty()) [[unlikely]]
      partial_.clear();
  }

 private:
  std::string_view take(const char* newline) noexcept {
    const std::string_view line = unread_.take(newline);
    reader_.consume(line.size() + 1);
    return line;
  }

  Reader reader_;
  detail::NewlineScan unread_{};  // of the window that the reader shows
  std::string partial_{};         // the start of a line that began in an earlier window
  std::string_view line_{};       // in a window or partial_
};

template <reader Reader>
using Lines = SourceView<LineSource<Reader>>;  ///< What lines() returns.

inline constexpr std::size_t default_line_block_bytes = std::size_t{64} << 10U;  ///< How much is read at once unless it is given.

/// The unread lines of `buffer`, from `tell()` on, without their "\n" or "\r\n". Empty lines are shown; so is a last line without a
/// newline. Not consumed: the buffer's position stays. What is appended before the view comes to the end is shown as well; what is
/// appended while a last line without a newline is shown begins a line of its own.
///
///     auto view = lines(buffer);
///     for (std::string_view line : view | ranges::views::filter(is_wanted)) use(line);
///     if (!view.status()) return view.status().error();           // else everything was shown
///
/// Requires: the buffer is neither moved from nor destroyed while the view is used.
/// Errors:   in status(), those of HybridBuffer::read_at(); nothing is shown of the block of `block_bytes` in which one occurs, nor of a
///           line that goes on there. std::bad_alloc.
/// Cost:     one copy into the view's block, a second one of lines that cross its end. A line may have any length and is held whole.
template <has_independent_readers Buffer>
[[nodiscard]] auto lines(const Buffer& buffer, std::size_t block_bytes = default_line_block_bytes) {
  auto source = buffer.open_reader();
  return Lines<decltype(source)>{LineSource{std::move(source), block_bytes}};
}
template <has_independent_readers Buffer>
void lines(const Buffer&& buffer, std::size_t block_bytes = default_line_block_bytes) = delete;

/// The same over any reader, from where it stands. The view owns it. Of a MappedReader only lines that cross a window's end are copied;
/// the others are invalidated by the buffer's next call that is not const as well, and `block_bytes` means nothing.
template <reader Reader>
  requires(!has_independent_readers<Reader>)
[[nodiscard]] Lines<Reader> lines(Reader source, std::size_t block_bytes = default_line_block_bytes) {
  return Lines<Reader>{LineSource<Reader>{std::move(source), block_bytes}};
}

}  // namespace hybridbuffer::inline v0_1
