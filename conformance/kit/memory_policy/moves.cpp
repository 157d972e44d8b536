#include "clauses.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// \file
/// Moves, and several policies at once.

namespace hybridbuffer::conformance::memory_clauses {
namespace {

// A policy with `size` bytes, some of them behind a dropped front.
Filled used_policy(MemoryContext& c, std::size_t size) {
  Filled policy{c};
  policy.append(size + size / 4);
  policy.drop_front(policy.size() - std::min(size, policy.size()));
  return policy;
}

void go_on(MemoryContext& c, Filled& policy, std::string_view what) {
  policy.expect(what);
  policy.append(c.unit() + 1);
  policy.expect(std::string{what} + ", and appended to");
  policy.drop_front(policy.size() / 3);
  policy.truncate(policy.size() - policy.size() / 3);
  policy.expect(std::string{what} + ", and cut at both ends");
}

void mem_20(MemoryContext& c) {
  for (const std::size_t size : c.sizes(c.most(), 20)) {
    if (!c.time_left()) return;
    c.start_case();
    Filled source = used_policy(c, size);
    Filled constructed = source.moved();
    go_on(c, constructed, "a policy moved to");
    for (const std::size_t held : {std::size_t{0}, std::size_t{1}, c.unit() + 1}) {
      c.start_case();
      Filled from = used_policy(c, size);
      Filled target = used_policy(c, held);
      static_cast<void>(target.memory.prepare(1));
      target.assign_from(from);
      go_on(c, target, "a policy that held " + std::to_string(held) + " bytes, assigned to");
    }
    c.start_case();
    Filled same = used_policy(c, size);
    same.assign_from(same);
    go_on(c, same, "a policy assigned to itself");

    c.start_case();
    Filled open = used_policy(c, size);
    c.scribble(open.memory.prepare(c.unit()));
    Filled after_open = open.moved();
    go_on(c, after_open, "a policy moved while a window was open");
    c.start_case();
    Filled first = used_policy(c, size);
    Filled second = first.moved();
    Filled third = second.moved();
    second.assign_from(third);
    go_on(c, second, "a policy moved there and back");
  }
}

void mem_21(MemoryContext& c) {
  const std::uint64_t fresh = c.make().capacity();
  const std::size_t usual = Filled{c}.append(c.unit() + 2);
  const auto expect_reborn = [&](Filled& policy, std::string_view what) {
    c.check(policy.memory.size() == 0,
            [&] { return std::string{what} + ": size() is " + std::to_string(policy.memory.size()) + ", not 0"; });
    policy.expect(what);
    const std::uint64_t capacity = policy.memory.capacity();
    c.check(capacity <= fresh, [&] {
      return std::string{what} + ": capacity() is " + std::to_string(capacity) + ", that of a new one " + std::to_string(fresh);
    });
    const std::size_t taken = policy.append(c.unit() + 2);
    c.check(taken == usual || !c.traits().memory_returns, [&] {
      return std::string{what} + ": it takes " + std::to_string(taken) + " bytes where a new one took " + std::to_string(usual);
    });
    policy.expect(std::string{what} + ", refilled");
  };
  for (const std::size_t size : c.sizes(std::min(c.most(), 2 * c.unit() + 1), 20)) {
    if (!c.time_left()) return;
    for (int how = 0; how < 5; ++how) {
      c.start_case();
      Filled source = used_policy(c, size);
      if (how == 4) c.scribble(source.memory.prepare(c.unit()));
      Filled target{c};
      if (how == 1) target.append(3);
      if (how < 2) target.assign_from(source);
      else target = source.moved();
      if (how == 2) source.clear();
      if (how == 3) {
        source.drop_front(1);
        source.truncate(1);
      }
      expect_reborn(source, "a moved-from policy");
      target.expect("the policy moved to, the other one refilled");
      source.drop_front(source.size() / 2);
      Filled again = source.moved();
      again.expect("a moved-from policy, refilled and moved");
      source.assign_from(target);
      source.expect("a moved-from policy, assigned to");
      target.append(1);
      target.expect("a policy moved from by assignment, appended to");
      source.expect("a policy assigned to, the other one appended to");
    }
  }
}

void mem_22(MemoryContext& c) {
  for (const std::size_t size : c.sizes(std::min(c.most(), 2 * c.unit() + 1), 12)) {
    if (!c.time_left()) return;
    c.start_case();
    Filled first{c};
    Filled second{c};
    const auto expect_both = [&](std::string_view what) {
      first.expect(std::string{"the first of two policies "} + std::string{what});
      second.expect(std::string{"the second of two policies "} + std::string{what});
    };
    for (int round = 0; round < 3; ++round) {
      // Both windows are open at once.
      const std::span<std::byte> one = first.memory.prepare(size + 1);
      const std::span<std::byte> two = second.memory.prepare(size + 1);
      first.fill_next(one.first(std::min<std::size_t>(one.size(), 50)));
      second.fill_next(two.first(std::min<std::size_t>(two.size(), 50)));
      if (!one.empty()) first.commit(std::min<std::size_t>(one.size(), 50));
      expect_both("with windows open at once");
      if (!two.empty()) second.commit(std::min<std::size_t>(two.size(), 50));
      expect_both("with windows committed by turns");
      first.append(size);
      second.append(size / 2 + 1);
      expect_both("appended to by turns");
      first.drop_front(first.size() / 3);
      second.truncate(second.size() / 2);
      expect_both("cut by turns");
    }
    {
      Filled third{c};
      third.append(size + 1);
      first.clear();
      expect_both("one of them cleared");
      third.expect("a third policy, another one cleared");
      first.append(size);
      third.expect("a third policy, another one refilled");
    }
    expect_both("after a third was destroyed");
    second.append(size + 1);
    expect_both("appended to after a third was destroyed");
  }
}

constexpr std::array all{
    MemoryClause{
        .clause =
            {.id = "MEM-20",
             .rule = "a move takes the content along, replaces what the target held, and ends the window; self-assignment keeps everything",
             .look_here = "members that a move forgets; assignment to oneself"},
        .run = mem_20},
    MemoryClause{.clause = {.id = "MEM-21",
                            .rule = "a moved-from policy is empty and usable",
                            .look_here = "members of the source that keep their value"},
                 .run = mem_21},
    MemoryClause{.clause = {.id = "MEM-22",
                            .rule = "policies are independent of each other",
                            .look_here = "static buffers, and what a shared pool hands out twice"},
                 .run = mem_22},
};

}  // namespace

std::span<const MemoryClause> moves() { return all; }

}  // namespace hybridbuffer::conformance::memory_clauses
