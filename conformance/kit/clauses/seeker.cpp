#include "clauses.hpp"
#include "reading.hpp"

#include <hybridbuffer/conformance/clause.hpp>
#include <hybridbuffer/conformance/context.hpp>
#include <hybridbuffer/conformance/schedule.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

/// \file
/// SEEK: readers whose position can be set.

namespace hybridbuffer::conformance::clauses {
namespace {

constexpr std::int64_t far_forward = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t far_back = std::numeric_limits<std::int64_t>::min();

std::int64_t forward(std::uint64_t n) { return static_cast<std::int64_t>(n); }
std::int64_t back(std::uint64_t n) { return -static_cast<std::int64_t>(n); }

Sizes sizes_to_seek(const Context& c, std::uint64_t chunk) {
  return normalised({0, 1, chunk, chunks_and(c, chunk, 2, 0), chunks_and(c, chunk, 3, 1)}, c.most());
}

// Positions round what may be a boundary, inside and at the end.
Sizes positions_in(std::uint64_t size, std::uint64_t chunk) {
  Sizes positions = around({1, chunk, 2 * chunk, size}, 1);
  positions.push_back(size / 2);
  positions.push_back(size + 1);
  return normalised(positions, size + 1);
}

// What stands at the position is seen in a read of some bytes, and once more by one of a byte.
void look(Cursor& cursor) {
  cursor.read(5);
  cursor.read(1);
}

void seek_1(Context& c) {
  for (const std::uint64_t size : {chunks_and(c, c.chunk(), 2, 1), std::uint64_t{0}, std::uint64_t{1}}) {
    c.start_case();
    const auto [location, object] = c.stored(size);
    Cursor told{c, location, object, by_seeker};
    told.tell();
    told.read(2);
    Cursor read{c, location, object, by_seeker};
    read.read(2);
    read.tell();
    // One that was moved does not move the next.
    Cursor again{c, location, object, by_seeker};
    again.tell();
    again.drain(size + 1);
  }
  reads_exactly_the_bytes(c, by_seeker, Pace{c, 3});
  stays_at_the_end(c, by_seeker, Pace{c, 8});
  ignores_empty_spans(c, by_seeker, Pace{c, 8});
  keeps_to_the_span(c, by_seeker, Pace{c, 8});
  is_destroyed_without_harm(c, by_seeker, Pace{c, 8});
  gives_bytes_before_the_end(c, by_seeker, Pace{c, 8});
}

void seek_2(Context& c) {
  const Pace pace{c};
  for (const std::uint64_t chunk : usable_chunks(c)) {
    for (const std::uint64_t size : sizes_to_seek(c, chunk)) {
      c.start_case();
      const auto [location, object] = c.stored(size);
      Cursor cursor{c, location, object, by_seeker};
      cursor.seek(0, Whence::end);
      look(cursor);
      const Sizes positions = positions_in(size, chunk);
      for (const std::uint64_t to : positions) {
        cursor.seek(forward(to), Whence::begin);
        look(cursor);
        if (to <= size) cursor.seek(back(size - to), Whence::end);
        else cursor.seek(forward(to - size), Whence::end);
        look(cursor);
        // From each position to each other one, by the difference.
        for (const std::uint64_t from : positions) {
          cursor.seek(forward(from), Whence::begin);
          cursor.seek(forward(to) - forward(from), Whence::current);
          look(cursor);
        }
        if (!pace.more()) return;
      }
      cursor.seek(0, Whence::begin);
      cursor.drain(size / 2 + 1);
    }
  }
}

void seek_3(Context& c) {
  const Pace pace{c};
  for (const std::uint64_t size : sizes_to_seek(c, c.chunk())) {
    c.start_case();
    const auto [location, object] = c.stored(size);
    Cursor cursor{c, location, object, by_seeker};
    cursor.tell();
    cursor.tell();
    for (const std::uint64_t n : {std::uint64_t{1}, std::uint64_t{0}, c.chunk() - 1, c.chunk(), std::uint64_t{3}, size}) {
      cursor.read(n);
      cursor.tell();
      cursor.read(1);
      cursor.tell();
      cursor.tell();
    }
    cursor.drain(size + 1);
    cursor.tell();
    cursor.expect_end({1, 5});
    cursor.tell();
    // Telling is not moving: byte by byte over the boundaries, with a tell between.
    Cursor careful{c, location, object, by_seeker};
    for (const std::uint64_t boundary : normalised({3, c.chunk() + 2, size}, size)) {
      careful.seek(forward(boundary - std::min<std::uint64_t>(boundary, 4)), Whence::begin);
      while (careful.position() < boundary) {
        careful.tell();
        careful.read(1);
      }
      careful.tell();
    }
    // Each way to a position answers with it.
    for (const std::uint64_t to : positions_in(size, c.chunk())) {
      cursor.seek(forward(to), Whence::begin);
      cursor.tell();
      cursor.seek(forward(to) - forward(size), Whence::end);
      cursor.tell();
    }
    if (!pace.more()) return;
  }
}

void seek_4(Context& c) {
  const Pace pace{c};
  for (const std::uint64_t chunk : usable_chunks(c)) {
    const std::uint64_t size = chunks_and(c, chunk, 3, 1);
    c.start_case();
    const auto [location, object] = c.stored(size);
    const std::uint64_t most = std::min(chunk + 1, size);
    Sizes lengths = most <= 70 ? around(most / 2 + 1, most / 2)
                               : normalised({1, 2, 3, 7, 8, 9, 17, most / 3, most - 3, most - 2, most - 1, most}, most);
    std::erase(lengths, 0U);
    for (const std::uint64_t n : lengths) {
      for (const std::int64_t d :
           {std::int64_t{1}, std::int64_t{-1}, back(n), back(n - 1), forward(chunk - 1), forward(chunk), std::int64_t{0}}) {
        Cursor cursor{c, location, object, by_seeker};
        cursor.read(n);
        cursor.seek(d, Whence::current);
        cursor.read(2);
        cursor.seek(d, Whence::current);
        look(cursor);
      }
      if (!pace.more()) return;
    }
  }
}

void seek_5(Context& c) {
  const Pace pace{c};
  for (const std::uint64_t size : sizes_to_seek(c, c.chunk())) {
    c.start_case();
    const auto [location, object] = c.stored(size);
    for (const std::uint64_t at : normalised({0, 1, size / 2, c.chunk(), size, size + 3}, size + 3)) {
      Cursor cursor{c, location, object, by_seeker};
      cursor.seek(forward(at), Whence::begin);
      for (const std::uint64_t too_far :
           {std::uint64_t{1}, std::uint64_t{7}, c.chunk(), std::uint64_t{1} << 31U, std::uint64_t{1} << 32U, std::uint64_t{1} << 40U}) {
        cursor.seek(back(too_far), Whence::begin);
        cursor.tell();
        cursor.seek(back(cursor.position() + too_far), Whence::current);
        cursor.tell();
        cursor.seek(back(size + too_far), Whence::end);
        look(cursor);
      }
      cursor.drain(size + 1);
      cursor.seek(back(size + at + 4), Whence::current);
      cursor.expect_end({1});
      cursor.tell();
    }
    if (!pace.more()) return;
  }
}

void seek_6(Context& c) {
  const Pace pace{c};
  for (const std::uint64_t size : sizes_to_seek(c, c.chunk())) {
    c.start_case();
    const auto [location, object] = c.stored(size);
    for (const std::uint64_t beyond :
         {std::uint64_t{1}, std::uint64_t{2}, c.chunk(), c.chunk() + 1, (std::uint64_t{1} << 31U) - size % 1024, (std::uint64_t{1} << 31U),
          std::uint64_t{1} << 32U, (std::uint64_t{1} << 32U) - size % 1024, std::uint64_t{1} << 40U, std::uint64_t{1} << 61U}) {
      const std::uint64_t target = size + beyond;
      Cursor cursor{c, location, object, by_seeker};
      cursor.read(1);
      cursor.seek(forward(target), Whence::begin);
      cursor.expect_end({1, 0, 9, c.chunk() + 1});
      cursor.tell();
      cursor.seek(back(beyond), Whence::current);  // the end
      cursor.expect_end({1});
      cursor.seek(forward(beyond), Whence::end);
      cursor.expect_end({3, 1});
      cursor.seek(back(beyond + size / 2), Whence::current);
      look(cursor);
      cursor.seek(forward(target), Whence::begin);
      cursor.seek(1, Whence::current);
      cursor.expect_end({2});
      cursor.seek(0, Whence::begin);
      look(cursor);
      cursor.seek(0, Whence::end);
      cursor.tell();
    }
    c.expect_object(location, object, "the object after seeks beyond its end");
    if (!pace.more()) return;
  }
}

void seek_7(Context& c) {
  const Pace pace{c};
  for (const std::uint64_t size : sizes_to_seek(c, c.chunk())) {
    c.start_case();
    const auto [location, object] = c.stored(size);
    Cursor cursor{c, location, object, by_seeker};
    for (const std::uint64_t piece : {size + 1, size / 2 + 1, std::max<std::uint64_t>(size, 1)}) {
      cursor.drain(piece);
      cursor.expect_end({1, 2});
      cursor.seek(0, Whence::begin);
    }
    // The end is met in each way, and left in each way.
    for (const std::uint64_t to : positions_in(size, c.chunk())) {
      if (to > size) continue;
      cursor.seek(0, Whence::end);
      cursor.expect_end({1});
      cursor.seek(back(size - to), Whence::end);
      cursor.drain(size + 1);
      cursor.seek(back(size - to), Whence::current);
      cursor.drain(std::max<std::uint64_t>(size / 3, 1));
      cursor.seek(forward(to), Whence::begin);
      cursor.read(1);
      cursor.read_to(size);
      cursor.seek(back(size - to), Whence::current);
      look(cursor);
    }
    if (!pace.more()) return;
  }
}

void seek_8(Context& c) {
  for (const std::uint64_t size : sizes_to_seek(c, c.chunk())) {
    c.start_case();
    const auto [location, object] = c.stored(size);
    for (const std::uint64_t at : normalised({0, 1, size / 2, size, size + 2}, size + 2)) {
      Cursor cursor{c, location, object, by_seeker};
      cursor.seek(forward(at), Whence::begin);
      for (const std::int64_t offset : {far_back, far_back + 1, far_back / 2}) {
        for (const Whence whence : {Whence::begin, Whence::current, Whence::end}) {
          cursor.seek(offset, whence);
          cursor.tell();
        }
      }
      look(cursor);
      for (const unsigned unknown : {3U, 7U, 255U}) {
        for (const std::int64_t offset : {std::int64_t{0}, std::int64_t{1}, std::int64_t{-1}}) {
          cursor.seek(offset, static_cast<Whence>(unknown));
          cursor.tell();
        }
      }
      look(cursor);
      // Sums that leave the range of a position: refused, or exact and then beyond the end.
      for (const Whence first : {Whence::current, Whence::end, Whence::begin}) {
        cursor.seek(far_forward, first);
        for (int i = 0; i < 3; ++i) {
          cursor.seek(far_forward, Whence::current);
          cursor.tell();
          cursor.read(3);
        }
        cursor.seek(forward(at), Whence::begin);
        look(cursor);
        cursor.seek(far_forward, Whence::end);
        cursor.read(3);
        cursor.seek(forward(at), Whence::begin);
        cursor.tell();
        look(cursor);
      }
    }
  }
}

/// One step on one of two seekers: a seek, or a read of `n` bytes.
struct SeekStep {
  std::size_t handle = 0;
  bool seeks = false;
  Whence whence = Whence::begin;
  std::int64_t offset = 0;
  std::uint64_t n = 0;
};

std::vector<SeekStep> random_seeks(Context& c, std::uint64_t count, std::uint64_t size, std::uint64_t chunk) {
  Random& random = c.random();
  const auto up_to = [&](std::uint64_t most) { return random() % (most + 1); };
  std::vector<SeekStep> steps;
  for (std::uint64_t i = 0; i < count; ++i) {
    SeekStep step{.handle = static_cast<std::size_t>(random() % 2),
                  .seeks = random() % 2 == 0,
                  .whence = static_cast<Whence>(random() % 3),
                  .n = up_to(random() % 8 == 0 ? chunk + 2 : 20)};
    // Mostly near a boundary, now and then anywhere, before the start and beyond the end included.
    const std::uint64_t target = random() % 3 == 0 ? up_to(size + 6) : std::min(up_to(3) * chunk + up_to(4), size + 6);
    step.offset = forward(target);
    if (step.whence == Whence::end) step.offset -= forward(size);
    if (step.whence == Whence::current) step.offset = random() % 2 == 0 ? forward(up_to(chunk + 2)) : back(up_to(chunk + 2));
    if (random() % 16 == 0) step.offset = -step.offset - 3;
    if (random() % 64 == 0) step.offset = forward(size + (std::uint64_t{1} << (30U + random() % 4U)));
    steps.push_back(step);
  }
  return steps;
}

void seek_9(Context& c) {
  const Pace pace{c};
  for (const std::uint64_t chunk : usable_chunks(c)) {
    const std::uint64_t size = chunks_and(c, chunk, 3, 1);
    const std::uint64_t wanted = chunk <= 4096 ? 10'000 : 500;
    run_schedule<SeekStep>(
        c, random_seeks(c, c.rounds(wanted, 24), size, chunk), [&](Context& context, const std::vector<SeekStep>& schedule) {
          const auto [location, object] = context.stored(size);
          std::array<Cursor, 2> cursors{Cursor{context, location, object, by_seeker}, Cursor{context, location, object, by_seeker}};
          for (const SeekStep& step : schedule) {
            Cursor& cursor = cursors[step.handle];
            if (step.seeks) cursor.seek(step.offset, step.whence);
            else cursor.read(step.n);
          }
        });
    if (!pace.more()) return;
  }
}

constexpr std::optional declared{Capability::seeker};

constexpr std::array all{
    Clause{.id = "SEEK-1",
           .rule = "a seeker starts at 0 and is a reader in every respect (READER-1 to READER-6)",
           .look_here = "a position that is shared, or that of the end after a commit",
           .capability = declared,
           .run = seek_1},
    Clause{.id = "SEEK-2",
           .rule = "seeks from the begin, the current position and the end land on the right byte",
           .look_here = "the sign of the offset from the end, an empty object, a chunk that is kept over the seek",
           .capability = declared,
           .run = seek_2},
    Clause{.id = "SEEK-3",
           .rule = "seek returns the new absolute position, and seek(0, current) only tells it",
           .look_here = "the value returned: the position before, an offset in a chunk, a count",
           .capability = declared,
           .run = seek_3},
    Clause{.id = "SEEK-4",
           .rule = "current counts the bytes delivered, not those fetched ahead",
           .look_here = "the prefetch buffer: its rest has to be taken off",
           .capability = declared,
           .run = seek_4},
    Clause{.id = "SEEK-5",
           .rule = "a target before the start is invalid_argument and moves nothing",
           .look_here = "a target clamped to 0, and a position that was set before it was checked",
           .capability = declared,
           .run = seek_5},
    Clause{.id = "SEEK-6",
           .rule = "a target beyond the end is legal: reads there give the end, and later seeks work",
           .look_here = "a target clamped to the size, and a position of 32 bits",
           .capability = declared,
           .run = seek_6},
    Clause{.id = "SEEK-7",
           .rule = "the end does not survive a seek",
           .look_here = "an end flag that seek has to clear",
           .capability = declared,
           .run = seek_7},
    Clause{.id = "SEEK-8",
           .rule = "arithmetic overflow and an unknown whence are invalid_argument and move nothing",
           .look_here = "sums in 64 bits with a sign, and a switch without a default",
           .capability = declared,
           .run = seek_8},
    Clause{.id = "SEEK-9",
           .rule = "random seeks and reads equal a model, and two seekers are independent",
           .look_here = "what seek leaves of the state of a read",
           .capability = declared,
           .run = seek_9},
};

}  // namespace

std::span<const Clause> seeker() { return all; }

}  // namespace hybridbuffer::conformance::clauses
