#pragma once

#include <hybridbuffer/conformance/context.hpp>
#include <hybridbuffer/conformance/handles.hpp>
#include <hybridbuffer/conformance/object.hpp>
#include <hybridbuffer/error.hpp>

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace hybridbuffer::conformance {

/// An operation that is made to fail.
enum class Doing : std::uint8_t {
  create,
  write,
  close,
  abandon,
  open,
  read,
  open_seeker,
  seek,
  open_reader_at,
  read_at,
  map,
  append,
  append_write,
  append_close,
  shrink,
  discard,
  transfer_to,
  transfer_from,
  publish,
  remove,
};

[[nodiscard]] std::string_view name_of(Doing doing) noexcept;
/// The operations that this backend has.
[[nodiscard]] std::vector<Doing> doings_of(const Context& c);
/// Bytes of the object that it is done with: some chunks and a part of one.
[[nodiscard]] std::uint64_t size_of_scene(const Context& c);

/// One operation on a location that holds an object, with everything before it done: arm a fault, perform(), disarm, settle().
class FaultScene {
 public:
  FaultScene(Context& c, Doing doing);

  /// The operation. What it says to have done must be right. Returns: its error, if it reports one.
  std::optional<Error> perform();
  /// Lets go of every handle. Requires: nothing is armed. Then the location must hold what the operation's result promises: the old
  /// object or the new one, wholly.
  void settle();
  /// Lets go of every handle.
  void drop_handles();
  [[nodiscard]] Location& location() noexcept { return location_; }

 private:
  template <class T>
  std::optional<Error> noted(const Result<T>& result);
  std::optional<Error> write_rest();
  std::optional<Error> read_rest();
  std::optional<Error> take_from();
  void expect_unclosable();

  Context& c_;
  Doing doing_;
  Location location_;
  Object old_;
  Object next_;  // what stands there once the operation, and what must follow it, succeeded
  std::uint64_t written_ = 0;
  std::vector<Writer> writers_;
  std::vector<Reader> readers_;
  std::vector<ReaderAt> readers_at_;
  std::optional<Error> error_;
  bool removed_ = false;
  bool content_changes_ = false;
};

/// The location must hold one of these, wholly.
void expect_one_of(Context& c, const Location& location, const std::vector<std::optional<Object>>& possible, std::string_view what);

}  // namespace hybridbuffer::conformance
