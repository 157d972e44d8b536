#pragma once

#include <hybridbuffer/spill/spill_policy.hpp>

#include <cstdint>
#include <limits>

namespace hybridbuffer::inline v0_1 {

/// Spills when memory would hold more than `threshold` bytes; 0 spills every byte.
///
///     HybridBuffer buffer{SegmentedMemory<>{}, SpillAt{64_MiB}, FileStorage{}};
///
/// With `while_stored` less is kept as long as earlier bytes are in storage: enough for large writes, and little enough to stay in the
/// processor's caches, where a large threshold would send every byte through memory twice. It suits what is written first and read later,
/// not a queue whose reader is seldom further behind than the threshold.
///
///     HybridBuffer large{SpillAt{.threshold = 64_MiB, .while_stored = 1_MiB}};
struct SpillAt {
  static constexpr std::uint64_t default_threshold = std::uint64_t{2} * 1024 * 1024;  ///< 2 MiB.

  std::uint64_t threshold = default_threshold;                             ///< The most that is kept in memory; 0 keeps none.
  std::uint64_t while_stored = std::numeric_limits<std::uint64_t>::max();  ///< The most that is kept while earlier bytes are in storage; no
                                                                           ///< more than `threshold` in any case.

  [[nodiscard]] constexpr SpillAction decide(const SpillState& state) const noexcept {
    const std::uint64_t most = limit(state);
    const bool fits = state.in_memory <= most && state.incoming <= most - state.in_memory;
    return fits && !state.memory_full ? SpillAction::keep : SpillAction::spill;
  }

  [[nodiscard]] constexpr std::uint64_t room(const SpillState& state) const noexcept {
    const std::uint64_t most = limit(state);
    return state.in_memory < most ? most - state.in_memory : 0;
  }

  constexpr void settle(const SpillState& /*state*/) const noexcept {}

 private:
  [[nodiscard]] constexpr std::uint64_t limit(const SpillState& state) const noexcept {
    return state.stored != 0 && while_stored < threshold ? while_stored : threshold;
  }
};

static_assert(spill_policy<SpillAt>);

}  // namespace hybridbuffer::inline v0_1
