#include "second_writer.hpp"

#include <hybridbuffer/conformance/context.hpp>

#include "changes.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace hybridbuffer::conformance::clauses {
namespace {

// A backend with one writer at a time --------------------------------------------------------------------------------------------

void expect_refusals(Context& c, Location& location) {
  const std::string declared = " with a writer open (the harness declares second_writer = busy)";
  c.expect_error(location.create(), {errc::busy}, "create()" + declared);
  if (c.has(Capability::append)) c.expect_error(location.append(), {errc::busy}, "append()" + declared);
}

// What the refused ones leave: the first writer, what is committed, and the location's later life.
void refuse_second(Context& c, Way way, std::uint64_t chunk, bool abandon) {
  c.start_case();
  Change change = new_change(c, way, 3 * chunk + 1);
  const std::uint64_t half = change.size() / 2;
  {
    Writer first = started(c, change);
    expect_refusals(c, change.location);
    write_part(c, first, change, 0, half);
    expect_refusals(c, change.location);
    expect_refusals(c, change.location);
    expect_shown(c, change.location, change.before, "after a second writer was refused");
    write_part(c, first, change, half, change.size() - half);
    expect_refusals(c, change.location);
    if (!abandon) {
      c.require(first.close(), "close() of the first writer after others were refused");
      c.expect_object(change.location, change.after, "the first writer's object after others were refused");
    }
  }
  expect_shown(c, change.location, abandon ? change.before : std::optional{change.after}, "after the first writer is gone");
  const Object content = new_object(c, change.location, chunk + 1);
  c.store(change.location, content);
  c.expect_object(change.location, content, "the next writer's object");
}

// The first writer has committed and still exists: it is not open any more.
void next_beside_a_closed_one(Context& c, std::uint64_t chunk) {
  c.start_case();
  Change change = new_change(c, Way::create, chunk + 1);
  Writer first = started(c, change);
  write_part(c, first, change, 0, change.size());
  c.require(first.close(), "close()");
  const Object content = new_object(c, change.location, 2 * chunk + 1);
  Writer second = c.require(change.location.create(), "create() beside a closed writer");
  c.write(second, content, 0, content.size());
  first.destroy();
  c.expect_object(change.location, change.after, "the first object with the second writer open");
  c.require(second.close(), "close() of the second writer, after the closed first one was destroyed");
  c.expect_object(change.location, content, "the second object");
}

// A backend with independent writers ---------------------------------------------------------------------------------------------

struct Contender {
  Writer writer;
  Object content;
  std::uint64_t done = 0;
};

// Writes the contents in turns, so that whoever mixes two writers' bytes or positions shows it.
void write_in_turns(Context& c, std::vector<Contender>& all, std::uint64_t chunk) {
  const Sizes pieces = normalised({1, chunk - 1, chunk, chunk + 1}, c.most());
  for (bool more = true; more;) {
    more = false;
    for (Contender& one : all) {
      const std::uint64_t piece = std::min(pieces[c.random()() % pieces.size()], one.content.size() - one.done);
      c.write(one.writer, one.content, one.done, piece);
      one.done += piece;
      more = more || one.done < one.content.size();
    }
  }
}

void contend(Context& c, std::uint64_t chunk, const Sizes& sizes, std::vector<std::size_t> closes, bool with_object) {
  c.start_case();
  Location location = c.make();
  std::optional<Object> shown;
  if (with_object) {
    shown = new_object(c, location, chunk + 1);
    c.store(location, *shown);
  }
  std::vector<Contender> all;
  for (const std::uint64_t size : sizes) {
    Object content = new_object(c, location, size);
    Writer writer = c.require(location.create(),
                              "create() with " + std::to_string(all.size()) + " writers open (the harness declares last_close_wins)");
    all.push_back(Contender{std::move(writer), std::move(content)});
  }
  write_in_turns(c, all, chunk);
  expect_shown(c, location, shown, "before any of several writers was closed");
  for (const std::size_t index : closes) {
    c.require(all[index].writer.close(), "close() of one of several writers");
    shown = all[index].content;
    c.expect_object(location, *shown,
                    "the object of writer " + std::to_string(index + 1) + " of " + std::to_string(all.size()) + ", the last one closed");
  }
  all.clear();  // the others are abandoned
  expect_shown(c, location, shown, "after the other writers were abandoned");
}

// append() beside another writer: an extension of what was there at its start or of what is there at its end, or a refusal.
void append_beside(Context& c, std::uint64_t chunk, bool first_appends, bool second_appends, bool first_closes_first) {
  c.start_case();
  Location location = c.make();
  const Object old = new_object(c, location, chunk + 1);
  c.store(location, old);
  struct Side {
    bool appends;
    Stamp stamp;
    std::uint64_t size;
    std::optional<Writer> writer{};
  };
  std::array sides{Side{first_appends, c.stamp(location, 8 * chunk + 8), 2 * chunk + 1},
                   Side{second_appends, c.stamp(location, 8 * chunk + 8), chunk + 2}};
  const auto result = [](const Side& side, const Object& base) {
    Object object = side.appends ? base : Object{};
    object.append(side.stamp, side.size);
    return object;
  };
  for (Side& side : sides) {
    auto writer = side.appends ? location.append() : location.create();
    if (!writer && side.appends && sides.front().writer) {
      c.expect_error(writer, {errc::busy}, "append() with a writer open");
      return;
    }
    side.writer = c.require(std::move(writer), side.appends ? "append()" : "create()");
  }
  Object current = old;
  if (!first_closes_first) std::swap(sides.front(), sides.back());
  for (Side& side : sides) {
    // A stamp's bytes depend on where they stand, so a writer that finds another base must be judged by what it wrote.
    const std::uint64_t from = side.appends ? old.size() : 0;
    c.require(side.writer->write(result(side, old).bytes(from, side.size)), "write() with two writers open");
  }
  for (Side& side : sides) {
    const Result<void> closed = side.writer->close();
    std::vector<std::optional<Object>> legal;
    if (closed || closed.error().is_indeterminate()) {
      legal.emplace_back(result(side, old));
      if (side.appends) {
        std::vector<std::byte> bytes = current.bytes();
        const std::vector<std::byte> more = result(side, old).bytes(old.size(), side.size);
        bytes.insert(bytes.end(), more.begin(), more.end());
        legal.emplace_back(Object{std::move(bytes)});
      }
    }
    if (!closed) legal.emplace_back(current);
    const std::size_t seen = expect_one_of(c, location, legal, "after one of two writers was closed");
    current = *legal[seen];
  }
}

}  // namespace

void create_6(Context& c) {
  Quota quota{c, 6};
  const bool refuses = c.traits().second_writer == SecondWriter::busy;
  for (const std::uint64_t chunk : scales(c)) {
    if (refuses) {
      for (const bool abandon : {false, true}) {
        for (const Way way : ways(c)) {
          if (!quota.another()) return;
          refuse_second(c, way, chunk, abandon);
        }
      }
    } else {
      const std::vector<std::vector<std::size_t>> closes{{0, 1}, {1, 0}, {1}, {0}, {}};
      for (const Sizes& sizes : {Sizes{3 * chunk + 1, chunk + 2}, Sizes{chunk, 2 * chunk}, Sizes{0, 1}}) {
        for (const auto& order : closes) {
          for (const bool with_object : {true, false}) {
            if (!quota.another()) return;
            contend(c, chunk, sizes, order, with_object);
          }
        }
      }
      std::vector<std::size_t> order(3);
      std::iota(order.begin(), order.end(), std::size_t{0});
      do {
        if (!quota.another()) return;
        contend(c, chunk, {2 * chunk + 1, 1, 3 * chunk}, order, true);
      } while (std::next_permutation(order.begin(), order.end()));
      for (unsigned bits = 0; c.has(Capability::append) && bits < 8; ++bits) {
        if (!quota.another()) return;
        append_beside(c, chunk, (bits & 1U) != 0, (bits & 2U) != 0, (bits & 4U) != 0);
      }
    }
    next_beside_a_closed_one(c, chunk);
  }
}

}  // namespace hybridbuffer::conformance::clauses
