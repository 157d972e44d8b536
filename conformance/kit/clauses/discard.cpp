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
/// DISCARD: giving the storage of a range back. What is read from a discarded range may be anything, an error included; the rest of the
/// object is as it was.

namespace hybridbuffer::conformance::clauses {
namespace {

/// An object of which ranges were discarded.
class Discarded {
 public:
  Discarded(Context& c, std::uint64_t size) : context_{&c}, location_{c.make()}, object_{c.object(location_, size)} {
    c.store(location_, object_);
  }
  [[nodiscard]] Location& location() noexcept { return location_; }
  [[nodiscard]] const Object& object() const noexcept { return object_; }

  /// Returns: false when the store cannot discard.
  [[nodiscard]] bool discard(std::uint64_t offset, std::uint64_t n) {
    const std::string what =
        "discard(" + std::to_string(offset) + ", " + std::to_string(n) + ") of " + std::to_string(object_.size()) + " bytes";
    const auto done = location_.discard(offset, n);
    if (!done && done.error() == errc::unsupported) {
      context_->not_run("discard() answers unsupported here");
      return false;
    }
    context_->require(done, what);
    ranges_.push_back({offset, std::min(n, object_.size() - std::min(offset, object_.size()))});
    return true;
  }

  /// A range that ends far beyond the object, which may also be refused. Returns: false when the store cannot discard.
  [[nodiscard]] bool discard_beyond(std::uint64_t offset, std::uint64_t n) {
    const auto done = location_.discard(offset, n);
    if (!done) context_->expect_error(done, {errc::invalid_argument, errc::unsupported}, "discard() far beyond the end");
    ranges_.push_back({offset, object_.size() - std::min(offset, object_.size())});
    return done || done.error() != errc::unsupported;
  }
  void abandon_extension(std::uint64_t n) {
    Writer writer = context_->require(location_.append(), "append()");
    write_tail(*context_, writer, longer_by(*context_, location_, object_, n), object_.size(), n / 2 + 1);
  }

  void extend_by(std::uint64_t n) { extend(*context_, location_, object_, std::min(n, extension_limit(*context_) - object_.size())); }
  void truncate(std::uint64_t n) {
    context_->require(location_.shrink(n), "shrink()");
    object_.truncate(n);
    for (Range& range : ranges_) range.length = std::min(range.length, n - std::min(range.offset, n));
  }

  /// Every byte that was not discarded is there, and the size is as it was.
  void check(std::string_view what) {
    Context& c = *context_;
    for (const Range& kept : kept_ranges()) {
      if (c.has(Capability::reader_at)) {
        const ReaderAt reader = c.require(location_.open_reader_at(), "open_reader_at()");
        check_reader_at(reader, kept, what);
      }
      if (c.has(Capability::seeker)) check_seeker(kept, what);
      if (c.has(Capability::map)) check_map(kept, what);
    }
    check_reader(what);
    check_size(what);
  }
  void check(const ReaderAt& reader, std::string_view what) {
    for (const Range& kept : kept_ranges()) check_reader_at(reader, kept, what);
  }

 private:
  [[nodiscard]] bool is_discarded(std::uint64_t offset) const {
    return std::any_of(ranges_.begin(), ranges_.end(), [&](const Range& r) { return offset >= r.offset && offset - r.offset < r.length; });
  }
  [[nodiscard]] std::vector<Range> kept_ranges() const {
    Sizes edges{0, object_.size()};
    for (const Range& r : ranges_)
      edges.insert(edges.end(), {r.offset, r.offset + std::min(r.length, std::numeric_limits<std::uint64_t>::max() - r.offset)});
    edges = normalised(std::move(edges), object_.size());
    std::vector<Range> kept;
    for (std::size_t i = 0; i + 1 < edges.size(); ++i) {
      if (!is_discarded(edges[i])) kept.push_back({edges[i], edges[i + 1] - edges[i]});
    }
    return kept;
  }

  void check_reader_at(const ReaderAt& reader, const Range& kept, std::string_view what) {
    Context& c = *context_;
    std::vector<std::byte> block(static_cast<std::size_t>(kept.length));
    const std::string where = text(what, kept) + " by read_at()";
    const std::size_t count = c.require(reader.read_at(kept.offset, block), where);
    c.check(count == block.size(), where + " returned " + std::to_string(count));
    c.expect_bytes(object_, kept.offset, block, where);
  }
  void check_seeker(const Range& kept, std::string_view what) {
    Context& c = *context_;
    const std::string where = text(what, kept) + " by a seeker";
    Reader seeker = c.require(location_.open_seeker(), "open_seeker()");
    c.require(seeker.seek(static_cast<std::int64_t>(kept.offset), Whence::begin), where + ": seek()");
    read_range(seeker, kept, where);
  }
  void check_map(const Range& kept, std::string_view what) {
    Context& c = *context_;
    const std::string where = text(what, kept) + " by map()";
    for (std::uint64_t at = kept.offset; at < kept.offset + kept.length;) {
      const Window window = c.require(location_.map(at, static_cast<std::size_t>(kept.offset + kept.length - at)), where);
      c.check(!window.bytes().empty() && window.bytes().size() <= kept.offset + kept.length - at,
              where + ": a window of " + std::to_string(window.bytes().size()) + " bytes");
      c.expect_bytes(object_, at, window.bytes(), where);
      at += window.bytes().size();
    }
  }
  // From the start as far as it gets: a discarded range may end it with an error.
  void check_reader(std::string_view what) {
    Context& c = *context_;
    Reader reader = c.require(location_.open(), "open()");
    std::vector<std::byte> block(static_cast<std::size_t>(std::clamp<std::uint64_t>(object_.size() / 5, 1, 65'521)));
    std::uint64_t at = 0;
    const std::vector<Range> kept = kept_ranges();
    for (;;) {
      const std::uint64_t left = object_.size() - at;
      const bool discarded_soon = std::any_of(ranges_.begin(), ranges_.end(),
                                              [&](const Range& r) { return r.offset < at + block.size() && at < r.offset + r.length; });
      const auto count = reader.read(block);
      if (!count && discarded_soon) return;
      c.require(count, std::string{what} + ": read() at " + std::to_string(at));
      c.check(*count <= std::min<std::uint64_t>(left, block.size()) && (*count != 0 || left == 0),
              std::string{what} + ": read() at " + std::to_string(at) + " of " + std::to_string(object_.size()) + " returned " +
                  std::to_string(*count));
      if (*count == 0) return;
      for (const Range& range : kept) {
        const std::uint64_t from = std::max(range.offset, at);
        const std::uint64_t end = std::min(range.offset + range.length, at + *count);
        if (from < end) {
          c.expect_bytes(object_, from, std::span{block}.subspan(static_cast<std::size_t>(from - at), static_cast<std::size_t>(end - from)),
                         text(what, range) + " by its reader");
        }
      }
      at += *count;
    }
  }
  void check_size(std::string_view what) {
    Context& c = *context_;
    if (c.has(Capability::seeker)) {
      Reader seeker = c.require(location_.open_seeker(), "open_seeker()");
      const std::uint64_t size = c.require(seeker.seek(0, Whence::end), "seek(0, end)");
      c.check(size == object_.size(),
              std::string{what} + ": the size is " + std::to_string(size) + ", not " + std::to_string(object_.size()));
    }
    if (c.has(Capability::reader_at)) {
      const ReaderAt reader = c.require(location_.open_reader_at(), "open_reader_at()");
      if (!reader.has_size()) return;
      const std::uint64_t size = c.require(reader.size(), "size()");
      c.check(size == object_.size(),
              std::string{what} + ": the size is " + std::to_string(size) + ", not " + std::to_string(object_.size()));
    }
  }
  void read_range(Reader& reader, const Range& kept, const std::string& where) {
    Context& c = *context_;
    std::vector<std::byte> block(static_cast<std::size_t>(kept.length));
    for (std::size_t done = 0; done < block.size();) {
      const std::size_t count = c.require(reader.read(std::span{block}.subspan(done)), where);
      c.check(count != 0 && count <= block.size() - done, where + ": read() returned " + std::to_string(count));
      done += count;
    }
    c.expect_bytes(object_, kept.offset, block, where);
  }
  [[nodiscard]] static std::string text(std::string_view what, const Range& kept) {
    return std::string{what} + ", bytes [" + std::to_string(kept.offset) + ", " + std::to_string(kept.offset + kept.length) +
           ") that were kept";
  }

  Context* context_;
  Location location_;
  Object object_;
  std::vector<Range> ranges_;
};

std::vector<Range> ranges(std::uint64_t size, std::uint64_t unit) {
  std::vector<Range> first{{0, unit},     {unit, unit}, {unit - 1, 2},       {unit + 1, unit - 2},
                           {1, size - 2}, {0, size},    {size - unit, unit}, {unit / 2, 2 * unit},
                           {size - 1, 1}, {0, 1},       {size / 2, size}};
  for (const Range& both : windows(around(Sizes{unit, 2 * unit}), around(Sizes{1, unit, 2 * unit}))) first.push_back(both);
  std::erase_if(first, [&](const Range& r) { return r.offset >= size || r.length == 0 || r.length > 4 * size; });
  return first;
}

// Returns: false when the store cannot discard.
bool discard_everywhere(Context& c) {
  std::uint64_t done = 0;
  for (const std::uint64_t unit : boundaries(c)) {
    const std::uint64_t size = std::min(3 * unit + 2, extension_limit(c));
    for (const Range& range : ranges(size, unit)) {
      if (++done > 4 && !c.time_left()) return true;
      c.start_case();
      Discarded one{c, size};
      std::optional<ReaderAt> before;
      if (c.has(Capability::reader_at)) before.emplace(c.require(one.location().open_reader_at(), "open_reader_at()"));
      if (!one.discard(range.offset, range.length)) return false;
      one.check("after a discard");
      if (before) one.check(*before, "a reader_at opened before a discard");
      // Once more beside it, then over it.
      const std::uint64_t next = range.offset + std::min(range.length, size);
      if (next < size && !one.discard(next, unit / 3 + 1)) return false;
      if (!one.discard(range.offset / 2, range.length)) return false;
      one.check("after three discards");
      if (c.has(Capability::append)) {
        one.extend_by(unit + 1);
        one.check("after discards and an extension");
      }
      if (c.has(Capability::shrink)) {
        one.truncate(one.object().size() - unit / 2 - 1);
        one.check("after discards and a shrink");
      }
      if (c.has(Capability::append)) {
        one.extend_by(unit + 3);
        one.check("after discards, a shrink and an extension");
      }
      const auto removed = one.location().remove();
      // Handles are open that were opened before the discards.
      if (!removed && c.traits().remove_while_reading == RemoveWhileReading::busy && removed.error() == errc::busy) continue;
      c.require(removed, "remove() of an object with discarded ranges");
      c.expect_absent(one.location(), "after remove() of an object with discarded ranges");
    }
  }
  return true;
}

// The end of the range is a sum that wraps.
void to_the_end_and_far_beyond(Context& c) {
  constexpr std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
  const std::uint64_t unit = unit_of(c);
  for (const std::uint64_t offset : {2 * unit, unit + 1, std::uint64_t{1}}) {
    for (const std::uint64_t n : {most, most - 1, most - offset + 2, most / 2 + 1}) {
      c.start_case();
      Discarded one{c, std::min(3 * unit + 2, extension_limit(c))};
      if (!one.discard_beyond(offset, n)) return;
      one.check("after discard(" + std::to_string(offset) + ", " + std::to_string(n) + ")");
    }
  }
}

// The new end lies in what was discarded, and what is written on from there must come to stand in the right place.
void cut_in_a_discarded_range(Context& c) {
  if (!c.has(Capability::shrink)) return;
  for (const std::uint64_t unit : boundaries(c)) {
    const std::uint64_t size = std::min(4 * unit + 2, extension_limit(c));
    for (const std::uint64_t to : {3 * unit + unit / 2, 3 * unit, 2 * unit + 1, unit / 2 + 1}) {
      if (to >= size) continue;
      for (const std::uint64_t back : {to % unit, unit, unit / 2, unit + unit / 2}) {
        if (back > to) continue;
        c.start_case();
        Discarded one{c, size};
        if (!one.discard(to - back, size)) return;
        one.truncate(to);
        one.check("after a shrink to within a discarded range");
        if (!c.has(Capability::append)) continue;
        one.extend_by(unit / 3 + 1);
        one.check("after a shrink to within a discarded range and an extension");
        one.extend_by(unit);
        one.check("after a shrink to within a discarded range and two extensions");
      }
      if (!c.time_left()) return;
    }
  }
}

struct Step {
  enum class Kind : std::uint8_t { discard, extend, abandon, cut } kind = Kind::discard;
  std::uint64_t where = 0;  // taken modulo what there is
  std::uint64_t n = 0;
};

// Any sequence of changes leaves what was not discarded.
void discard_at_random(Context& c, std::uint64_t unit) {
  std::vector<Step> steps;
  for (std::uint64_t i = c.rounds(40, 6); i > 0; --i) {
    const std::array bounds{std::uint64_t{8}, unit + 2, 3 * unit + 2};
    steps.push_back({static_cast<Step::Kind>(c.random()() % 4), c.random()(), c.random()() % bounds[c.random()() % bounds.size()] + 1});
  }
  bool can = true;
  run_schedule<Step>(c, std::move(steps), [&](Context& context, const std::vector<Step>& schedule) {
    Discarded one{context, std::min(5 * unit + 3, extension_limit(context) / 2)};
    for (const Step& step : schedule) {
      const std::uint64_t size = one.object().size();
      switch (step.kind) {
        case Step::Kind::discard:
          if (size != 0) can = can && one.discard(step.where % size, step.n);
          break;
        case Step::Kind::extend:
          if (context.has(Capability::append)) one.extend_by(step.n);
          break;
        case Step::Kind::abandon:
          if (context.has(Capability::append) && step.n < extension_limit(context) - size) one.abandon_extension(step.n);
          break;
        case Step::Kind::cut:
          if (context.has(Capability::shrink)) one.truncate(size - step.where % (size / 3 + 1));
          break;
      }
      if (!can) return;
      one.check("after random discards and other changes");
    }
  });
}

// Piece by piece from the front, as a queue does: no byte before its time.
void discard_step_by_step(Context& c) {
  c.start_case();
  const std::uint64_t unit = unit_of(c);
  const std::uint64_t size = std::min(4 * unit + 1, extension_limit(c));
  const std::uint64_t step = std::max<std::uint64_t>(unit / 3, size / c.rounds(60, 8) + 1);
  Discarded one{c, size};
  for (std::uint64_t at = 0; at < size; at += step) {
    if (!one.discard(at, std::min(step, size - at))) return;
    one.check("after discarding from the front step by step");
  }
}

void of_no_effect(Context& c) {
  c.start_case();
  Location empty = c.make();
  c.expect_any_error(empty.discard(0, 1), "discard() where there is no object");
  c.expect_absent(empty, "after discard() where there is no object");
  auto [location, object] = c.stored(std::min(c.chunk() + 1, extension_limit(c)));
  constexpr std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
  for (const Range& range : {Range{0, 0}, Range{object.size() / 2, 0}, Range{object.size(), 1}, Range{object.size() + 1, c.chunk()},
                             Range{most, 1}, Range{most - 1, most}, Range{std::uint64_t{1} << 32U, most}}) {
    const auto done = location.discard(range.offset, range.length);
    if (!done) c.expect_error(done, {errc::invalid_argument, errc::unsupported}, "discard() of nothing");
    c.expect_object(location, object,
                    "the object after discard(" + std::to_string(range.offset) + ", " + std::to_string(range.length) + ")");
  }
}

void frees_storage(Context& c) {
  if (!c.needs(c.hooks().stored_bytes, "stored_bytes")) return;
  c.start_case();
  const std::uint64_t unit = c.chunks().back();
  const std::uint64_t wanted =
      c.traits().chunk_size ? std::max<std::uint64_t>(12 * unit, std::uint64_t{1} << 20U) : std::uint64_t{12} << 20U;
  const std::uint64_t size = std::min(wanted, std::min(c.most(), std::uint64_t{64} << 20U));
  if (size < 8 * c.chunk()) return c.not_run("objects are too small for whole chunks to be discarded");
  Discarded one{c, size};
  const std::uint64_t before = c.hooks().stored_bytes();
  if (before < size / 2) return c.not_run("stored_bytes() does not show what is stored at once");
  const std::uint64_t offset = size / 6;
  const std::uint64_t n = size / 3 * 2;
  if (!one.discard(offset, n)) return;
  const std::uint64_t after = c.hooks().stored_bytes();
  c.check(after + n / 2 <= before, "discard() of " + std::to_string(n) + " bytes freed " +
                                       std::to_string(before > after ? before - after : 0) + " bytes of " + std::to_string(before) +
                                       "; half of it may stay at the edges");
  one.check("after a discard that freed storage");
}

bool discard_with_fault(Context& c, const Fault& fault) {
  const std::uint64_t unit = unit_of(c);
  const std::uint64_t size = std::min(3 * unit + 2, extension_limit(c));
  Discarded one{c, size};
  ArmedFault armed{c, fault};
  if (!armed.is_armed()) return false;
  const auto done = one.location().discard(unit / 2, 2 * unit);
  const bool fired = armed.disarm();
  if (!done && done.error() == errc::unsupported && !fired) return false;
  if (!done) c.check(fired, "discard() failed without a fault: " + done.error().message());
  if (!one.discard(unit / 2, 2 * unit)) return false;
  one.check("after a discard that was called again");
  return fired;
}

void discard_1(Context& c) {
  of_no_effect(c);
  frees_storage(c);
  to_the_end_and_far_beyond(c);
  discard_at_random(c, unit_of(c));
  cut_in_a_discarded_range(c);
  if (!discard_everywhere(c)) return;
  discard_step_by_step(c);
  if (!c.needs(c.hooks().inject, "inject")) return;
  for (const auto& [mode, category] : {std::pair{FaultMode::error, errc::io},
                                       {FaultMode::error, errc::unavailable},
                                       {FaultMode::interrupted, errc::io},
                                       {FaultMode::error_after_effect, errc::timeout}}) {
    each_fault(c, {.mode = mode, .category = category}, [&](const Fault& fault) { return discard_with_fault(c, fault); });
  }
}

constexpr std::array all{
    Clause{.id = "DISCARD-1",
           .rule = "a discarded range frees storage, edges may stay; no other byte changes, nor the size",
           .look_here = "the chunks that the range covers in part, and what is remembered from one discard to the next",
           .capability = Capability::discard,
           .run = discard_1},
};

}  // namespace

std::span<const Clause> discard() { return all; }

}  // namespace hybridbuffer::conformance::clauses
