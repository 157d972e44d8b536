#pragma once

#include <hybridbuffer/conformance/context.hpp>
#include <hybridbuffer/conformance/handles.hpp>
#include <hybridbuffer/conformance/harness.hpp>
#include <hybridbuffer/conformance/object.hpp>
#include <hybridbuffer/conformance/sizes.hpp>
#include <hybridbuffer/error.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// \file
/// What the families on writing share: a change that a writer is about to make, in each way that there is to come by a writer, and what a
/// location must show before and after it.

namespace hybridbuffer::conformance::clauses {

/// The ways to come by a writer.
enum class Way : std::uint8_t { create, replace, append_first, append };

/// Those that the backend has: the rules of writers hold for append() as well.
[[nodiscard]] std::vector<Way> ways(const Context& c);
[[nodiscard]] std::string_view name_of(Way way) noexcept;

/// A location that a writer is about to change.
struct Change {
  Location location;
  Way way;
  std::optional<Object> before;  ///< what is committed; nothing: no object
  Object after;                  ///< what a commit must show
  std::uint64_t from;            ///< where in `after` the writer's first byte comes to stand

  /// What the writer has to write.
  [[nodiscard]] std::uint64_t size() const noexcept { return after.size() - from; }
  [[nodiscard]] std::vector<std::byte> bytes(std::uint64_t offset, std::uint64_t n) const { return after.bytes(from + offset, n); }
  /// create() or append().
  [[nodiscard]] Result<Writer> start() { return way == Way::append || way == Way::append_first ? location.append() : location.create(); }
};

/// A change of a new location by `size` bytes, fewer where the largest object is smaller. An object that is there before has `before`
/// bytes; the default is a byte more than a chunk.
[[nodiscard]] Change new_change(Context& c, Way way, std::uint64_t size, std::optional<std::uint64_t> before = {});
/// The next change of a location that a commit brought to `change.after`.
void next_change(Context& c, Change& change, Way way, std::uint64_t size);

/// New content for the location, cut to the largest object.
[[nodiscard]] Object new_object(Context& c, const Location& location, std::uint64_t size);
/// Stores such content, and looks at it on every route.
void store_and_check(Context& c, Location& location, std::uint64_t size, std::string_view what);

/// The writer of the change.
[[nodiscard]] Writer started(Context& c, Change& change);
/// Writes the change's bytes [offset, offset + n), in pieces of at most 1 MiB; every write must succeed.
void write_part(Context& c, Writer& writer, const Change& change, std::uint64_t offset, std::uint64_t n);
/// Writes them from `offset` on in the given pieces, each in a call of its own.
void write_pieces(Context& c, Writer& writer, const Change& change, const Sizes& pieces, std::uint64_t offset = 0);
/// The same as one list of pieces in one call (Capability::gather).
void write_gathered(Context& c, Writer& writer, const Change& change, const Sizes& pieces, std::uint64_t offset = 0);

/// What must be seen: `object`, or no object.
void expect_shown(Context& c, const Location& location, const std::optional<Object>& object, std::string_view what);
/// One of `candidates` must be seen, the same on every route. Returns: which.
std::size_t expect_one_of(Context& c, const Location& location, const std::vector<std::optional<Object>>& candidates,
                          std::string_view what);

/// What `close()` said must fit what is seen: success shows what was written, a definite failure what was there before, an indeterminate
/// one either. Returns: what is seen.
std::optional<Object> expect_verdict(Context& c, const Change& change, const Result<void>& closed, std::string_view what);

/// Reads on with a reader whose object was replaced or removed: its bytes from `from` on, each time the whole rest or an error; never
/// other bytes, never an early end. `errors`: whether an error is allowed. Returns: how far it came.
std::uint64_t expect_old_rest(Context& c, Reader& reader, const Object& old, std::uint64_t from, std::uint64_t piece, bool errors,
                              std::string_view what);
/// The same for windows.
void expect_old_windows(Context& c, const ReaderAt& reader, const Object& old, bool errors, std::string_view what);

/// The chunk sizes of which several chunks fit in an object; one at least.
[[nodiscard]] Sizes scales(const Context& c);

/// Lets a loop go on: a number of times in any case, then while the part of the clause has time.
class Quota {
 public:
  /// `percent` of the time that the clause has left is for this part. A slow backend, and a large chunk, make `least` smaller.
  Quota(const Context& c, std::uint64_t least, int percent = 100)
      : until_{std::chrono::steady_clock::now() + c.remaining_time() * percent / 100},
        least_{least == 0 ? 0 : std::max<std::uint64_t>(c.rounds(least) / (1 + (c.chunk() >> 18U)), 1)} {}
  [[nodiscard]] bool another() noexcept { return ++used_ <= least_ || time_left(); }
  [[nodiscard]] bool time_left() const noexcept { return std::chrono::steady_clock::now() < until_; }

 private:
  std::chrono::steady_clock::time_point until_;
  std::uint64_t least_;
  std::uint64_t used_ = 0;
};

}  // namespace hybridbuffer::conformance::clauses
