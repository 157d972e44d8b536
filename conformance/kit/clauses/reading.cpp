#include "reading.hpp"

#include "../guarded_memory.hpp"

#include <hybridbuffer/conformance/schedule.hpp>
#include <hybridbuffer/conformance/sizes.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace hybridbuffer::conformance::clauses {
namespace {

// What matters most first: an object that ends inside its third chunk, then none, then the others.
Sizes sizes_to_read(const Context& c) {
  Sizes sizes{chunks_and(c, c.chunk(), 2, 1), 0};
  for (const std::uint64_t size : few_sizes(c.chunks(), c.most())) sizes.push_back(size);
  return sizes;
}

Sizes pieces_for(const Context& c, std::uint64_t size) {
  Sizes pieces{1, 2, 3, 7, size, size + 1, std::min<std::uint64_t>(4 * size, 4U << 20U)};
  for (const std::uint64_t chunk : c.chunks()) {
    if (chunk <= 2 * size) pieces.insert(pieces.end(), {chunk - 1, chunk, chunk + 1});
  }
  std::erase(pieces, 0U);
  return normalised(pieces, 4 * size + 1);
}

// How many calls of one operation a clause can make, each of them perhaps a primitive.
std::uint64_t calls(const Context& c, std::uint64_t wanted) { return c.rounds(wanted, 16); }

// Reads of random sizes, empty ones among them; at the end a new handle takes over.
void read_at_random(Context& c, const Opening& opening, std::uint64_t chunk) {
  const std::uint64_t size = chunks_and(c, chunk, 4, 3);
  Sizes steps;
  for (std::uint64_t i = calls(c, 300); i > 0; --i) {
    const std::array bounds{std::uint64_t{3}, std::uint64_t{20}, chunk + 2, 3 * chunk};
    steps.push_back(c.random()() % (bounds[c.random()() % bounds.size()] + 1));
  }
  run_schedule<std::uint64_t>(c, steps, [&](Context& context, const Sizes& schedule) {
    const auto [location, object] = context.stored(size);
    std::optional<Cursor> cursor;
    for (const std::uint64_t n : schedule) {
      if (!cursor) cursor.emplace(context, location, object, opening);
      if (cursor->read(n) == 0 && n != 0) cursor.reset();
    }
  });
}

}  // namespace

void reads_exactly_the_bytes(Context& c, const Opening& opening, const Pace& pace) {
  const std::uint64_t most_calls = calls(c, 20'000);
  int tried = 0;
  for (const std::uint64_t size : sizes_to_read(c)) {
    if (tried >= 2 && !pace.more()) break;
    c.start_case();
    Location location = c.make();
    const Object object = c.object(location, size);
    c.store(location, object, random_pieces(c.random(), size, std::max<std::uint64_t>(size / 3, 1)));
    for (const std::uint64_t piece : pieces_for(c, size)) {
      if (size / piece > most_calls || (tried != 0 && !pace.more())) continue;
      Cursor cursor{c, location, object, opening};
      cursor.drain(piece);
    }
    // A small read, a large one that passes by what was fetched for it, and small ones again.
    Cursor cursor{c, location, object, opening};
    for (const std::uint64_t n : {std::uint64_t{1}, c.chunk(), std::uint64_t{3}, 2 * c.chunk() + 1, std::uint64_t{1}}) cursor.read(n);
    cursor.drain(size + 1);
    // Reads of one size, which invite to fetch ahead, then others.
    for (const std::uint64_t same : {size / 40 + 1, size / 25 + 3, std::uint64_t{64}}) {
      for (const std::uint64_t other : {same / 2 + 1, 2 * same + 1, std::uint64_t{1}, 5 * same}) {
        Cursor steady{c, location, object, opening};
        for (int i = 0; i < 6; ++i) steady.read(same);
        steady.read(other);
        for (int i = 0; i < 4; ++i) steady.read(same);
        steady.read(other);
        steady.read(same);
        steady.drain(other + size / 16);
        if (tried != 0 && !pace.more()) break;
      }
    }
    ++tried;
  }
  for (const std::uint64_t chunk : usable_chunks(c)) {
    read_at_random(c, opening, std::min<std::uint64_t>(chunk, 65536));
    if (!pace.more()) return;
  }
}

void stays_at_the_end(Context& c, const Opening& opening, const Pace& pace) {
  const std::uint64_t chunk = std::min(c.chunk(), c.most());
  for (const std::uint64_t size :
       normalised({0, 1, chunk - 1, chunk, chunk + 1, chunks_and(c, chunk, 2, 0), chunks_and(c, chunk, 2, 1)}, c.most())) {
    c.start_case();
    const auto [location, object] = c.stored(size);
    for (const std::uint64_t piece : {std::max<std::uint64_t>(size, 1), size + 1, std::max<std::uint64_t>(size / 2, 1)}) {
      Cursor cursor{c, location, object, opening};
      cursor.read_to(size, piece);
      cursor.expect_end({1, chunk, 0, 2, size + 1, 1, 17, 0, 2 * chunk + 1, 3, 1});
      // What another handle does changes nothing here.
      Cursor other{c, location, object, opening};
      other.read(1);
      cursor.expect_end({1, chunk + 1, 1});
      other.drain(size + 1);
      cursor.expect_end({chunk, 1});
      if (!pace.more() && size != 0) break;
    }
  }
}

void ignores_empty_spans(Context& c, const Opening& opening, const Pace& pace) {
  for (const std::uint64_t chunk : usable_chunks(c)) {
    for (const std::uint64_t size : {std::uint64_t{0}, std::uint64_t{1}, chunks_and(c, chunk, 2, 0), chunks_and(c, chunk, 2, 1)}) {
      c.start_case();
      const auto [location, object] = c.stored(size);
      Cursor cursor{c, location, object, opening};
      for (const std::uint64_t at : normalised(
               {0, 1, size / 3, chunk - 1, chunk, chunk + 1, 2 * chunk - 1, 2 * chunk, size - std::min<std::uint64_t>(size, 1), size},
               size)) {
        cursor.read_to(at);
        cursor.read_nothing();
        cursor.read_nothing();
        if (at < size) cursor.read(1);
        cursor.read_nothing();
      }
      cursor.read_nothing();
      cursor.expect_end({1, 0, chunk, 0, 0, 2});
      cursor.read_nothing();

      Cursor straight{c, location, object, opening};
      straight.read_nothing();
      straight.drain(size + 1);
      straight.read_nothing();
    }
    if (!pace.more()) return;
  }
}

void gives_bytes_before_the_end(Context& c, const Opening& opening, const Pace& pace) {
  // Every offset where a chunk is small enough, else round each boundary.
  if (c.chunk() > 8 && c.hooks().set_chunk_size && !c.lower_chunk_size(8)) c.not_run("set_chunk_size(8) said no: chunks stay as they are");
  for (const std::uint64_t chunk : usable_chunks(c)) {
    const std::uint64_t size = chunks_and(c, chunk, 3, 1);
    Sizes offsets = size <= 64 ? around(size / 2, size / 2 + 1)
                               : around({1, chunk, 2 * chunk, 3 * chunk, size / 2, size - std::min<std::uint64_t>(size, 2)}, 2);
    offsets = normalised(offsets, size - 1);
    c.start_case();
    const auto [location, object] = c.stored(size);
    // Where time is short, each offset still has its chance over the runs.
    for (const std::uint64_t offset : shuffled(offsets, c.random())) {
      for (const std::uint64_t n : {std::uint64_t{1}, std::uint64_t{2}, chunk, 2 * chunk, size + 1}) {
        Cursor cursor{c, location, object, opening};
        cursor.read_to(offset);
        cursor.read(n);
        cursor.read(1);
      }
      if (!pace.more()) return;
    }
    // The same boundaries met byte by byte.
    if (size <= calls(c, 13'000)) Cursor{c, location, object, opening}.drain(1);
  }
}

namespace {

// Reads of `n` bytes with known bytes, or an untouchable page, on both sides of the span.
void read_guarded(Context& c, GuardedMemory& memory, Cursor& cursor, std::size_t n, std::size_t gap, std::byte known) {
  for (const bool behind : {true, false}) {
    const auto span = behind ? memory.before_the_end(n, gap, known) : memory.after_the_start(n, gap, known);
    const std::string where = "read(" + std::to_string(n) + ") at " + std::to_string(cursor.position());
    cursor.read_into(span);
    if (const auto overrun = memory.overrun()) c.fail(where + " wrote outside its span: " + *overrun);
  }
}

}  // namespace

void keeps_to_the_span(Context& c, const Opening& opening, const Pace& pace) {
  for (const std::uint64_t chunk : usable_chunks(c)) {
    Sizes lengths = around(9, 8);
    lengths.insert(lengths.end(), {chunk - 1, chunk, chunk + 1});
    std::erase(lengths, 0U);
    const std::uint64_t size = chunks_and(c, chunk, 2, 11);
    const auto [location, object] = c.stored(size);
    GuardedMemory memory{static_cast<std::size_t>(chunk + 1)};
    // Known bytes before bare pages: what they show is told in words, a touched page only by the crash.
    for (const std::size_t gap : {std::size_t{64}, std::size_t{0}, std::size_t{3}}) {
      for (const std::byte known : {std::byte{0xa5}, std::byte{0x5a}}) {
        for (const std::uint64_t n : lengths) {
          c.start_case();
          // At the start, over a boundary, and over the end.
          Cursor cursor{c, location, object, opening};
          read_guarded(c, memory, cursor, static_cast<std::size_t>(n), gap, known);
          for (const std::uint64_t target : {chunk - std::min(chunk, n), size - std::min(size, 2 * n)}) {
            cursor.read_to(std::min(target, size));
            for (int i = 0; i < 3; ++i) read_guarded(c, memory, cursor, static_cast<std::size_t>(n), gap, known);
          }
        }
        if (gap == 0 && !pace.more()) return;
      }
    }
    if (!pace.more()) return;
  }
}

namespace {

// Three handles at the start, inside and at the end, destroyed in that order; the others go on meanwhile.
void destroy_in_order(Context& c, const Location& location, const Object& object, const Opening& opening,
                      const std::array<std::size_t, 3>& order) {
  std::array<std::optional<Cursor>, 3> cursors;
  for (auto& cursor : cursors) cursor.emplace(c, location, object, opening);
  cursors[1]->read_to(object.size() / 2);
  cursors[2]->drain(object.size() + 1);
  for (const std::size_t index : order) {
    cursors[index].reset();
    for (auto& other : cursors) {
      if (!other) continue;
      if (other->left() != 0) other->read(3);
      else other->expect_end({1});
    }
    Cursor later{c, location, object, opening};
    later.read(2);
    for (auto& other : cursors) {
      if (other && other->left() != 0) other->read(c.chunk() + 1);
    }
  }
}

// A handle is destroyed beside a writer, a reader_at and a seeker; after the object was replaced; after it was removed.
void destroy_beside_others(Context& c, const Opening& opening) {
  const std::uint64_t size = chunks_and(c, c.chunk(), 2, 1);
  c.start_case();
  auto [location, object] = c.stored(size);
  std::optional<ReaderAt> reader_at;
  if (c.has(Capability::reader_at)) reader_at = c.require(location.open_reader_at(), "open_reader_at()");
  std::optional<Cursor> seeker;
  if (c.has(Capability::seeker)) seeker.emplace(c, location, object, by_seeker);
  const auto others_go_on = [&](const char* what) {
    if (reader_at) c.expect_window(*reader_at, object, size / 2, size);
    if (seeker) seeker->read(size / 3);
    c.expect_object(location, object, what);
  };
  std::optional<Cursor> cursor{std::in_place, c, location, object, opening};
  cursor->read(size / 2 + 1);
  cursor.reset();
  others_go_on("the object after a handle was destroyed half-way");

  cursor.emplace(c, location, object, opening);
  cursor->read(1);
  const Object second = c.object(location, size / 2 + 1);
  Writer writer = c.require(location.create(), "create()");
  c.write(writer, second, 0, second.size() / 2);
  cursor.reset();
  others_go_on("the object after a handle was destroyed beside a writer");
  cursor.emplace(c, location, object, opening);
  c.write(writer, second, second.size() / 2, second.size() - second.size() / 2);
  seeker.reset();
  reader_at.reset();
  c.require(writer.close(), "close() beside an open handle");
  cursor.reset();
  c.expect_object(location, second, "the new object after a handle on the old one was destroyed");

  cursor.emplace(c, location, second, opening);
  cursor->read(1);
  if (c.traits().remove_while_reading == RemoveWhileReading::busy) cursor.reset();
  c.require(location.remove(), "remove()");
  const Object third = c.object(location, size);
  c.store(location, third);
  cursor.reset();
  c.expect_object(location, third, "the object made after remove(), a handle on the removed one destroyed");
}

}  // namespace

void is_destroyed_without_harm(Context& c, const Opening& opening, const Pace& pace) {
  destroy_beside_others(c, opening);
  for (const std::uint64_t size : {chunks_and(c, c.chunk(), 2, 1), std::uint64_t{0}, std::uint64_t{1}, chunks_and(c, c.chunk(), 1, 0)}) {
    std::array<std::size_t, 3> order{0, 1, 2};
    const auto [location, object] = c.stored(size);
    do {
      c.start_case();
      destroy_in_order(c, location, object, opening, order);
    } while (std::next_permutation(order.begin(), order.end()) && pace.more());
    c.expect_object(location, object, "the object after all handles were destroyed");
    if (!pace.more()) return;
  }
}

}  // namespace hybridbuffer::conformance::clauses
