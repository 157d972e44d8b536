#include "clauses.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// \file
/// What becomes of grants when policies end and move, and several policies beside each other.

namespace hybridbuffer::conformance::spill_clauses {
namespace {

constexpr std::uint64_t large = std::uint64_t{1} << 40U;

std::vector<SpillAction> answers(const Spill& policy, const std::vector<SpillState>& states) {
  std::vector<SpillAction> all;
  for (const SpillState& state : states) all.push_back(policy.decide(state));
  return all;
}

void expect_all_returns(SpillContext& c, std::uint64_t kept, std::string_view what, const std::function<void()>& live);

void spill_11(SpillContext& c) {
  const std::uint64_t kept = c.largest_kept(large);
  if (kept == 0) return c.not_run("the policy keeps nothing");
  expect_all_returns(c, kept, "a policy that asked for much, then for little", [&] {
    Spill policy = c.make();
    for (const std::uint64_t incoming : {kept, kept / 2 + 1, std::uint64_t{1}}) static_cast<void>(policy.room({.incoming = incoming}));
  });
  const bool sees = c.sees_grants();
  const std::uint64_t before = sees ? c.hooks().used() : 0;
  for (const std::uint64_t granted : {std::uint64_t{1}, kept / 2 + 1, kept}) {
    c.start_case();
    {
      Spill policy = c.make();
      static_cast<void>(policy.room({.incoming = granted}));
      if (granted > 2) policy.settle({.in_memory = granted / 2});
    }
    if (sees)
      c.check(c.hooks().used() == before, [&] {
        return "a policy was destroyed with a grant: " + std::to_string(c.hooks().used() - before) + " bytes of it did not return";
      });
    if (!c.answers_are_comparable()) continue;
    Spill other = c.make();
    const SpillState state{.incoming = kept};
    const bool can_have = other.decide(state) == SpillAction::keep && other.room(state) >= kept;
    other.settle({.in_memory = 0});
    c.check(can_have, "after a policy was destroyed with a grant of " + std::to_string(granted) + " another cannot have the " +
                          std::to_string(kept) + " bytes that a new one could have before");
  }
}

// As often as what is lost each time takes to show, whether anybody counts or not.
void expect_all_returns(SpillContext& c, std::uint64_t kept, std::string_view what, const std::function<void()>& live) {
  const bool sees = c.sees_grants();
  const std::uint64_t before = sees ? c.hooks().used() : 0;
  c.start_case();
  for (int i = 0; i < 300; ++i) live();
  if (sees)
    c.check(c.hooks().used() == before,
            std::string{what} + ": " + std::to_string(c.hooks().used() - before) + " bytes did not return in 300 lives");
  if (!c.answers_are_comparable()) return;
  Spill other = c.make();
  const SpillState state{.incoming = kept};
  const bool can_have = other.decide(state) == SpillAction::keep && other.room(state) >= kept;
  other.settle({.in_memory = 0});
  c.check(can_have, std::string{what} + ": after 300 lives another policy cannot have the " + std::to_string(kept) +
                        " bytes that a new one could have before");
}

void spill_12(SpillContext& c) {
  const std::uint64_t kept = c.largest_kept(large);
  const auto states = c.states(60, most_bytes);
  const bool sees = c.sees_grants();
  const std::uint64_t before = sees ? c.hooks().used() : 0;
  if (kept != 0) {
    expect_all_returns(c, kept, "a policy that was moved with a grant", [&] {
      Spill policy = c.make();
      static_cast<void>(policy.room({.incoming = kept}));
      Spill moved = policy.moved();
      policy = moved.moved();
      static_cast<void>(policy.room({.incoming = kept / 2 + 1}));
      policy.settle({.in_memory = 0});
    });
  }
  if (c.answers_are_comparable()) {
    for (const std::uint64_t granted : {std::uint64_t{0}, kept / 2, kept}) {
      c.start_case();
      Spill policy = c.make();
      if (granted != 0) static_cast<void>(policy.room({.incoming = granted}));
      const auto expected = answers(policy, states);
      Spill moved = policy.moved();
      c.check(answers(moved, states) == expected, "a policy moved to answers other than the one that it was moved from");
      policy.destroy();
      c.check(answers(moved, states) == expected, "a policy answers something else once the one that it was moved from is destroyed");
      moved.settle({.in_memory = 0});
      if (sees)
        c.check(c.hooks().used() == before, "a policy was moved, and both were destroyed or settled: used() is " +
                                                std::to_string(c.hooks().used()) + ", not " + std::to_string(before));
    }
  }
  if (!sees) return;
  for (int how = 0; how < 3; ++how) {
    c.start_case();
    Spill policy = c.make();
    static_cast<void>(policy.room({.incoming = kept}));
    const std::uint64_t used = c.hooks().used();
    Spill moved = policy.moved();
    const auto expect_held = [&](std::string_view what) {
      c.check(c.hooks().used() == used,
              [&] { return std::string{what} + ": used() is " + std::to_string(c.hooks().used()) + ", not " + std::to_string(used); });
    };
    expect_held("a policy with a grant was moved");
    if (how == 0) policy.settle({.in_memory = 0});
    if (how == 1) policy.destroy();
    if (how == 2) policy = c.make();
    expect_held("the moved-from policy, which holds nothing, was settled, destroyed or replaced");
    c.check(moved.room({.incoming = kept}) >= kept, "the grant did not come along with the move: room() is less than it was");
    moved.settle({.in_memory = 0});
    c.check(c.hooks().used() == before, "a policy with a grant was moved and settled: the grant did not return");
  }
}

void spill_13(SpillContext& c) {
  const std::uint64_t kept = c.largest_kept(large);
  const auto states = c.states(60, most_bytes);
  const bool sees = c.sees_grants();
  if (c.answers_are_comparable()) {
    c.start_case();
    Spill source = c.make();
    Spill target = c.make();
    const auto expected = answers(source, states);
    target.assign_from(source);
    c.check(answers(target, states) == expected, "a policy assigned to answers other than the one that was assigned");
    target.assign_from(target);
    c.check(answers(target, states) == expected, "a policy assigned to itself answers something else");
  }
  if (!sees) return;
  const std::uint64_t before = c.hooks().used();
  {
    c.start_case();
    Spill source = c.make();
    Spill target = c.make();
    static_cast<void>(source.room({.incoming = kept / 4 + 1}));
    const std::uint64_t used = c.hooks().used();
    static_cast<void>(target.room({.incoming = kept / 4 + 1}));
    target.assign_from(source);
    c.check(c.hooks().used() == used, "assignment: " + std::to_string(c.hooks().used() - before) + " bytes are granted, the source had " +
                                          std::to_string(used - before) + ", and what the target had must return");
    target.assign_from(target);
    c.check(c.hooks().used() == used,
            "self-assignment: used() went from " + std::to_string(used) + " to " + std::to_string(c.hooks().used()));
    source.settle({.in_memory = 0});
    source.destroy();
    c.check(c.hooks().used() == used, "the moved-from source of an assignment gave back what the target holds");
    Spill fresh = c.make();
    target.assign_from(fresh);
    c.check(c.hooks().used() == before, "a policy without a grant was assigned: " + std::to_string(c.hooks().used() - before) +
                                            " bytes of the target's did not return");
  }
  c.check(c.hooks().used() == before,
          "policies that were assigned and destroyed kept " + std::to_string(c.hooks().used() - before) + " bytes");
}

void spill_14(SpillContext& c) {
  if (!c.answers_are_comparable()) return;
  const auto states = c.states(60, most_bytes);
  const std::uint64_t kept = c.largest_kept(large);
  std::vector<Spill> policies;
  for (int i = 0; i < 4; ++i) policies.push_back(c.make());
  const auto expected = answers(policies.front(), states);
  for (std::size_t used = 1; used < policies.size(); ++used) {
    for (const SpillState& state : states) static_cast<void>(policies[used].decide(state));
    if (kept != 0) static_cast<void>(policies[used].room({.incoming = kept}));
    policies[used].settle({.in_memory = 0});
    c.check(answers(policies.front(), states) == expected, "a policy answers something else since another one was used and settled");
  }
  policies.pop_back();
  c.check(answers(policies.front(), states) == expected, "a policy answers something else since another one was destroyed");
  c.check(answers(policies.back(), states) == expected, "two policies of one harness answer differently");
}

constexpr std::array all{
    SpillClause{.clause = {.id = "SPILL-11",
                           .rule = "a policy that is destroyed returns all that it was granted",
                           .look_here = "the destructor; a destructor that counts on settle(0)"},
                .run = spill_11},
    SpillClause{.clause = {.id = "SPILL-12",
                           .rule = "a move takes the grant along, once: the moved-from policy holds nothing",
                           .look_here = "members of the source that keep their value"},
                .run = spill_12},
    SpillClause{
        .clause = {.id = "SPILL-13",
                   .rule = "assignment returns what the target was granted and takes over the source's; self-assignment changes nothing",
                   .look_here = "the old grant of the target"},
        .run = spill_13},
    SpillClause{.clause = {.id = "SPILL-14", .rule = "policies affect each other only by what they hold", .look_here = "static members"},
                .run = spill_14},
};

}  // namespace

std::span<const SpillClause> moves() { return all; }

}  // namespace hybridbuffer::conformance::spill_clauses
