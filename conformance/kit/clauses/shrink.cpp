#include "clauses.hpp"

#include "extension.hpp"

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
/// SHRINK: cutting the committed object.

namespace hybridbuffer::conformance::clauses {
namespace {

void cut(Context& c, Location& location, Object& object, std::uint64_t n) {
  c.require(location.shrink(n), "shrink(" + std::to_string(n) + ") of " + std::to_string(object.size()) + " bytes");
  object.truncate(n);
}

// Goes on where the object ends now: by append(), or else by a replacement.
void go_on(Context& c, Location& location, Object& object, std::uint64_t n) {
  n = std::min(n, extension_limit(c) - (c.has(Capability::append) ? object.size() : 0));
  if (c.has(Capability::append)) return extend(c, location, object, n);
  object = c.object(location, n);
  c.store(location, object);
}

// `first` of the sizes matter most.
std::vector<Range> cuts(Context& c) {
  const std::uint64_t limit = extension_limit(c);
  std::vector<Range> first;
  std::vector<Range> rest;
  for (const std::uint64_t unit : boundaries(c)) {
    for (const std::uint64_t size : {2 * unit + 1, unit, 3 * unit}) {
      for (const std::uint64_t to : {unit, unit - 1, size}) first.push_back({to, size});
    }
    const Sizes sizes = normalised(around(Sizes{0, unit, 2 * unit, 3 * unit}), limit);
    for (const std::uint64_t size : sizes) {
      for (const std::uint64_t to : normalised(around(Sizes{0, unit / 2, unit, 2 * unit, 3 * unit, size}), size))
        rest.push_back({to, size});
    }
  }
  rest = shuffled(std::move(rest), c.random());
  first.insert(first.end(), rest.begin(), rest.end());
  std::erase_if(first, [&](const Range& cut) { return cut.length > limit || cut.offset > cut.length; });
  return first;
}

void cut_at_every_size(Context& c) {
  std::uint64_t done = 0;
  for (const auto& [to, size] : cuts(c)) {
    if (++done > 4 && !c.time_left()) return;
    c.start_case();
    auto [location, object] = c.stored(size);
    cut(c, location, object, to);
    c.expect_object(location, object, "the object after shrink(" + std::to_string(to) + ") of " + std::to_string(size) + " bytes");
    // Fewer bytes than were cut off, so that an old tail shows.
    go_on(c, location, object, (size - to) / 2 + 1);
    c.expect_object(location, object, "the object written on after a shrink");
    cut(c, location, object, object.size() / 2);
    cut(c, location, object, object.size());
    cut(c, location, object, object.size() / 3);
    c.expect_object(location, object, "the object after three shrinks");
    go_on(c, location, object, size + 1);
    c.expect_object(location, object, "the object written on after three shrinks");
  }
}

void refused(Context& c) {
  c.start_case();
  Location empty = c.make();
  for (const std::uint64_t n : {std::uint64_t{0}, std::uint64_t{1}})
    c.expect_error(empty.shrink(n), {errc::not_found}, "shrink() where there is no object");
  c.expect_absent(empty, "after shrink() where there is no object");
  for (const std::uint64_t size : {std::uint64_t{0}, std::min(c.chunk() + 1, extension_limit(c))}) {
    c.start_case();
    auto [location, object] = c.stored(size);
    for (const std::uint64_t n : {size + 1, size + c.chunk(), (std::uint64_t{1} << 32U) + size / 2, std::uint64_t{1} << 63U,
                                  std::numeric_limits<std::uint64_t>::max()}) {
      c.expect_error(location.shrink(n), {errc::invalid_argument},
                     "shrink(" + std::to_string(n) + ") of " + std::to_string(size) + " bytes");
    }
    c.expect_object(location, object, "the object after shrink() to more than its size");
    cut(c, location, object, 0);
    c.expect_object(location, object, "the object after shrink(0)");
    go_on(c, location, object, 2);
    c.expect_object(location, object, "the object written on after shrink(0)");
    c.require(location.remove(), "remove() of an object that was shrunk");
    c.expect_absent(location, "after remove() of an object that was shrunk");
    c.expect_error(location.shrink(0), {errc::not_found}, "shrink() after remove()");
  }
}

void cut_beside_a_writer(Context& c) {
  for (const bool appends : {false, true}) {
    if (appends && !c.has(Capability::append)) continue;
    c.start_case();
    const std::uint64_t size = std::min(2 * c.chunk() + 1, extension_limit(c) / 2);
    auto [location, object] = c.stored(size);
    {
      const Object never = longer_by(c, location, appends ? object : Object{}, size);
      Writer writer = c.require(appends ? location.append() : location.create(), "a writer");
      c.write(writer, never, appends ? size : 0, size);
      const auto shrunk = location.shrink(size / 2);
      if (shrunk) object.truncate(size / 2);
      else c.expect_error(shrunk, {errc::busy}, "shrink() while a writer is open");
      c.expect_object(location, object, "the object after shrink() while a writer is open");
    }
    c.expect_object(location, object, "the object after the writer beside shrink() was abandoned");
    cut(c, location, object, object.size() / 2);
    c.expect_object(location, object, "the object after shrink() following an abandoned writer");
    go_on(c, location, object, 5);
    c.expect_object(location, object, "the object written on after that shrink()");
  }
}

// Handles that were opened before show the bytes that were not cut off, or an error; and never what was written behind them as theirs,
// nor anything that was never there.
void cut_under_open_handles(Context& c) {
  c.start_case();
  const std::uint64_t size = std::min(3 * unit_of(c) + 1, extension_limit(c) / 2);
  const std::uint64_t kept = size / 2 + 1;
  auto [location, object] = c.stored(size);
  const Object before = object;
  Reader reader = c.require(location.open(), "open()");
  std::optional<ReaderAt> at;
  std::optional<Window> window;
  if (c.has(Capability::reader_at)) at.emplace(c.require(location.open_reader_at(), "open_reader_at()"));
  if (c.has(Capability::map)) window.emplace(c.require(location.map(0, static_cast<std::size_t>(kept)), "map()"));
  std::vector<std::byte> block(static_cast<std::size_t>(size) + 8);
  std::uint64_t position = c.require(reader.read(std::span{block}.first(static_cast<std::size_t>(kept / 3))), "read()");
  cut(c, location, object, kept);
  const auto check = [&](bool written_on) {
    if (at) {
      const auto count = at->read_at(0, block);
      if (count) {
        c.check(*count >= kept, "a reader_at opened before a shrink to " + std::to_string(kept) + " bytes shows " + std::to_string(*count));
        c.expect_bytes(object, 0, std::span{block}.first(static_cast<std::size_t>(kept)), "a reader_at opened before a shrink");
        if (*count > kept && !written_on) c.expect_bytes(before, 0, std::span{block}.first(*count), "a reader_at opened before a shrink");
      }
    }
    if (window) {
      // The window may be shorter than asked; what it shows is not cut off.
      c.expect_bytes(before, 0, window->bytes(), "a window on bytes that a shrink leaves");
    }
  };
  check(false);
  go_on(c, location, object, size);
  if (c.has(Capability::append)) check(true);
  while (position < kept && c.has(Capability::append)) {
    const auto count = reader.read(std::span{block}.first(static_cast<std::size_t>(kept - position)));
    if (!count) break;
    c.check(*count != 0, "a reader opened before a shrink to " + std::to_string(kept) + " bytes ended at " + std::to_string(position));
    c.expect_bytes(object, position, std::span{block}.first(*count), "a reader opened before a shrink");
    position += *count;
  }
  c.expect_object(location, object, "the object that was cut with handles open");
}

bool cut_with_fault(Context& c, const Fault& fault) {
  const std::uint64_t unit = unit_of(c);
  auto [location, object] = c.stored(2 * unit + 3);
  const Object before = object;
  object.truncate(unit + 1);
  ArmedFault armed{c, fault};
  if (!armed.is_armed()) return false;
  const auto shrunk = location.shrink(unit + 1);
  const bool fired = armed.disarm();
  std::vector<Object> possible{object};
  if (!shrunk) possible = shrunk.error().is_indeterminate() ? std::vector<Object>{before, object} : std::vector<Object>{before};
  Object now = expect_one_of(c, location, possible, "the object after shrink() with a fault at primitive " + std::to_string(fault.k));
  go_on(c, location, now, 1);
  c.expect_object(location, now, "the object written on after shrink() with a fault");
  cut(c, location, now, now.size() / 2);
  c.expect_object(location, now, "the object after shrink() was called again");
  return fired;
}

struct Step {
  enum class Kind : std::uint8_t { extend, cut, abandon, replace, remove } kind = Kind::extend;
  std::uint64_t n = 0;
  std::uint64_t place = 0;
};

// A location that is extended, cut, replaced and removed at random equals a model, and so does a handle that is opened now and then.
void change(Context& c, const std::vector<Step>& steps) {
  Location location = c.make();
  Object object;
  c.store(location, object);
  const std::vector<Route> routes = c.routes();
  for (const Step& step : steps) {
    const std::uint64_t room = extension_limit(c) - object.size();
    switch (step.kind) {
      case Step::Kind::extend: go_on(c, location, object, std::min(step.n, room)); break;
      case Step::Kind::cut:
        cut(c, location, object,
            step.n <= object.size() ? step.n : object.size() - step.place % (object.size() + 1) / (step.place % 3 + 1));
        break;
      case Step::Kind::abandon: {
        const bool appends = c.has(Capability::append) && step.place % 2 == 0;
        const Object never = longer_by(c, location, appends ? object : Object{}, std::min(step.n, room));
        Writer writer = c.require(appends ? location.append() : location.create(), "a writer that is abandoned");
        write_tail(c, writer, never, appends ? object.size() : 0, step.n / 2 + 1);
        break;
      }
      case Step::Kind::replace:
        object = c.object(location, step.n);
        c.store(location, object);
        break;
      case Step::Kind::remove:
        c.require(location.remove(), "remove()");
        object = c.object(location, step.n / 2);
        c.store(location, object);
        break;
    }
    c.expect_object(location, object, routes[step.place % routes.size()], "the object after random shrinks and other changes");
  }
  c.expect_object(location, object, "the object after random shrinks and other changes");
}

void change_at_random(Context& c) {
  using Kind = Step::Kind;
  constexpr std::array kinds{Kind::extend, Kind::extend, Kind::extend,  Kind::extend,  Kind::cut,     Kind::cut,
                             Kind::cut,    Kind::cut,    Kind::abandon, Kind::abandon, Kind::replace, Kind::remove};
  for (const std::uint64_t unit : boundaries(c)) {
    std::vector<Step> steps;
    for (std::uint64_t i = c.rounds(unit <= 8192 ? 150 : 20, 8); i > 0; --i) {
      const std::array bounds{std::uint64_t{9}, unit / 2 + 1, unit + 2, 2 * unit + 2};
      Step step{kinds[c.random()() % kinds.size()], c.random()() % bounds[c.random()() % bounds.size()] + 1, c.random()()};
      // Half of the cuts are at a boundary or a byte beside it.
      if (step.kind == Kind::cut && c.random()() % 2 == 0) step.n = (c.random()() % 3 + 1) * unit + c.random()() % 3 - 1;
      steps.push_back(step);
    }
    run_schedule<Step>(c, std::move(steps), change);
    if (!c.time_left()) return;
  }
}

void shrink_1(Context& c) {
  refused(c);
  change_at_random(c);
  cut_beside_a_writer(c);
  cut_under_open_handles(c);
  if (c.needs(c.hooks().inject, "inject")) {
    for (const auto& [mode, category] : {std::pair{FaultMode::error, errc::io},
                                         {FaultMode::error, errc::unavailable},
                                         {FaultMode::interrupted, errc::io},
                                         {FaultMode::error_after_effect, errc::timeout}}) {
      each_fault(c, {.mode = mode, .category = category}, [&](const Fault& fault) { return cut_with_fault(c, fault); });
    }
  }
  cut_at_every_size(c);
}

constexpr std::array all{
    Clause{.id = "SHRINK-1",
           .rule = "after shrink(n) the object is exactly its first n bytes, on every route, and extensions go on there",
           .look_here = "the rest of the chunk that holds the new end, and sizes that are kept in two places",
           .capability = Capability::shrink,
           .run = shrink_1},
};

}  // namespace

std::span<const Clause> shrink() { return all; }

}  // namespace hybridbuffer::conformance::clauses
