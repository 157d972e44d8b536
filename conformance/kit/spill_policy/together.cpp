#include "clauses.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

/// \file
/// Buffers that drive their policies: beyond no budget, in many threads, at random.

namespace hybridbuffer::conformance::spill_clauses {
namespace {

constexpr std::uint64_t large = std::uint64_t{1} << 40U;

// What a buffer does with its policy; only the number of its bytes is kept.
struct ModelBuffer {
  Spill policy;
  std::uint64_t in_memory = 0;
  std::uint64_t stored = 0;
  std::uint64_t limit = 0;  // in_memory may grow to it without asking

  // Returns: false when it was rejected.
  bool append(std::uint64_t incoming) {
    if (incoming > limit - std::min(limit, in_memory)) {
      const SpillState state{.in_memory = in_memory, .stored = stored, .incoming = incoming};
      const SpillAction action = policy.decide(state);
      if (action == SpillAction::reject) return false;
      const std::uint64_t room = action == SpillAction::keep ? policy.room(state) : 0;
      if (action == SpillAction::keep) limit = sum(in_memory, room);
      if (action == SpillAction::spill || room < incoming) {
        stored += in_memory + incoming;
        shrink_to(0);
        return true;
      }
    }
    in_memory += incoming;
    return true;
  }
  void shrink_to(std::uint64_t size) {
    in_memory = size;
    limit = 0;
    policy.settle({.in_memory = in_memory, .stored = stored});
  }
};

enum class Do : std::uint8_t { append, shrink, clear, move, replace };

struct Step {
  Do what;
  std::size_t buffer;
  std::uint64_t amount;
};

void take_step(SpillContext& c, std::vector<ModelBuffer>& buffers, const Step& step, std::uint64_t largest) {
  ModelBuffer& buffer = buffers[step.buffer];
  switch (step.what) {
    case Do::append: static_cast<void>(buffer.append(step.amount % largest + 1)); break;
    case Do::shrink: buffer.shrink_to(buffer.in_memory - step.amount % (buffer.in_memory + 1)); break;
    case Do::clear:
      buffer.stored = 0;
      buffer.shrink_to(0);
      break;
    case Do::move: {
      Spill moved = buffer.policy.moved();
      buffer.policy.assign_from(moved);
      break;
    }
    case Do::replace: buffer = ModelBuffer{c.make()}; break;
  }
}

std::vector<Step> random_steps(SpillContext& c, std::size_t count, std::size_t buffers) {
  constexpr std::array mix{Do::append, Do::append, Do::append, Do::append, Do::append,
                           Do::shrink, Do::shrink, Do::clear,  Do::move,   Do::replace};
  std::vector<Step> steps(count);
  for (Step& step : steps)
    step = {mix[static_cast<std::size_t>(c.below(mix.size()))], static_cast<std::size_t>(c.below(buffers)), c.random()()};
  return steps;
}

// Sizes at which a few buffers fill what they share, or pass the threshold, in a few steps.
std::uint64_t step_size(SpillContext& c) {
  return std::max<std::uint64_t>(std::min<std::uint64_t>(c.largest_kept(large), std::uint64_t{1} << 30U) / 4, 1);
}

void spill_15(SpillContext& c) {
  if (!c.needs(c.hooks().used, "used") || !c.needs(c.hooks().total, "total")) return;
  const auto within = [&](std::string_view what) {
    const std::uint64_t used = c.hooks().used();
    c.check(used <= c.hooks().total(), [&] {
      return std::string{what} + ": " + std::to_string(used) + " bytes are granted, the total is " + std::to_string(c.hooks().total());
    });
  };
  // Greedy policies, each asking for what it could have had alone.
  const std::uint64_t kept = c.largest_kept(large);
  for (const std::uint64_t part : {kept, kept / 2 + 1, kept / 3 + 1, sum(kept, 1), c.hooks().total()}) {
    c.start_case();
    std::vector<Spill> policies;
    for (int i = 0; i < 5; ++i) policies.push_back(c.make());
    // All are told that they may keep it before one of them takes it.
    const auto ask_all = [&](const SpillState& state) {
      std::vector<SpillAction> actions;
      for (const Spill& policy : policies) actions.push_back(policy.decide(state));
      for (std::size_t i = 0; i < policies.size(); ++i) {
        if (actions[i] != SpillAction::keep) continue;
        static_cast<void>(policies[i].room(state));
        within("room(" + words(state) + ") by policy " + std::to_string(i + 1));
      }
    };
    ask_all({.incoming = part});
    ask_all({.in_memory = part / 2, .incoming = part - part / 2});
    ask_all({.in_memory = part, .incoming = part});
  }
  // Different amounts, all told that they may keep them before the first takes his: the last step is where a total is passed.
  for (int round = 0; round < 300; ++round) {
    c.start_case();
    std::vector<std::pair<Spill, SpillState>> askers;
    for (std::uint64_t asked = 0; asked < sum(c.hooks().total(), kept) && askers.size() < 60; asked += askers.back().second.incoming)
      askers.emplace_back(c.make(), SpillState{.incoming = kept / 4 + c.below(kept - kept / 4) + 1});
    for (auto& [policy, state] : askers) {
      if (policy.decide(state) != SpillAction::keep) state.incoming = 0;
    }
    for (auto& [policy, state] : askers) {
      if (state.incoming == 0) continue;
      static_cast<void>(policy.room(state));
      within("room(" + words(state) + ") by one of " + std::to_string(askers.size()) + " policies");
    }
    if (!c.time_left()) break;
  }
  const std::uint64_t largest = step_size(c);
  c.run_steps<Step>(random_steps(c, c.random_steps(), 3), [&](const std::vector<Step>& schedule) {
    std::vector<ModelBuffer> buffers;
    for (int i = 0; i < 3; ++i) buffers.push_back({c.make()});
    for (const Step& step : schedule) {
      take_step(c, buffers, step, largest);
      within("random use by three buffers");
    }
  });
}

void spill_16(SpillContext& c) {
  constexpr std::size_t threads = 4;
  const std::uint64_t before = c.hooks().used ? c.hooks().used() : 0;
  const std::uint64_t largest = step_size(c);
  std::vector<std::vector<ModelBuffer>> buffers(threads);
  for (auto& own : buffers) {
    for (int i = 0; i < 2; ++i) own.push_back({c.make()});
  }
  const auto end = std::chrono::steady_clock::now() + 2 * c.stress_time();
  std::atomic<std::uint64_t> rounds{0};
  c.in_threads(threads, [&](std::size_t self) {
    Random random{self + 17};
    while (std::chrono::steady_clock::now() < end) {
      ModelBuffer& buffer = buffers[self][static_cast<std::size_t>(random() % 2)];
      switch (random() % 8) {
        case 0: buffer.shrink_to(buffer.in_memory / 2); break;
        case 1: buffer.shrink_to(0); break;
        case 2: {
          Spill moved = buffer.policy.moved();
          buffer.policy.assign_from(moved);
          break;
        }
        default: static_cast<void>(buffer.append(random() % largest + 1));
      }
      c.count_check();
      ++rounds;
      if (!c.hooks().used || !c.hooks().total) continue;
      const std::uint64_t used = c.hooks().used();
      if (used > c.hooks().total())
        c.fail("several threads: " + std::to_string(used) + " bytes are granted, the total is " + std::to_string(c.hooks().total()));
    }
  });
  c.check(rounds != 0, "no thread ran");
  buffers.clear();
  if (!c.hooks().used) return;
  c.check(c.hooks().used() == before, "after several threads used and destroyed their policies " + std::to_string(c.hooks().used()) +
                                          " bytes are granted; before " + std::to_string(before) + " were");
}

void spill_17(SpillContext& c) {
  const std::uint64_t largest = step_size(c);
  const bool sees = c.hooks().used && c.sees_grants();
  const std::uint64_t before = sees ? c.hooks().used() : 0;
  if (!sees) c.not_run("without used() a model of buffers sees only what a policy answers");
  for (int run = 0; run < 3; ++run) {
    c.run_steps<Step>(random_steps(c, c.random_steps(), 2), [&](const std::vector<Step>& schedule) {
      {
        std::vector<ModelBuffer> buffers;
        for (int i = 0; i < 2; ++i) buffers.push_back({c.make()});
        for (const Step& step : schedule) {
          take_step(c, buffers, step, largest);
          c.check(true, "");
          if (!sees) continue;
          const std::uint64_t held = buffers[0].in_memory + buffers[1].in_memory;
          const std::uint64_t used = c.hooks().used() - before;
          c.check(used >= held, [&] {
            return "buffers hold " + std::to_string(held) + " bytes in memory, but only " + std::to_string(used) + " are granted";
          });
        }
      }
      if (sees)
        c.check(c.hooks().used() == before, [&] {
          return "buffers were destroyed, and " + std::to_string(c.hooks().used() - before) + " bytes of their grants did not return";
        });
    });
    if (!c.time_left()) return;
  }
}

constexpr std::array all{
    SpillClause{.clause = {.id = "SPILL-15",
                           .rule = "used() never exceeds total(), however many policies ask",
                           .look_here = "rounding a grant up beyond what is left",
                           .obligation = Obligation::hooked},
                .run = spill_15},
    SpillClause{.clause = {.id = "SPILL-16",
                           .rule = "what policies share is safe from several threads, each with policies of its own",
                           .look_here = "a check and a taking that are two steps"},
                .run = spill_16},
    SpillClause{.clause = {.id = "SPILL-17",
                           .rule = "whatever buffers do, what they keep in memory is granted, and all of it returns",
                           .look_here = "the shrunk sequence: a grant counted in one place and not in the other"},
                .run = spill_17},
};

}  // namespace

std::span<const SpillClause> together() { return all; }

}  // namespace hybridbuffer::conformance::spill_clauses
