#include "clauses.hpp"

#include <hybridbuffer/conformance/clause.hpp>
#include <hybridbuffer/conformance/context.hpp>
#include <hybridbuffer/conformance/schedule.hpp>

#include "changes.hpp"
#include "watchers.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

/// \file
/// OPEN: what a reader sees, from when on, and for how long.

namespace hybridbuffer::conformance::clauses {
namespace {

// OPEN-1 -------------------------------------------------------------------------------------------------------------------------

void open_1(Context& c) {
  const std::uint64_t chunk = scales(c).front();
  c.start_case();
  Location location = c.make();
  for (int i = 0; i < 3; ++i) c.expect_absent(location, "a new location");
  store_and_check(c, location, 3 * chunk + 1, "the first object after failed opens");
  c.require(location.remove(), "remove()");
  store_and_check(c, location, 1, "a later object after failed opens");

  // What an earlier location left for reuse is not the next one's object.
  for (std::uint64_t i = c.rounds(8, 2); i > 0; --i) {
    c.start_case();
    {
      Location earlier = c.make();
      store_and_check(c, earlier, 2 * chunk + i, "an object of an earlier location");
      if (i % 2 == 0) c.require(earlier.remove(), "remove()");
    }
    Location later = c.make();
    c.expect_absent(later, "a new location, made after another was destroyed");
    store_and_check(c, later, chunk, "the object of a new location");
  }

  for (const Way way : ways(c)) {
    if (way != Way::create && way != Way::append_first) continue;
    c.start_case();
    Change change = new_change(c, way, 3 * chunk + 1);
    {
      Writer writer = started(c, change);
      c.expect_absent(change.location, "before the first close()");
      write_part(c, writer, change, 0, change.size());
      c.expect_absent(change.location, "before the first close()");
    }
    c.expect_absent(change.location, "after the only writer was abandoned");
    Writer writer = started(c, change);
    write_part(c, writer, change, 0, change.size());
    c.require(writer.close(), "close()");
    c.expect_object(change.location, change.after, "the first object, after an abandoned one");
  }
}

// OPEN-2 -------------------------------------------------------------------------------------------------------------------------

void open_2(Context& c) {
  const std::uint64_t chunk = scales(c).front();
  const Sizes sizes = normalised({0, 1, 17, chunk - 1, chunk, chunk + 1, 2 * chunk, 3 * chunk + 1}, c.most());
  const std::vector<Route> routes = c.routes();
  Location location = c.make();
  Quota quota{c, 12};
  for (std::uint64_t i = 0; i < c.rounds(200, 12) && quota.another(); ++i) {
    c.start_case();
    // A removed object before each fourth cycle, so that an answer "not there" that was kept shows as well.
    if (i % 4 == 3) {
      c.require(location.remove(), "remove()");
      c.expect_absent(location, "after remove()");
    }
    const Object content = new_object(c, location, sizes[(i * 5 + i / 8) % sizes.size()]);
    c.store(location, content);
    c.expect_object(location, content, routes[i % routes.size()],
                    "the object, opened at once after close() in cycle " + std::to_string(i + 1));
    if (i % 8 == 0) c.expect_object(location, content, "the object, opened again");
  }
  for (const std::uint64_t scale : scales(c)) {
    for (const Way way : ways(c)) {
      if (!quota.another()) return;
      c.start_case();
      Change change = new_change(c, way, 3 * scale + 1);
      Writer writer = started(c, change);
      write_part(c, writer, change, 0, change.size());
      expect_shown(c, change.location, change.before, "just before close()");
      c.require(writer.close(), "close()");
      c.expect_object(change.location, change.after, routes.back(), "the object just after close(), its writer still there");
      writer.destroy();
      c.expect_object(change.location, change.after, "the object after its writer was destroyed");
    }
  }
}

// OPEN-3 -------------------------------------------------------------------------------------------------------------------------

struct Turn {
  enum class Kind : std::uint8_t { read, open, destroy };
  Kind kind;
  std::size_t reader;
  std::uint64_t size;
};

void read_in_turns(Context& c, const Location& location, const Object& object, const std::vector<Turn>& turns) {
  struct Cursor {
    std::optional<Reader> reader{};
    std::uint64_t at = 0;
  };
  std::array<Cursor, 4> cursors;
  for (const Turn& turn : turns) {
    Cursor& cursor = cursors[turn.reader];
    if (turn.kind == Turn::Kind::destroy) cursor.reader.reset();
    if (turn.kind == Turn::Kind::open || !cursor.reader) {
      // Every second one is a seeker where there are any: the two kinds share nothing either.
      const bool seeks = c.has(Capability::seeker) && turn.reader % 2 == 1;
      cursor.reader = seeks ? c.require(location.open_seeker(), "open_seeker()") : c.require(location.open(), "open()");
      cursor.at = 0;
    }
    if (turn.kind != Turn::Kind::read) continue;
    std::vector<std::byte> block(static_cast<std::size_t>(turn.size));
    const std::string what = "one of several readers, at " + std::to_string(cursor.at) + " of " + std::to_string(object.size());
    const std::size_t count = c.require(cursor.reader->read(block), what + ": read()");
    c.check(count <= block.size(), what + ": read(" + std::to_string(block.size()) + ") returned " + std::to_string(count));
    c.check(block.empty() || count != 0 || cursor.at == object.size(), what + ": read() says that the object ends there");
    c.expect_bytes(object, cursor.at, std::span{block}.first(count), what);
    cursor.at += count;
  }
}

// More readers at once than a narrow counter tells apart, which go one after the other while others write.
void many_readers(Context& c) {
  c.start_case();
  const auto [location, object] = c.stored(std::min(scales(c).front() + 300, c.most()));
  Location other = c.make();
  const std::uint64_t count = c.rounds(300, 4);
  const std::string what = " of " + std::to_string(count) + " readers open at once";
  struct Cursor {
    Reader reader;
    std::uint64_t at = 0;
  };
  std::vector<Cursor> cursors;
  const auto read = [&](Cursor& cursor, std::uint64_t most, const std::string& which) {
    const auto n = static_cast<std::size_t>(std::min(most, object.size() - cursor.at));
    if (n == 0) return;  // a small object: this one has seen all of it
    std::array<std::byte, 16> block{};
    const std::size_t found = c.require(cursor.reader.read(std::span{block}.first(n)), which + what + ": read()");
    c.check(found != 0 && found <= n, which + what + ": read() before the end gave " + std::to_string(found) + " bytes");
    c.expect_bytes(object, cursor.at, std::span{block}.first(found), which + what);
    cursor.at += found;
  };
  for (std::uint64_t i = 0; i < count; ++i) {
    cursors.push_back({c.require(location.open(), "open() with " + std::to_string(i) + " readers open")});
    read(cursors.back(), 1 + i % 7, "one");
  }
  for (Cursor& cursor : cursors) read(cursor, 3, "one");
  c.expect_rest(cursors.front().reader, object, cursors.front().at, 777, "the first" + what);
  while (cursors.size() > 1) {
    cursors.erase(cursors.begin(), cursors.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(cursors.size() - 1, 11)));
    c.store(other, new_object(c, other, object.size()));
    read(cursors.back(), 1, "the last");
  }
  c.expect_rest(cursors.back().reader, object, cursors.back().at, 777, "the last" + what);
  c.expect_object(location, object, "the object after " + std::to_string(count) + " readers of it");
}

void open_3(Context& c) {
  many_readers(c);
  Quota quota{c, 3};
  for (const std::uint64_t chunk : scales(c)) {
    const auto [location, object] = c.stored(3 * chunk + 1);
    const Sizes sizes = normalised({1, 3, 7, chunk - 1, chunk, chunk + 1, 2 * chunk + 1}, c.most());
    if (!quota.another()) return;

    c.start_case();
    std::vector<Reader> readers;
    for (int i = 0; i < 3; ++i) readers.push_back(c.require(location.open(), "open()"));
    std::byte first{};
    for (Reader& reader : readers) {
      c.check(c.require(reader.read({&first, 1}), "read(1)") == 1, "read(1) at the start gave no byte");
      c.expect_bytes(object, 0, {&first, 1}, "the first byte of each of three readers");
    }
    for (std::size_t i = 0; i < readers.size(); ++i)
      c.expect_rest(readers[i], object, 1, 2 * i + chunk / 2 + 1, "one reader after the other");
    c.expect_object(location, object, "a reader that is opened when others stand at the end");

    for (std::uint64_t round = c.rounds(10); round > 0 && quota.another(); --round) {
      std::vector<Turn> turns;
      for (std::uint64_t i = c.rounds(60, 12); i > 0; --i) {
        const std::uint64_t dice = c.random()() % 12;
        turns.push_back({dice == 0   ? Turn::Kind::open
                         : dice == 1 ? Turn::Kind::destroy
                                     : Turn::Kind::read,
                         static_cast<std::size_t>(c.random()() % 4), sizes[c.random()() % sizes.size()]});
      }
      run_schedule<Turn>(c, std::move(turns), [&](Context&, const std::vector<Turn>& some) { read_in_turns(c, location, object, some); });
    }
  }
}

// OPEN-4 -------------------------------------------------------------------------------------------------------------------------

void read_in_some_way(Context& c, const Location& location, const Object& object, std::uint64_t way) {
  std::vector<std::byte> block(static_cast<std::size_t>(object.size() / (way % 5 + 1) + 1));
  if (c.has(Capability::reader_at) && way % 7 == 5) {
    const ReaderAt reader = c.require(location.open_reader_at(), "open_reader_at()");
    c.expect_window(reader, object, object.size() / 2, block.size());
    return;
  }
  const bool seeks = c.has(Capability::seeker) && way % 7 == 3;
  Reader reader = seeks ? c.require(location.open_seeker(), "open_seeker()") : c.require(location.open(), "open()");
  if (seeks) c.require(reader.seek(static_cast<std::int64_t>(object.size() / 3), Whence::begin), "seek()");
  if (way % 3 == 0) return;  // opened, and nothing read
  if (way % 3 == 1) return static_cast<void>(c.require(reader.read(block), "read()"));
  if (!seeks) c.expect_rest(reader, object, 0, block.size(), "the object, read " + std::to_string(way) + " times before");
}

void open_4(Context& c) {
  Quota quota{c, 20};
  for (const std::uint64_t chunk : scales(c)) {
    for (const std::uint64_t size : Sizes{3 * chunk + 1, chunk, 1, 0}) {
      const auto [location, object] = c.stored(size);
      for (std::uint64_t way = 0; way < c.rounds(100, 20); ++way) {
        if (!quota.another()) return;
        c.start_case();
        read_in_some_way(c, location, object, way);
        if (way % 20 == 19) c.expect_object(location, object, "the object after " + std::to_string(way + 1) + " opens");
      }
      c.expect_object(location, object, "the object after many opens");
    }
  }
}

// OPEN-5 -------------------------------------------------------------------------------------------------------------------------

enum class Event : std::uint8_t { replace, replace_by_empty, remove, replace_thrice, remove_and_create, abandon, replace_extended };

constexpr std::array every_event{Event::replace,           Event::remove,           Event::replace_thrice, Event::replace_by_empty,
                                 Event::remove_and_create, Event::replace_extended, Event::abandon};

std::string words(Event event, std::uint64_t size) {
  const std::string by = " by " + std::to_string(size) + " bytes";
  switch (event) {
    case Event::replace: return "after a replacement" + by;
    case Event::replace_by_empty: return "after a replacement by an empty object";
    case Event::remove: return "after remove()";
    case Event::replace_thrice: return "after three replacements" + by;
    case Event::remove_and_create: return "after remove() and a new object of " + std::to_string(size) + " bytes";
    case Event::abandon: return "after an abandoned replacement" + by;
    case Event::replace_extended: return "after a replacement" + by + " that was then extended";
  }
  return "";
}

// Returns: whether the object that was there is gone.
bool happen(Context& c, Location& location, Event event, std::uint64_t size) {
  const auto replace = [&](std::uint64_t n) { store_and_check(c, location, n, "the new object"); };
  switch (event) {
    case Event::replace: replace(size); break;
    case Event::replace_by_empty: replace(0); break;
    case Event::replace_thrice:
      for (std::uint64_t i = 0; i < 3; ++i) replace(size + i);
      break;
    case Event::remove:
    case Event::remove_and_create: {
      const Result<void> removed = location.remove();
      if (!removed && c.traits().remove_while_reading == RemoveWhileReading::busy) {
        c.expect_error(removed, {errc::busy}, "remove() with readers open");
        return false;
      }
      c.require(removed, "remove() with readers open");
      c.expect_absent(location, "after remove()");
      if (event == Event::remove_and_create) replace(size);
      break;
    }
    case Event::abandon: {
      Writer writer = c.require(location.create(), "create()");
      c.write(writer, new_object(c, location, size), 0, size);
      return false;
    }
    case Event::replace_extended: {
      Object content = new_object(c, location, size);
      c.store(location, content);
      if (!c.has(Capability::append)) break;
      content.append(c.stamp(location, 2 * size + 1), size + 1);
      Writer writer = c.require(location.append(), "append()");
      c.write(writer, content, size, size + 1);
      c.require(writer.close(), "close() of an extension");
      break;
    }
  }
  return true;
}

// Longer than it takes for a narrow generation number to come round.
void replaced_many_times(Context& c) {
  c.start_case();
  const std::uint64_t chunk = scales(c).front();
  auto [location, object] = c.stored(chunk + 1);
  Watchers watchers{c, location, object, normalised({0, chunk - 1}, object.size())};
  const std::uint64_t times = c.rounds(300, 4);
  std::optional<ReaderAt> windows;
  if (c.has(Capability::reader_at)) windows.emplace(c.require(location.open_reader_at(), "open_reader_at()"));
  std::vector<Reader> unread;
  for (std::uint64_t i = 0; i < times; ++i) unread.push_back(c.require(location.open(), "open()"));
  std::array<std::byte, 8> block{};
  const std::size_t after_first = std::min<std::size_t>(block.size(), static_cast<std::size_t>(object.size() - 1));
  for (std::uint64_t i = 0; i < times; ++i) {
    c.store(location, new_object(c, location, chunk + 1));
    const std::string what = " after " + std::to_string(i + 1) + " replacements";
    // What has not been fetched is fetched now: there it may come from the wrong object.
    const auto count = unread[i].read(block);
    if (count) {
      c.check(*count != 0 && *count <= block.size(), "a reader" + what + " gave " + std::to_string(*count) + " bytes");
      c.expect_bytes(object, 0, std::span{block}.first(*count), "a reader" + what);
    }
    if (!windows) continue;
    const auto shown = windows->read_at(1, block);
    if (shown) {
      c.check(*shown == after_first, "read_at()" + what + " gave " + std::to_string(*shown) + " bytes");
      c.expect_bytes(object, 1, std::span{block}.first(after_first), "read_at()" + what);
    }
  }
  watchers.expect_old(true, "after " + std::to_string(times) + " replacements");
}

// What others write and take away beside an open reader and an open writer: a store that is shared moves things then.
void beside_the_changes_of_others(Context& c) {
  c.start_case();
  const std::uint64_t chunk = scales(c).front();
  auto [location, object] = c.stored(2 * chunk + 1);
  Watchers watchers{c, location, object, normalised({0, chunk}, object.size())};
  Location written = c.make();
  const Object pending = new_object(c, written, 2 * chunk + 1);
  Writer writer = c.require(written.create(), "create()");
  c.write(writer, pending, 0, chunk + 1);
  Location other = c.make();
  const std::uint64_t times = c.rounds(300, 4);
  for (std::uint64_t i = 0; i < times; ++i) {
    c.store(other, new_object(c, other, i % 5 * chunk + i % 7));
    if (i % 4 == 3) c.require(other.remove(), "remove()");
  }
  const std::string what = "after " + std::to_string(times) + " changes of another location";
  c.write(writer, pending, chunk + 1, pending.size() - chunk - 1);
  c.require(writer.close(), "close() of a writer " + what);
  c.expect_object(written, pending, "what a writer wrote before and " + what);
  watchers.expect_old(false, what);
  c.expect_object(location, object, "the object " + what);
}

void open_5(Context& c) {
  replaced_many_times(c);
  beside_the_changes_of_others(c);
  Quota quota{c, 14};
  for (const std::uint64_t chunk : scales(c)) {
    for (const std::uint64_t old_size : Sizes{3 * chunk + 1, chunk}) {
      for (const std::uint64_t new_size : Sizes{old_size, 4 * chunk, 1}) {
        if (new_size > c.most() / 3) continue;
        for (const Event event : every_event) {
          if (!quota.another()) return;
          c.start_case();
          auto [location, object] = c.stored(std::min(old_size, c.most() / 2));
          const std::uint64_t end = object.size();
          // Not read yet: who looks the object up at the first read. At the end: who takes a longer one for a continuation.
          Watchers watchers{c, location, object, normalised({0, 1, chunk - 1, chunk, chunk + 1, end - 1, end}, end)};
          const bool gone = happen(c, location, event, new_size);
          const std::string what = words(event, new_size);
          watchers.expect_old(gone, what);
          if (!gone) c.expect_object(location, object, what);
          // What was freed goes to whoever writes next.
          Location other = c.make();
          store_and_check(c, other, old_size, "another location's object");
          watchers.expect_old(gone, what + ", and another location was written");
        }
      }
    }
  }
}

// OPEN-6 -------------------------------------------------------------------------------------------------------------------------

void open_6(Context& c) {
  Quota quota{c, 4};
  for (const std::uint64_t chunk : scales(c)) {
    for (const Sizes& sizes :
         {Sizes{3 * chunk + 1, 1, 2 * chunk}, Sizes{chunk, chunk, chunk}, Sizes{0, chunk + 1, 0}, Sizes{1, chunk - 1, 3 * chunk}}) {
      if (!quota.another()) return;
      c.start_case();
      Location location = c.make();
      for (const std::uint64_t size : sizes) {
        const Object content = new_object(c, location, size);
        c.store(location, content);
        c.expect_object(location, content, "the object created after remove()");
        c.require(location.remove(), "remove()");
        for (int i = 0; i < 2; ++i) c.expect_absent(location, "after remove() of " + std::to_string(size) + " bytes");
        {
          Writer writer = c.require(location.create(), "create() after remove()");
          c.write(writer, content, 0, content.size());
          c.expect_absent(location, "after remove(), with a new writer open");
        }
        c.expect_absent(location, "after remove(), with a new writer abandoned");
      }
      if (!c.has(Capability::append)) continue;
      // A removed object is not extended: append() starts a new one.
      Change change{std::move(location), Way::append_first, {}, {}, 0};
      change.after = new_object(c, change.location, chunk + 1);
      Writer writer = started(c, change);
      write_part(c, writer, change, 0, change.size());
      c.expect_absent(change.location, "after remove(), with append() under way");
      c.require(writer.close(), "close()");
      c.expect_object(change.location, change.after, "the object appended after remove()");
    }
  }
}

constexpr std::array all{
    Clause{.id = "OPEN-1",
           .rule = "open() before the first commit is not_found, and harms nothing later",
           .look_here = "an empty reader, or a null object, for what was never committed; an answer 'not there' that is kept",
           .run = open_1},
    Clause{.id = "OPEN-2",
           .rule = "what close() committed is visible at once to the next open()",
           .look_here = "a commit that is only queued; a directory or metadata cache that close() does not refresh",
           .run = open_2},
    Clause{.id = "OPEN-3",
           .rule = "every open() starts at 0 with a position of its own",
           .look_here = "one descriptor, stream or cursor shared by all readers",
           .run = open_3},
    Clause{.id = "OPEN-4",
           .rule = "opening and reading never change the object",
           .look_here = "a reader that consumes, moves or trims what it delivers; a reader's destructor",
           .run = open_4},
    Clause{
        .id = "OPEN-5",
        .rule =
            "a reader that is open across a replacement or remove() gives the old bytes or an error; never new bytes, never an early end",
        .look_here = "a key or path that is looked up at each fetch; a size that is read again; storage that is reused under a reader",
        .run = open_5},
    Clause{.id = "OPEN-6",
           .rule = "after remove() open() is not_found; after remove() and a new commit it gives the new bytes",
           .look_here = "remove() that only marks in memory, or leaves a cache filled",
           .run = open_6},
};

}  // namespace

std::span<const Clause> open() { return all; }

}  // namespace hybridbuffer::conformance::clauses
