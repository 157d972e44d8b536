#pragma once

#include <hybridbuffer/detail/seek_target.hpp>
#include <hybridbuffer/error.hpp>
#include <hybridbuffer/storage.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <ios>
#include <istream>
#include <limits>
#include <span>
#include <streambuf>
#include <system_error>

namespace hybridbuffer::inline v0_1 {

/// A std::streambuf over a buffer: writes append at its end, reads go on at its position.
///
///     buffer  [ first_offset() … | position of the buffer, copied to area_ … | … size() ]
///                                  eback() … gptr() … egptr()                  put position
///
/// What is written is in the buffer at once: there is no put area, and nothing to flush. Large blocks pass in both directions without a
/// copy in between; characters are read through a copy of a few KiB, so that nothing that is appended, by whatever way, invalidates it.
/// The buffer's own position follows at sync(), a seek out of the copy, and destruction: until then what was read counts as unread.
///
/// Requires: the buffer is neither moved from nor destroyed while this lives. Call sync() before reading, seeking, truncating or
///           discarding the buffer itself; appending to it and spilling it needs nothing.
/// Errors:   look like the end, or like nothing written; status() tells, and report_to() makes them set badbit. Nothing is thrown but
///           std::bad_alloc and what the exceptions() of that stream ask for.
/// Threads:  one at a time, as for the buffer.
template <class Buffer>
class BufferStreambuf : public std::streambuf {
 public:
  explicit BufferStreambuf(Buffer& buffer) noexcept : buffer_{&buffer} {}
  BufferStreambuf(const BufferStreambuf&) = delete;
  BufferStreambuf& operator=(const BufferStreambuf&) = delete;
  ~BufferStreambuf() override { [[maybe_unused]] const auto best_effort = seek_buffer(position()); }

  /// The first error since the start or the last forget_error().
  [[nodiscard]] const Result<void>& status() const noexcept { return status_; }
  /// Lets reading and writing go on.
  void forget_error() noexcept { status_ = {}; }

  /// From now on an error sets badbit of `stream`, or throws std::ios_base::failure with the error's message where exceptions() of it has
  /// badbit. Requires: `stream` outlives the last read and write.
  void report_to(std::ios& stream) noexcept { stream_ = &stream; }

 protected:
  int_type underflow() override {
    if (gptr() == egptr() && !load(position())) return traits_type::eof();
    return gptr() == egptr() ? traits_type::eof() : traits_type::to_int_type(*gptr());
  }

  // 0 and not −1 at the end: it may move on.
  std::streamsize showmanyc() override {
    if (!buffer_->is_open()) return -1;
    const std::uint64_t at = std::min(position(), buffer_->size());
    return static_cast<std::streamsize>(std::min<std::uint64_t>(buffer_->size() - at, std::numeric_limits<std::streamsize>::max()));
  }

  std::streamsize xsgetn(char* out, std::streamsize count) override {
    if (count <= 0) return 0;
    const std::span wanted{out, static_cast<std::size_t>(count)};
    if (wanted.size() >= area_.size()) return static_cast<std::streamsize>(read_directly(wanted));
    std::size_t done = 0;
    while (done < wanted.size() && !is_eof(underflow())) done += take_from_area(wanted.subspan(done));
    return static_cast<std::streamsize>(done);
  }

  // Goes back where the copy begins, or refuses another character than the one there: content never changes.
  int_type pbackfail(int_type unit) override {
    const std::uint64_t at = position();
    if (gptr() == eback() && !load_before(at)) return traits_type::eof();
    if (!is_eof(unit) && !traits_type::eq(gptr()[-1], traits_type::to_char_type(unit))) return traits_type::eof();
    gbump(-1);
    return traits_type::not_eof(unit);
  }

  int_type overflow(int_type unit) override {
    if (is_eof(unit)) return traits_type::not_eof(unit);
    return keep_error(buffer_->append(traits_type::to_char_type(unit))) ? unit : traits_type::eof();
  }

  std::streamsize xsputn(const char* text, std::streamsize count) override {
    if (count <= 0) return 0;
    return keep_error(buffer_->append(std::as_bytes(std::span{text, static_cast<std::size_t>(count)}))) ? count : 0;
  }

  // Reading goes anywhere in [first_offset(), size()]. Writing is always at the end, and can only be "sought" there.
  pos_type seekoff(off_type offset, std::ios_base::seekdir direction, std::ios_base::openmode which) override {
    const pos_type refused{off_type{-1}};
    const bool get = (which & std::ios_base::in) != 0;
    const bool put = (which & std::ios_base::out) != 0;
    const bool is_ambiguous = get == put && (!get || direction == std::ios_base::cur);
    if (is_ambiguous || !buffer_->is_open()) return refused;
    const auto target = detail::seek_target(offset, whence_of(direction), get ? position() : buffer_->size(), buffer_->size());
    if (!target || (put && *target != buffer_->size()) || (get && !move_to(*target))) return refused;
    return {static_cast<off_type>(*target)};
  }
  pos_type seekpos(pos_type position, std::ios_base::openmode which) override {
    return seekoff(off_type{position}, std::ios_base::beg, which);
  }

  // Nothing is held back from the buffer but its position.
  int sync() override { return give_back_area() ? 0 : -1; }

 private:
  [[nodiscard]] static bool is_eof(int_type unit) noexcept { return traits_type::eq_int_type(unit, traits_type::eof()); }
  [[nodiscard]] static Whence whence_of(std::ios_base::seekdir direction) noexcept {
    if (direction == std::ios_base::cur) return Whence::current;
    return direction == std::ios_base::end ? Whence::end : Whence::begin;
  }

  // True for success. Else the error is kept, if it is the first, and reported.
  template <class T>
  [[nodiscard]] bool keep_error(const Result<T>& result) {
    if (result) [[likely]]
      return true;
    if (status_) status_ = std::unexpected{result.error()};
    if (stream_ == nullptr) return false;
    if ((stream_->exceptions() & std::ios_base::badbit) != 0) {
      const std::error_code native = result.error().native();
      throw std::ios_base::failure{result.error().message(), native ? native : std::make_error_code(std::io_errc::stream)};
    }
    stream_->setstate(std::ios_base::badbit);
    return false;
  }

  // The area, while it is not empty, shows content from area_offset_ on; the buffer's position is there.
  [[nodiscard]] bool has_area() const noexcept { return eback() != egptr(); }
  [[nodiscard]] std::uint64_t position() const noexcept {
    return has_area() ? area_offset_ + static_cast<std::uint64_t>(gptr() - eback()) : buffer_->tell();
  }
  void show_area(std::size_t size, std::size_t next = 0) noexcept { setg(area_.data(), area_.data() + next, area_.data() + size); }

  [[nodiscard]] Result<std::uint64_t> seek_buffer(std::uint64_t target) { return buffer_->seek(static_cast<std::int64_t>(target)); }

  [[nodiscard]] bool give_back_area() {
    if (has_area() && !keep_error(seek_buffer(position()))) return false;
    show_area(0);
    return true;
  }

  // Fills the area with what begins at `target`; it is empty at the end. An error leaves it as it was.
  [[nodiscard]] bool load(std::uint64_t target) {
    if (!keep_error(seek_buffer(target))) return false;
    const auto window = buffer_->peek();
    if (!keep_error(window)) return false;
    const auto shown = window->first(std::min(window->size(), area_.size()));
    if (!shown.empty()) std::memcpy(area_.data(), shown.data(), shown.size());
    area_offset_ = target;
    show_area(shown.size());
    return true;
  }

  // Goes back to a position unless dismissed, also when an exception passes.
  class PositionGuard {
   public:
    PositionGuard(BufferStreambuf& streambuf, std::uint64_t position) noexcept : streambuf_{&streambuf}, position_{position} {}
    ~PositionGuard() {
      if (streambuf_ == nullptr) return;
      streambuf_->show_area(0);
      [[maybe_unused]] const auto best_effort = streambuf_->seek_buffer(position_);
    }
    PositionGuard(const PositionGuard&) = delete;
    PositionGuard& operator=(const PositionGuard&) = delete;
    void dismiss() noexcept { streambuf_ = nullptr; }

   private:
    BufferStreambuf* streambuf_;
    std::uint64_t position_;
  };

  // Fills the area so that it begins before the position `at`; by half of it where the content's windows allow.
  [[nodiscard]] bool load_before(std::uint64_t at) {
    if (!buffer_->is_open() || at <= buffer_->first_offset()) return false;
    PositionGuard guard{*this, at};
    const auto half = static_cast<std::size_t>(std::min<std::uint64_t>(at - buffer_->first_offset(), area_.size() / 2));
    for (const std::size_t back : {half, std::size_t{1}}) {
      if (!load(at - back)) return false;
      if (static_cast<std::size_t>(egptr() - eback()) < back) continue;
      gbump(static_cast<int>(back));
      guard.dismiss();
      return true;
    }
    return false;
  }

  [[nodiscard]] bool move_to(std::uint64_t target) {
    const auto size = static_cast<std::uint64_t>(egptr() - eback());
    if (has_area() && target >= area_offset_ && target - area_offset_ <= size) {
      show_area(static_cast<std::size_t>(size), static_cast<std::size_t>(target - area_offset_));
      return true;
    }
    if (!seek_buffer(target)) return false;
    show_area(0);
    return true;
  }

  [[nodiscard]] std::size_t take_from_area(std::span<char> out) noexcept {
    const std::size_t count = std::min(out.size(), static_cast<std::size_t>(egptr() - gptr()));
    std::memcpy(out.data(), gptr(), count);
    gbump(static_cast<int>(count));
    return count;
  }

  [[nodiscard]] std::size_t read_directly(std::span<char> out) {
    if (!give_back_area()) return 0;
    const auto count = buffer_->read(std::as_writable_bytes(out));
    return keep_error(count) ? *count : 0;
  }

  Buffer* buffer_;
  std::ios* stream_ = nullptr;
  Result<void> status_{};
  std::uint64_t area_offset_ = 0;
  std::array<char, 4096> area_;
};

/// A std::iostream over a buffer, in both directions: what is written appends, what is read goes on at the buffer's position.
///
///     BufferStream stream{buffer};
///     stream << "total " << total << '\n';                        // in the buffer at once
///     for (std::string line; std::getline(stream, line);) use(line);
///     if (stream.bad()) return stream.status().error();           // else eof(): everything was read
///
/// seekg() and tellg() speak of the buffer's absolute offsets; tellp() is size(), and seekp() elsewhere fails. An error sets badbit (and,
/// because it looks like the end, eofbit and failbit as well: ask bad() first) or throws, with the error's message, where exceptions()
/// asks for it. For the rest, see BufferStreambuf.
template <class Buffer>
class BufferStream : public std::iostream {
 public:
  explicit BufferStream(Buffer& buffer) : std::iostream{nullptr}, streambuf_{buffer} {
    rdbuf(&streambuf_);
    streambuf_.report_to(*this);
  }

  /// The first error since the start or the last recover().
  [[nodiscard]] const Result<void>& status() const noexcept { return streambuf_.status(); }
  /// Clears the stream's state and its error. A failed call has changed nothing, so it can be made again.
  void recover() {
    streambuf_.forget_error();
    clear();
  }

 private:
  BufferStreambuf<Buffer> streambuf_;
};

}  // namespace hybridbuffer::inline v0_1
