#include "../life.hpp"
#include "changes.hpp"
#include "clauses.hpp"
#include "move_clauses.hpp"

#include <hybridbuffer/conformance/clause.hpp>
#include <hybridbuffer/conformance/context.hpp>
#include <hybridbuffer/conformance/process.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// \file
/// MOVE: handles and backends that are moved, moved onto others, and looked at after they were moved from.

namespace hybridbuffer::conformance::clauses {
namespace {

// How a handle gets to another object -------------------------------------------------------------------------------------------------

enum class Way : std::uint8_t { construct, construct_and_keep, assign_to_moved_from, grow };
constexpr std::array ways{Way::construct, Way::construct_and_keep, Way::assign_to_moved_from, Way::grow};

// Moves `handle`; what it was moved from is destroyed at once, or stands in `kept` until the caller lets it go.
template <class H>
void move_on(H& handle, Way way, std::vector<H>& kept) {
  switch (way) {
    case Way::construct: {
      H next = handle.moved();
      handle = std::move(next);  // destroys the one moved from
      return;
    }
    case Way::construct_and_keep: {
      H next = handle.moved();
      kept.push_back(std::move(handle));
      handle = std::move(next);
      return;
    }
    case Way::assign_to_moved_from: {
      H next = handle.moved();
      handle.assign_object_from(next);  // and `next`, moved from now, is destroyed
      return;
    }
    case Way::grow:  // as the elements of a vector that doubles a few times
      for (int i = 0; i < 5; ++i) {
        H next = handle.moved();
        handle = std::move(next);
        scribble_over_freed_memory();
      }
      return;
  }
}

// MOVE-1 ------------------------------------------------------------------------------------------------------------------------------

void moved_writer(Context& c, Way way, bool extends) {
  c.start_case();
  Location location = c.make();
  const std::uint64_t size = usual_size(c);
  Object content = c.object(location, extends ? size / 2 : size);
  std::uint64_t from = 0;
  if (extends) {
    c.store(location, content);
    from = content.size();
    content.append(c.stamp(location, size), size - from);
  }
  Writer writer = extends ? c.require(location.append(), "append()") : c.require(location.create(), "create()");
  std::vector<Writer> kept;
  const std::uint64_t step = std::max<std::uint64_t>((size - from) / 4, 1);
  for (std::uint64_t at = from; at < size; at += step) {
    move_on(writer, way, kept);
    c.write(writer, content, at, std::min(step, size - at));
    if (kept.size() > 1) kept.erase(kept.begin());  // destroys the oldest that was moved from, while the live one is at work
  }
  move_on(writer, way, kept);
  kept.clear();
  c.require(writer.close(), "close() of a moved writer");
  move_on(writer, way, kept);
  c.require(writer.close(), "another close() of a writer that was moved after its close");
  kept.clear();
  c.expect_object(location, content, "what a moved writer wrote");
  writer.destroy();
  c.expect_object(location, content, "what a moved writer wrote, after it was destroyed");
  c.store(location, c.object(location, 1));  // and it does not count as open any more
  c.require(location.remove(), "remove()");
}

void moved_reader(Context& c, const Location& location, const Object& content, Way way, bool seeks) {
  c.start_case();
  Reader reader = seeks ? c.require(location.open_seeker(), "open_seeker()") : c.require(location.open(), "open()");
  std::vector<Reader> kept;
  std::vector<std::byte> block(static_cast<std::size_t>(std::max<std::uint64_t>(content.size() / 4, 1)));
  std::uint64_t at = 0;
  for (int i = 0; i < 3; ++i) {
    move_on(reader, way, kept);
    const std::size_t count = c.require(reader.read(block), "read() of a moved reader");
    c.check(count <= block.size(), "read() of a moved reader gave more than it was asked for");
    c.expect_bytes(content, at, std::span{block}.first(count), "a moved reader");
    at += count;
    if (seeks) {
      const std::uint64_t told = c.require(reader.seek(0, Whence::current), "seek(0, current) of a moved seeker");
      c.check(told == at, "a moved seeker says that it is at " + std::to_string(told) + ", it delivered up to " + std::to_string(at));
    }
  }
  kept.clear();
  move_on(reader, way, kept);
  c.expect_rest(reader, content, at, block.size() | 1U, "the rest of a moved reader");
  move_on(reader, way, kept);
  c.check(c.require(reader.read(block), "read() at the end, moved") == 0, "a reader that was moved at the end gives bytes");
}

void moved_window_and_reader_at(Context& c, const Location& location, const Object& content, Way way) {
  if (c.has(Capability::reader_at)) {
    c.start_case();
    ReaderAt reader = c.require(location.open_reader_at(), "open_reader_at()");
    std::vector<ReaderAt> kept;
    for (int i = 0; i < 3; ++i) {
      move_on(reader, way, kept);
      c.expect_window(reader, content, content.size() / 3, content.size());
      c.expect_window(reader, content, 0, content.size() / 2);
      if (i == 1) kept.clear();
    }
    if (reader.has_size()) c.check(c.require(reader.size(), "size()") == content.size(), "size() of a moved reader_at is not the object's");
  }
  if (c.has(Capability::map)) {
    c.start_case();
    Window window = c.require(location.map(1, static_cast<std::size_t>(content.size())), "map()");
    std::vector<Window> kept;
    for (int i = 0; i < 3; ++i) {
      const std::size_t before = window.bytes().size();
      move_on(window, way, kept);
      if (i == 1) kept.clear();
      c.check(!window.bytes().empty() && window.bytes().size() == before, "a moved window shows another number of bytes than before");
      c.expect_bytes(content, 1, window.bytes(), "a moved window");
    }
  }
}

void moved_location(Context& c, Way way) {
  c.start_case();
  Location location = c.make();
  std::vector<Location> kept;
  move_on(location, way, kept);
  c.expect_absent(location, "a location that was moved before its first object");
  for (int round = 0; round < 3; ++round) {
    const Object content = c.object(location, usual_size(c) - static_cast<std::uint64_t>(round));
    c.store(location, content);
    move_on(location, way, kept);
    if (round != 1) kept.clear();
    c.expect_object(location, content, "the object of a moved location");
  }
  c.check(location.capabilities() == c.capabilities(), "a moved location declares other capabilities");
  c.require(location.remove(), "remove() of a moved location");
  c.expect_absent(location, "a moved location after remove()");
  kept.clear();
  c.store(location, c.object(location, 7));
}

void move_1(Context& c) {
  guarded(c, "a move", [&] {
    for (const Way way : ways) {
      moved_writer(c, way, false);
      if (c.has(Capability::append)) moved_writer(c, way, true);
      const auto [location, content] = c.stored(usual_size(c));
      moved_reader(c, location, content, way, false);
      if (c.has(Capability::seeker)) moved_reader(c, location, content, way, true);
      moved_window_and_reader_at(c, location, content, way);
      moved_location(c, way);
    }
  });
}

// MOVE-2 ------------------------------------------------------------------------------------------------------------------------------

void expect_closed(Context& c, Writer& writer, std::string_view how) {
  const std::string what = std::string{how} + " writer: ";
  const std::array<std::byte, 3> bytes{};
  const std::span<const std::byte> all{bytes};
  c.expect_error(writer.write(bytes), {errc::closed}, what + "write()");
  if (c.has(Capability::gather)) c.expect_error(writer.write_pieces(std::span{&all, 1}), {errc::closed}, what + "write() of pieces");
  c.expect_error(writer.close(), {errc::closed}, what + "close()");
  c.expect_error(writer.close(), {errc::closed}, what + "a second close()");
  c.expect_error(writer.write(bytes), {errc::closed}, what + "write() after close()");
}
void expect_closed(Context& c, Reader& reader, bool seeks, std::string_view how) {
  const std::string what = std::string{how} + (seeks ? " seeker: " : " reader: ");
  std::array<std::byte, 9> block{};
  for (int i = 0; i < 2; ++i) {
    c.expect_error(reader.read(block), {errc::closed}, what + "read()");
    if (!seeks) continue;
    c.expect_error(reader.seek(0, Whence::begin), {errc::closed}, what + "seek(0, begin)");
    c.expect_error(reader.seek(0, Whence::current), {errc::closed}, what + "seek(0, current)");
    c.expect_error(reader.seek(0, Whence::end), {errc::closed}, what + "seek(0, end)");
  }
}
// A size() that returns no Result cannot say `closed`.
template <class H>
void expect_size_closed(Context& c, H& reader, std::string_view what) {
  if (!reader.has_size()) return;
  const auto size = reader.size();
  if (!size) c.expect_error(size, {errc::closed}, what);
}
void expect_closed(Context& c, Location& location, std::string_view how) {
  const std::string what = std::string{how} + " location: ";
  static_cast<void>(location.capabilities());
  static_cast<void>(location.max_object_size());
  static_cast<void>(location.append_granularity());
  c.expect_error(location.create(), {errc::closed}, what + "create()");
  c.expect_error(location.open(), {errc::closed}, what + "open()");
  c.expect_error(location.remove(), {errc::closed}, what + "remove()");
  if (c.has(Capability::seeker)) c.expect_error(location.open_seeker(), {errc::closed}, what + "open_seeker()");
  if (c.has(Capability::reader_at)) c.expect_error(location.open_reader_at(), {errc::closed}, what + "open_reader_at()");
  if (c.has(Capability::append)) c.expect_error(location.append(), {errc::closed}, what + "append()");
  if (c.has(Capability::shrink)) c.expect_error(location.shrink(0), {errc::closed}, what + "shrink(0)");
  if (c.has(Capability::discard)) c.expect_error(location.discard(0, 1), {errc::closed}, what + "discard(0, 1)");
  if (c.has(Capability::map)) c.expect_error(location.map(0, 1), {errc::closed}, what + "map(0, 1)");
  if (c.has(Capability::transfer)) {
    const std::array<std::byte, 4> bytes{};
    const OwnDescriptor file = file_with(bytes);
    c.expect_error(location.transfer_to(file.get(), 0, 1), {errc::closed}, what + "transfer_to()");
    c.expect_error(location.transfer_from(file.get(), 1), {errc::closed}, what + "transfer_from()");
  }
  if (c.has(Capability::publish) && c.hooks().publish_destination) {
    const std::string destination = c.hooks().publish_destination();
    c.expect_error(location.publish(destination, PublishMode::replace), {errc::closed}, what + "publish()");
  }
}

void moved_from_handles(Context& c, bool by_assignment) {
  c.start_case();
  const std::string_view how = by_assignment ? "an assigned-from" : "a moved-from";
  auto [location, content] = c.stored(usual_size(c));
  // Moved from `handle` into a new object, or onto one of another location.
  const auto move_from = [&](auto& handle, auto other) {
    if (!by_assignment) return handle.moved();
    other.assign_object_from(handle);
    return other;
  };
  auto [second, second_content] = c.stored(1);
  {
    Reader reader = c.require(location.open(), "open()");
    Reader live = move_from(reader, c.require(second.open(), "open()"));
    expect_closed(c, reader, false, how);
    expect_size_closed(c, reader, "size() of a moved-from reader");
    c.expect_rest(live, content, 0, 64 + content.size() / 3, "the reader moved to");
    expect_closed(c, reader, false, how);
  }
  if (c.has(Capability::seeker)) {
    Reader seeker = c.require(location.open_seeker(), "open_seeker()");
    Reader live = move_from(seeker, c.require(second.open_seeker(), "open_seeker()"));
    expect_closed(c, seeker, true, how);
    c.expect_rest(live, content, 0, 64 + content.size() / 3, "the seeker moved to");
  }
  if (c.has(Capability::reader_at)) {
    ReaderAt reader = c.require(location.open_reader_at(), "open_reader_at()");
    ReaderAt live = move_from(reader, c.require(second.open_reader_at(), "open_reader_at()"));
    std::array<std::byte, 9> block{};
    c.expect_error(reader.read_at(0, block), {errc::closed}, "read_at() of a moved-from reader_at");
    c.expect_error(reader.read_at(content.size() + 7, block), {errc::closed}, "read_at() beyond the end of a moved-from reader_at");
    expect_size_closed(c, reader, "size() of a moved-from reader_at");
    c.expect_window(live, content, 0, content.size());
  }
  if (c.has(Capability::map)) {
    Window window = c.require(location.map(0, 16), "map()");
    const Window live = move_from(window, c.require(second.map(0, 1), "map()"));
    static_cast<void>(window.bytes());  // must not crash; it cannot say `closed`
    window.destroy();
    c.expect_bytes(content, 0, live.bytes(), "the window moved to");
  }
  for (const bool extends : {false, true}) {
    if (extends && !c.has(Capability::append)) continue;
    Writer writer = extends ? c.require(location.append(), "append()") : c.require(location.create(), "create()");
    const Object fresh = c.object(location, std::min<std::uint64_t>(40, c.most() / 2));  // committed, and then extended by as much
    c.write(writer, fresh, 0, 3);
    Writer live = move_from(writer, c.require(second.create(), "create()"));
    expect_closed(c, writer, how);
    c.write(live, fresh, 3, fresh.size() - 3);
    expect_closed(c, writer, how);
    c.require(live.close(), "close() of the writer moved to");
    expect_closed(c, writer, how);
  }
  const Object last = new_object(c, location, 33);
  c.store(location, last);
  Location live = move_from(location, c.make());
  expect_closed(c, location, how);
  c.expect_object(live, last, "the location moved to");
  c.store(live, last);
  expect_closed(c, location, how);
  location.assign_object_from(live);  // and alive again
  c.expect_object(location, last, "a location that was moved from and assigned to again");
  expect_closed(c, live, how);
}

void move_2(Context& c) {
  guarded(c, "a moved-from handle", [&] {
    moved_from_handles(c, false);
    moved_from_handles(c, true);
    // Moved from while nothing is stored, and while a writer is open.
    c.start_case();
    Location fresh = c.make();
    Location live = fresh.moved();
    expect_closed(c, fresh, "a moved-from");
    Writer writer = c.require(live.create(), "create()");
    Location next = live.moved();
    expect_closed(c, live, "a moved-from");
    writer.destroy();
    c.expect_absent(next, "the location moved to");
  });
}

// MOVE-3 ------------------------------------------------------------------------------------------------------------------------------

void assign_onto_open_writer(Context& c, bool extends, std::uint64_t written) {
  c.start_case();
  auto [first, old] = c.stored(extends ? extended_size(c) : usual_size(c));
  Location second = c.make();
  const Object content = c.object(second, usual_size(c));
  const Object lost = c.object(first, old.size());
  Writer writer = extends ? c.require(first.append(), "append()") : c.require(first.create(), "create()");
  c.write(writer, lost, 0, std::min(written, lost.size()));
  Writer other = c.require(second.create(), "create()");
  c.write(other, content, 0, content.size() / 2);
  writer.assign_object_from(other);
  c.expect_object(first, old, "the object whose open writer was assigned to");
  const Object next = new_object(c, first, 21);
  c.store(first, next);  // the writer that was there is gone
  c.write(writer, content, content.size() / 2, content.size() - content.size() / 2);
  other.destroy();
  c.require(writer.close(), "close() of a writer that was assigned");
  c.expect_object(second, content, "what an assigned writer wrote");
  c.expect_object(first, next, "the object whose open writer was assigned to");
  c.require(first.remove(), "remove()");
  c.require(second.remove(), "remove()");
  if (c.hooks().stored_objects) c.expect_residue(0, "after an open writer was assigned to, and remove()");
}

// Assigns onto open readers many times: what they held must be let go of.
void assign_onto_open_readers(Context& c) {
  c.start_case();
  auto [location, content] = c.stored(usual_size(c));
  auto [second, other_content] = c.stored(usual_size(c) / 2 + 1);
  const auto exchange = [&](std::uint64_t times) {
    for (std::uint64_t i = 0; i < times; ++i) {
      Reader reader = c.require(location.open(), "open()");
      Reader other = c.require(second.open(), "open()");
      std::array<std::byte, 3> block{};
      const std::size_t at = c.require(other.read(block), "read()");
      reader.assign_object_from(other);
      if (i == 0) c.expect_rest(reader, other_content, at, 1 + other_content.size() / 2, "a reader that was assigned");
      if (c.has(Capability::seeker)) {
        Reader seeker = c.require(location.open_seeker(), "open_seeker()");
        Reader other_seeker = c.require(second.open_seeker(), "open_seeker()");
        seeker.assign_object_from(other_seeker);
        if (i == 0) c.expect_rest(seeker, other_content, 0, 1 + other_content.size() / 2, "a seeker that was assigned");
      }
      if (c.has(Capability::reader_at)) {
        ReaderAt reader_at = c.require(location.open_reader_at(), "open_reader_at()");
        ReaderAt other_at = c.require(second.open_reader_at(), "open_reader_at()");
        reader_at.assign_object_from(other_at);
        if (i == 0) c.expect_window(reader_at, other_content, 0, content.size());
      }
      if (c.has(Capability::map)) {
        Window window = c.require(location.map(0, 5), "map()");
        Window other_window = c.require(second.map(0, 5), "map()");
        window.assign_object_from(other_window);
        if (i == 0) c.expect_bytes(other_content, 0, window.bytes(), "a window that was assigned");
      }
    }
  };
  exchange(4);
  const std::size_t before = open_descriptors();
  const std::uint64_t times = c.rounds(50, 8);
  exchange(times);
  const std::size_t after = open_descriptors();
  c.check(after < before + times / 2, "assigning onto open readers " + std::to_string(times) + " times left " +
                                          std::to_string(after > before ? after - before : 0) + " descriptors open");
  c.expect_object(location, content, "the object whose open readers were assigned to");
}

void assign_onto_location(Context& c) {
  c.start_case();
  auto [first, lost] = c.stored(usual_size(c));
  auto [second, content] = c.stored(usual_size(c) / 2);
  first.assign_object_from(second);
  c.expect_object(first, content, "a location that was assigned");
  second.destroy();
  c.expect_object(first, content, "a location that was assigned, after the other was destroyed");
  c.require(first.remove(), "remove()");
  if (c.hooks().stored_objects) c.expect_residue(0, "the object of a location that was assigned to must be gone");
  // With a writer of the location that goes: it can never commit.
  c.start_case();
  Location gone = c.make();
  Writer writer = c.require(gone.create(), "create()");
  const Object unseen = new_object(c, gone, 30);
  static_cast<void>(writer.write(unseen.bytes()));
  auto [third, kept] = c.stored(std::min<std::uint64_t>(25, c.most()));
  gone.assign_object_from(third);
  c.expect_any_error(writer.close(), "close() of a writer whose location was assigned to");
  writer.destroy();
  c.expect_object(gone, kept, "a location that was assigned over an open writer");
  gone.destroy();
  third.destroy();
  if (c.hooks().stored_objects) c.expect_residue(0, "after a location with an open writer was assigned to");
}

// A handle that is assigned to itself may go on or be closed, as a standard container may; it must not crash, leak, or stand in the way.
void self_moves(Context& c) {
  c.start_case();
  auto [location, content] = c.stored(usual_size(c));
  {
    Writer writer = c.require(location.create(), "create()");
    writer.assign_object_to_itself();
    static_cast<void>(writer.write(content.bytes(0, 9)));
    writer.assign_object_to_itself();
    static_cast<void>(writer.write(content.bytes(9, 9)));
  }
  c.expect_object(location, content, "the object whose open writer was assigned to itself and dropped");
  {
    Reader reader = c.require(location.open(), "open()");
    std::array<std::byte, 5> block{};
    for (std::uint64_t at = 0; at < 15;) {
      reader.assign_object_to_itself();
      const auto count = reader.read(block);
      if (!count || *count == 0) break;
      c.expect_bytes(content, at, std::span{block}.first(std::min(*count, block.size())), "a reader that was assigned to itself");
      at += *count;
    }
  }
  if (c.has(Capability::reader_at)) {
    ReaderAt reader = c.require(location.open_reader_at(), "open_reader_at()");
    reader.assign_object_to_itself();
    std::array<std::byte, 5> block{};
    const auto count = reader.read_at(2, block);
    if (count)
      c.expect_bytes(content, 2, std::span{block}.first(std::min(*count, block.size())), "a reader_at that was assigned to itself");
  }
  if (c.has(Capability::map)) {
    Window window = c.require(location.map(0, 5), "map()");
    window.assign_object_to_itself();
    c.expect_bytes(content, 0, window.bytes().first(std::min<std::size_t>(window.bytes().size(), 5)),
                   "a window that was assigned to itself");
  }
  c.expect_object(location, content, "the object whose handles were assigned to themselves");
  location.assign_object_to_itself();
  auto reader = location.open();
  if (reader) {
    reader->destroy();
    c.expect_object(location, content, "the object of a location that was assigned to itself");
  } else {
    c.expect_error(reader, {errc::closed, errc::not_found}, "open() of a location that was assigned to itself");
  }
  location.destroy();
  if (c.hooks().stored_objects) c.expect_residue(0, "after a location was assigned to itself, and destroyed");
}

void move_3(Context& c) {
  guarded(c, "a move assignment", [&] {
    for (const bool extends : {false, true}) {
      if (extends && !c.has(Capability::append)) continue;
      for (const std::uint64_t written : {std::uint64_t{0}, std::uint64_t{1}, usual_size(c)}) assign_onto_open_writer(c, extends, written);
    }
    assign_onto_open_readers(c);
    assign_onto_location(c);
    self_moves(c);
  });
  if (!c.hooks().stored_objects) c.not_run("the harness has no usable stored_objects(): what an assigned writer leaves in the store");
}

constexpr std::array all{
    Clause{.id = "MOVE-1",
           .rule = "a handle that is moved goes on exactly where it was; destroying what it was moved from changes nothing",
           .look_here = "the destructor of a moved-from handle that still closes, frees or abandons what the live one uses",
           .run = move_1},
    Clause{.id = "MOVE-2",
           .rule = "every call on a moved-from handle or backend is closed",
           .look_here = "members that a move leaves null, and calls that go through them",
           .run = move_2},
    Clause{.id = "MOVE-3",
           .rule = "assigning onto an open handle lets go of the old one, a writer is abandoned; assigning to itself does no harm",
           .look_here = "the move assignment: it overwrites what it holds instead of releasing it first",
           .run = move_3},
    Clause{.id = "MOVE-4",
           .rule = "handles survive a move or the end of their backend: they go on, or report closed or not_found",
           .look_here = "handles that keep a pointer to the backend object",
           .run = move_4},
};

}  // namespace

std::span<const Clause> move() { return all; }

}  // namespace hybridbuffer::conformance::clauses
