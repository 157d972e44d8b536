#include "clauses.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

/// \file
/// Taking bytes away.

namespace hybridbuffer::conformance::memory_clauses {
namespace {

constexpr std::size_t huge = std::numeric_limits<std::size_t>::max();

void mem_12(MemoryContext& c) {
  for (const std::size_t size : c.sizes(c.most(), 40)) {
    for (const std::size_t dropped : c.sizes(size, 40)) {
      if (!c.time_left()) break;
      c.start_case();
      Filled policy{c};
      policy.append(size);
      const std::string what = "drop_front(" + std::to_string(dropped) + ") of " + std::to_string(policy.size()) + " bytes";
      policy.drop_front(dropped);
      policy.expect(what);
      policy.drop_front(std::min<std::size_t>(policy.size(), 1));
      policy.expect(what + ", then drop_front(1)");
      policy.append(c.unit() + 1);
      policy.expect(what + ", and more appended");
    }
  }
  for (const std::size_t beyond : {std::size_t{1}, c.unit(), huge / 2, huge - c.unit() - 2}) {
    c.start_case();
    Filled policy{c};
    policy.append(c.unit() + 2);
    policy.drop_front(1);
    const std::string what =
        "drop_front() of " + std::to_string(beyond) + " more than the " + std::to_string(policy.size()) + " bytes there are";
    policy.drop_front(policy.size() + beyond);
    policy.expect(what);
    policy.append(c.unit() + 2);
    policy.expect(what + ", and refilled");
  }
  c.start_case();
  Filled queue{c};
  queue.append(c.unit() + 1);
  for (int i = 0; i < 300; ++i) {
    queue.append(c.below(c.unit()) + 1);
    queue.drop_front(std::min<std::size_t>(queue.size(), c.below(c.unit()) + 1));
    queue.expect("a queue that is appended to and dropped from by turns");
    if (queue.size() > c.most()) queue.drop_front(queue.size() / 2);
    if (i > 20 && !c.time_left()) break;
  }
}

void mem_13(MemoryContext& c) {
  for (const std::size_t size : c.sizes(c.most(), 40)) {
    for (const std::size_t kept : c.sizes(size, 40)) {
      if (!c.time_left()) break;
      c.start_case();
      Filled policy{c};
      policy.append(size);
      if (size > 3 && c.below(2) == 0) policy.drop_front(c.below(3));
      const std::string what = "truncate(" + std::to_string(kept) + ") of " + std::to_string(policy.size()) + " bytes";
      policy.truncate(std::min(kept, policy.size()));
      policy.expect(what);
      policy.append(c.unit() + 1);
      policy.expect(what + ", and more appended");
    }
  }
  for (const std::size_t beyond : {std::size_t{1}, c.unit(), huge / 2, huge - c.unit() - 2}) {
    c.start_case();
    Filled policy{c};
    policy.append(c.unit() + 2);
    policy.drop_front(1);
    const std::string what =
        "truncate() to " + std::to_string(beyond) + " more than the " + std::to_string(policy.size()) + " bytes there are";
    policy.truncate(policy.size() + beyond);
    policy.expect(what);
    policy.append(c.unit());
    policy.expect(what + ", and more appended");
  }
  c.start_case();
  Filled policy{c};
  for (int i = 0; i < 100; ++i) {
    policy.append(c.below(2 * c.unit()) + 1);
    policy.truncate(c.below(policy.size() + 1));
    policy.expect("content that is appended to and cut by turns");
    if (i > 20 && !c.time_left()) break;
  }
}

void mem_14(MemoryContext& c) {
  const std::uint64_t fresh = c.make().capacity();
  for (const std::size_t size : c.sizes(c.most(), 20)) {
    if (!c.time_left()) break;
    c.start_case();
    Filled policy{c};
    policy.append(size);
    if (c.below(2) == 0) policy.drop_front(size / 2);
    for (int i = 0; i < 2; ++i) {
      policy.clear();
      policy.expect("clear() of " + std::to_string(size) + " bytes");
      const std::uint64_t capacity = policy.memory.capacity();
      c.check(capacity <= fresh, [&] {
        return "after clear() capacity() is still " + std::to_string(capacity) + ", that of a new policy is " + std::to_string(fresh);
      });
    }
    policy.append(size);
    policy.expect("refilled after clear()");
  }
  if (!c.sees_allocations()) return;
  // What a policy keeps to list its chunks may stay for the next fill, within reason.
  constexpr std::uint64_t kept_warm = std::uint64_t{64} << 10U;
  c.start_case();
  Filled policy{c};
  policy.append(8 * kept_warm, c.unit(), c.unit());
  policy.expected = {};
  const std::uint64_t before = c.hooks().outstanding_bytes();
  const std::uint64_t held = policy.memory.size();
  policy.memory.clear();
  const std::uint64_t after = c.hooks().outstanding_bytes();
  c.check(after + held <= before + kept_warm,
          "clear() of " + std::to_string(held) + " bytes gave " + std::to_string(before < after ? 0 : before - after) + " back");
}

constexpr std::array all{
    MemoryClause{
        .clause = {.id = "MEM-12",
                   .rule = "drop_front(n) removes the first n bytes, all of them when n ≥ size(); offsets count from the new front",
                   .look_here = "drops that end in the middle of a chunk, at its end, and beyond the content"},
        .run = mem_12},
    MemoryClause{.clause = {.id = "MEM-13",
                            .rule = "truncate(n) removes all but the first n bytes, none when n ≥ size(); what is appended follows them",
                            .look_here = "cuts at a chunk's end, and behind a dropped front"},
                 .run = mem_13},
    MemoryClause{.clause = {.id = "MEM-14",
                            .rule = "clear() removes everything and gives the memory back",
                            .look_here = "chunks kept for the next fill"},
                 .run = mem_14},
};

}  // namespace

std::span<const MemoryClause> removing() { return all; }

}  // namespace hybridbuffer::conformance::memory_clauses
