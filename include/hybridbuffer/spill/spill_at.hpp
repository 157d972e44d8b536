#pragma once

#include <hybridbuffer/spill/spill_policy.hpp>

#include <cstdint>

namespace hybridbuffer::inline v0_1 {

/// Spills when memory would hold more than `threshold` bytes; 0 spills every byte.
///
///     HybridBuffer buffer{SegmentedMemory<>{}, SpillAt{64_MiB}, FileStorage{}};
struct SpillAt {
  static constexpr std::uint64_t default_threshold = std::uint64_t{2} * 1024 * 1024;  ///< 2 MiB.

  std::uint64_t threshold = default_threshold;  ///< The most that is kept in memory; 0 keeps none.

  [[nodiscard]] constexpr SpillAction decide(const SpillState& state) const noexcept {
    const bool fits = state.in_memory <= threshold && state.incoming <= threshold - state.in_memory;
    return fits && !state.memory_full ? SpillAction::keep : SpillAction::spill;
  }

  [[nodiscard]] constexpr std::uint64_t room(const SpillState& state) const noexcept {
    return state.in_memory < threshold ? threshold - state.in_memory : 0;
  }

  constexpr void settle(const SpillState& /*state*/) const noexcept {}
};

static_assert(spill_policy<SpillAt>);

}  // namespace hybridbuffer::inline v0_1
