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
/// APPEND: extending the committed object. APPEND-1 is in append_sizes.cpp, APPEND-3 in append_open.cpp.

namespace hybridbuffer::conformance::clauses {

void append_1(Context& c);
void append_3(Context& c);

namespace {

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
    const std::uint64_t added = std::min(step.n, extension_limit(c) - object.size());
    switch (step.kind) {
      case Step::Kind::append: extend_same(added); break;
      case Step::Kind::abandon: {
        Object never{c.stamp(location, object.size() + added), object.size() + added};
        Writer writer = c.require(location.append(), "append()");
        write_tail(c, writer, never, object.size(), added);
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
  const std::uint64_t piece = std::max<std::uint64_t>(granularity, 13);
  const std::uint64_t count = std::min(c.rounds(10'000, 10), (c.most() - 1) / piece);
  if (count < 10) return;
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
