#include "clauses.hpp"

#include "extension.hpp"

#include <hybridbuffer/conformance/clause.hpp>
#include <hybridbuffer/conformance/context.hpp>
#include <hybridbuffer/conformance/process.hpp>
#include <hybridbuffer/conformance/schedule.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <malloc.h>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

/// \file
/// APPEND: extending the committed object. What open handles see of it is in append_open.cpp.

namespace hybridbuffer::conformance::clauses {

void append_3(Context& c);

namespace {

// APPEND-1 -----------------------------------------------------------------------------------------------------------------------------

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

// APPEND-2 -----------------------------------------------------------------------------------------------------------------------------

void extensions_abandoned(Context& c) {
  const std::uint64_t limit = extension_limit(c);
  std::vector<Range> cases;
  for (const std::uint64_t unit : boundaries(c)) {
    for (const Range& one : windows({unit, 0, unit - 1, unit + 1, 2 * unit}, {3 * unit, 1, unit, 0})) cases.push_back(one);
  }
  std::uint64_t done = 0;
  for (const auto& [before, tried] : cases) {
    if (before + tried + 2 > limit) continue;
    if (++done > 4 && !c.time_left()) return;
    c.start_case();
    auto [location, object] = c.stored(before);
    for (int times = 0; times < 2; ++times) {
      const Object never = longer_by(c, location, object, tried);
      Writer writer = c.require(location.append(), "append()");
      write_tail(c, writer, never, before, tried / 2 + 1);
      writer.destroy();
      c.expect_object(location, object, "the object after an extension was abandoned");
    }
    // Shorter than what was abandoned, so that any of its bytes that stayed show.
    extend(c, location, object, std::max<std::uint64_t>(tried / 2, 1));
    c.expect_object(location, object, "the object extended after an abandoned extension");
    extend(c, location, object, 1);
    c.expect_object(location, object, "the object extended once more after an abandoned extension");
  }
}

// One extension with a fault in it. Returns: whether the fault fired.
bool extension_with_fault(Context& c, std::uint64_t before, std::uint64_t added, const Fault& fault, bool only_in_close) {
  auto [location, object] = c.stored(before);
  const Object longer = longer_by(c, location, object, added);
  bool fired = false;
  bool write_failed = false;
  Result<void> closed;
  const std::string name{name_of(fault.category)};
  {
    std::optional<ArmedFault> armed;
    const auto arm = [&] {
      armed.emplace(c, fault);
      return armed->is_armed();
    };
    if (!only_in_close && !arm()) return false;
    auto writer = location.append();
    if (!writer) {
      write_failed = true;
    } else {
      for (std::uint64_t at = before; at < longer.size() && !write_failed;) {
        const std::uint64_t n = std::min(added / 3 + 1, longer.size() - at);
        write_failed = !writer->write(longer.bytes(at, n));
        at += n;
      }
      if (only_in_close && !arm()) return false;
      closed = writer->close();
      if (write_failed) c.expect_any_error(closed, "close() of an extension after a write() that failed");
      const auto again = writer->close();
      c.check(again.has_value() == closed.has_value(), "the second close() of an extension must repeat the first verdict");
    }
    fired = armed->disarm();
  }
  std::vector<Object> possible{longer};
  if (write_failed) possible = {object};
  else if (!closed) possible = closed.error().is_indeterminate() ? std::vector<Object>{object, longer} : std::vector<Object>{object};
  const std::string what = "the object after an extension with a fault (" + name + ") at primitive " + std::to_string(fault.k);
  Object now = expect_one_of(c, location, possible, what);
  now = expect_one_of(c, location, {now}, what + ", looked at again");
  extend(c, location, now, added / 2 + 1);
  c.expect_object(location, now, "the object extended after a failed extension");
  c.require(location.remove(), "remove() after a failed extension");
  c.expect_absent(location, "after remove() following a failed extension");
  return fired;
}

void append_2(Context& c) {
  extensions_abandoned(c);
  if (!c.needs(c.hooks().inject, "inject")) return;
  const std::uint64_t unit = unit_of(c);
  for (const bool for_ever : {false, true}) {
    for (const auto& [mode, category] : {std::pair{FaultMode::error, errc::no_space},
                                         {FaultMode::error, errc::io},
                                         {FaultMode::error, errc::unavailable},
                                         {FaultMode::short_count, errc::io},
                                         {FaultMode::interrupted, errc::io}}) {
      if (for_ever && mode != FaultMode::error) continue;
      each_fault(c, {.mode = mode, .category = category, .for_ever = for_ever},
                 [&](const Fault& fault) { return extension_with_fault(c, unit + 1, 2 * unit + 1, fault, false); });
    }
  }
}

// APPEND-4 -----------------------------------------------------------------------------------------------------------------------------

struct Step {
  enum class Kind : std::uint8_t { append, abandon, read, replace } kind = Kind::append;
  std::uint64_t n = 0;
};

void replay_steps(Context& c, const std::vector<Step>& steps) {
  auto [location, object] = c.stored(0);
  Stamp stamp = c.stamp(location, 0);
  const auto extend_same = [&](std::uint64_t n) {
    Object longer{stamp, object.size() + n};
    Writer writer = c.require(location.append(), "append()");
    write_tail(c, writer, longer, object.size(), n);
    c.require(writer.close(), "close()");
    object = std::move(longer);
  };
  for (const Step& step : steps) {
    switch (step.kind) {
      case Step::Kind::append: extend_same(step.n); break;
      case Step::Kind::abandon: {
        Object never{c.stamp(location, object.size() + step.n), object.size() + step.n};
        Writer writer = c.require(location.append(), "append()");
        write_tail(c, writer, never, object.size(), step.n);
        break;
      }
      case Step::Kind::read: {
        const std::vector<Route> routes = c.routes();
        c.expect_object(location, object, routes[step.n % routes.size()], "the object between small extensions");
        break;
      }
      case Step::Kind::replace:
        stamp = c.stamp(location, object.size() + step.n);
        object = Object{stamp, step.n};
        c.store(location, object);
        break;
    }
  }
  c.expect_object(location, object, "the object after many small extensions");
}

void small_steps_at_random(Context& c) {
  std::vector<Step> steps;
  const std::uint64_t count = c.rounds(c.tier() == Tier::quick ? 300 : 3000, 10);
  const std::uint64_t most = std::max<std::uint64_t>(extension_limit(c) / (count + 1), 1);
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t kind = c.random()() % 100;
    const std::uint64_t n = c.random()() % std::min<std::uint64_t>(most, c.chunk() + 2) + 1;
    steps.push_back({kind < 80   ? Step::Kind::append
                     : kind < 90 ? Step::Kind::abandon
                     : kind < 99 ? Step::Kind::read
                                 : Step::Kind::replace,
                     n});
  }
  run_schedule<Step>(c, std::move(steps), replay_steps);
}

// What many extensions of a few bytes cost beyond those bytes.
void small_extensions_in_proportion(Context& c) {
  c.start_case();
  auto [location, object] = c.stored(1);
  const std::uint64_t granularity = c.has(Capability::append_granularity) ? std::max<std::uint64_t>(location.append_granularity(), 1) : 1;
  const std::uint64_t count = c.rounds(10'000, 10);
  const std::uint64_t piece = std::max<std::uint64_t>(granularity, 13);
  if (piece > (c.most() - 1) / (count + 1)) return;
  const Object whole{c.stamp(location, count * piece), count * piece};
  c.store(location, Object{});
  const auto extend_by_piece = [&](std::uint64_t at) {
    Writer writer = c.require(location.append(), "append()");
    c.require(writer.write(whole.bytes(at, piece)), "write() of a small extension");
    c.require(writer.close(), "close() of a small extension");
  };
  std::uint64_t done = 0;
  for (; done < count / 10 + 1; ++done) extend_by_piece(done * piece);
  const std::size_t descriptors = open_descriptors();
  const std::uint64_t stored = c.hooks().stored_bytes ? c.hooks().stored_bytes() : 0;
  const std::uint64_t heap = ::mallinfo2().uordblks;
  const std::uint64_t first = done;
  for (; done < count; ++done) extend_by_piece(done * piece);
  const std::uint64_t added = (done - first) * piece;
  const std::string what = std::to_string(done - first) + " extensions of " + std::to_string(piece) + " bytes ";
  c.check(open_descriptors() <= descriptors + 2,
          what + "opened " + std::to_string(open_descriptors() - descriptors) + " descriptors that stay open");
  constexpr std::uint64_t slack = std::uint64_t{1} << 20U;
  const std::uint64_t heap_now = ::mallinfo2().uordblks;
  c.check(heap_now <= heap + 16 * added + slack, what + "took " + std::to_string(heap_now - heap) + " bytes of memory");
  if (c.hooks().stored_bytes) {
    const std::uint64_t now = c.hooks().stored_bytes();
    c.check(now <= stored + 8 * added + slack + 2 * c.chunk(), what + "took " + std::to_string(now - stored) + " bytes of storage");
  }
  c.expect_object(location, Object{whole.pieces().front().stamp, done * piece},
                  "the object after " + std::to_string(done) + " small extensions");
}

void append_4(Context& c) {
  small_extensions_in_proportion(c);
  small_steps_at_random(c);
}

// APPEND-5 and APPEND-6 ------------------------------------------------------------------------------------------------------------------

void append_5(Context& c) {
  if (!c.needs(c.hooks().inject, "inject")) return;
  const std::uint64_t unit = unit_of(c);
  bool fired = false;
  for (const bool only_in_close : {true, false}) {
    for (const FaultMode mode : {FaultMode::error_after_effect, FaultMode::error}) {
      for (const errc category : {errc::timeout, errc::unavailable}) {
        each_fault(c, {.mode = mode, .category = category}, [&](const Fault& fault) {
          const bool now = extension_with_fault(c, unit + 1, 2 * unit, fault, only_in_close);
          fired = fired || (now && only_in_close);
          return now;
        });
      }
    }
  }
  if (!fired) c.not_run("close() of an extension has no primitive that can fail");
}

void append_6(Context& c) {
  const std::uint64_t limit = extension_limit(c);
  for (const std::uint64_t unit : boundaries(c)) {
    for (const std::uint64_t times : {std::uint64_t{1}, std::uint64_t{3}, c.rounds(20, 4)}) {
      c.start_case();
      auto [location, object] = c.stored(std::min(unit, limit / 2));
      for (std::uint64_t i = 0; i < times; ++i) {
        const std::uint64_t n = std::min(i % 3 == 0 ? unit / 2 + 1 : unit, limit - object.size());
        extend(c, location, object, n);
        if (i % 4 != 1) continue;
        Writer abandoned = c.require(location.append(), "append()");
        write_tail(c, abandoned, longer_by(c, location, object, std::min(unit, limit - object.size())), object.size(), unit);
      }
      c.expect_object(location, object, "the object before remove()");
      c.require(location.remove(), "remove() after " + std::to_string(times) + " extensions");
      c.expect_absent(location, "after remove() of an extended object");
      c.expect_residue(0, "after remove() of an object extended " + std::to_string(times) + " times");
      Object next;
      extend(c, location, next, 1);
      c.expect_object(location, next, "the next object after remove() of an extended one");
      location.destroy();
      c.expect_residue(0, "after the backend of an extended object was destroyed");
      if (!c.time_left()) return;
    }
  }
}

constexpr std::array all{
    Clause{.id = "APPEND-1",
           .rule = "an extension is exact at every committed size and piece size; without an object append() acts as create()",
           .look_here = "the partly filled last chunk: whether it is rewritten whole, and where the next byte goes when it is full",
           .capability = Capability::append,
           .run = append_1},
    Clause{.id = "APPEND-2",
           .rule = "an abandoned or definitely failed extension leaves the object as it was, and a retry is exact",
           .look_here = "bytes of the failed try behind the committed end, and a size that was already raised",
           .capability = Capability::append,
           .run = append_2},
    Clause{.id = "APPEND-3",
           .rule = "open handles stay exact across extensions: each shows the size at its opening, or a later committed one",
           .look_here = "a size that is cached in one place and read in another; readers bounded by the medium's size",
           .capability = Capability::append,
           .run = append_3},
    Clause{.id = "APPEND-4",
           .rule = "many small extensions stay exact, and their cost stays in proportion to the bytes",
           .look_here = "whether each extension makes an object, a file or a descriptor of its own",
           .capability = Capability::append,
           .run = append_4},
    Clause{.id = "APPEND-5",
           .rule = "an extension whose close() fails without a clear answer leaves the old object or the whole new one, never a part",
           .look_here = "a commit in several steps, and a repetition of the commit that adds the bytes twice",
           .obligation = Obligation::hooked,
           .capability = Capability::append,
           .run = append_5},
    Clause{.id = "APPEND-6",
           .rule = "remove() after extensions leaves nothing",
           .look_here = "parts that earlier extensions made, replaced or gave up",
           .capability = Capability::append,
           .run = append_6},
};

}  // namespace

std::span<const Clause> append() { return all; }

}  // namespace hybridbuffer::conformance::clauses
