#include "clauses.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// \file
/// What a policy may declare of itself.

namespace hybridbuffer::conformance::memory_clauses {
namespace {

// A policy and where its bytes were written; every `stride`-th is looked at.
class Addresses {
 public:
  explicit Addresses(MemoryContext& c) : policy{c}, context_{&c} {}

  void append(std::size_t count) {
    while (count != 0) {
      const std::span<std::byte> window = policy.memory.prepare(count);
      const std::size_t part = std::min(window.size(), count);
      if (part == 0) return;
      policy.fill_next(window.first(part));
      policy.commit(part);
      for (std::size_t i = 0; i < part; ++i) places_.push_back(&window[i]);
      count -= part;
    }
  }
  void drop_front(std::size_t n) {
    policy.drop_front(n);
    places_.erase(places_.begin(), places_.begin() + static_cast<std::ptrdiff_t>(n));
  }
  void truncate(std::size_t n) {
    policy.truncate(n);
    places_.resize(n);
  }
  void expect(std::string_view what) const {
    std::size_t offset = 0;
    policy.memory.each_chunk([&](std::span<const std::byte> chunk) {
      const std::size_t step = std::max<std::size_t>(chunk.size() / 64, 1);
      for (std::size_t i = 0; i < chunk.size(); i += step) {
        context_->check(offset + i < places_.size() && &chunk[i] == places_[offset + i],
                        [&] { return std::string{what} + ": the byte at offset " + std::to_string(offset + i) + " has another address"; });
      }
      offset += chunk.size();
      return true;
    });
    policy.expect(what);
  }

  Filled policy;

 private:
  MemoryContext* context_;
  std::vector<const std::byte*> places_;
};

void mem_15(MemoryContext& c) {
  if (!c.traits().stable) return c.not_run("the policy does not declare stable");
  const std::size_t total = std::clamp<std::size_t>(40 * c.unit(), 64, std::size_t{4} << 20U);
  Addresses kept{c};
  while (kept.policy.size() < total) {
    const std::size_t before = kept.policy.size();
    kept.append(std::max<std::size_t>(total / 13, 1));
    kept.expect("a stable policy, appended to");
    if (kept.policy.size() == before) break;
  }
  static_cast<void>(kept.policy.memory.prepare(1));
  kept.expect("a stable policy, with a window open");
  for (int i = 0; i < 5; ++i) {
    kept.drop_front(kept.policy.size() / 5);
    kept.expect("a stable policy, a front dropped");
    kept.append(c.unit() + 1);
    kept.truncate(kept.policy.size() - kept.policy.size() / 5);
    kept.expect("a stable policy, an end cut off");
    kept.append(c.unit() / 2 + 1);
    kept.expect("a stable policy, appended to after a cut");
  }
  Filled other{c};
  other.append(std::min(total, 4 * c.unit()));
  other.clear();
  kept.expect("a stable policy, another one filled and cleared");
}

void mem_16(MemoryContext& c) {
  if (!c.traits().max_size) return c.not_run("the policy does not declare max_size");
  const auto most = static_cast<std::size_t>(*c.traits().max_size);
  if (most > (std::size_t{1} << 26U)) return c.not_run("max_size is more than this clause fills");
  // Fills up and looks at each window; the sum of all that a policy with a limit takes is its limit.
  const auto fill_up = [&](Filled& policy, std::size_t piece, std::string_view what) {
    while (policy.size() < most) {
      const std::span<std::byte> window = policy.memory.prepare(piece);
      c.check(!window.empty(), [&] {
        return std::string{what} + ": refused with " + std::to_string(policy.size()) + " of max_size " + std::to_string(most) +
               " bytes held";
      });
      c.check(window.size() <= most - policy.size(), [&] {
        return std::string{what} + ": a window of " + std::to_string(window.size()) + " where " + std::to_string(most - policy.size()) +
               " bytes are left of max_size";
      });
      const std::size_t count = std::min(window.size(), piece);
      policy.fill_next(window.first(count));
      policy.commit(count);
    }
    for (const std::size_t hint : {std::size_t{1}, most, most + 1}) {
      c.check(policy.memory.prepare(hint).empty(), std::string{what} + ": prepare() gives a window with max_size held");
    }
    policy.expect(std::string{what} + ", full");
  };
  for (const std::size_t piece : {most, std::size_t{1}, most / 3 + 1}) {
    if (piece == 1 && most > 10'000) continue;
    c.start_case();
    Filled policy{c};
    fill_up(policy, piece, "a new policy");
    for (const std::size_t n : {std::size_t{1}, most / 3, most / 2 + 1, most}) {
      policy.drop_front(n);
      fill_up(policy, piece, "after drop_front() of a full one");
      policy.truncate(most - std::min(n, most));
      fill_up(policy, piece, "after truncate() of a full one");
    }
    policy.clear();
    fill_up(policy, piece, "after clear() of a full one");
    Filled target = policy.moved();
    fill_up(policy, piece, "the moved-from policy");
    target.drop_front(most / 2);
    fill_up(target, piece, "the policy moved to");
  }
}

constexpr std::array all{
    MemoryClause{
        .clause = {.id = "MEM-15",
                   .rule = "a stable policy: committed bytes stay where they were written until they are removed or the policy is moved",
                   .look_here = "what is reallocated when the policy grows or shrinks",
                   .obligation = Obligation::gated},
        .run = mem_15},
    MemoryClause{.clause = {.id = "MEM-16",
                            .rule = "a policy with max_size takes exactly that many bytes, and again as many as were removed",
                            .look_here = "the last window, and the space before a dropped front",
                            .obligation = Obligation::gated},
                 .run = mem_16},
};

}  // namespace

std::span<const MemoryClause> declared() { return all; }

}  // namespace hybridbuffer::conformance::memory_clauses
