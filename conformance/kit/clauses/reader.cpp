#include "clauses.hpp"
#include "reading.hpp"

#include <hybridbuffer/conformance/clause.hpp>
#include <hybridbuffer/conformance/context.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// \file
/// READER: what a sequential handle delivers, and what it says when bytes are missing, altered or out of reach.

namespace hybridbuffer::conformance::clauses {
namespace {

void reader_1(Context& c) { reads_exactly_the_bytes(c, by_reader, Pace{c}); }
void reader_2(Context& c) { stays_at_the_end(c, by_reader, Pace{c}); }
void reader_3(Context& c) { ignores_empty_spans(c, by_reader, Pace{c}); }
void reader_4(Context& c) { gives_bytes_before_the_end(c, by_reader, Pace{c}); }
void reader_5(Context& c) { keeps_to_the_span(c, by_reader, Pace{c}); }
void reader_6(Context& c) { is_destroyed_without_harm(c, by_reader, Pace{c}); }

// How a route behaved on an object whose stored bytes are not as they were: it may fail, and may not be wrong.
enum class Outcome : std::uint8_t { failed, exact };

std::vector<Opening> openings(const Context& c) {
  std::vector<Opening> all{by_reader};
  if (c.has(Capability::seeker)) all.push_back(by_seeker);
  return all;
}

// Reads on from `at` in pieces. Whatever comes must be the object's; a failure must be one of `categories`; the end may come at the end
// alone. After a failure the handle is asked a few times more: it fails again, or goes on at the exact position.
Outcome read_on(Context& c, Reader& reader, const Object& object, std::uint64_t at, std::uint64_t piece,
                std::initializer_list<errc> categories, std::string_view what) {
  std::vector<std::byte> block(static_cast<std::size_t>(piece));
  int failures = 0;
  while (failures < 5) {
    const auto count = reader.read(block);
    const auto where = [&] {
      return std::string{what} + ": read(" + std::to_string(piece) + ") at " + std::to_string(at) + " of " + std::to_string(object.size());
    };
    c.count_check();
    if (!count) {
      if (categories.size() != 0) c.expect_error(count, categories, where());
      ++failures;
      continue;
    }
    if (*count > block.size()) c.fail(where() + " returned " + std::to_string(*count) + ", more than was asked for");
    if (*count == 0) {
      if (at != object.size()) c.fail(where() + " said that this is the end" + (failures != 0 ? ", after it had failed" : ""));
      return failures == 0 ? Outcome::exact : Outcome::failed;
    }
    c.expect_bytes(object, at, std::span{block}.first(*count), failures != 0 ? where() + " after it had failed" : where());
    at += *count;
  }
  return Outcome::failed;
}

Outcome read_all(Context& c, const Location& location, const Object& object, const Opening& opening, std::uint64_t piece,
                 std::initializer_list<errc> categories, std::string_view what) {
  const std::string text = std::string{what} + ", " + std::string{opening.name};
  auto reader = (location.*opening.open)();
  if (!reader) {
    if (categories.size() != 0) c.expect_error(reader, categories, text + ": opening");
    return Outcome::failed;
  }
  return read_on(c, *reader, object, 0, piece, categories, text);
}

// All windows of `piece` bytes, each asked for twice.
Outcome read_windows(Context& c, const Location& location, const Object& object, std::uint64_t piece,
                     std::initializer_list<errc> categories, std::string_view what) {
  const std::string text = std::string{what} + ", reader_at";
  const auto reader = location.open_reader_at();
  if (!reader) {
    if (categories.size() != 0) c.expect_error(reader, categories, text + ": open_reader_at()");
    return Outcome::failed;
  }
  if (reader->has_size()) {
    const auto size = reader->size();
    c.check(!size || *size == object.size(), text + ": size() is not that of the committed object");
  }
  Outcome outcome = Outcome::exact;
  std::vector<std::byte> block(static_cast<std::size_t>(piece));
  for (std::uint64_t at = 0; at < object.size(); at += piece) {
    for (int time = 0; time < 2; ++time) {
      const std::string where =
          text + ": read_at(" + std::to_string(at) + ", " + std::to_string(piece) + ") of " + std::to_string(object.size());
      const auto count = reader->read_at(at, block);
      if (!count) {
        if (categories.size() != 0) c.expect_error(count, categories, where);
        outcome = Outcome::failed;
        continue;
      }
      const std::uint64_t expected = std::min(piece, object.size() - at);
      c.check(*count == expected,
              where + " returned " + std::to_string(*count) + " bytes, not " + std::to_string(expected) + " or an error");
      c.expect_bytes(object, at, std::span{block}.first(*count), where);
    }
  }
  return outcome;
}

Outcome map_windows(Context& c, const Location& location, const Object& object, std::uint64_t piece, std::initializer_list<errc> categories,
                    std::string_view what) {
  for (std::uint64_t at = 0; at < object.size();) {
    const std::string where = std::string{what} + ": map(" + std::to_string(at) + ", " + std::to_string(piece) + ")";
    const auto window = location.map(at, static_cast<std::size_t>(piece));
    if (!window) {
      if (categories.size() != 0) c.expect_error(window, categories, where);
      return Outcome::failed;
    }
    c.check(!window->bytes().empty(), where + " shows nothing before the end");
    c.expect_bytes(object, at, window->bytes(), where);
    at += window->bytes().size();
  }
  return Outcome::exact;
}

struct DamageCase {
  Damage kind;
  std::string_view what;
};

// Every route, in small and large pieces. Returns: whether one of them noticed anything.
bool some_route_fails(Context& c, const Location& location, const Object& object, std::initializer_list<errc> categories,
                      const std::string& what) {
  bool noticed = false;
  const std::uint64_t size = object.size();
  const std::uint64_t small = std::max<std::uint64_t>(c.chunk() / 3, 1);
  for (const std::uint64_t piece : {size + 1, small, c.chunk()}) {
    const auto note = [&](Outcome outcome) { noticed = noticed || outcome == Outcome::failed; };
    for (const Opening& opening : openings(c)) note(read_all(c, location, object, opening, piece, categories, what));
    if (c.has(Capability::reader_at)) note(read_windows(c, location, object, piece, categories, what));
    if (c.has(Capability::map) && piece <= size) note(map_windows(c, location, object, piece, categories, what));
  }
  return noticed;
}

// Does the damage to objects of several sizes, and reads them by handles opened before and after it.
void damage_and_read(Context& c, std::span<const DamageCase> cases, std::initializer_list<errc> categories) {
  bool any = false;
  for (const DamageCase& damage : cases) {
    for (const std::uint64_t chunks : {std::uint64_t{3}, std::uint64_t{2}, std::uint64_t{1}, std::uint64_t{7}, std::uint64_t{0}}) {
      for (const std::uint64_t more : {std::uint64_t{1}, std::uint64_t{0}}) {
        const std::uint64_t size = chunks == 0 ? more : chunks_and(c, c.chunk(), chunks, more);
        if (size == 0) continue;
        c.start_case();
        auto [location, object] = c.stored(size);
        Reader early = c.require(location.open(), "open()");
        std::byte first{};
        c.require(early.read({&first, 1}), "read(1) before the damage");
        if (!c.hooks().damage(damage.kind)) continue;
        const std::string what = "an object of " + std::to_string(size) + " bytes with " + std::string{damage.what};
        const bool noticed = some_route_fails(c, location, object, categories, what);
        static_cast<void>(read_on(c, early, object, 1, size + 1, {}, what + ", a reader opened before"));
        early.destroy();
        any = any || noticed;
        // The location is as good as new with a new object.
        const Object next = c.object(location, size);
        c.store(location, next);
        c.expect_object(location, next, "the object that replaced a damaged one");
        if (!c.time_left()) break;
      }
    }
  }
  if (!any) c.not_run("no damage that the harness can do was seen by a read");
}

void reader_7(Context& c) {
  if (!c.needs(c.hooks().damage, "damage")) return;
  constexpr std::array cases{DamageCase{Damage::drop_middle, "a chunk in the middle gone"},
                             DamageCase{Damage::drop_last, "the last chunk gone"}, DamageCase{Damage::drop_first, "the first chunk gone"},
                             DamageCase{Damage::truncate, "the last stored bytes gone"}};
  damage_and_read(c, cases, {errc::corrupted, errc::unavailable});
}

// A fault at each primitive in turn of opening and reading; what was read before and after it must fit together.
void read_through_faults(Context& c, const Location& location, const Object& object, const Fault& fault, std::uint64_t piece) {
  const std::string what = "with a primitive failing";
  for (const Opening& opening : openings(c)) {
    c.sweep(fault, [&](std::uint64_t) {
      c.start_case();
      static_cast<void>(read_all(c, location, object, opening, piece, {}, what));
    });
  }
  if (c.has(Capability::reader_at)) {
    c.sweep(fault, [&](std::uint64_t) {
      c.start_case();
      static_cast<void>(read_windows(c, location, object, piece, {}, what));
    });
  }
  if (c.has(Capability::map) && piece <= object.size()) {
    c.sweep(fault, [&](std::uint64_t) {
      c.start_case();
      static_cast<void>(map_windows(c, location, object, piece, {}, what));
    });
  }
}

// A seeker that failed knows its position, and finds another.
void seek_after_faults(Context& c, const Location& location, const Object& object, const Fault& fault) {
  const std::uint64_t half = object.size() / 2;
  std::vector<std::byte> block(static_cast<std::size_t>(half));
  c.sweep(fault, [&](std::uint64_t) {
    c.start_case();
    auto seeker = location.open_seeker();
    if (!seeker) return;
    std::uint64_t at = 0;
    while (at < half) {
      const auto count = seeker->read(std::span{block}.first(static_cast<std::size_t>(half - at)));
      if (!count) break;
      c.check(*count != 0, "the seeker: the end before the end, with a primitive failing");
      at += *count;
    }
    if (const auto told = seeker->seek(0, Whence::current)) {
      c.check(*told == at,
              "the seeker after " + std::to_string(at) + " bytes and a failed read tells that it is at " + std::to_string(*told));
    }
    for (const std::uint64_t target : {half, std::uint64_t{0}}) {
      if (!seeker->seek(static_cast<std::int64_t>(target), Whence::begin)) continue;
      static_cast<void>(read_on(c, *seeker, object, target, half + 1, {}, "the seeker after a failed read and a seek"));
    }
  });
}

void reader_8(Context& c) {
  if (!c.needs(c.hooks().inject, "inject")) return;
  const std::uint64_t size = chunks_and(c, std::min<std::uint64_t>(c.chunk(), 65536), 3, 1);
  const auto [location, object] = c.stored(size);
  for (const FaultMode mode : {FaultMode::error, FaultMode::short_count, FaultMode::interrupted, FaultMode::error_after_effect}) {
    for (const errc category : {errc::unavailable, errc::timeout, errc::io}) {
      if (mode != FaultMode::error && category != errc::unavailable) continue;
      const Fault fault{.mode = mode, .category = category};
      for (const std::uint64_t piece : {size / 2 + 1, size / 5 + 1, size + 1}) {
        read_through_faults(c, location, object, fault, piece);
        if (!c.time_left() && mode != FaultMode::error) return;
      }
      if (c.has(Capability::seeker)) seek_after_faults(c, location, object, fault);
      c.expect_object(location, object, "the object once the store works again");
    }
  }
}

void reader_9(Context& c) {
  if (c.traits().integrity != Integrity::checksum) return c.not_run("the harness does not declare integrity = checksum");
  if (!c.needs(c.hooks().damage, "damage")) return;
  constexpr std::array cases{DamageCase{Damage::flip_middle, "a bit flipped in a middle chunk"},
                             DamageCase{Damage::flip_first, "a bit flipped in its first chunk"},
                             DamageCase{Damage::flip_last, "a bit flipped in its last chunk"},
                             DamageCase{Damage::flip_metadata, "a bit flipped in what describes it"}};
  damage_and_read(c, cases, {errc::corrupted});
}

constexpr std::array all{
    Clause{.id = "READER-1",
           .rule = "reading gives exactly the committed bytes in order, for any sequence of read sizes",
           .look_here = "the byte at a chunk boundary, the last short read, a large read past a prefetch buffer",
           .run = reader_1},
    Clause{.id = "READER-2",
           .rule = "the end is sticky: every further read gives 0 bytes and no error",
           .look_here = "what a read does once the position equals the size, and whether state is reset there",
           .run = reader_2},
    Clause{.id = "READER-3",
           .rule = "a read into an empty span gives 0 bytes, no error, and changes nothing",
           .look_here = "an empty span taken for the end, or passed on to a call that rejects it",
           .run = reader_3},
    Clause{.id = "READER-4",
           .rule = "before the end a read into n bytes gives 1 to n bytes, never 0, never more than n",
           .look_here = "a chunk that is used up: fetch the next one before returning 0",
           .run = reader_4},
    Clause{.id = "READER-5",
           .rule = "a read writes nothing outside its span",
           .look_here = "copies in words or whole chunks, and rounding of the length",
           .run = reader_5},
    Clause{.id = "READER-6",
           .rule = "destroying a reader at any point is harmless to every other handle",
           .look_here = "what handles share: a descriptor, a cache entry, a reference count",
           .run = reader_6},
    Clause{.id = "READER-7",
           .rule = "missing stored bytes are an error (corrupted or unavailable), never a clean end or fewer bytes",
           .look_here = "a chunk that is not there or too short taken for the end: compare with the committed size",
           .obligation = Obligation::hooked,
           .run = reader_7},
    Clause{.id = "READER-8",
           .rule = "after a failed read the next one fails too or goes on at the exact position",
           .look_here = "a position that moves before the fetch has succeeded, or that counts a failed one",
           .obligation = Obligation::hooked,
           .run = reader_8},
    Clause{.id = "READER-9",
           .rule = "with integrity = checksum, altered bytes are corrupted and are not delivered as good",
           .look_here = "whether every route verifies before it copies, also for a part of a chunk",
           .obligation = Obligation::gated,
           .run = reader_9},
};

}  // namespace

std::span<const Clause> reader() { return all; }

}  // namespace hybridbuffer::conformance::clauses
