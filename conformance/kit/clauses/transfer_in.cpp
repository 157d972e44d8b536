#include "descriptors.hpp"
#include "extension.hpp"

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
/// TRANSFER-1, transfer_from(): extends the object by what a descriptor has.

namespace hybridbuffer::conformance::clauses {

void transfers_in(Context& c);

namespace {

enum class Way : std::uint8_t { works, unsupported };

/// Moves `n` bytes in, resuming after short counts; what `longer` has beyond `object` is what the source gives. `object` grows by what was
/// moved, and must show it after every call. `when_empty` is asked when the source is empty for now: it feeds it, or says that it was not.
Way move_in(Context& c, Location& location, Object& object, const Object& longer, int source, std::uint64_t n, const std::string& name,
            const std::function<bool()>& when_empty = {}) {
  const std::uint64_t start = object.size();
  const std::uint64_t expected = std::min(n, longer.size() - start);
  while (object.size() < start + expected) {
    const std::uint64_t left = n - (object.size() - start);
    const std::string what = "transfer_from(" + name + ", " + std::to_string(left) + ")";
    const auto count = location.transfer_from(source, left);
    if (!count && count.error() == errc::unsupported && object.size() == start) return Way::unsupported;
    if (!count && count.error() == errc::unavailable && when_empty) {
      c.check(when_empty(), what + " says that the source is empty, and it is not");
      continue;
    }
    c.require(count, what);
    c.check(*count != 0, what + " took none, and the source has more");
    c.check(*count <= start + expected - object.size(), what + " took " + std::to_string(*count) + " bytes, more than there were");
    const std::uint64_t size = object.size() + *count;
    object = longer;
    object.truncate(size);
    const std::vector<Route> routes = c.routes();
    c.expect_object(location, object, routes[size % routes.size()], "the object right after " + what);
  }
  return Way::works;
}

struct Move {
  std::uint64_t before = 0;
  std::uint64_t there = 0;  // what the source has
  std::uint64_t asked = 0;
};

std::vector<Move> moves(Context& c) {
  const std::uint64_t limit = extension_limit(c);
  constexpr std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
  std::vector<Move> first;
  std::vector<Move> rest;
  for (const std::uint64_t unit : boundaries(c)) {
    for (const Move& one :
         {Move{unit - 1, unit + 2, unit + 2}, Move{unit + 1, 2 * unit, unit}, Move{0, unit, most}, Move{unit, 10'001, 20'000}})
      first.push_back(one);
    for (const Range& both : windows(normalised(around(Sizes{0, unit, 2 * unit}), limit), around(Sizes{1, unit}))) {
      rest.push_back({both.offset, both.length, both.length});
      rest.push_back({both.offset, both.length, both.length / 2});
    }
  }
  rest = shuffled(std::move(rest), c.random());
  first.insert(first.end(), rest.begin(), rest.end());
  std::erase_if(first, [&](const Move& m) { return m.before > limit || m.there > limit - m.before; });
  return first;
}

bool in_from_file(Context& c) {
  bool works = false;
  std::uint64_t done = 0;
  for (const Move& move : moves(c)) {
    if (++done > 4 && !c.time_left()) break;
    c.start_case();
    auto [location, object] = c.stored(move.before);
    const Object longer = longer_by(c, location, object, move.there);
    OwnedDescriptor file = temporary_file();
    const std::uint64_t start = done % 3 * 1001;
    put_at(file.number(), start, longer.bytes(move.before, move.there));
    ::lseek(file.number(), static_cast<off_t>(start), SEEK_SET);
    const Way way = move_in(c, location, object, longer, file.number(), move.asked, "a file");
    const std::uint64_t taken = object.size() - move.before;
    c.check(position_of(file.number()) == start + taken, "transfer_from(a file) left its position at " +
                                                             std::to_string(position_of(file.number())) + ", not " +
                                                             std::to_string(start + taken));
    c.expect_object(location, object, "the object after transfer_from(a file)");
    if (way == Way::unsupported) break;
    works = works || taken != 0;
    if (move.asked >= move.there) {
      c.check(c.require(location.transfer_from(file.number(), 5), "transfer_from() a file at its end") == 0,
              "transfer_from() a file at its end took bytes");
    }
    c.check(c.require(location.transfer_from(file.number(), 0), "transfer_from() of no bytes") == 0,
            "transfer_from() of no bytes took some");
    if (c.has(Capability::append)) extend(c, location, object, 3);
    c.expect_object(location, object, "the object after transfer_from() and an extension");
  }
  return works;
}

// No more is taken than was asked for: the rest is still there for somebody else.
bool in_from_writer(Context& c, Channel::Kind kind, bool interrupted) {
  bool works = false;
  std::uint64_t done = 0;
  for (const Move& move : moves(c)) {
    if (++done > 3 && !c.time_left()) break;
    c.start_case();
    auto [location, object] = c.stored(move.before);
    const Object longer = longer_by(c, location, object, move.there);
    Channel channel{kind};
    Way way = Way::works;
    std::vector<std::byte> rest;
    {
      const Feed feed{channel, longer.bytes(move.before, move.there)};
      std::optional<Interruptions> signals;
      if (interrupted) signals.emplace();
      way = move_in(c, location, object, longer, channel.out.number(), move.asked, channel.name());
      signals.reset();
      if (way == Way::works) {
        std::array<std::byte, 4096> block;
        for (ssize_t count = 1; count > 0;) {
          count = ::read(channel.out.number(), block.data(), block.size());
          if (count > 0) rest.insert(rest.end(), block.begin(), block.begin() + count);
        }
      }
    }
    c.expect_object(location, object, "the object after transfer_from(" + std::string{channel.name()} + ")");
    if (way == Way::unsupported) break;
    works = true;
    c.check(object.size() + rest.size() == longer.size(), "transfer_from(" + std::string{channel.name()} + ", " +
                                                              std::to_string(move.asked) + ") kept " +
                                                              std::to_string(object.size() - move.before) + " bytes and left " +
                                                              std::to_string(rest.size()) + " of " + std::to_string(move.there));
    if (!rest.empty()) c.expect_bytes(longer, object.size(), rest, "what transfer_from() left in the source");
  }
  return works;
}

bool in_without_waiting(Context& c, Channel::Kind kind) {
  bool works = false;
  std::uint64_t done = 0;
  for (const Move& move : moves(c)) {
    if (++done > 3 && !c.time_left()) break;
    c.start_case();
    auto [location, object] = c.stored(move.before);
    const Object longer = longer_by(c, location, object, move.there);
    Channel channel{kind};
    Channel::make_non_blocking(channel.out);
    Channel::make_non_blocking(channel.in);
    const auto empty = location.transfer_from(channel.out.number(), 10);
    c.expect_error(empty, {errc::unavailable, errc::unsupported}, "transfer_from() an empty source that does not wait");
    c.expect_object(location, object, "the object after transfer_from() an empty source");
    if (empty.error() == errc::unsupported) break;
    std::uint64_t fed = 0;
    const auto feed = [&] {
      const std::uint64_t n = std::min(c.random()() % 3000 + 1, move.there - fed);
      const std::vector<std::byte> bytes = longer.bytes(move.before + fed, n);
      const ssize_t count = ::write(channel.in.number(), bytes.data(), bytes.size());
      if (count > 0) fed += static_cast<std::uint64_t>(count);
      return count > 0;
    };
    const Way way = move_in(c, location, object, longer, channel.out.number(), std::min(move.asked, move.there), channel.name(), feed);
    c.expect_object(location, object, "the object after transfer_from() in portions");
    works = works || way == Way::works;
  }
  return works;
}

void in_refused(Context& c, bool from_file) {
  c.start_case();
  auto [location, object] = c.stored(std::min(c.chunk() + 1, extension_limit(c) / 2));
  c.expect_any_error(location.transfer_from(-1, 1), "transfer_from(-1)");
  Channel channel{Channel::Kind::pipe};
  c.expect_any_error(location.transfer_from(channel.in.number(), 1), "transfer_from() the writing end of a pipe");
  c.expect_object(location, object, "the object after transfer_from() that failed");
  if (!from_file) return;
  // With a writer open it is one more writer.
  const Object longer = longer_by(c, location, object, 100);
  OwnedDescriptor file = temporary_file();
  put_at(file.number(), 0, longer.bytes(object.size(), 100));
  {
    const Writer writer = c.require(location.create(), "create()");
    const auto taken = location.transfer_from(file.number(), 40);
    if (taken)
      object = [&] {
        Object now = longer;
        now.truncate(object.size() + *taken);
        return now;
      }();
    else c.expect_error(taken, {errc::busy}, "transfer_from() while a writer is open");
    c.check(position_of(file.number()) == taken.value_or(0),
            "transfer_from() while a writer is open moved the source to " + std::to_string(position_of(file.number())));
  }
  c.expect_object(location, object, "the object after transfer_from() while a writer was open");
}

// A store that fails takes nothing: not of the object, and not of a source that can go back.
void in_with_a_failing_store(Context& c) {
  if (!c.hooks().inject) return;
  const std::uint64_t unit = unit_of(c);
  for (std::uint64_t k = 1; k <= 20 && (k <= 8 || c.time_left()); ++k) {
    c.start_case();
    auto [location, object] = c.stored(unit + 1);
    Object longer = longer_by(c, location, object, 2 * unit);
    OwnedDescriptor file = temporary_file();
    put_at(file.number(), 0, longer.bytes(object.size(), 2 * unit));
    if (!c.inject({.k = k, .mode = FaultMode::error, .category = errc::no_space})) return;
    const auto taken = location.transfer_from(file.number(), 2 * unit);
    const std::uint64_t fired = c.disarm();
    if (!taken && taken.error() == errc::unsupported) return;
    longer.truncate(object.size() + taken.value_or(0));
    const std::string what = "transfer_from() whose primitive " + std::to_string(k) + " found the store full";
    c.check(position_of(file.number()) == taken.value_or(0), what + (taken ? " took " + std::to_string(*taken) + " bytes" : " failed") +
                                                                 " and left the source at " + std::to_string(position_of(file.number())));
    c.expect_object(location, longer, "the object after " + what);
    if (fired == 0) return;
  }
}

void in_without_object(Context& c) {
  c.start_case();
  Location location = c.make();
  Object object;
  const Object longer = longer_by(c, location, object, std::min(c.chunk() + 1, extension_limit(c)));
  OwnedDescriptor file = temporary_file();
  put_at(file.number(), 0, longer.bytes());
  if (move_in(c, location, object, longer, file.number(), longer.size(), "a file, where there is no object") == Way::unsupported) {
    return c.expect_absent(location, "after transfer_from() that is unsupported");
  }
  c.expect_object(location, object, "an object made by transfer_from()");
}

void in_to_the_limit(Context& c) {
  const std::uint64_t most = c.declared_most();
  if (most > extension_limit(c) || most < 100) return;
  c.start_case();
  auto [location, object] = c.stored(most - 10);
  Object longer = longer_by(c, location, object, 10);
  OwnedDescriptor file = temporary_file();
  put_at(file.number(), 0, longer.bytes(object.size(), 10));
  const std::array<std::byte, 10> more{};
  put_at(file.number(), 10, more);
  while (object.size() < most) {
    const auto count = location.transfer_from(file.number(), 20);
    if (!count) {
      c.expect_error(count, {errc::limit_exceeded, errc::unsupported}, "transfer_from() of more than the largest size");
      break;
    }
    c.check(*count != 0 && *count <= most - object.size(), "transfer_from() at the largest size took " + std::to_string(*count) + " bytes");
    const std::uint64_t size = object.size() + *count;
    object = longer;
    object.truncate(size);
  }
  if (object.size() == most)
    c.expect_error(location.transfer_from(file.number(), 1), {errc::limit_exceeded}, "transfer_from() beyond the largest size");
  c.check(position_of(file.number()) == object.size() - (most - 10),
          "transfer_from() of more than the largest size took bytes that it did not keep");
  c.expect_object(location, object, "the object after transfer_from() of more than the largest size");
}

}  // namespace

void transfers_in(Context& c) {
  bool works = in_from_file(c);
  in_refused(c, works);
  in_with_a_failing_store(c);
  in_without_object(c);
  in_to_the_limit(c);
  for (const Channel::Kind kind : {Channel::Kind::pipe, Channel::Kind::socket}) {
    works = in_without_waiting(c, kind) || works;
    works = in_from_writer(c, kind, false) || works;
    works = in_from_writer(c, kind, true) || works;
  }
  c.check(works, "transfer is declared, and transfer_from() takes nothing from files, pipes or sockets");
}

}  // namespace hybridbuffer::conformance::clauses
