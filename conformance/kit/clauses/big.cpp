#include "../cursor.hpp"
#include "../memory_use.hpp"
#include "clauses.hpp"

#include <hybridbuffer/conformance/clause.hpp>
#include <hybridbuffer/conformance/context.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// \file
/// BIG: objects, chunks and calls that are too many for narrow numbers, and memory that must not grow with them.

namespace hybridbuffer::conformance::clauses {
namespace {

constexpr std::uint64_t mebibyte = std::uint64_t{1} << 20U;
constexpr std::uint64_t two_to_31 = std::uint64_t{1} << 31U;
constexpr std::uint64_t two_to_32 = std::uint64_t{1} << 32U;

// Whether an object of `size` bytes may be tried. Notes why not.
bool fits(Context& c, std::uint64_t size) {
  if (size > c.declared_most()) {
    c.not_run("no object may have more than " + std::to_string(c.declared_most()) + " bytes");
    return false;
  }
  // The store may be in memory.
  if (available_memory() < size + size / 4) {
    c.not_run("this machine has not the memory to spare for a store of " + std::to_string(size) + " bytes");
    return false;
  }
  return true;
}

// A location with an object of that size; nothing, noted, when the store has no room for it.
std::optional<std::pair<Location, Object>> stored_large(Context& c, std::uint64_t size) {
  Location location = c.make();
  Object object = c.object(location, size);
  Writer writer = c.require(location.create(), "create()");
  for (std::uint64_t done = 0; done < size;) {
    const std::vector<std::byte> block = object.bytes(done, std::min(mebibyte, size - done));
    const Result<void> written = writer.write(block);
    if (!written && written.error().code() == errc::no_space) {
      c.not_run("the store has no room for " + std::to_string(size) + " bytes");
      return {};
    }
    c.require(written, "write() of " + std::to_string(block.size()) + " bytes at " + std::to_string(done));
    done += block.size();
  }
  c.require(writer.close(), "close() of an object of " + std::to_string(size) + " bytes");
  return std::pair{std::move(location), std::move(object)};
}

void big_1(Context& c) {
  const std::uint64_t size = two_to_32 + c.chunk() + 3;
  if (!fits(c, size)) return;
  const auto stored = stored_large(c, size);
  if (!stored) return;
  const auto& [location, object] = *stored;
  Cursor cursor{c, location, object, by_reader};
  cursor.drain(mebibyte);
  cursor.expect_end({1, 1});
}

// Windows round an offset by every route that can go there.
void look_around(Context& c, const Location& location, const Object& object, std::uint64_t centre) {
  std::optional<ReaderAt> reader;
  if (c.has(Capability::reader_at)) reader = c.require(location.open_reader_at(), "open_reader_at()");
  std::optional<Cursor> seeker;
  if (c.has(Capability::seeker)) seeker.emplace(c, location, object, by_seeker);
  for (const std::uint64_t offset : around(centre, 3)) {
    for (const std::uint64_t n : {std::uint64_t{1}, std::uint64_t{7}, c.chunk() + 1}) {
      if (reader) c.expect_window(*reader, object, offset, n);
      if (!seeker) continue;
      seeker->seek(static_cast<std::int64_t>(offset), Whence::begin);
      seeker->read(n);
      seeker->seek(static_cast<std::int64_t>(offset) - static_cast<std::int64_t>(object.size()), Whence::end);
      seeker->read(n);
      seeker->seek(-static_cast<std::int64_t>(seeker->position()), Whence::current);
      seeker->read(1);
      seeker->seek(static_cast<std::int64_t>(offset - seeker->position()), Whence::current);
      seeker->read(n);
    }
    if (c.has(Capability::map) && offset < object.size()) {
      const Window window = c.require(location.map(offset, 9), "map(" + std::to_string(offset) + ", 9)");
      c.check(!window.bytes().empty(), "map(" + std::to_string(offset) + ", 9) shows nothing before the end");
      c.expect_bytes(object, offset, window.bytes(), "map");
    }
  }
}

void big_2(Context& c) {
  if (!c.has(Capability::reader_at) && !c.has(Capability::seeker)) return c.not_run("the backend declares neither reader_at nor seeker");
  const std::uint64_t size = two_to_32 + c.chunk() + 3;
  if (!fits(c, size)) return;
  const auto stored = stored_large(c, size);
  if (!stored) return;
  const auto& [location, object] = *stored;
  if (c.has(Capability::reader_at)) {
    const ReaderAt reader = c.require(location.open_reader_at(), "open_reader_at()");
    if (reader.has_size())
      c.check(c.require(reader.size(), "size()") == size, "size() of an object of " + std::to_string(size) + " bytes is another");
    for (const std::uint64_t beyond : {size, size + two_to_31, size + two_to_32, 2 * two_to_32}) c.expect_window(reader, object, beyond, 9);
  }
  for (const std::uint64_t centre : {std::uint64_t{3}, two_to_31 / 2, two_to_31, two_to_32 - two_to_31 / 2, two_to_32, size}) {
    look_around(c, location, object, centre);
  }
}

// As many chunks as a narrow number cannot count, in pieces that do not stand on them.
void many_chunks(Context& c) {
  // The fewest bytes that make chunks: one a chunk, where that can be said.
  if (c.hooks().set_chunk_size && !c.lower_chunk_size(2)) c.not_run("set_chunk_size(2) said no");
  const std::uint64_t wanted = 65'536 + 40;
  const std::uint64_t count = std::min(wanted, c.most() / c.chunk());
  if (count < wanted) {
    c.not_run("more than 65536 chunks: only " + std::to_string(count) + " of " + std::to_string(c.chunk()) +
              " bytes in the time and size of this tier");
  }
  const std::uint64_t size = std::max<std::uint64_t>(count * c.chunk(), 1);
  Location location = c.make();
  const Object object = c.object(location, size);
  c.store(location, object, even_pieces(size, std::max<std::uint64_t>(size / 7, 1)));
  expect_object_of_many_chunks(c, location, object, "an object of " + std::to_string(count) + " chunks");
  for (const std::uint64_t chunks :
       {std::uint64_t{255}, std::uint64_t{256}, std::uint64_t{32'768}, std::uint64_t{65'535}, std::uint64_t{65'536}}) {
    const std::uint64_t centre = chunks * c.chunk();
    if (centre < size) look_around(c, location, object, centre);
  }
  const Object shorter = c.object(location, std::min(c.chunk() + 1, c.most()));
  c.store(location, shorter);
  c.expect_object(location, shorter, "an object that replaced one of many chunks");
  c.require(location.remove(), "remove()");
  c.expect_residue(0, "after remove() of an object that had many chunks");
}

// More in one call than a signed 32-bit count, or one system call, can take.
void one_large_call(Context& c) {
  if (c.tier() != Tier::slow) return c.not_run("one call with more than 2 GiB: only in the tier slow");
  const std::uint64_t size = two_to_31 + c.chunk() + 1;
  if (!fits(c, 2 * size)) return;
  c.start_case();
  Location location = c.make();
  const Object object = c.object(location, size);
  std::vector<std::byte> bytes = object.bytes();
  Writer writer = c.require(location.create(), "create()");
  const Result<void> written = writer.write(bytes);
  if (!written && written.error().code() == errc::no_space)
    return c.not_run("the store has no room for " + std::to_string(size) + " bytes");
  c.require(written, "write() of " + std::to_string(size) + " bytes in one call");
  c.require(writer.close(), "close()");
  std::fill(bytes.begin(), bytes.end(), std::byte{0});
  Cursor cursor{c, location, object, by_reader};
  while (cursor.left() != 0) cursor.read_into(bytes);
  cursor.expect_end({1});
  if (!c.has(Capability::reader_at)) return;
  const ReaderAt reader = c.require(location.open_reader_at(), "open_reader_at()");
  std::fill(bytes.begin(), bytes.end(), std::byte{0});
  const std::size_t count = c.require(reader.read_at(0, bytes), "read_at(0) of the whole object");
  c.check(count == bytes.size(), "read_at(0, " + std::to_string(size) + ") returned " + std::to_string(count));
  c.expect_bytes(object, 0, bytes, "read_at of the whole object");
}

void big_3(Context& c) {
  one_large_call(c);
  many_chunks(c);
}

// What streaming may take beside the bound: the kit's blocks, the allocator's rounding, what a store notes of each chunk.
std::uint64_t allowance(std::uint64_t bound, std::uint64_t size) { return bound + 6 * mebibyte + size / 32; }

std::chrono::steady_clock::time_point end_of_streaming(const Context& c) {
  return std::chrono::steady_clock::now() + std::chrono::milliseconds{c.tier() == Tier::quick ? 200 : 10'000};
}

// Writes `size` bytes, or what the time allows. Returns: how many.
std::uint64_t stream_in(Context& c, Location& location, Stamp stamp, std::uint64_t size, PeakMemory& memory) {
  constexpr std::uint64_t block_size = 65'536;
  std::vector<std::byte> block(block_size);
  const auto until = end_of_streaming(c);
  Writer writer = c.require(location.create(), "create()");
  std::uint64_t done = 0;
  while (done < size && (done == 0 || std::chrono::steady_clock::now() < until)) {
    const auto part = std::span{block}.first(static_cast<std::size_t>(std::min(block_size, size - done)));
    fill_stamped(stamp, done, part);
    c.require(writer.write(part), "write() at " + std::to_string(done));
    done += part.size();
    if (done % mebibyte == 0) memory.look();
  }
  c.require(writer.close(), "close() of an object of " + std::to_string(done) + " bytes");
  memory.look();
  return done;
}

void expect_memory(Context& c, const PeakMemory& memory, std::uint64_t bound, std::uint64_t size, std::string_view what) {
  const std::uint64_t excess = memory.excess();
  c.check(excess <= allowance(bound, size), std::string{what} + " " + std::to_string(size) + " bytes took " + std::to_string(excess) +
                                                " bytes of memory, memory_bound is " + std::to_string(bound));
}

// Reading a byte, from the start and from elsewhere: what it costs.
std::uint64_t calls_of(Context& c, const std::function<void()>& operation) {
  const std::uint64_t before = c.hooks().primitive_calls();
  operation();
  return c.hooks().primitive_calls() - before;
}

void byte_by_byte(Context& c, const Location& location, const Object& object,
                  const std::function<void(const char*, const std::function<void()>&)>& measure) {
  const std::uint64_t middle = object.size() / 2;
  measure("reading the first byte", [&] {
    Cursor cursor{c, location, object, by_reader};
    cursor.read(1);
  });
  if (c.has(Capability::seeker)) {
    measure("reading a byte after a seek", [&] {
      Cursor cursor{c, location, object, by_seeker};
      cursor.seek(static_cast<std::int64_t>(middle), Whence::begin);
      cursor.read(1);
    });
  }
  if (c.has(Capability::reader_at)) {
    measure("read_at of a byte", [&] { c.expect_window(c.require(location.open_reader_at(), "open_reader_at()"), object, middle, 1); });
  }
}

// A byte of an object of many chunks costs what a byte of a small one costs, and what may be fetched ahead.
void count_calls_for_a_byte(Context& c, const Location& location, const Object& object, std::uint64_t bound) {
  if (!c.needs(c.hooks().primitive_calls, "primitive_calls")) return;
  if (!c.traits().chunk_size) return c.not_run("chunk_size is not declared: the primitives of a read tell nothing");
  const auto [small_location, small] = c.stored(1);
  std::uint64_t dearest = 0;
  byte_by_byte(c, small_location, small, [&](const char*, const auto& read) { dearest = std::max(dearest, calls_of(c, read)); });
  const std::uint64_t most = dearest + bound / c.chunk() + 8;
  if (object.size() / c.chunk() <= most)
    return c.not_run("the object has too few chunks to tell whether a read of a byte fetches all of them");
  byte_by_byte(c, location, object, [&](const char* what, const auto& read) {
    const std::uint64_t calls = calls_of(c, read);
    c.check(calls <= most, std::string{what} + " of " + std::to_string(object.size()) + " took " + std::to_string(calls) +
                               " primitives of the store: it fetches more than memory_bound allows");
  });
}

void big_4(Context& c) {
  if (!c.traits().memory_bound) return c.not_run("the harness declares no memory_bound");
  if (!memory_is_measurable) return c.not_run("memory cannot be measured in an instrumented program");
  const std::uint64_t bound = *c.traits().memory_bound;
  const std::uint64_t wanted = std::min(c.declared_most(), (c.tier() == Tier::quick ? 64 : 1024) * mebibyte);
  if (!fits(c, wanted)) return;
  Location location = c.make();
  const Stamp stamp = c.stamp(location, wanted);
  std::uint64_t size = 0;
  {
    PeakMemory memory;
    size = stream_in(c, location, stamp, wanted, memory);
    expect_memory(c, memory, bound, size, "writing");
  }
  c.reached(size);
  if (size <= allowance(bound, size)) {
    c.not_run("only " + std::to_string(size) +
              " bytes can be written in the time and size of this tier: too few to show that memory grows beyond memory_bound");
  }
  const Object object{stamp, size};
  byte_by_byte(c, location, object, [&](const char* what, const auto& read) {
    PeakMemory memory;
    read();
    memory.look();
    expect_memory(c, memory, bound, size, std::string{what} + " of");
  });
  count_calls_for_a_byte(c, location, object, bound);
  PeakMemory memory;
  {
    Cursor cursor{c, location, object, by_reader};
    while (cursor.left() != 0) {
      cursor.read(65'536);
      if (cursor.position() % mebibyte == 0) memory.look();
    }
    memory.look();
  }
  expect_memory(c, memory, bound, size, "reading");
}

constexpr std::array all{
    Clause{.id = "BIG-1",
           .rule = "an object of more than 4 GiB survives",
           .look_here = "sizes and totals in 32 bits",
           .obligation = Obligation::gated,
           .tier = Tier::slow,
           .run = big_1},
    Clause{.id = "BIG-2",
           .rule = "read_at and seek are exact round 2^31 and 2^32",
           .look_here = "offsets in 32 bits, with and without a sign",
           .obligation = Obligation::gated,
           .tier = Tier::slow,
           .run = big_2},
    Clause{.id = "BIG-3",
           .rule = "more than 65536 chunks, and more than 2 GiB in one call, are like any other number",
           .look_here = "a narrow chunk number, and the kernel's limit of 2 GiB for one call",
           .run = big_3},
    Clause{.id = "BIG-4",
           .rule = "memory stays within memory_bound while streaming, and reading a byte does not fetch the object",
           .look_here = "a buffer that holds the whole object, in the writer or at open()",
           .obligation = Obligation::gated,
           .run = big_4},
};

}  // namespace

std::span<const Clause> big() { return all; }

}  // namespace hybridbuffer::conformance::clauses
