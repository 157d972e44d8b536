#include "clauses.hpp"

#include <hybridbuffer/conformance/clause.hpp>
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
/// META: the harness itself. Its hooks are tested before they are trusted; where one lies, the clauses that need it do not run.

namespace hybridbuffer::conformance::clauses {
namespace {

// Only what the harness does is judged here: a location that shows wrong bytes is the business of other clauses, unless they are those of
// another location.
void meta_1(Context& c) {
  Location first = c.make();
  Location second = c.make();
  const Object content = c.object(first, 3 * std::min<std::uint64_t>(c.chunk(), c.most() / 3) + 1);
  auto writer = first.create();
  if (!writer || !writer->write(content.bytes()) || !writer->close()) return c.not_run("nothing could be committed");
  const auto shows_content = [&](const Location& location) {
    auto reader = location.open();
    if (!reader) return false;
    std::array<std::byte, 64> block{};
    const auto count = reader->read(block);
    return count && *count > 0 && *count <= block.size() && !content.first_difference(0, std::span{block}.first(*count));
  };
  c.check(!shows_content(second), "a location shows what was committed to another one");
  Location third = c.make();
  c.check(!shows_content(third), "a location made after a commit shows what was committed to another one");
}

void meta_2(Context& c) {
  if (!c.needs(c.hooks().stored_objects, "stored_objects")) return;
  const std::size_t before = c.hooks().stored_objects();
  c.check(before == 0, "stored_objects() is " + std::to_string(before) + " before anything was stored");
  auto [location, content] = c.stored(std::min<std::uint64_t>(2 * c.chunk() + 1, c.most()));
  c.check(c.hooks().stored_objects() != 0, "stored_objects() is 0 after a commit");
}

void meta_3(Context& c) {
  if (!c.needs(c.hooks().inject, "inject")) return;
  // Every primitive of a life cycle fails from the k-th on: something has to be reported.
  const std::uint64_t size = std::min<std::uint64_t>(2 * c.chunk() + 1, c.most());
  Location location = c.make();  // which may need the store, and fail with it
  const auto cycle_reports = [&] {
    const Object content = c.object(location, size);
    auto writer = location.create();
    if (!writer) return true;
    if (!writer->write(content.bytes()) || !writer->close()) return true;
    auto reader = location.open();
    if (!reader) return true;
    std::vector<std::byte> block(static_cast<std::size_t>(size));
    for (std::uint64_t done = 0; done < size;) {
      const auto count = reader->read(block);
      if (!count || *count == 0) return true;
      done += *count;
    }
    return false;
  };
  if (!c.inject({.k = 1, .mode = FaultMode::error, .category = errc::io, .for_ever = true})) return;
  const bool reported = cycle_reports();
  const std::uint64_t fired = c.disarm();
  c.check(fired != 0, "inject() said that every primitive would fail, and faults_fired() is 0 after a life cycle");
  c.check(reported, "faults_fired() says " + std::to_string(fired) + ", and a whole life cycle succeeded with every primitive failing");
  Location after = c.make();
  const Object content = c.object(after, size);
  c.store(after, content);
  c.check(c.hooks().faults_fired() == 0, "faults_fired() counts although nothing is armed");
}

void meta_4(Context& c) {
  Location location = c.make();
  c.check(c.capabilities() == location.capabilities(), "two locations of one harness declare different capabilities");
  if (c.traits().max_object_size && c.has(Capability::max_object_size)) {
    c.check(*c.traits().max_object_size == location.max_object_size(),
            "the trait max_object_size is " + std::to_string(*c.traits().max_object_size) + ", the backend says " +
                std::to_string(location.max_object_size()));
  }
  if (c.traits().chunk_size && c.hooks().primitive_calls) {
    // A write of eight chunks takes at least as many primitives more than one of a chunk as it has chunks more.
    const auto cost = [&](std::uint64_t size) {
      Location measured = c.make();
      const Object content = c.object(measured, size);
      const std::uint64_t before = c.hooks().primitive_calls();
      c.store(measured, content);
      return c.hooks().primitive_calls() - before;
    };
    if (8 * c.chunk() <= c.declared_most()) {
      const std::uint64_t one = cost(c.chunk());
      const std::uint64_t eight = cost(8 * c.chunk());
      c.check(eight >= one + 7, "chunk_size is declared as " + std::to_string(c.chunk()) + ", but eight chunks took " +
                                    std::to_string(eight) + " primitives where one took " + std::to_string(one));
    }
  }
  if (c.hooks().set_chunk_size && c.hooks().primitive_calls && c.lower_chunk_size(64)) {
    Location measured = c.make();
    const Object content = c.object(measured, 4096);
    const std::uint64_t before = c.hooks().primitive_calls();
    c.store(measured, content);
    c.check(c.hooks().primitive_calls() - before >= 64,
            "set_chunk_size(64) said yes, but 4096 bytes took " + std::to_string(c.hooks().primitive_calls() - before) + " primitives");
  }
}

void meta_5(Context& c) {
  if (!c.needs(c.hooks().damage, "damage")) return;
  bool any = false;
  for (const Damage kind : {Damage::truncate, Damage::drop_first, Damage::drop_middle, Damage::drop_last}) {
    c.start_case();
    auto [location, content] = c.stored(std::min<std::uint64_t>(3 * c.chunk() + 1, c.most()));
    if (!c.hooks().damage(kind)) continue;
    any = true;
    // Wrong bytes, missing bytes and an error are all a change; the exact object is none.
    bool exact = true;
    auto reader = location.open();
    if (!reader) continue;
    std::vector<std::byte> block(static_cast<std::size_t>(content.size()) + 1);
    std::uint64_t done = 0;
    for (;;) {
      const auto count = reader->read(block);
      if (!count) exact = false;
      if (!count || *count == 0) break;
      exact = exact && *count <= content.size() - done && !content.first_difference(done, std::span{block}.first(*count));
      if (!exact) break;
      done += *count;
    }
    c.check(!exact || done != content.size(), "damage() said yes, and the object reads as before");
  }
  if (!any) c.not_run("the harness can do no damage that removes bytes");
}

constexpr std::array all{
    Clause{.id = "META-1",
           .rule = "make_backend() gives a new, empty location each call",
           .look_here = "make_backend() of the harness: a static backend, a copy of a handle on one location, a name that repeats",
           .run = meta_1},
    Clause{.id = "META-2",
           .rule = "stored_objects() sees what was committed",
           .look_here = "stored_objects() of the harness: it looks at another place than the backend",
           .obligation = Obligation::hooked,
           .run = meta_2},
    Clause{.id = "META-3",
           .rule = "a fault that inject() accepts really fires, and is disarmed by the next call",
           .look_here = "inject() and faults_fired() of the harness: the seam that the backend does not pass through",
           .obligation = Obligation::hooked,
           .run = meta_3},
    Clause{.id = "META-4",
           .rule = "what is declared is so: equal capabilities, the chunk size, the largest object",
           .look_here = "the traits of the harness",
           .run = meta_4},
    Clause{.id = "META-5",
           .rule = "damage() really changes what is stored",
           .look_here = "damage() of the harness: it changes a copy, or another object",
           .obligation = Obligation::hooked,
           .run = meta_5},
};

}  // namespace

std::span<const Clause> meta() { return all; }

}  // namespace hybridbuffer::conformance::clauses
