#include "../forked_child.hpp"
#include "../life.hpp"
#include "clauses.hpp"

#include <hybridbuffer/conformance/clause.hpp>
#include <hybridbuffer/conformance/context.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

/// \file
/// DUR: how long stored bytes last, and what a killed process leaves.

namespace hybridbuffer::conformance::clauses {
namespace {

using std::chrono::seconds;

std::uint64_t usual_size(const Context& c) {
  return std::min<std::uint64_t>(std::min<std::uint64_t>(3 * c.chunk() + 5, 100'000), c.most() / 2);
}

// DUR-1 -------------------------------------------------------------------------------------------------------------------------------

// Everything, or an error; never a clean end before the object's end.
bool shows_all_or_fails(const Location& location, const Object& content, const std::string& what) {
  auto reader = location.open();
  return reader && reads_exactly(*reader, content, 0, static_cast<std::size_t>(content.size() / 2 + 1), what);
}

// Uses within the lifetime keep the bytes, however many there are.
void last_while_used(Context& c, seconds lifetime) {
  c.start_case();
  auto [location, content] = c.stored(usual_size(c));
  for (int i = 0; i < 8; ++i) {
    if (!c.hooks().advance_clock(lifetime * 3 / 4)) return c.not_run("the harness cannot advance the clock");
    c.expect_object(location, content, "an object that was used less than its max_lifetime ago");
  }
  // Each kind of use on its own counts.
  for (const Route route : c.routes()) {
    for (int i = 0; i < 3; ++i) {
      static_cast<void>(c.hooks().advance_clock(lifetime * 3 / 4));
      c.expect_object(location, content, route, "an object that was read less than its max_lifetime ago");
    }
  }
  const Object next = c.object(location, usual_size(c) / 2);
  c.store(location, next);
  static_cast<void>(c.hooks().advance_clock(lifetime - lifetime / 8));
  c.expect_object(location, next, "an object that was written less than its max_lifetime ago");
}

// A handle that reads a piece now and then: all of it comes, or an error.
void last_under_open_handles(Context& c, seconds lifetime) {
  c.start_case();
  auto [location, content] = c.stored(usual_size(c));
  Reader reader = c.require(location.open(), "open()");
  std::vector<std::byte> block(static_cast<std::size_t>(content.size() / 6 + 1));
  for (std::uint64_t at = 0;;) {
    const auto count = reader.read(block);
    if (!count) break;
    c.check(*count != 0 || at == content.size(), "a reader with pauses below max_lifetime ended cleanly at " + std::to_string(at) + " of " +
                                                     std::to_string(content.size()) + " bytes");
    if (*count == 0) break;
    c.expect_bytes(content, at, std::span{block}.first(std::min(*count, block.size())), "a reader with pauses below max_lifetime");
    at += *count;
    static_cast<void>(c.hooks().advance_clock(lifetime / 2));
  }
  c.start_case();
  const Object next = c.object(location, usual_size(c) + 1);
  Writer writer = c.require(location.create(), "create()");
  bool failed = false;
  const std::uint64_t step = std::max<std::uint64_t>(next.size() / 5, 1);
  for (std::uint64_t at = 0; at < next.size() && !failed; at += step) {
    failed = !writer.write(next.bytes(at, std::min(step, next.size() - at)));
    static_cast<void>(c.hooks().advance_clock(lifetime / 2));
  }
  const bool committed = writer.close().has_value();
  if (failed) c.check(!committed, "close() succeeded after a failed write()");
  if (committed) static_cast<void>(shows_all_or_fails(location, next, "what a slow writer committed"));
}

void expire(Context& c, seconds lifetime, seconds beyond) {
  c.start_case();
  auto [location, content] = c.stored(usual_size(c));
  Reader reader = c.require(location.open(), "open()");
  std::array<std::byte, 3> block{};
  const std::size_t at = c.require(reader.read(block), "read()");
  std::vector<ReaderAt> readers_at;
  if (c.has(Capability::reader_at)) readers_at.push_back(c.require(location.open_reader_at(), "open_reader_at()"));
  if (!c.hooks().advance_clock(lifetime + beyond)) return c.not_run("the harness cannot advance the clock");
  const std::string what = "an object whose max_lifetime is over";
  static_cast<void>(reads_exactly(reader, content, at, 50'000, what + ", by a reader that was open"));
  for (const ReaderAt& reader_at : readers_at) {
    std::vector<std::byte> all(static_cast<std::size_t>(content.size()));
    const auto count = reader_at.read_at(0, all);
    if (count) must_hold(std::span{all}.first(std::min(*count, all.size())), content, 0, what + ", by a reader_at that was open");
  }
  static_cast<void>(shows_all_or_fails(location, content, what));
  if (c.has(Capability::seeker)) {
    auto seeker = location.open_seeker();
    if (seeker) static_cast<void>(reads_exactly(*seeker, content, 0, 50'000, what + ", by a seeker"));
  }
  if (c.has(Capability::append)) {
    // What is gone cannot be extended: never the new bytes alone.
    Object longer = content;
    longer.append(c.stamp(location, content.size() + 9), 9);
    const bool was_there = shows_all_or_fails(location, content, what);
    auto writer = location.append();
    if (writer && writer->write(longer.bytes(content.size(), 9)) && writer->close()) {
      if (was_there) static_cast<void>(shows_all_or_fails(location, longer, "an extension of " + what));
    }
  }
  readers_at.clear();
  reader.destroy();
  c.require(location.remove(), "remove() of " + what);
  c.expect_absent(location, "after remove() of " + what);
  if (c.hooks().stored_objects) c.expect_residue(0, "after remove() of " + what);
  const Object next = c.object(location, usual_size(c));
  c.store(location, next);
  c.expect_object(location, next, "an object written after an earlier one expired");
}

void dur_1(Context& c) {
  if (!c.needs(c.hooks().advance_clock, "advance_clock")) return;
  constexpr seconds years{20LL * 366 * 24 * 3600};
  if (!c.traits().max_lifetime || *c.traits().max_lifetime > years) {
    // Without a limit the bytes live as long as their location.
    auto [location, content] = c.stored(usual_size(c));
    for (const seconds step : {seconds{60}, seconds{3600}, seconds{86400}, seconds{86400LL * 400}, seconds{86400LL * 4000}}) {
      if (!c.hooks().advance_clock(step)) return c.not_run("the harness cannot advance the clock");
      c.expect_object(location, content, "an object without a max_lifetime, after " + std::to_string(step.count()) + " s");
    }
    return;
  }
  const seconds lifetime = *c.traits().max_lifetime;
  if (lifetime < seconds{8}) return c.not_run("a max_lifetime below 8 s leaves no steps to try");
  last_while_used(c, lifetime);
  last_under_open_handles(c, lifetime);
  for (const seconds beyond : {seconds{1}, lifetime, 100 * lifetime}) expire(c, lifetime, beyond);
}

// DUR-2 -------------------------------------------------------------------------------------------------------------------------------

// What a child does until it is killed; a mark before and after each step.
void work_until_killed(Context& c, ParentLine& parent) {
  TracePage page;
  Trace trace{page};
  const std::uint64_t size = usual_size(c);
  for (std::uint32_t generation = 0;; generation += 8) {
    Location location = make_location(c.subject(), trace);
    parent.mark();
    for (std::uint32_t round = 0; round < 3; ++round) {
      Object content = content_of(location, generation + round, size - round);
      Writer writer = must(location.create(), "create()");
      parent.mark();
      const auto bytes = content.bytes();
      must(writer.write(std::span{bytes}.first(bytes.size() / 2)), "write()");
      parent.mark();
      must(writer.write(std::span{bytes}.subspan(bytes.size() / 2)), "write()");
      parent.mark();
      must(writer.close(), "close()");
      parent.mark();
      if (!c.has(Capability::append)) continue;
      Writer extension = must(location.append(), "append()");
      must(extension.write(std::span{bytes}.first(bytes.size() / 3)), "write()");
      parent.mark();
      if (round != 1) must(extension.close(), "close()");
      parent.mark();
    }
    must(location.remove(), "remove()");
    parent.mark();
  }
}

void dur_2(Context& c) {
  if (!c.traits().crash_residue) return c.not_run("the harness declares no crash_residue");
  const CrashResidue declared = *c.traits().crash_residue;
  if (declared == CrashResidue::remains) return c.not_run("declared: what a killed process leaves remains, so there is nothing to check");
  const bool expires = declared == CrashResidue::expires;
  if (expires && (!c.traits().max_lifetime || !c.hooks().advance_clock)) {
    return c.not_run("crash_residue is declared to expire: that needs max_lifetime and advance_clock()");
  }
  auto [witness, content] = c.stored(usual_size(c));
  if (expires) witness.destroy();  // it would expire with what it is to be told from
  const auto left_in_store = [&] {
    if (c.hooks().trim) c.hooks().trim();
    return c.hooks().stored_objects ? c.hooks().stored_objects() : 0;
  };
  const std::size_t before = left_in_store();
  const bool sees = c.needs(c.hooks().stored_objects, "stored_objects");
  const std::uint64_t kills = c.rounds(c.tier() == Tier::quick ? 24 : 200, 6);
  for (std::uint64_t i = 0; i < kills; ++i) {
    c.start_case();
    // The first kills visit every step of a life, the others come at random.
    const std::uint64_t steps = i < 24 ? i + 1 : 1 + c.random()() % 60;
    {
      ForkedChild child{[&](ParentLine& parent) { work_until_killed(c, parent); }};
      for (std::uint64_t step = 0; step < steps; ++step) child.expect_mark("working until it is killed");
      child.kill();
    }
    const std::string what = "after a process was killed in step " + std::to_string(steps);
    static_cast<void>(left_in_store());  // what the process sent is there before time passes
    if (expires) c.check(c.hooks().advance_clock(*c.traits().max_lifetime + seconds{1}), "advance_clock() cannot go beyond max_lifetime");
    if (sees) {
      const std::size_t now = left_in_store();

      c.check(now <= before, what + ": stored_objects() is " + std::to_string(now) + ", before it was " + std::to_string(before));
    }
    if (!expires) c.expect_object(witness, content, what + ", the object of another process");
    Location next = c.make();
    c.expect_absent(next, what + ", a new location");
    const Object after = c.object(next, usual_size(c));
    c.store(next, after);
    c.expect_object(next, after, what + ", a new object");
    if (!c.time_left() && i >= 6) break;
  }
}

// DUR-3 -------------------------------------------------------------------------------------------------------------------------------

// How an object came to be.
enum class Past : std::uint8_t { created, replaced, extended };

void commit_with_past(Location& location, const Object& object, Past past) {
  constexpr std::size_t piece = 50'000;
  if (past == Past::replaced) must_store(location, content_of(location, 1, object.size() / 2 + 7), piece);
  if (past != Past::extended) return must_store(location, object, piece);
  const auto bytes = object.bytes();
  const auto [first, second] = std::pair{std::span{bytes}.first(bytes.size() / 2), std::span{bytes}.subspan(bytes.size() / 2)};
  Writer writer = must(location.create(), "create()");
  must(writer.write(first), "write()");
  must(writer.close(), "close()");
  Writer extension = must(location.append(), "append()");
  must(extension.write(second), "write()");
  must(extension.close(), "close()");
}

// Killed right behind close(), handles and location still alive: whatever they would have sent later is never sent.
void outlive_process(Context& c, std::uint64_t size, Past past) {
  c.start_case();
  const Location witness = c.make();
  const Object content = c.object(witness, size);
  std::string identity;
  {
    ForkedChild child{[&](ParentLine& parent) {
      TracePage page;
      Trace trace{page};
      Location location = make_location(c.subject(), trace);
      commit_with_past(location, content, past);
      parent.tell(c.subject().identify(location.object()));
      parent.wait();
    }};
    identity = child.expect_text("committing an object of " + std::to_string(size) + " bytes");
    child.kill();
  }
  const std::string what = "an object of " + std::to_string(size) + " bytes that a killed process had committed";
  Location location = c.reattach(identity);
  for (const Route route : c.routes()) c.expect_object(location, content, route, what);
  const Object next = c.object(location, usual_size(c) / 2);
  c.store(location, next);
  c.expect_object(location, next, "an object that replaced one of a killed process");
  c.require(location.remove(), "remove() of a killed process's object");
  c.expect_absent(location, "after remove() of a killed process's object");
  if (c.hooks().stored_objects) c.expect_residue(0, "after remove() of a killed process's object");
}

void dur_3(Context& c) {
  if (!c.traits().durable) return c.not_run("the harness does not declare its store durable");
  if (!c.subject().can_reattach()) return c.not_run("the harness has no identify() and reattach()");
  std::vector<Past> pasts{Past::created, Past::replaced};
  if (c.has(Capability::append)) pasts.push_back(Past::extended);
  for (const std::uint64_t size : {std::uint64_t{0}, std::uint64_t{1}, c.chunk() - 1, c.chunk(), c.chunk() + 1, usual_size(c)}) {
    for (const Past past : pasts) outlive_process(c, std::min(size, usual_size(c)), past);
  }
}

constexpr std::array all{
    Clause{
        .id = "DUR-1",
        .rule = "bytes live as long as their location, or the declared max_lifetime after the last use; expiry is an error, never a part",
        .look_here = "a time to live that is set once and not renewed, or per piece",
        .obligation = Obligation::hooked,
        .run = dur_1},
    Clause{.id = "DUR-2",
           .rule = "a killed process leaves what crash_residue declares, and the next run is not affected",
           .look_here = "temporary names, locks and half-written pieces that only a destructor takes away",
           .obligation = Obligation::gated,
           .run = dur_2},
    Clause{.id = "DUR-3",
           .rule = "in a store that is declared durable, committed bytes survive the process",
           .look_here = "a close() that does not flush",
           .obligation = Obligation::gated,
           .run = dur_3},
};

}  // namespace

std::span<const Clause> durability() { return all; }

}  // namespace hybridbuffer::conformance::clauses
