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
/// room() and settle().

namespace hybridbuffer::conformance::spill_clauses {
namespace {

constexpr std::uint64_t large = std::uint64_t{1} << 40U;

void spill_6(SpillContext& c) {
  if (!c.answers_are_comparable()) return;
  const auto expect_room = [&](Spill& policy, const SpillState& state) {
    if (policy.decide(state) != SpillAction::keep) {
      c.check(true, "");
      return std::uint64_t{0};
    }
    const std::uint64_t room = policy.room(state);
    c.check(room >= state.incoming, [&] { return "decide(" + words(state) + ") is keep, and room() then only " + std::to_string(room); });
    return room;
  };
  for (const SpillState& state : c.states(300, most_bytes)) {
    c.start_case();
    Spill policy = c.make();
    expect_room(policy, state);
    policy.settle({.in_memory = 0});
  }
  // One buffer that grows until nothing more is kept.
  c.start_case();
  Spill policy = c.make();
  SpillState state{};
  for (int i = 0; i < 300; ++i) {
    state.incoming = c.amounts()[static_cast<std::size_t>(c.below(c.amounts().size()))];
    if (sum(state.in_memory, state.incoming) > large * 4) break;
    if (policy.decide(state) != SpillAction::keep) continue;
    if (expect_room(policy, state) >= state.incoming) state.in_memory += state.incoming;
  }
  policy.settle({.in_memory = 0});
}

void spill_7(SpillContext& c) {
  if (!c.answers_are_comparable()) return;
  for (const SpillState& state : c.states(200, large)) {
    c.start_case();
    Spill policy = c.make();
    if (policy.decide(state) != SpillAction::keep) {
      c.check(true, "");
      continue;
    }
    const std::uint64_t room = policy.room(state);
    const std::uint64_t tried = std::min(room, most_bytes - state.in_memory);
    for (const std::uint64_t part : {tried, tried / 2, tried - std::min<std::uint64_t>(tried, 1), std::min<std::uint64_t>(tried, 1)}) {
      const SpillState rest{.in_memory = state.in_memory + (tried - part), .stored = state.stored, .incoming = part};
      if (part == 0) continue;
      const SpillAction action = policy.decide(rest);
      c.check(action == SpillAction::keep, [&] {
        return "room(" + words(state) + ") is " + std::to_string(room) + ", but decide(" + words(rest) + "), which is within it, is " +
               std::string{name_of(action)};
      });
    }
    policy.settle({.in_memory = 0});
  }
}

void spill_8(SpillContext& c) {
  const bool comparable = c.answers_are_comparable();
  const bool sees = c.sees_grants();
  for (const SpillState& state : c.states(100, large)) {
    c.start_case();
    Spill policy = c.make();
    if (policy.decide(state) != SpillAction::keep) {
      if (comparable) c.check(true, "");
      continue;
    }
    const std::uint64_t first = policy.room(state);
    const std::uint64_t used = sees ? c.hooks().used() : 0;
    for (int i = 0; i < 5; ++i) {
      const std::uint64_t again = policy.room(state);
      if (comparable)
        c.check(again == first, [&] {
          return "room(" + words(state) + ") is " + std::to_string(again) + " when asked again; it was " + std::to_string(first);
        });
      if (sees) {
        const std::uint64_t now = c.hooks().used();
        c.check(now == used, [&] { return "room(" + words(state) + ") asked again took " + std::to_string(now - used) + " bytes more"; });
      }
    }
    policy.settle({.in_memory = 0});
  }
}

void spill_9(SpillContext& c) {
  const std::uint64_t kept = c.largest_kept(large);
  if (kept == 0) return c.not_run("the policy keeps nothing");
  if (c.answers_are_comparable()) {
    for (const std::uint64_t granted : {kept, kept / 2 + 1, std::uint64_t{1}}) {
      c.start_case();
      Spill policy = c.make();
      static_cast<void>(policy.room({.incoming = granted}));
      policy.settle({.in_memory = 0});
      Spill other = c.make();
      const SpillState state{.incoming = kept};
      const bool can_have = other.decide(state) == SpillAction::keep && other.room(state) >= kept;
      other.settle({.in_memory = 0});
      c.check(can_have, "after room() of " + std::to_string(granted) + " bytes and settle(0) another policy cannot have the " +
                            std::to_string(kept) + " that a new one could have before");
    }
  }
  if (!c.sees_grants()) return;
  const std::uint64_t before = c.hooks().used();
  // A grant may be rounded up to steps; the grant for one byte shows them.
  std::uint64_t step = 0;
  {
    Spill policy = c.make();
    static_cast<void>(policy.room({.incoming = 1}));
    step = c.hooks().used() - before;
    policy.settle({.in_memory = 0});
  }
  // Again and again by one policy: a settle that is not the first is one like any other.
  {
    c.start_case();
    Spill policy = c.make();
    std::uint64_t in_memory = 0;
    for (int i = 1; i <= 40; ++i) {
      const SpillState state{.in_memory = in_memory, .incoming = c.below(kept - in_memory + 1)};
      if (policy.decide(state) == SpillAction::keep && policy.room(state) >= state.incoming) in_memory += state.incoming;
      in_memory -= c.below(in_memory + 1);
      policy.settle({.in_memory = in_memory});
      const std::uint64_t used = c.hooks().used() - before;
      c.check(used <= sum(in_memory, step), [&] {
        return "after settle number " + std::to_string(i) + " of one policy " + std::to_string(used) + " bytes are granted, memory holds " +
               std::to_string(in_memory) + ", and one byte takes a grant of " + std::to_string(step);
      });
    }
    policy.settle({.in_memory = 0});
  }
  Sizes held = c.amounts();
  std::erase_if(held, [&](std::uint64_t n) { return n > kept; });
  held.push_back(kept / 2);
  for (const std::uint64_t in_memory : held) {
    c.start_case();
    Spill policy = c.make();
    static_cast<void>(policy.room({.incoming = kept}));
    policy.settle({.in_memory = in_memory});
    const std::uint64_t used = c.hooks().used() - before;
    const std::string what = "after room() of " + std::to_string(kept) + " bytes and settle(in_memory " + std::to_string(in_memory) + ") " +
                             std::to_string(used) + " bytes are granted";
    c.check(used >= in_memory, [&] { return what + ", less than memory holds"; });
    c.check(used <= sum(in_memory, step), [&] { return what + "; one byte takes a grant of " + std::to_string(step); });
    policy.settle({.in_memory = 0});
    c.check(c.hooks().used() == before,
            [&] { return "after settle(0) " + std::to_string(c.hooks().used() - before) + " bytes are still granted"; });
  }
}

void spill_10(SpillContext& c) {
  const bool comparable = c.answers_are_comparable();
  const std::uint64_t before = c.hooks().used ? c.hooks().used() : 0;
  const auto states = c.states(80, most_bytes);
  const auto answers = [&](const Spill& policy) {
    std::vector<SpillAction> all;
    for (const SpillState& state : states) all.push_back(policy.decide(state));
    return all;
  };
  const auto expected = answers(c.make());
  const std::uint64_t kept = c.largest_kept(large);
  // What a buffer may report although the policy never granted it: a window that was read into goes beyond the grant.
  for (const std::uint64_t granted : {std::uint64_t{0}, std::min<std::uint64_t>(kept, 100), kept}) {
    for (const std::uint64_t in_memory : {sum(kept, 1), sum(kept, 100'000), std::uint64_t{1} << 50U, most_bytes, kept / 2 + 1}) {
      c.start_case();
      Spill policy = c.make();
      if (granted != 0) static_cast<void>(policy.room({.incoming = granted}));
      const std::uint64_t used = c.hooks().used ? c.hooks().used() : 0;
      const std::string what = "settle(in_memory " + std::to_string(in_memory) + ") with " + std::to_string(granted) + " bytes granted";
      policy.settle({.in_memory = in_memory});
      policy.settle({.in_memory = in_memory});
      if (c.hooks().used)
        c.check(c.hooks().used() <= used, what + ": used() went from " + std::to_string(used) + " to " + std::to_string(c.hooks().used()));
      policy.settle({.in_memory = 0});
      policy.settle({.in_memory = 0});
      if (c.hooks().used)
        c.check(c.hooks().used() == before,
                what + ", then settle(0): used() is " + std::to_string(c.hooks().used()) + ", not " + std::to_string(before));
      if (comparable) c.check(answers(policy) == expected, what + ", then settle(0): the policy answers as a new one no longer");
    }
  }
}

constexpr std::array all{
    SpillClause{.clause = {.id = "SPILL-6",
                           .rule = "after keep, room() covers what is incoming unless somebody else took it meanwhile",
                           .look_here = "decide() and room() that count in two ways"},
                .run = spill_6},
    SpillClause{.clause = {.id = "SPILL-7",
                           .rule = "what fits into the room that was granted would be kept: decide() never says otherwise within it",
                           .look_here = "room() at the threshold; limits that room() leaves out"},
                .run = spill_7},
    SpillClause{.clause = {.id = "SPILL-8",
                           .rule = "room() asked again for the same grants no more",
                           .look_here = "a grant that is added where it should be topped up"},
                .run = spill_8},
    SpillClause{
        .clause = {.id = "SPILL-9",
                   .rule =
                       "settle(m) returns what was granted beyond m, rounded up as a grant is; all of it for m = 0, and no more than that",
                   .look_here = "what settle() keeps"},
        .run = spill_9},
    SpillClause{.clause = {.id = "SPILL-10",
                           .rule = "settle() with more in memory than was granted, with nothing granted, or twice, is harmless",
                           .look_here = "differences that wrap below zero"},
                .run = spill_10},
};

}  // namespace

std::span<const SpillClause> granting() { return all; }

}  // namespace hybridbuffer::conformance::spill_clauses
