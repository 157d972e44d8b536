#pragma once

#include <hybridbuffer/conformance/context.hpp>
#include <hybridbuffer/conformance/handles.hpp>
#include <hybridbuffer/conformance/object.hpp>
#include <hybridbuffer/conformance/sizes.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// \file
/// A sequential handle beside the model of what it must do: what READER and SEEK are made of.

namespace hybridbuffer::conformance {

/// How a sequential handle is opened: the rules of a reader hold for a seeker as well.
struct Opening {
  std::string_view name;
  Result<Reader> (Location::*open)() const;
};
inline constexpr Opening by_reader{"the reader", &Location::open};
inline constexpr Opening by_seeker{"the seeker", &Location::open_seeker};

/// The time that a part of a clause may take, so that a later part gets its share too.
class Pace {
 public:
  explicit Pace(const Context& c, int parts = 1)
      : until_{std::chrono::steady_clock::now() + std::chrono::milliseconds{(c.tier() == Tier::quick ? 150 : 1500) / parts}} {}
  [[nodiscard]] bool more() const noexcept { return std::chrono::steady_clock::now() < until_; }

 private:
  std::chrono::steady_clock::time_point until_;
};

/// A sequential handle on an object, and the position that it must have. Every operation checks its answer against the model.
class Cursor {
 public:
  Cursor(Context& c, const Location& location, const Object& object, const Opening& opening)
      : c_{&c},
        object_{&object},
        name_{opening.name},
        reader_{c.require((location.*opening.open)(), std::string{"opening "}.append(opening.name))} {}

  [[nodiscard]] std::uint64_t position() const noexcept { return position_; }
  [[nodiscard]] std::uint64_t left() const noexcept { return position_ < object_->size() ? object_->size() - position_ : 0; }

  /// One read of `n` bytes: before the end it must give 1…n of the right ones, at the end and for an empty span none.
  /// Returns: how many came.
  std::size_t read(std::uint64_t n) {
    if (buffer_.size() < n) buffer_.resize(static_cast<std::size_t>(n));
    return read_into(std::span{buffer_}.first(static_cast<std::size_t>(n)));
  }
  std::size_t read_into(std::span<std::byte> bytes) {
    const Result<std::size_t> count = reader_.read(bytes);
    c_->count_check();
    if (!count) c_->fail(where(bytes.size()) + " must succeed, but failed: " + count.error().message());
    if (*count > bytes.size()) c_->fail(where(bytes.size()) + " returned " + std::to_string(*count) + ", more than was asked for");
    if (*count == 0 && !bytes.empty() && left() != 0) c_->fail(where(bytes.size()) + " returned 0, which means the end");
    if (*count > left())
      c_->fail(where(bytes.size()) + " returned " + std::to_string(*count) + " bytes, " + std::to_string(left()) + " were left");
    if (*count != 0) c_->expect_bytes(*object_, position_, bytes.first(*count), name_);
    position_ += *count;
    return *count;
  }
  /// Reads on until `target`, asking for no more than that.
  void read_to(std::uint64_t target, std::uint64_t piece = std::numeric_limits<std::uint64_t>::max()) {
    while (position_ < target) read(std::min(piece, target - position_));
  }
  /// Reads on in pieces until a read gives nothing.
  void drain(std::uint64_t piece) {
    while (read(piece) != 0) {}
  }
  /// At the end: each of these reads must give nothing.
  void expect_end(const Sizes& sizes) {
    for (const std::uint64_t n : sizes) read(n);
  }
  /// An empty span, with and without an address: nothing must come, and nothing change.
  void read_nothing() {
    read_into({});
    std::byte one{};
    read_into({&one, 0});
  }

  /// A seek, which must answer what the model says: the new position, or `invalid_argument` and no move. Where the target is beyond what
  /// a signed offset can tell, either is right.
  void seek(std::int64_t offset, Whence whence) {
    const Result<std::uint64_t> moved = reader_.seek(offset, whence);
    const std::optional<std::uint64_t> target = target_of(offset, whence);
    c_->count_check();
    const bool may_refuse = !target || *target > std::uint64_t{std::numeric_limits<std::int64_t>::max()} / 2;
    if (!moved) {
      if (!may_refuse) c_->fail(where_seek(offset, whence) + " must succeed, but failed: " + moved.error().message());
      c_->expect_error(moved, {errc::invalid_argument}, where_seek(offset, whence));
      return;
    }
    if (!target) c_->fail(where_seek(offset, whence) + " must be invalid_argument, but returned " + std::to_string(*moved));
    if (*moved != *target) {
      c_->fail(where_seek(offset, whence) + " returned " + std::to_string(*moved) + ", the new position is " + std::to_string(*target));
    }
    position_ = *target;
  }
  /// The position, asked for.
  void tell() { seek(0, Whence::current); }

  [[nodiscard]] Reader& handle() noexcept { return reader_; }

 private:
  // Nothing: there is no such position.
  [[nodiscard]] std::optional<std::uint64_t> target_of(std::int64_t offset, Whence whence) const {
    if (whence != Whence::begin && whence != Whence::current && whence != Whence::end) return {};
    const std::uint64_t base = whence == Whence::begin ? 0 : whence == Whence::current ? position_ : object_->size();
    if (offset < 0) {
      const std::uint64_t back = std::uint64_t{0} - static_cast<std::uint64_t>(offset);
      return back <= base ? std::optional{base - back} : std::nullopt;
    }
    const auto forward = static_cast<std::uint64_t>(offset);
    return forward <= std::numeric_limits<std::uint64_t>::max() - base ? std::optional{base + forward} : std::nullopt;
  }
  [[nodiscard]] std::string where(std::uint64_t n) const {
    return std::string{name_} + ": read(" + std::to_string(n) + ") at " + std::to_string(position_) + " of " +
           std::to_string(object_->size());
  }
  [[nodiscard]] std::string where_seek(std::int64_t offset, Whence whence) const {
    const auto number = static_cast<unsigned>(whence);
    return std::string{name_} + ": seek(" + std::to_string(offset) + ", " +
           (number == 0   ? "begin"
            : number == 1 ? "current"
            : number == 2 ? "end"
                          : "whence " + std::to_string(number)) +
           ") at " + std::to_string(position_) + " of " + std::to_string(object_->size());
  }

  Context* c_;
  const Object* object_;
  std::string_view name_;
  Reader reader_;
  std::uint64_t position_ = 0;
  std::vector<std::byte> buffer_;
};

/// The chunk sizes with which an object of more than two chunks can be tried, in ascending order; the smallest in any case.
[[nodiscard]] inline Sizes usable_chunks(const Context& c, std::uint64_t chunks_needed = 2) {
  Sizes usable;
  for (const std::uint64_t chunk : c.chunks()) {
    if (usable.empty() || chunk < c.most() / chunks_needed) usable.push_back(chunk);
  }
  return usable;
}

/// `m` chunks and `more` bytes, as far as the limits of the clause go.
[[nodiscard]] inline std::uint64_t chunks_and(const Context& c, std::uint64_t chunk, std::uint64_t m, std::uint64_t more) {
  return std::min(chunk <= (c.most() - std::min(more, c.most())) / m ? m * chunk + more : c.most(), c.most());
}

/// As Context::expect_object, but only some windows by map where the object has many chunks: each map() may cost a look at all of them.
inline void expect_object_of_many_chunks(Context& c, const Location& location, const Object& object, Route route, std::string_view what) {
  if (route != Route::map || object.size() / c.chunk() < 64) return c.expect_object(location, object, route, what);
  for (const std::uint64_t eighth : {0U, 1U, 3U, 4U, 7U}) {
    const std::uint64_t at = object.size() / 8 * eighth;
    for (const std::uint64_t offset : {at, at / c.chunk() * c.chunk(), object.size() - 1}) {
      const Window window = c.require(location.map(offset, 17), std::string{what} + ": map(" + std::to_string(offset) + ", 17)");
      c.check(!window.bytes().empty(), std::string{what} + ": map() shows nothing before the end");
      c.expect_bytes(object, offset, window.bytes().first(std::min<std::size_t>(window.bytes().size(), 17)),
                     std::string{what} + " by map()");
    }
  }
}
inline void expect_object_of_many_chunks(Context& c, const Location& location, const Object& object, std::string_view what) {
  for (const Route route : c.routes()) expect_object_of_many_chunks(c, location, object, route, what);
}

}  // namespace hybridbuffer::conformance
