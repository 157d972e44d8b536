#pragma once

#include <hybridbuffer/conformance/context.hpp>
#include <hybridbuffer/conformance/handles.hpp>
#include <hybridbuffer/conformance/object.hpp>
#include <hybridbuffer/error.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// \file
/// Steps of a life cycle that need no Context, so that any thread and any child process can take them: what is wrong is thrown as a
/// Failure.

namespace hybridbuffer::conformance {

/// The value of a call that must succeed.
template <class T>
T must(Result<T> result, std::string_view what) {
  if (!result) throw Failure{std::string{what} + " must succeed, but failed: " + result.error().message()};
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

/// A call that must fail with that category.
template <class T>
void must_be(const Result<T>& result, errc category, std::string_view what) {
  const std::string expected = std::string{what} + " must be " + std::string{name_of(category)};
  if (result) throw Failure{expected + ", but succeeded"};
  if (result.error().code() != category) throw Failure{expected + ", but was: " + result.error().message()};
}

/// A location in a trace of the caller's own.
[[nodiscard]] Location make_location(Subject& subject, Trace& trace);

/// Content for that location. `generation` keeps the contents of one location apart.
[[nodiscard]] inline Object content_of(const Location& location, std::uint32_t generation, std::uint64_t size) {
  return Object{Stamp{location.number(), 0x4000'0000U | generation}, size};
}

/// Everything from the reader's position to the end, in pieces of `piece`. More than `most` bytes are a Failure.
[[nodiscard]] Result<std::vector<std::byte>> read_all(Reader& reader, std::size_t piece, std::uint64_t most);

/// `found` must be exactly the object's bytes from `from` to its end.
void must_hold(std::span<const std::byte> found, const Object& object, std::uint64_t from, const std::string& what);

/// Reads to the end. Returns: whether everything came; false when the reader reported an error. Wrong bytes and a clean end before the
/// object's end are a Failure.
[[nodiscard]] bool reads_exactly(Reader& reader, const Object& object, std::uint64_t from, std::size_t piece, const std::string& what);

/// Writes the object in pieces and closes.
void must_commit(Writer& writer, const Object& object, std::size_t piece);
void must_store(Location& location, const Object& object, std::size_t piece);
/// Opens and reads; everything must come.
void must_show(const Location& location, const Object& object, std::size_t piece, const std::string& what);

/// Runs `work` in a thread of its own and waits for it; what it throws comes out here.
void in_thread(const std::function<void()>& work);

/// Calls every operation that the backend declares, in one life of one location, and checks each result.
void live_through_everything(Context& c, Location& location);

/// Overwrites freed memory, so that who still uses it does not find it as it was.
void scribble_over_freed_memory();

/// A file descriptor that closes itself.
class OwnDescriptor {
 public:
  explicit OwnDescriptor(int value) noexcept : value_{value} {}
  OwnDescriptor(OwnDescriptor&& other) noexcept : value_{std::exchange(other.value_, -1)} {}
  OwnDescriptor& operator=(OwnDescriptor&&) = delete;
  ~OwnDescriptor() { reset(); }
  void reset() noexcept;
  [[nodiscard]] int get() const noexcept { return value_; }

 private:
  int value_;
};

/// An anonymous file with those bytes, its position at the start.
[[nodiscard]] OwnDescriptor file_with(std::span<const std::byte> bytes);

}  // namespace hybridbuffer::conformance
