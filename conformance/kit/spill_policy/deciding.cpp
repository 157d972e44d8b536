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
/// decide().

namespace hybridbuffer::conformance::spill_clauses {
namespace {

std::vector<SpillAction> answers(const Spill& policy, const std::vector<SpillState>& states) {
  std::vector<SpillAction> all;
  for (const SpillState& state : states) all.push_back(policy.decide(state));
  return all;
}

void expect_answers(SpillContext& c, const std::vector<SpillState>& states, const std::vector<SpillAction>& expected,
                    const std::vector<SpillAction>& found, std::string_view what) {
  for (std::size_t i = 0; i < states.size(); ++i) {
    c.check(expected[i] == found[i], [&] {
      return std::string{what} + ": decide(" + words(states[i]) + ") is " + std::string{name_of(found[i])} + ", it was " +
             std::string{name_of(expected[i])};
    });
  }
}

void spill_1(SpillContext& c) {
  if (!c.answers_are_comparable()) return;
  const auto states = c.states(250, most_bytes);
  const Spill policy = c.make();
  const std::uint64_t before = c.hooks().used ? c.hooks().used() : 0;
  const auto first = answers(policy, states);
  expect_answers(c, states, first, answers(policy, states), "asked a second time");
  std::vector<SpillState> backwards{states.rbegin(), states.rend()};
  auto last = answers(policy, backwards);
  std::ranges::reverse(last);
  expect_answers(c, states, first, last, "asked in another order");
  for (int i = 0; i < 200; ++i) static_cast<void>(policy.decide(states[static_cast<std::size_t>(c.below(states.size()))]));
  expect_answers(c, states, first, answers(policy, states), "asked often");
  if (c.needs(c.hooks().used, "used")) {
    const std::uint64_t after = c.hooks().used();
    c.check(after == before,
            "decide() was asked " + std::to_string(before) + " bytes were granted before it, " + std::to_string(after) + " after it");
  }
}

void spill_2(SpillContext& c) {
  const Spill policy = c.make();
  for (SpillState state : c.states(300, most_bytes)) {
    const SpillAction usual = policy.decide(state);
    state.memory_full = true;
    const SpillAction full = policy.decide(state);
    c.check(usual != SpillAction::reject || full == SpillAction::reject,
            [&] { return "decide(" + words(state) + ") is " + std::string{name_of(full)} + ", and reject when memory is not full"; });
  }
}

// The answers must not fall, from keep over spill to reject, while `change` raises what is in the way.
void expect_rising(SpillContext& c, const std::vector<SpillState>& states) {
  const Spill policy = c.make();
  SpillAction before = SpillAction::keep;
  for (std::size_t i = 0; i < states.size(); ++i) {
    const SpillAction action = policy.decide(states[i]);
    c.check(action >= before, [&] {
      return "decide(" + words(states[i]) + ") is " + std::string{name_of(action)} + ", but decide(" + words(states[i - 1]) + ") is " +
             std::string{name_of(before)};
    });
    before = action;
  }
}

void spill_3(SpillContext& c) {
  if (!c.answers_are_comparable()) return;
  for (const SpillState& base : c.states(60, std::uint64_t{1} << 42U)) {
    for (const bool full : {false, true}) {
      std::vector<SpillState> rising;
      for (const std::uint64_t n : c.amounts())
        rising.push_back({.in_memory = base.incoming, .stored = base.stored, .incoming = n, .memory_full = full});
      expect_rising(c, rising);
    }
    if (!c.time_left()) return;
  }
}

void spill_4(SpillContext& c) {
  if (!c.answers_are_comparable()) return;
  for (const SpillState& base : c.states(60, std::uint64_t{1} << 42U)) {
    std::vector<SpillState> rising;
    for (const std::uint64_t n : c.amounts()) rising.push_back({.in_memory = n, .stored = base.stored, .incoming = base.incoming});
    expect_rising(c, rising);
    if (!c.time_left()) return;
  }
}

void spill_5(SpillContext& c) {
  const std::array<std::uint64_t, 7> extremes{std::uint64_t{1} << 62U, std::uint64_t{1} << 63U, most_bytes - 65'536, most_bytes - 4096,
                                              most_bytes - 100,        most_bytes - 1,          most_bytes};
  if (c.answers_are_comparable()) {
    for (const SpillState& base : c.states(60, most_bytes)) {
      std::vector<SpillState> incoming;
      std::vector<SpillState> in_memory;
      for (const std::uint64_t n : extremes) {
        incoming.push_back({.in_memory = base.in_memory, .stored = base.stored, .incoming = n});
        in_memory.push_back({.in_memory = n, .stored = base.stored, .incoming = base.incoming});
      }
      expect_rising(c, incoming);
      expect_rising(c, in_memory);
      const Spill policy = c.make();
      bool rejected = false;
      for (const std::uint64_t n : extremes) {
        const SpillState state{.in_memory = base.in_memory, .stored = n, .incoming = base.incoming};
        const bool rejects = policy.decide(state) == SpillAction::reject;
        c.check(rejects || !rejected, [&] { return "decide(" + words(state) + ") accepts what it rejects with less stored"; });
        rejected = rejects;
      }
    }
  }
  const std::uint64_t before = c.hooks().used ? c.hooks().used() : 0;
  for (const std::uint64_t in_memory : extremes) {
    for (const std::uint64_t incoming : {std::uint64_t{1}, most_bytes - in_memory, std::uint64_t{1} << 62U, most_bytes}) {
      c.start_case();
      Spill policy = c.make();
      const SpillState state{.in_memory = in_memory, .incoming = incoming};
      if (policy.decide(state) == SpillAction::keep) static_cast<void>(policy.room(state));
      if (c.hooks().used && c.hooks().total) {
        c.check(c.hooks().used() <= c.hooks().total(), "room(" + words(state) + ") took " + std::to_string(c.hooks().used()) +
                                                           " of a total of " + std::to_string(c.hooks().total()));
      }
      policy.settle({.in_memory = 0});
    }
  }
  if (c.hooks().used)
    c.check(c.hooks().used() == before, "after states near 2^64 and settle(0) " + std::to_string(c.hooks().used()) +
                                            " bytes are granted, before " + std::to_string(before));
}

constexpr std::array all{
    SpillClause{.clause = {.id = "SPILL-1",
                           .rule = "decide() changes nothing: asked again, in any order, it says the same, and nothing is granted by it",
                           .look_here = "mutable members; a budget that decide() already takes from"},
                .run = spill_1},
    SpillClause{.clause = {.id = "SPILL-2",
                           .rule = "decide() is keep, spill or reject; what is rejected is not accepted because memory is full",
                           .look_here = "the order in which decide() looks at memory_full and at its limit"},
                .run = spill_2},
    SpillClause{.clause = {.id = "SPILL-3",
                           .rule = "for more incoming bytes the answer never falls back, in the order keep, spill, reject",
                           .look_here = "comparisons at the threshold"},
                .run = spill_3},
    SpillClause{.clause = {.id = "SPILL-4",
                           .rule = "with more in memory the answer never falls back, in the order keep, spill, reject",
                           .look_here = "differences that wrap when memory holds more than the threshold"},
                .run = spill_4},
    SpillClause{.clause = {.id = "SPILL-5",
                           .rule = "no sum wraps, up to 2^64 - 1 of everything",
                           .look_here = "in_memory + incoming, and amounts rounded up to steps"},
                .run = spill_5},
};

}  // namespace

std::span<const SpillClause> deciding() { return all; }

}  // namespace hybridbuffer::conformance::spill_clauses
