#include "clauses.hpp"

#include "descriptors.hpp"
#include "extension.hpp"

#include <hybridbuffer/conformance/clause.hpp>
#include <hybridbuffer/conformance/context.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

/// \file
/// TRANSFER: bytes between the object and descriptors. A short count is a legal answer, `unsupported` a legal one for any kind of
/// descriptor, as long as nothing was moved then and some kind works.

namespace hybridbuffer::conformance::clauses {

void transfers_in(Context& c);

namespace {

/// Moves [offset, offset + n) out, resuming after short counts. `when_full` is asked when the target is full: it makes room, or says that
/// it was empty. Returns: nothing when the backend has no way to this target.
std::optional<std::uint64_t> move_out(Context& c, const Location& location, const Object& object, int target, std::uint64_t offset,
                                      std::uint64_t n, const std::string& name, const std::function<bool()>& when_full = {}) {
  const std::uint64_t expected = offset < object.size() ? std::min(n, object.size() - offset) : 0;
  std::uint64_t moved = 0;
  for (;;) {
    const std::string what = "transfer_to(" + name + ", " + std::to_string(offset + moved) + ", " + std::to_string(n - moved) + ")";
    const auto count = location.transfer_to(target, offset + moved, n - moved);
    if (!count && count.error() == errc::unsupported && moved == 0) return {};
    if (!count && count.error() == errc::unavailable && when_full) {
      c.check(when_full(), what + " says that the target is full, and it is empty");
      continue;
    }
    c.require(count, what);
    c.check(*count <= expected - moved,
            what + " moved " + std::to_string(*count) + " bytes, " + std::to_string(expected - moved) + " were there");
    moved += *count;
    if (moved == expected) return moved;
    c.check(*count != 0, what + " moved none, and is not at the end");
  }
}

void expect_moved(Context& c, const Object& object, std::uint64_t offset, std::span<const std::byte> found, std::uint64_t expected,
                  const std::string& what) {
  c.check(found.size() == expected,
          what + ": " + std::to_string(found.size()) + " bytes arrived, " + std::to_string(expected) + " were moved");
  if (!found.empty()) c.expect_bytes(object, offset, found, what);
}

// Windows of an object of `size` bytes: those that matter first.
std::vector<Range> moves(Context& c, std::uint64_t size, std::uint64_t unit) {
  std::vector<Range> first{
      {0, size}, {1, size - std::min<std::uint64_t>(size, 1)}, {unit - 1, unit + 2}, {size / 2, size}, {size, 1}, {size + 1, 1}, {0, 0}};
  const std::vector<Range> rest =
      shuffled(windows(normalised(around(Sizes{0, unit, 2 * unit}), size), around(Sizes{1, unit, size})), c.random());
  first.insert(first.end(), rest.begin(), rest.end());
  return first;
}

// To a file that holds something already: at its own position, and nowhere else.
bool out_to_file(Context& c, bool append_only) {
  const std::string name = append_only ? "a file opened with O_APPEND" : "a file";
  std::uint64_t done = 0;
  bool works = false;
  for (const std::uint64_t unit : boundaries(c)) {
    auto [location, object] = c.stored(std::min(2 * unit + 5, extension_limit(c)));
    for (const Range& range : moves(c, object.size(), unit)) {
      if (++done > 6 && !c.time_left()) return works;
      c.start_case();
      const Object held = c.object(location, object.size() + 2 * unit);
      const std::uint64_t start = append_only ? held.size() : std::min<std::uint64_t>(unit + 7, held.size());
      OwnedDescriptor file = temporary_file();
      put_at(file.number(), 0, held.bytes());
      ::lseek(file.number(), static_cast<off_t>(start), SEEK_SET);
      if (append_only) ::fcntl(file.number(), F_SETFL, ::fcntl(file.number(), F_GETFL) | O_APPEND);
      const auto moved = move_out(c, location, object, file.number(), range.offset, range.length, name);
      const std::uint64_t position = position_of(file.number());
      c.check(position == start + moved.value_or(0), "transfer_to(" + name + ") left its position at " + std::to_string(position) +
                                                         ", not " + std::to_string(start + moved.value_or(0)));
      const std::vector<std::byte> found = content_of(file.number());
      c.check(found.size() == std::max(held.size(), start + moved.value_or(0)),
              "transfer_to(" + name + ") made it " + std::to_string(found.size()) + " bytes long");
      c.expect_bytes(held, 0, std::span{found}.first(static_cast<std::size_t>(start)), name + " before what was moved to it");
      if (moved && *moved != 0) {
        expect_moved(c, object, range.offset, std::span{found}.subspan(static_cast<std::size_t>(start), static_cast<std::size_t>(*moved)),
                     *moved, name);
        works = true;
      }
      const std::uint64_t end = start + moved.value_or(0);
      if (end < held.size())
        c.expect_bytes(held, end, std::span{found}.subspan(static_cast<std::size_t>(end)), name + " behind what was moved to it");
    }
    c.expect_object(location, object, "the object after it was moved to files");
  }
  return works;
}

// To somebody who reads slowly. The kernel's buffer is smaller than the object, so that every call is cut short or has to wait.
bool out_to_waiting_reader(Context& c, Channel::Kind kind, bool interrupted) {
  bool works = false;
  std::uint64_t done = 0;
  for (const std::uint64_t unit : boundaries(c)) {
    auto [location, object] = c.stored(std::min(2 * unit + 70'001, extension_limit(c)));
    for (const Range& range : moves(c, object.size(), unit)) {
      if (++done > 3 && !c.time_left()) return works;
      if (done % 2 == 0 && interrupted) continue;
      c.start_case();
      Channel channel{kind};
      Drain drain{channel};
      std::optional<Interruptions> signals;
      if (interrupted) signals.emplace();
      const auto moved = move_out(c, location, object, channel.in.number(), range.offset, range.length, channel.name());
      signals.reset();
      works = works || (moved && *moved != 0);
      expect_moved(c, object, range.offset, drain.bytes(), moved.value_or(0),
                   channel.name() + std::string{interrupted ? ", with interruptions" : ""});
    }
    c.expect_object(location, object, "the object after it was moved to readers");
  }
  return works;
}

bool out_without_waiting(Context& c, Channel::Kind kind) {
  bool works = false;
  std::uint64_t done = 0;
  for (const std::uint64_t unit : boundaries(c)) {
    auto [location, object] = c.stored(std::min(2 * unit + 70'001, extension_limit(c)));
    for (const Range& range : moves(c, object.size(), unit)) {
      if (++done > 3 && !c.time_left()) return works;
      c.start_case();
      Channel channel{kind};
      Channel::make_non_blocking(channel.in);
      std::vector<std::byte> arrived;
      const auto take = [&](std::size_t most) {
        const std::vector<std::byte> now = taken_from(channel.out.number(), most);
        arrived.insert(arrived.end(), now.begin(), now.end());
        return !now.empty();
      };
      const auto moved = move_out(c, location, object, channel.in.number(), range.offset, range.length, channel.name(),
                                  [&] { return take(static_cast<std::size_t>(c.random()() % 9000) + 1); });
      while (take(1U << 16U)) {}
      works = works || (moved && *moved != 0);
      expect_moved(c, object, range.offset, arrived, moved.value_or(0), channel.name() + std::string{" that does not wait"});
    }
  }
  return works;
}

// What was moved stays as it was, whatever becomes of the object before somebody reads it.
void moved_bytes_stay(Context& c, Channel::Kind kind) {
  const std::uint64_t unit = unit_of(c);
  using Change = std::pair<const char*, std::function<void(Location&, Object&)>>;
  std::vector<Change> changes{{"the object was replaced", [&](Location& l, Object&) { c.store(l, c.object(l, unit + 1)); }},
                              {"the object was removed",
                               [&](Location& l, Object&) {
                                 c.require(l.remove(), "remove()");
                                 c.store(l, c.object(l, 2 * unit));
                               }},
                              {"the backend was destroyed", [&](Location& l, Object&) { l.destroy(); }}};
  if (c.has(Capability::append)) changes.emplace_back("the object was extended", [&](Location& l, Object& o) { extend(c, l, o, unit); });
  if (c.has(Capability::shrink)) {
    changes.emplace_back("the object was shrunk", [&](Location& l, Object& o) {
      c.require(l.shrink(100), "shrink(100)");
      o.truncate(100);
      if (c.has(Capability::append)) extend(c, l, o, 2 * unit);
    });
  }
  if (c.has(Capability::discard)) {
    changes.emplace_back("the range was discarded", [&](Location& l, Object& o) {
      const auto done = l.discard(0, o.size());
      if (!done) c.expect_error(done, {errc::unsupported}, "discard()");
    });
  }
  for (const auto& [what, change] : changes) {
    c.start_case();
    auto [location, object] = c.stored(std::min(2 * unit + 1, extension_limit(c)));
    if (object.size() < 200) return;
    Channel channel{kind};
    Channel::make_non_blocking(channel.in);
    constexpr std::uint64_t offset = 30;
    const auto moved = location.transfer_to(channel.in.number(), offset, 3000);
    if (!moved) return c.expect_error(moved, {errc::unsupported}, "transfer_to() an empty " + std::string{channel.name()});
    change(location, object);
    const Object before{object.pieces().front().stamp, std::uint64_t{2} * unit + 1};
    expect_moved(c, before, offset, taken_from(channel.out.number(), 4000), *moved,
                 std::string{"bytes in "} + channel.name() + " after " + what);
  }
}

void out_refused(Context& c) {
  c.start_case();
  const NoBrokenPipeSignal quiet;
  Location empty = c.make();
  OwnedDescriptor file = temporary_file();
  c.expect_error(empty.transfer_to(file.number(), 0, 1), {errc::not_found}, "transfer_to() where there is no object");
  auto [location, object] = c.stored(std::min(c.chunk() + 1, extension_limit(c)));
  c.expect_any_error(location.transfer_to(-1, 0, 1), "transfer_to(-1)");
  Channel channel{Channel::Kind::pipe};
  c.expect_any_error(location.transfer_to(channel.out.number(), 0, 1), "transfer_to() the reading end of a pipe");
  channel.out.close();
  c.expect_any_error(location.transfer_to(channel.in.number(), 0, 1), "transfer_to() a pipe that nobody reads");
  for (const std::uint64_t offset : {object.size(), object.size() + (std::uint64_t{1} << 32U), std::numeric_limits<std::uint64_t>::max()}) {
    const auto none = location.transfer_to(file.number(), offset, 5);
    if (!none) c.expect_error(none, {errc::unsupported}, "transfer_to() from beyond the end");
    else c.check(*none == 0, "transfer_to() from beyond the end moved " + std::to_string(*none) + " bytes");
  }
  c.check(content_of(file.number()).empty(), "transfer_to() of nothing wrote to the target");
  constexpr std::uint64_t all = std::numeric_limits<std::uint64_t>::max();
  if (const auto moved = move_out(c, location, object, file.number(), 0, all, "a file")) {
    expect_moved(c, object, 0, content_of(file.number()), *moved, "a file that all was moved to");
  }
  c.expect_object(location, object, "the object after transfers that failed");
}

// Bounded by what is committed, not by what stands behind it.
void out_beside_pending_bytes(Context& c) {
  if (!c.has(Capability::append)) return;
  const std::uint64_t unit = unit_of(c);
  for (const std::uint64_t size : normalised({unit / 2 + 1, unit + 7}, extension_limit(c) / 2)) {
    c.start_case();
    auto [location, object] = c.stored(size);
    const auto look = [&](const std::string& what) {
      OwnedDescriptor file = temporary_file();
      const auto moved = move_out(c, location, object, file.number(), 0, 4 * unit + 100, "a file");
      if (moved) expect_moved(c, object, 0, content_of(file.number()), *moved, "a file that the object was moved to " + what);
    };
    {
      const Object never = longer_by(c, location, object, pending_bytes(c, size));
      Writer writer = c.require(location.append(), "append()");
      write_tail(c, writer, never, size, unit / 2 + 1);
      look("with an extension open");
    }
    look("after an abandoned extension");
  }
}

void transfer_1(Context& c) {
  out_refused(c);
  out_beside_pending_bytes(c);
  // One part after the other, each with some of the time: what each does first is what matters.
  bool works = out_to_file(c, false);
  static_cast<void>(out_to_file(c, true));
  for (const Channel::Kind kind : {Channel::Kind::pipe, Channel::Kind::socket}) {
    works = out_without_waiting(c, kind) || works;
    works = out_to_waiting_reader(c, kind, false) || works;
    works = out_to_waiting_reader(c, kind, true) || works;
    moved_bytes_stay(c, kind);
  }
  c.check(works, "transfer is declared, and transfer_to() moves nothing to files, pipes or sockets");
  transfers_in(c);
}

constexpr std::array all{
    Clause{
        .id = "TRANSFER-1",
        .rule = "a transfer moves exactly the bytes that it says, goes on after a short or interrupted call, and leaves both offsets right",
        .look_here = "the count after a short or interrupted call of the kernel, and who moves the position of the other end",
        .capability = Capability::transfer,
        .run = transfer_1},
};

}  // namespace

std::span<const Clause> transfer() { return all; }

}  // namespace hybridbuffer::conformance::clauses
