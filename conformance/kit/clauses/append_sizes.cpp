#include "clauses.hpp"

#include "extension.hpp"

#include <hybridbuffer/conformance/context.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

/// \file
/// APPEND-1: extensions of every size, and everything else that a writer owes which extends.

namespace hybridbuffer::conformance::clauses {

void append_1(Context& c);

namespace {

struct Extension {
  std::uint64_t before = 0;
  std::uint64_t added = 0;
  std::uint64_t piece = 1;
};

// What every backend gets first, then every combination of the sizes that matter, in random order.
std::vector<Extension> extensions(Context& c) {
  const std::uint64_t limit = extension_limit(c);
  std::vector<Extension> first;
  std::vector<Extension> rest;
  for (const std::uint64_t unit : boundaries(c)) {
    const std::uint64_t less = unit - 1;
    for (const auto& [before, added] :
         {std::pair{less, std::uint64_t{2}}, {unit, std::uint64_t{1}}, {unit + 1, unit}, {2 * unit, 2 * unit}}) {
      first.push_back({before, added, unit + 1});
    }
    const Sizes befores = normalised(around(Sizes{0, unit, 2 * unit, 3 * unit}), limit);
    const Sizes addeds = normalised(around(Sizes{0, 1, unit, 2 * unit}), limit);
    for (const Range& both : windows(befores, addeds)) {
      const Sizes pieces{both.length + 1, both.length / 2 + 1, unit, less, 7};
      rest.push_back({both.offset, both.length, pieces[c.random()() % pieces.size()]});
    }
  }
  rest = shuffled(std::move(rest), c.random());
  first.insert(first.end(), rest.begin(), rest.end());
  std::erase_if(first, [&](const Extension& e) { return e.before > limit || e.added > limit - e.before; });
  for (Extension& e : first) e.piece = std::max(e.piece, e.added / 4096 + 1);
  return first;
}

void extend_at_every_size(Context& c) {
  std::uint64_t done = 0;
  for (const Extension& e : extensions(c)) {
    if (++done > 4 && !c.time_left()) return;
    c.start_case();
    auto [location, object] = c.stored(e.before);
    extend(c, location, object, e.added, e.piece);
    c.expect_object(location, object, "the extended object");
  }
}

void extend_in_many_rounds(Context& c) {
  c.start_case();
  const std::uint64_t limit = extension_limit(c);
  const Sizes units = boundaries(c);
  auto [location, object] = c.stored(0);
  const std::uint64_t rounds = c.rounds(100, 5);
  for (std::uint64_t round = 0; round < rounds; ++round) {
    const std::uint64_t unit = units[c.random()() % units.size()];
    const std::uint64_t added = std::min(c.random()() % 3 == 0 ? unit : c.random()() % (unit + 2), limit - object.size());
    extend(c, location, object, added, c.random()() % (added + 1) + added / 64 + 1);
    const std::vector<Route> routes = c.routes();
    c.expect_object(location, object, routes[round % routes.size()], "the object after several extensions");
  }
  c.expect_object(location, object, "the object after " + std::to_string(rounds) + " extensions");
}

void append_without_object(Context& c) {
  const std::uint64_t some = std::min(c.chunk() + 1, extension_limit(c) - 1);
  for (const std::uint64_t size : {std::uint64_t{0}, std::uint64_t{1}, some}) {
    c.start_case();
    Location location = c.make();
    for (int life = 0; life < 2; ++life) {
      Object object;
      {
        const Object never = longer_by(c, location, object, some);
        Writer abandoned = c.require(location.append(), "append() where there is no object");
        write_tail(c, abandoned, never, 0, some);
        c.expect_absent(location, "before append() on no object was closed");
      }
      c.expect_absent(location, "after append() on no object was abandoned");
      extend(c, location, object, size);
      c.expect_object(location, object, "an object made by append()");
      extend(c, location, object, 1);
      c.expect_object(location, object, "an object made and extended by append()");
      c.require(location.remove(), "remove() of an object made by append()");
      c.expect_absent(location, "after remove() of an object made by append()");
    }
  }
}

// D3, and what WRITER-6 and WRITER-7 say of every writer.
void extension_appears_at_its_close(Context& c) {
  const std::uint64_t unit = unit_of(c);
  for (const std::uint64_t before : normalised({0, unit - 1, unit, 2 * unit + 1}, extension_limit(c) / 2)) {
    c.start_case();
    auto [location, object] = c.stored(before);
    const Object longer = longer_by(c, location, object, std::min(2 * unit + 3, extension_limit(c) - before));
    Writer writer = c.require(location.append(), "append()");
    c.expect_object(location, object, "the object after append(), before a write");
    for (std::uint64_t at = before; at < longer.size();) {
      const std::uint64_t n = std::min(unit, longer.size() - at);
      c.write(writer, longer, at, n);
      at += n;
      c.expect_object(location, object, "the object while an extension is written");
    }
    c.require(writer.write({}), "write() of no bytes to an extension");
    c.require(writer.close(), "close() of an extension");
    c.expect_object(location, longer, "the object right after the close() of its extension");
    c.require(writer.close(), "the second close() of an extension");
    c.expect_object(location, longer, "the object after the second close() of its extension");
    const std::array<std::byte, 3> late{};
    c.expect_error(writer.write(late), {errc::closed}, "write() after the close() of an extension");
    writer.destroy();
    c.expect_object(location, longer, "the object after its extension's writer was written to in vain and destroyed");
  }
}

void append_among_other_changes(Context& c) {
  c.start_case();
  const std::uint64_t unit = unit_of(c);
  const std::uint64_t some = std::min(unit + unit / 2 + 1, extension_limit(c) / 4);
  auto [location, object] = c.stored(2 * some);
  extend(c, location, object, some);
  for (const std::uint64_t size : {std::uint64_t{1}, some, std::uint64_t{0}}) {
    object = c.object(location, size);
    c.store(location, object);
    c.expect_object(location, object, "a replacement of an extended object");
    extend(c, location, object, some, some / 3 + 1);
    c.expect_object(location, object, "the extension of a replacement");
  }
  { const Writer abandoned = c.require(location.create(), "create() over an extended object"); }
  c.expect_object(location, object, "an extended object after an abandoned replacement");
  extend(c, location, object, 1);
  c.expect_object(location, object, "an object extended after an abandoned replacement");
}

Object followed_by(const Object& object, const std::vector<std::byte>& extra) {
  std::vector<std::byte> bytes = object.bytes();
  bytes.insert(bytes.end(), extra.begin(), extra.end());
  return Object{std::move(bytes)};
}

// CREATE-6 for append(): `busy`, or an independent writer of which the last successful close wins.
void second_writer_beside_extension(Context& c, bool appends_first, bool appends_second) {
  c.start_case();
  const std::uint64_t some = std::min(c.chunk(), extension_limit(c) / 4);
  auto [location, object] = c.stored(some + 1);
  const std::uint64_t start = appends_first ? object.size() : 0;
  const Object first = longer_by(c, location, appends_first ? object : Object{}, some);
  Writer writer = c.require(appends_first ? location.append() : location.create(), "the first writer");
  c.write(writer, first, start, some / 2);
  auto second = appends_second ? location.append() : location.create();
  const std::string what = std::string{appends_second ? "append()" : "create()"} + " while a writer is open";
  const std::vector<std::byte> extra = Object{c.stamp(location, some), some}.bytes();
  if (second) {
    c.check(c.traits().second_writer == SecondWriter::last_close_wins, what + " must be busy, as the harness declares, but succeeded");
    c.require(second->write(extra), "write() to the second writer");
  } else {
    c.expect_error(second, {errc::busy}, what);
  }
  c.expect_object(location, object, "the object while two writers want it");
  c.write(writer, first, start + some / 2, some - some / 2);
  c.require(writer.close(), "close() of the first writer");
  c.expect_object(location, first, "the object after the first of two writers was closed");
  if (!second) return;
  if (!second->close()) return c.expect_object(location, first, "the object after the second writer could not close");
  if (appends_second)
    expect_one_of(c, location, {followed_by(first, extra), followed_by(object, extra)}, "the object after the second append()");
  else c.expect_object(location, Object{extra}, "the object after the second writer was closed");
}

// REMOVE-3 and D11 for a writer that extends.
void extension_outlives_its_object(Context& c) {
  const std::uint64_t some = std::min(c.chunk() + 1, extension_limit(c) / 4);
  c.start_case();
  {
    auto [location, object] = c.stored(some);
    const Object longer = longer_by(c, location, object, some);
    Writer writer = c.require(location.append(), "append()");
    c.write(writer, longer, some, some);
    c.require(location.remove(), "remove() while an extension is open");
    c.expect_any_error(writer.close(), "close() of an extension after remove()");
    c.expect_absent(location, "after remove() and the close() of an extension");
    Object next;
    extend(c, location, next, 1);
    writer.destroy();
    c.expect_object(location, next, "the next object, after the writer of the removed one was destroyed");
  }
  c.start_case();
  auto [location, object] = c.stored(some);
  const Object longer = longer_by(c, location, object, some);
  Writer writer = c.require(location.append(), "append()");
  c.write(writer, longer, some, some);
  location.destroy();
  c.expect_error(writer.close(), {errc::closed, errc::not_found}, "close() of an extension whose backend is gone");
}

void extend_to_the_limit(Context& c) {
  const std::uint64_t most = c.declared_most();
  if (most > extension_limit(c) || most < 3) return;
  c.start_case();
  auto [location, object] = c.stored(most - 1);
  {
    const std::array<std::byte, 2> two{};
    Writer writer = c.require(location.append(), "append() one byte below the largest size");
    const auto written = writer.write(two);
    const auto closed = writer.close();
    c.expect_error(written ? closed : written, {errc::limit_exceeded}, "an extension beyond the largest size");
    c.expect_any_error(closed, "close() of an extension beyond the largest size");
  }
  c.expect_object(location, object, "the object after an extension beyond the largest size");
  extend(c, location, object, 1);
  c.expect_object(location, object, "the object extended to the largest size");
}

void extend_by_pieces(Context& c) {
  if (!c.has(Capability::gather)) return;
  c.start_case();
  const std::uint64_t unit = unit_of(c);
  auto [location, object] = c.stored(unit - 1);
  const Sizes sizes{1, 0, unit, 3, 0, unit + 1};
  std::uint64_t total = 0;
  for (const std::uint64_t size : sizes) total += size;
  if (total > extension_limit(c) - object.size()) return;
  const Object longer = longer_by(c, location, object, total);
  const std::vector<std::byte> bytes = longer.bytes(object.size(), total);
  std::vector<std::span<const std::byte>> pieces;
  std::size_t from = 0;
  for (const std::uint64_t size : sizes) {
    pieces.push_back(std::span{bytes}.subspan(from, static_cast<std::size_t>(size)));
    from += static_cast<std::size_t>(size);
  }
  Writer writer = c.require(location.append(), "append()");
  c.require(writer.write_pieces(pieces), "write() of pieces to an extension");
  c.expect_object(location, object, "the object before the extension in pieces is closed");
  c.require(writer.close(), "close() of an extension in pieces");
  c.expect_object(location, longer, "the object extended by pieces");
}

}  // namespace

void append_1(Context& c) {
  if (c.has(Capability::append_granularity))
    c.check(c.make().append_granularity() != 0, "append_granularity() is 0: no size is a multiple of it");
  append_without_object(c);
  extension_appears_at_its_close(c);
  append_among_other_changes(c);
  for (const auto& [first, second] : {std::pair{true, true}, {true, false}, {false, true}})
    second_writer_beside_extension(c, first, second);
  extension_outlives_its_object(c);
  extend_to_the_limit(c);
  extend_by_pieces(c);
  extend_in_many_rounds(c);
  extend_at_every_size(c);
}

}  // namespace hybridbuffer::conformance::clauses
