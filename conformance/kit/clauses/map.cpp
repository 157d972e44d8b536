#include "clauses.hpp"

#include "extension.hpp"

#include <hybridbuffer/conformance/clause.hpp>
#include <hybridbuffer/conformance/context.hpp>
#include <hybridbuffer/conformance/process.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <utility>
#include <vector>

/// \file
/// MAP: windows on the object.

namespace hybridbuffer::conformance::clauses {
namespace {

/// A window must show 1..n bytes from `offset` on, none at and beyond the end. Returns: how many.
std::uint64_t expect_window_of(Context& c, const Location& location, const Object& object, std::uint64_t offset, std::uint64_t n) {
  const std::string what = "map(" + std::to_string(offset) + ", " + std::to_string(n) + ") of " + std::to_string(object.size()) + " bytes";
  const Window window = c.require(location.map(offset, static_cast<std::size_t>(n)), what);
  const std::uint64_t expected = offset < object.size() ? std::min(n, object.size() - offset) : 0;
  const std::uint64_t shown = window.bytes().size();
  c.check(shown <= expected, what + " shows " + std::to_string(shown) + " bytes, more than there are");
  c.check(shown != 0 || expected == 0, what + " shows none");
  if (shown != 0) c.expect_bytes(object, offset, window.bytes(), what);
  return shown;
}

void every_window(Context& c) {
  constexpr std::uint64_t huge = std::numeric_limits<std::int64_t>::max();
  std::uint64_t done = 0;
  for (const std::uint64_t unit : boundaries(c)) {
    for (const std::uint64_t size : normalised({2 * unit + 3, 0, 1, unit}, extension_limit(c))) {
      c.start_case();
      auto [location, object] = c.stored(size);
      const Sizes offsets = normalised(around(Sizes{0, unit, 2 * unit, size, 4096}), size + 1);
      std::vector<Range> all = shuffled(windows(offsets, normalised(around(Sizes{1, unit, size, 4096}), size + 2)), c.random());
      for (const Range& range : all) {
        if (++done > 40 && !c.time_left()) break;
        expect_window_of(c, location, object, range.offset, range.length);
      }
      for (const std::uint64_t beyond :
           {size, size + 1, size + (std::uint64_t{1} << 32U), huge, huge + 1, std::numeric_limits<std::uint64_t>::max()}) {
        expect_window_of(c, location, object, beyond, 1);
        expect_window_of(c, location, object, beyond, 0);
      }
      // More than there is: up to the end.
      for (const std::uint64_t offset : {std::uint64_t{0}, size / 2})
        expect_window_of(c, location, object, offset, std::numeric_limits<std::size_t>::max());
      // Window by window it is the whole object.
      for (std::uint64_t at = 0; at < size;) at += expect_window_of(c, location, object, at, unit + 1);
      c.expect_object(location, object, "the object after it was mapped");
    }
  }
}

struct Lent {
  Window window;
  Object object;
  std::uint64_t offset;
};

void expect_lent(Context& c, const std::vector<Lent>& lent, std::string_view what) {
  for (const Lent& one : lent) c.expect_bytes(one.object, one.offset, one.window.bytes(), std::string{"a window, "} + std::string{what});
}

void lend(Context& c, std::vector<Lent>& lent, const Location& location, const Object& object) {
  for (const std::uint64_t offset :
       normalised({0, object.size() / 2, object.size() - std::min<std::uint64_t>(object.size(), 1)}, object.size())) {
    lent.push_back({c.require(location.map(offset, static_cast<std::size_t>(object.size() - offset)), "map()"), object, offset});
  }
}

void windows_outlive_changes(Context& c, std::uint64_t size) {
  c.start_case();
  const std::uint64_t unit = unit_of(c);
  std::vector<Lent> lent;
  auto [location, object] = c.stored(size);
  lend(c, lent, location, object);
  if (c.has(Capability::append)) {
    {
      const Object never = longer_by(c, location, object, unit + 1);
      Writer writer = c.require(location.append(), "append()");
      write_tail(c, writer, never, object.size(), unit);
      expect_lent(c, lent, "while an extension is written");
    }
    expect_lent(c, lent, "after an abandoned extension");
    for (const std::uint64_t n : {std::uint64_t{1}, unit, 3 * unit}) {
      extend(c, location, object, n);
      expect_lent(c, lent, "after an extension");
      lend(c, lent, location, object);
    }
  }
  // A window moved is the same window.
  Window moved = lent.front().window.moved();
  lent.front().window.destroy();
  c.expect_bytes(lent.front().object, lent.front().offset, moved.bytes(), "a window that was moved");
  lent.front().window = std::move(moved);
  if (lent.size() > 1) {
    lent.back().window.assign_object_from(lent.front().window);
    lent.back().object = lent.front().object;
    lent.back().offset = lent.front().offset;
    lent.erase(lent.begin());
    expect_lent(c, lent, "after one was move-assigned from another");
  }
  object = c.object(location, size / 2 + 1);
  c.store(location, object);
  expect_lent(c, lent, "after the object was replaced");
  lend(c, lent, location, object);
  c.expect_object(location, object, "the replacement of an object that is mapped");
  const auto removed = location.remove();
  if (!removed) c.expect_error(removed, {errc::busy}, "remove() while windows are open");
  expect_lent(c, lent, "after remove()");
  // Destroying some is nothing to the others.
  for (std::size_t i = 0; i + 1 < lent.size(); ++i) lent.erase(lent.begin() + static_cast<std::ptrdiff_t>(i));
  expect_lent(c, lent, "after others were destroyed");
  location.destroy();
  expect_lent(c, lent, "after its backend was destroyed");
}

// A window ends with its handle, storage and address space with it.
void windows_are_given_back(Context& c) {
  c.start_case();
  auto [location, object] = c.stored(std::min(2 * c.chunk() + 1, extension_limit(c)));
  const std::uint64_t rounds = c.rounds(2000, 10);
  const std::size_t descriptors = open_descriptors();
  for (std::uint64_t round = 0; round < rounds; ++round) {
    const Window window = c.require(location.map(round % object.size(), 100), "map()");
    c.check(!window.bytes().empty() && window.bytes().size() <= 100,
            "map() shows " + std::to_string(window.bytes().size()) + " bytes of 100");
  }
  c.check(open_descriptors() <= descriptors, "map() leaves descriptors open");
  c.expect_object(location, object, "the object after " + std::to_string(rounds) + " windows");
}

void windows_beside_extensions(Context& c) {
  if (!c.has(Capability::append)) return;
  c.start_case();
  const std::uint64_t unit = unit_of(c);
  const std::uint64_t rounds = fitting_rounds(c, c.rounds(60, 3));
  const std::uint64_t piece = std::max<std::uint64_t>(std::min(unit / 2 + 1, extension_limit(c) / (rounds + 2)), 1);
  Location location = c.make();
  const Object whole{c.stamp(location, (rounds + 1) * piece), (rounds + 1) * piece};
  c.store(location, Object{whole.pieces().front().stamp, piece});
  c.in_threads(2, [&](std::size_t i) {
    for (std::uint64_t round = 1; round <= rounds; ++round) {
      if (i == 0) {
        auto writer = location.append();
        if (!writer || !writer->write(whole.bytes(round * piece, piece)) || !writer->close())
          throw Failure{"an extension beside map() failed"};
      } else {
        const std::uint64_t offset = round % piece;
        const auto window = location.map(offset, static_cast<std::size_t>(whole.size()));
        if (!window) throw Failure{"map() beside extensions must succeed, but failed: " + window.error().message()};
        if (window->bytes().empty() || window->bytes().size() > whole.size() - offset)
          throw Failure{"map() beside extensions shows " + std::to_string(window->bytes().size()) + " bytes"};
        if (whole.first_difference(offset, window->bytes())) throw Failure{"map() beside extensions shows wrong bytes"};
      }
      c.count_check();
    }
  });
  c.expect_object(location, whole, "the object after windows beside its extensions");
}

// Bounded by what is committed, not by what stands behind it.
void windows_beside_pending_bytes(Context& c) {
  if (!c.has(Capability::append)) return;
  const std::uint64_t unit = unit_of(c);
  for (const std::uint64_t size : normalised({unit / 2 + 1, unit, unit + 7}, extension_limit(c) / 2)) {
    c.start_case();
    auto [location, object] = c.stored(size);
    const auto look = [&] {
      for (const std::uint64_t offset : {size - 1, size / 2, size, size + 1}) expect_window_of(c, location, object, offset, 2 * unit + 9);
    };
    {
      const Object never = longer_by(c, location, object, pending_bytes(c, size));
      Writer writer = c.require(location.append(), "append()");
      write_tail(c, writer, never, size, unit / 2 + 1);
      look();
    }
    look();
  }
}

void map_1(Context& c) {
  c.expect_error(c.make().map(0, 1), {errc::not_found}, "map() where there is no object");
  for (const std::uint64_t unit : boundaries(c)) windows_outlive_changes(c, std::min(2 * unit + 1, extension_limit(c) / 4));
  windows_outlive_changes(c, 5);
  windows_are_given_back(c);
  windows_beside_pending_bytes(c);
  windows_beside_extensions(c);
  every_window(c);
}

constexpr std::array all{
    Clause{.id = "MAP-1",
           .rule = "a window equals what read_at() gives, stays as it is whatever becomes of the object, and ends with its handle",
           .look_here = "windows that begin within a page or cross a chunk; memory that moves when the object grows",
           .capability = Capability::map,
           .run = map_1},
};

}  // namespace

std::span<const Clause> map() { return all; }

}  // namespace hybridbuffer::conformance::clauses
