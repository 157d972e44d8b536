#include "../cursor.hpp"
#include "../guarded_memory.hpp"
#include "clauses.hpp"

#include <hybridbuffer/conformance/clause.hpp>
#include <hybridbuffer/conformance/context.hpp>
#include <hybridbuffer/conformance/schedule.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// \file
/// AT: windows of an object, by handles without a position.

namespace hybridbuffer::conformance::clauses {
namespace {

constexpr std::uint64_t last_offset = std::numeric_limits<std::uint64_t>::max();

/// Windows of one object, each exact and inside its span: known bytes stand round it, and an untouchable page behind.
class Windows {
 public:
  Windows(Context& c, const Location& location, const Object& object, std::uint64_t longest)
      : c_{&c},
        object_{&object},
        reader_{c.require(location.open_reader_at(), "open_reader_at()")},
        memory_{static_cast<std::size_t>(longest)} {}

  void expect(std::uint64_t offset, std::uint64_t n) {
    // Now close to the page behind, now with known bytes between.
    known_ = ~known_;
    const std::size_t gap = known_ == std::byte{0xa5} ? 0 : 64;
    const auto span = memory_.before_the_end(static_cast<std::size_t>(n), gap, known_);
    const auto where = [&] {
      return "read_at(" + std::to_string(offset) + ", " + std::to_string(n) + ") of " + std::to_string(object_->size()) + " bytes";
    };
    const auto count = reader_.read_at(offset, span);
    c_->count_check();
    if (!count) c_->fail(where() + " must succeed, but failed: " + count.error().message());
    const std::uint64_t expected = offset < object_->size() ? std::min(n, object_->size() - offset) : 0;
    if (*count != expected) c_->fail(where() + " returned " + std::to_string(*count) + ", not " + std::to_string(expected));
    if (expected != 0) c_->expect_bytes(*object_, offset, span.first(*count), "read_at");
    if (const auto overrun = memory_.overrun()) c_->fail(where() + " wrote outside its span: " + *overrun);
  }
  void expect_nothing(std::uint64_t offset) {
    expect(offset, 0);
    const auto count =
        c_->require(reader_.read_at(offset, {}), "read_at(" + std::to_string(offset) + ") into an empty span without an address");
    if (count != 0) c_->fail("read_at into an empty span returned " + std::to_string(count));
  }
  [[nodiscard]] const ReaderAt& handle() const noexcept { return reader_; }

 private:
  Context* c_;
  const Object* object_;
  ReaderAt reader_;
  GuardedMemory memory_;
  std::byte known_{0x5a};
};

Range random_window(Random& random, std::uint64_t size, std::uint64_t longest) {
  const std::uint64_t one_in = longest > 65536 ? 32 : 4;  // large windows are dear
  const std::uint64_t n = random() % one_in == 0 ? random() % (longest + 1) : random() % (std::min<std::uint64_t>(longest, 40) + 1);
  return {random() % (size + std::min<std::uint64_t>(size, 9) + 1), n};
}

// The sizes of objects whose windows are tried: small ones, and some chunks.
Sizes sizes_with_windows(const Context& c, std::uint64_t chunks) {
  Sizes sizes{0, 1, 2};
  for (const std::uint64_t chunk : usable_chunks(c)) {
    for (const std::uint64_t more : {std::uint64_t{0}, std::uint64_t{1}}) sizes.push_back(chunks_and(c, chunk, chunks, more));
    sizes.push_back(chunks_and(c, chunk, 1, 0));
  }
  return normalised(sizes, c.most());
}

void every_window(Context& c, std::uint64_t size) {
  c.start_case();
  const auto [location, object] = c.stored(size);
  Windows windows{c, location, object, size + 2};
  const Pace pace{c, 3};
  for (std::uint64_t offset = 0; offset <= size && (offset < 2 || pace.more()); ++offset) {
    for (std::uint64_t n = 1; n <= size - offset; ++n) windows.expect(offset, n);
  }
}

void at_1(Context& c) {
  const Pace pace{c};
  every_window(c, std::min<std::uint64_t>(c.rounds(50, 5), c.most()));
  for (const std::uint64_t chunk : usable_chunks(c)) {
    c.start_case();
    const std::uint64_t size = chunks_and(c, chunk, 3, 1);
    const auto [location, object] = c.stored(size);
    const std::uint64_t longest = std::min<std::uint64_t>(size, std::max<std::uint64_t>(2 * chunk + 1, 64));
    Windows windows{c, location, object, size};
    windows.expect(0, size);
    for (std::uint64_t i = c.rounds(200, 8); i > 0; --i) {
      const std::uint64_t n = c.random()() % longest + 1;
      windows.expect(c.random()() % (size - n + 1), n);
      if (i % 8 == 0 && !pace.more()) return;
    }
    if (!pace.more()) return;
  }
  if (c.chunk() > 5 && c.hooks().set_chunk_size && c.lower_chunk_size(5)) every_window(c, std::min<std::uint64_t>(31, c.most()));
}

void at_2(Context& c) {
  const Pace pace{c};
  for (const std::uint64_t size : sizes_with_windows(c, 3)) {
    if (size == 0) continue;
    c.start_case();
    const auto [location, object] = c.stored(size);
    const std::uint64_t chunk = std::min(c.chunk(), size);
    const std::uint64_t longest = std::max(3 * chunk, size + chunk) + 4097;
    Windows windows{c, location, object, longest};
    const Sizes offsets = normalised({size - 1, size - std::min<std::uint64_t>(size, 2), size - chunk, size - std::min(size, chunk + 1),
                                      size / chunk * chunk, size / 2, 0},
                                     size - 1);
    for (const std::uint64_t offset : offsets) {
      const std::uint64_t inside = size - offset;
      for (const std::uint64_t n : {inside + 1, inside + 7, 3 * chunk, inside + chunk, longest}) {
        if (n > inside) windows.expect(offset, n);
      }
    }
    if (!pace.more()) return;
  }
}

// Offsets beyond the end that some arithmetic would bring back inside: 32-bit and signed offsets, sums that overflow, narrow chunk numbers.
Sizes offsets_beyond(const Context& c, std::uint64_t size) {
  Sizes offsets{size, size + 1, size + 7};
  for (const unsigned bit : {8U, 16U, 31U, 32U, 40U, 48U, 62U, 63U}) {
    const std::uint64_t power = std::uint64_t{1} << bit;
    for (const std::uint64_t inside :
         {std::uint64_t{0}, std::uint64_t{1}, size / 2, size - std::min<std::uint64_t>(size, 1), size, size + 1}) {
      offsets.push_back(power + inside);
      if (bit < 48) offsets.push_back(power * c.chunk() + inside);
    }
    offsets.push_back(power - 1);
  }
  for (const std::uint64_t back : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{6}, size, c.chunk()})
    offsets.push_back(last_offset - back);
  offsets = normalised(offsets, last_offset);
  std::erase_if(offsets, [&](std::uint64_t offset) { return offset < size; });
  return offsets;
}

void at_3(Context& c) {
  const Pace pace{c};
  const Sizes sizes{chunks_and(c, c.chunk(), 2, 1), 0, 1, chunks_and(c, c.chunk(), 1, 0)};
  for (const std::uint64_t size : sizes) {
    c.start_case();
    const auto [location, object] = c.stored(size);
    Windows windows{c, location, object, 2 * size + 64};
    const Sizes offsets = offsets_beyond(c, size);
    for (const std::uint64_t offset : offsets) {
      for (const std::uint64_t n : {std::uint64_t{1}, std::uint64_t{16}, size + 1, 2 * size + 17}) windows.expect(offset, n);
    }
    windows.expect(0, size + 1);
    if (!pace.more()) return;
  }
}

void at_4(Context& c) {
  const Pace pace{c};
  for (const std::uint64_t size : sizes_with_windows(c, 2)) {
    c.start_case();
    const auto [location, object] = c.stored(size);
    Windows windows{c, location, object, 64};
    for (const std::uint64_t offset :
         {std::uint64_t{0}, std::uint64_t{1}, c.chunk() - 1, c.chunk(), size / 2, size - std::min<std::uint64_t>(size, 1), size, size + 1,
          std::uint64_t{1} << 32U, std::uint64_t{1} << 63U, last_offset}) {
      windows.expect_nothing(offset);
      windows.expect(std::min(offset, size / 2), 3);
    }
    if (!pace.more()) return;
  }
}

// One step of a random schedule: which handle, and what it is asked for.
struct AtStep {
  std::size_t handle = 0;
  Range window;
};

std::vector<AtStep> random_steps(Context& c, std::uint64_t count, std::size_t handles, std::uint64_t size, std::uint64_t longest) {
  std::vector<AtStep> steps;
  for (std::uint64_t i = 0; i < count; ++i) {
    steps.push_back({static_cast<std::size_t>(c.random()() % handles), random_window(c.random(), size, longest)});
  }
  return steps;
}

void at_5(Context& c) {
  const Pace pace{c};
  for (const std::uint64_t chunk : usable_chunks(c)) {
    const std::uint64_t size = chunks_and(c, chunk, 3, 1);
    const std::uint64_t longest = std::min<std::uint64_t>(size + 9, 2 * chunk + 2);
    // Each window twice, in random order, by two handles; now and then several times in a row.
    std::vector<AtStep> steps = random_steps(c, c.rounds(150, 8), 2, size, longest);
    steps = shuffled(
        [&] {
          auto twice = steps;
          twice.insert(twice.end(), steps.begin(), steps.end());
          return twice;
        }(),
        c.random());
    run_schedule<AtStep>(c, steps, [&](Context& context, const std::vector<AtStep>& schedule) {
      const auto [location, object] = context.stored(size);
      std::array<Windows, 2> handles{Windows{context, location, object, longest}, Windows{context, location, object, longest}};
      for (const AtStep& step : schedule) {
        for (std::uint64_t times = step.window.offset % 3 == 0 ? 3 : 1; times > 0; --times)
          handles[step.handle].expect(step.window.offset, step.window.length);
      }
    });
    if (!pace.more()) return;
  }
}

void at_6(Context& c) {
  const Pace pace{c};
  for (const std::uint64_t chunk : usable_chunks(c)) {
    const std::uint64_t size = chunks_and(c, chunk, 3, 1);
    const std::uint64_t longest = std::min<std::uint64_t>(size, 2 * chunk + 2);
    const std::vector<AtStep> steps = random_steps(c, c.rounds(300, 12), 5, size, longest);
    run_schedule<AtStep>(c, steps, [&](Context& context, const std::vector<AtStep>& schedule) {
      const auto [location, object] = context.stored(size);
      std::array<Windows, 2> windows{Windows{context, location, object, longest}, Windows{context, location, object, longest}};
      std::vector<Cursor> cursors;
      for (int i = 0; i < 2; ++i) cursors.emplace_back(context, location, object, by_reader);
      if (context.has(Capability::seeker)) cursors.emplace_back(context, location, object, by_seeker);
      for (const AtStep& step : schedule) {
        if (step.handle < 2) windows[step.handle].expect(step.window.offset, step.window.length);
        else cursors[std::min(step.handle, cursors.size() + 1) - 2].read(step.window.length);
      }
      for (Cursor& cursor : cursors) cursor.drain(longest + 1);
      windows[0].expect(0, longest);
    });
    if (!pace.more()) return;
  }
}

// One thread's windows: the same ones as the others, those of a chunk of its own, or any. Checks without the context.
void read_windows_beside_others(Context& c, const ReaderAt& reader, const Object& object, std::size_t thread, std::uint64_t chunk,
                                std::chrono::steady_clock::time_point until) {
  const std::uint64_t size = object.size();
  Random random{c.seed() * 64 + thread};
  std::vector<std::byte> block(static_cast<std::size_t>(std::min<std::uint64_t>(size, std::min<std::uint64_t>(2 * chunk, 8192)) + 3));
  for (std::uint64_t i = 0; i < 8 || std::chrono::steady_clock::now() < until; ++i) {
    std::uint64_t offset = random() % (size + 1);
    if (i % 3 == 0) offset = i / 3 * chunk % size;
    if (i % 3 == 1) offset = thread * chunk % size;
    const std::uint64_t n = random() % block.size() + 1;
    const std::string where = "read_at(" + std::to_string(offset) + ", " + std::to_string(n) + ") beside other threads";
    const auto count = reader.read_at(offset, std::span{block}.first(static_cast<std::size_t>(n)));
    c.count_check();
    if (!count) throw Failure{where + " must succeed, but failed: " + count.error().message()};
    const std::uint64_t expected = std::min(n, size - offset);
    if (*count != expected) throw Failure{where + " returned " + std::to_string(*count) + ", not " + std::to_string(expected)};
    if (const auto wrong = object.first_difference(offset, std::span{block}.first(*count))) {
      throw Failure{where + ": the byte at " + std::to_string(offset + *wrong) + " is not the object's"};
    }
    if (i % 16 == 0 && reader.has_size()) {
      const auto told = reader.size();
      if (!told || *told != size) throw Failure{"size() beside other threads is not " + std::to_string(size)};
    }
  }
}

void at_7(Context& c) {
  constexpr std::size_t threads = 8;
  const std::uint64_t chunk = std::min<std::uint64_t>(c.chunk(), 65536);
  const auto [location, object] = c.stored(chunks_and(c, chunk, threads, 1));
  const ReaderAt reader = c.require(location.open_reader_at(), "open_reader_at()");
  const auto until = std::chrono::steady_clock::now() + c.stress_time();
  c.in_threads(threads, [&](std::size_t thread) { read_windows_beside_others(c, reader, object, thread, chunk, until); });
  c.expect_window(reader, object, 0, object.size());
}

void at_8(Context& c) {
  const Pace pace{c};
  for (const std::uint64_t chunk : usable_chunks(c)) {
    c.start_case();
    const std::uint64_t size = chunks_and(c, chunk, 3, 3);
    const auto [location, object] = c.stored(size);
    Windows windows{c, location, object, 2 * chunk + 1};
    const Sizes offsets = normalised(around(multiples_of({chunk}, 3), 2), size);
    for (const std::uint64_t n : {std::uint64_t{1}, std::uint64_t{2}, chunk + 1, chunk, 2 * chunk + 1}) {
      for (const std::uint64_t offset : offsets) windows.expect(offset, n);
      if (!pace.more()) return;
    }
    // The windows side by side, forwards and backwards, are what the reader gives.
    for (const std::uint64_t n : {chunk, chunk + 1, std::max<std::uint64_t>(chunk / 3, 1), std::max<std::uint64_t>(chunk - 1, 1)}) {
      Cursor cursor{c, location, object, by_reader};
      for (std::uint64_t at = 0; at < size; at += n) {
        windows.expect(at, n);
        cursor.read_to(std::min(at + n, size));
      }
      for (std::uint64_t at = (size + n - 1) / n; at > 0; --at) windows.expect((at - 1) * n, n);
      if (!pace.more()) return;
    }
  }
}

// A handle whose object was replaced or removed: the old bytes in full, or an error; never new ones, never fewer.
void expect_old_or_error(Context& c, const ReaderAt& reader, const Object& old, std::string_view what) {
  const std::uint64_t size = old.size();
  std::vector<std::byte> block(static_cast<std::size_t>(size + 1));
  for (const Range window : windows({0, size / 2, size - std::min<std::uint64_t>(size, 1), size}, {1, size, size + 1})) {
    const std::string where = std::string{what} + ": read_at(" + std::to_string(window.offset) + ", " + std::to_string(window.length) + ")";
    const auto count = reader.read_at(window.offset, std::span{block}.first(static_cast<std::size_t>(window.length)));
    c.count_check();
    if (!count) continue;
    const std::uint64_t expected = std::min(window.length, size - window.offset);
    c.check(*count == expected,
            where + " returned " + std::to_string(*count) + " bytes, neither the " + std::to_string(expected) + " old ones nor an error");
    c.expect_bytes(old, window.offset, std::span{block}.first(*count), where);
  }
  if (!reader.has_size()) return;
  const auto told = reader.size();
  c.check(!told || *told == size, std::string{what} + ": size() is neither the old one nor an error");
}

void expect_size(Context& c, const Location& location, const Object& object) {
  const ReaderAt reader = c.require(location.open_reader_at(), "open_reader_at()");
  c.expect_window(reader, object, object.size() / 2, object.size() + 1);
  if (!reader.has_size()) return;
  const std::uint64_t told = c.require(reader.size(), "size()");
  c.check(told == object.size(), "size() is " + std::to_string(told) + ", the object has " + std::to_string(object.size()) + " bytes");
}

void life_of_a_window(Context& c, std::uint64_t size, std::uint64_t next_size) {
  c.start_case();
  Location location = c.make();
  const auto absent = [&](std::string_view what) {
    c.expect_error(location.open_reader_at(), {errc::not_found}, std::string{"open_reader_at() "}.append(what));
  };
  absent("on a new location");
  const Object old = c.object(location, size);
  {
    Writer writer = c.require(location.create(), "create()");
    absent("with the first writer open");
    c.write(writer, old, 0, size);
    absent("before the first commit");
    c.require(writer.close(), "close()");
  }
  expect_size(c, location, old);
  std::optional<ReaderAt> reader = c.require(location.open_reader_at(), "open_reader_at()");
  {
    Writer abandoned = c.require(location.create(), "create()");
    c.write(abandoned, c.object(location, next_size), 0, next_size);
    expect_size(c, location, old);
    c.expect_window(*reader, old, 0, size + 1);
  }
  c.expect_window(*reader, old, 0, size + 1);
  const Object next = c.object(location, next_size);
  c.store(location, next);
  expect_old_or_error(c, *reader, old, "after a replacement");
  expect_size(c, location, next);
  reader = c.require(location.open_reader_at(), "open_reader_at()");
  if (c.traits().remove_while_reading == RemoveWhileReading::busy) reader.reset();
  c.require(location.remove(), "remove()");
  absent("after remove()");
  if (reader) expect_old_or_error(c, *reader, next, "after remove()");
  c.store(location, old);
  if (reader) expect_old_or_error(c, *reader, next, "after remove() and a new object");
  expect_size(c, location, old);
}

void at_9(Context& c) {
  const Pace pace{c};
  const std::uint64_t large = chunks_and(c, c.chunk(), 3, 1);
  for (const auto& [size, next] :
       {std::pair{large, large / 2}, std::pair{large / 2, large}, std::pair{large, large}, std::pair{std::uint64_t{0}, large},
        std::pair{large, std::uint64_t{0}}, std::pair{std::uint64_t{1}, c.chunk()}}) {
    life_of_a_window(c, size, std::min(next, c.most()));
    if (!pace.more()) return;
  }
  for (const std::uint64_t size : few_sizes(c.chunks(), c.most())) {
    c.start_case();
    const auto [location, object] = c.stored(size);
    expect_size(c, location, object);
    if (!pace.more()) return;
  }
}

constexpr std::optional declared{Capability::reader_at};

constexpr std::array all{
    Clause{.id = "AT-1",
           .rule = "a window inside the object is exactly its n bytes, never fewer",
           .look_here = "a read_at that stops at the end of a chunk, and a span written beyond its end",
           .capability = declared,
           .run = at_1},
    Clause{.id = "AT-2",
           .rule = "a window over the end is exactly the bytes up to the end",
           .look_here = "the cut of the length at the object's size",
           .capability = declared,
           .run = at_2},
    Clause{.id = "AT-3",
           .rule = "at and beyond the end read_at gives 0 bytes and no error, whatever the offset",
           .look_here = "offsets cut to 32 bits or taken as signed, and offset + n that overflows",
           .capability = declared,
           .run = at_3},
    Clause{.id = "AT-4",
           .rule = "read_at into an empty span gives 0 bytes and no error, anywhere",
           .look_here = "an empty span taken for the end, or an offset checked first",
           .capability = declared,
           .run = at_4},
    Clause{.id = "AT-5",
           .rule = "read_at has no state: the same call gives the same answer in any order, any number of times",
           .look_here = "a cached chunk that is not that of the call, a position that moves",
           .capability = declared,
           .run = at_5},
    Clause{.id = "AT-6",
           .rule = "read_at and sequential handles do not disturb each other",
           .look_here = "a descriptor and its offset shared by the handles",
           .capability = declared,
           .run = at_6},
    Clause{.id = "AT-7",
           .rule = "read_at on one handle is right in many threads at once",
           .look_here = "what the handle keeps between calls: a chunk cache, a buffer, a seek followed by a read",
           .capability = declared,
           .run = at_7},
    Clause{.id = "AT-8",
           .rule = "windows at chunk boundaries are exact, and side by side they are the whole object",
           .look_here = "offset / C, offset % C and what is left of the last chunk",
           .capability = declared,
           .run = at_8},
    Clause{.id = "AT-9",
           .rule = "open_reader_at() is not_found without an object; a handle keeps the old bytes or fails after replacement and removal; "
                   "size() is the object's",
           .look_here = "a key that is looked up at each call, and a size that is a chunk's",
           .capability = declared,
           .run = at_9},
};

}  // namespace

std::span<const Clause> reader_at() { return all; }

}  // namespace hybridbuffer::conformance::clauses
