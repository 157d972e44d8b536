#include "../life.hpp"
#include "move_clauses.hpp"

#include <hybridbuffer/conformance/context.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// \file
/// MOVE-4: handles whose backend was moved, or destroyed.

namespace hybridbuffer::conformance::clauses {
namespace {

// Destroyed, and its memory used by somebody else.
void end_of(Location& location) {
  location.destroy();
  scribble_over_freed_memory();
}

void readers_over_a_moved_backend(Context& c, bool destroyed, std::uint64_t size) {
  c.start_case();
  auto [location, content] = c.stored(size);
  const std::string how = destroyed ? "of a destroyed location" : "of a moved location";
  Reader reader = c.require(location.open(), "open()");
  std::array<std::byte, 7> block{};
  const std::size_t at = c.require(reader.read(block), "read()");
  std::vector<Reader> seekers;
  std::vector<ReaderAt> readers_at;
  std::vector<Window> windows;
  if (c.has(Capability::seeker)) seekers.push_back(c.require(location.open_seeker(), "open_seeker()"));
  if (c.has(Capability::reader_at)) readers_at.push_back(c.require(location.open_reader_at(), "open_reader_at()"));
  if (c.has(Capability::map)) windows.push_back(c.require(location.map(0, static_cast<std::size_t>(content.size())), "map()"));
  std::vector<Location> moved;
  if (!destroyed) moved.push_back(location.moved());
  end_of(location);
  // Exact bytes, or an error; after a move only one that says that the location is gone.
  const auto allow = [&](const Error& error, std::string_view what) {
    c.check(destroyed || error == errc::closed || error == errc::not_found,
            std::string{what} + " " + how + " must go on, or be closed or not_found, but was: " + error.message());
  };
  const auto drain = [&](Reader& handle, std::uint64_t from, const std::string& what) {
    std::vector<std::byte> piece(static_cast<std::size_t>(content.size() / 2 + 1));
    for (std::uint64_t position = from;;) {
      const auto count = handle.read(piece);
      if (!count) return allow(count.error(), what + ": read()");
      if (*count == 0) {
        c.check(position == content.size(),
                what + " " + how + " ended cleanly at " + std::to_string(position) + " of " + std::to_string(content.size()) + " bytes");
        return;
      }
      c.expect_bytes(content, position, std::span{piece}.first(std::min(*count, piece.size())), what + " " + how);
      position += *count;
    }
  };
  drain(reader, at, "a reader");
  for (Reader& seeker : seekers) {
    const std::uint64_t from = std::min<std::uint64_t>(2, size);
    const auto position = seeker.seek(static_cast<std::int64_t>(from), Whence::begin);
    if (position) drain(seeker, from, "a seeker");
    else allow(position.error(), "seek()");
  }
  for (const ReaderAt& reader_at : readers_at) {
    std::vector<std::byte> all(static_cast<std::size_t>(content.size()));
    const auto count = reader_at.read_at(0, all);
    if (!count) allow(count.error(), "read_at()");
    else {
      c.check(*count == all.size(),
              "read_at() " + how + " gave " + std::to_string(*count) + " of " + std::to_string(all.size()) + " bytes");
      c.expect_bytes(content, 0, all, "read_at() " + how);
    }
  }
  for (const Window& window : windows) c.expect_bytes(content, 0, window.bytes(), "a window " + how);
  for (const Location& next : moved) c.expect_object(next, content, "the location moved to");
}

void writers_over_a_moved_backend(Context& c, bool extends, std::uint64_t written_before) {
  c.start_case();
  Location location = c.make();
  Object old;
  if (extends) {
    old = c.object(location, std::min<std::uint64_t>(50, c.most() / 2));
    c.store(location, old);
  }
  Object content = old;
  const std::uint64_t added = std::min(usual_size(c), c.most() - old.size());
  content.append(c.stamp(location, old.size() + added), added);
  Writer writer = extends ? c.require(location.append(), "append()") : c.require(location.create(), "create()");
  const std::uint64_t before = std::min(written_before, content.size() - old.size());
  c.write(writer, content, old.size(), before);
  Location moved = location.moved();
  end_of(location);
  Location again = moved.moved();
  end_of(moved);
  const std::uint64_t from = old.size() + before;
  const auto bytes = content.bytes(from, content.size() - from);
  const auto written = writer.write(bytes);
  const auto closed = writer.close();
  if (written && closed) {
    c.expect_object(again, content, "what was committed by a writer whose location was moved");
  } else {
    if (!written) c.expect_error(written, {errc::closed, errc::not_found}, "write() of a writer whose location was moved");
    c.expect_error(closed, {errc::closed, errc::not_found}, "close() of a writer whose location was moved");
    if (extends) c.expect_object(again, old, "the object after a writer of a moved location reported an error");
    else c.expect_absent(again, "after a writer of a moved location reported an error");
  }
  writer.destroy();
  c.store(again, c.object(again, std::min<std::uint64_t>(12, c.most())));
}

void writers_over_a_destroyed_backend(Context& c, bool extends, std::uint64_t written_before) {
  c.start_case();
  Location location = c.make();
  const std::uint64_t room = c.most() / 3;  // the content is written twice, behind what is there
  if (extends) c.store(location, c.object(location, std::min<std::uint64_t>(50, room)));
  const Object content = c.object(location, std::min(usual_size(c), room));
  {
    Writer writer = extends ? c.require(location.append(), "append()") : c.require(location.create(), "create()");
    Location unrelated = c.make();
    c.write(writer, content, 0, std::min(written_before, content.size()));
    end_of(location);
    const auto written = writer.write(content.bytes());
    const auto closed = writer.close();
    if (written || written.error() == errc::closed || written.error() == errc::not_found) {
      c.expect_error(closed, {errc::closed, errc::not_found}, "close() of a writer that outlives its location");
    } else {
      c.expect_any_error(closed, "close() of a writer that outlives its location");
    }
    c.expect_absent(unrelated, "another location");
  }
  if (c.hooks().stored_objects) c.expect_residue(0, "after a writer outlived its location");
}

}  // namespace

void move_4(Context& c) {
  guarded(c, "a moved backend", [&] {
    // Small objects may be kept in the backend itself.
    for (const std::uint64_t size : normalised({usual_size(c), 1, 15, 22, 64, 200, 1000}, c.most())) {
      for (const bool destroyed : {false, true}) readers_over_a_moved_backend(c, destroyed, size);
    }
    for (const bool extends : {false, true}) {
      if (extends && !c.has(Capability::append)) continue;
      for (const std::uint64_t written : {std::uint64_t{0}, std::uint64_t{1}, usual_size(c)}) {
        writers_over_a_moved_backend(c, extends, written);
        writers_over_a_destroyed_backend(c, extends, written);
      }
    }
  });
  if (!c.hooks().stored_objects) c.not_run("the harness has no usable stored_objects(): what a writer without its location leaves");
}

}  // namespace hybridbuffer::conformance::clauses
