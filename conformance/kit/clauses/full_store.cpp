#include "full_store.hpp"

#include "../fault_scene.hpp"
#include "fault_sweep.hpp"

#include <hybridbuffer/conformance/context.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

/// \file
/// ERR-7: what a backend says, leaves and shows when its store is full, or an object as large as it may be.

namespace hybridbuffer::conformance::clauses {
namespace {

// Writes `content` in pieces while the store is full. Returns: the first error.
std::optional<Error> write_while_full(Context& c, Result<Writer> writer, const Object& content, std::uint64_t from) {
  if (!writer) return writer.error();
  const std::uint64_t step = std::max<std::uint64_t>((content.size() - from) / 5, 1);
  for (std::uint64_t at = from; at < content.size(); at += step) {
    const auto written = writer->write(content.bytes(at, std::min(step, content.size() - at)));
    if (written) continue;
    c.expect_any_error(writer->write(content.bytes(at, 1)), "another write() after the store was full");
    c.expect_any_error(writer->close(), "close() after the store was full");
    return written.error();
  }
  const auto closed = writer->close();
  if (closed) return {};
  return closed.error();
}

void full_store(Context& c, const Fault& fault, bool replaces, bool extends, std::uint64_t& hits) {
  c.start_case();
  const std::uint64_t size = std::min<std::uint64_t>(std::min<std::uint64_t>(3 * c.chunk() + 7, 60'000), c.most() / 2);
  Location location = c.make();
  const std::uint64_t used_before = c.hooks().stored_bytes ? c.hooks().stored_bytes() : 0;
  Object old;
  if (replaces || extends) {
    old = c.object(location, size / 2);
    c.store(location, old);
  }
  Object content;
  if (extends) content = old;
  content.append(c.stamp(location, content.size() + size), size);
  if (!arms(c, fault)) return;
  Armed armed{c};
  const auto error = write_while_full(c, extends ? location.append() : location.create(), content, extends ? old.size() : 0);
  const std::uint64_t fired = armed.disarm();
  hits += fired != 0 ? 1 : 0;
  const std::string what = "after primitive " + std::to_string(fault.k) + " found the store full";
  if (error) {
    c.check(fired != 0, "writing failed although no primitive of the store did: " + error->message());
    // Where nothing works any more, not even looking for what was committed, nobody knows whether it is there.
    const bool unknown = fault.for_ever && error->is_indeterminate();
    c.check(*error == errc::no_space || unknown, what + ", the error must be no_space, but was: " + error->message());
    std::vector<std::optional<Object>> possible{replaces || extends ? std::optional{old} : std::nullopt};
    if (unknown) possible.emplace_back(content);
    expect_one_of(c, location, possible, what);
  } else {
    c.expect_object(location, content, what + " and everything succeeded");
  }
  c.require(location.remove(), what + ": remove()");
  c.expect_absent(location, what + ", and remove()");
  if (c.hooks().stored_objects) c.expect_residue(0, what + ", and remove()");
  if (c.hooks().stored_bytes) {
    if (c.hooks().trim) c.hooks().trim();
    const std::uint64_t used = c.hooks().stored_bytes();
    c.check(used <= used_before,
            what + ", and remove(): stored_bytes() is " + std::to_string(used) + ", before it was " + std::to_string(used_before));
  }
  const Object next = c.object(location, size);
  c.store(location, next);
  c.expect_object(location, next, what + ", with space again");
}

// The declared limit is a store that is full at a known place.
// A trait alone says what the author promises not to need, not that more is refused.
void too_large(Context& c) {
  if (!c.has(Capability::max_object_size)) return;
  if (c.declared_most() > c.most() || c.declared_most() > std::uint64_t{1} << 22U) return;
  c.start_case();
  const std::uint64_t limit = c.declared_most();
  auto [location, old] = c.stored(limit / 2);
  const std::vector<std::byte> one(1);
  for (const bool extends : {false, true}) {
    if (extends && !c.has(Capability::append)) continue;
    auto writer = extends ? location.append() : location.create();
    if (!writer) c.fail("a writer must start below the declared limit: " + writer.error().message());
    const std::uint64_t room = extends ? limit - old.size() : limit;
    const Object content = c.object(location, room);
    std::optional<Error> error;
    for (std::uint64_t at = 0; at < room && !error; at += 100'000) {
      if (const auto written = writer->write(content.bytes(at, std::min<std::uint64_t>(100'000, room - at))); !written)
        error = written.error();
    }
    c.check(!error, "an object as large as the declared limit must be accepted");
    const auto written = writer->write(one);
    const auto closed = writer->close();
    c.check(!written || !closed, "a byte more than the declared max_object_size of " + std::to_string(limit) + " was accepted");
    const Error& reported = written ? closed.error() : written.error();
    c.check(reported == errc::limit_exceeded || reported == errc::no_space,
            "a byte more than the declared max_object_size must be limit_exceeded, but was: " + reported.message());
    c.expect_any_error(closed, "close() of an object that is too large");
    c.expect_object(location, old, "the object after a larger one was refused");
  }
}

}  // namespace

void err_7(Context& c) {
  too_large(c);
  if (!c.needs(c.hooks().inject, "inject")) return;
  std::uint64_t hits = 0;
  Sweep sweep{c, 60, 4};
  for (std::uint64_t k = 1; k <= 40 && sweep.goes_on(); ++k) {
    const std::uint64_t before = hits;
    for (const bool for_ever : {true, false}) {
      const Fault fault{.k = k, .category = errc::no_space, .for_ever = for_ever};
      full_store(c, fault, false, false, hits);
      full_store(c, fault, true, false, hits);
      if (c.has(Capability::append)) full_store(c, fault, false, true, hits);
    }
    if (hits == before) break;
  }
  if (hits == 0) c.not_run("the harness cannot make the store full");
}

}  // namespace hybridbuffer::conformance::clauses
