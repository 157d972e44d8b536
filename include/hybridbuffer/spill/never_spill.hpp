#pragma once

#include <hybridbuffer/spill/spill_policy.hpp>

#include <cstdint>
#include <limits>

namespace hybridbuffer::inline v0_1 {

/// Keeps every byte in memory. When the memory policy is full an append fails with `no_space`; nothing reaches storage unasked.
struct NeverSpill {
  [[nodiscard]] constexpr SpillAction decide(const SpillState& state) const noexcept {
    return state.memory_full ? SpillAction::reject : SpillAction::keep;
  }

  [[nodiscard]] constexpr std::uint64_t room(const SpillState& state) const noexcept {
    return std::numeric_limits<std::uint64_t>::max() - state.in_memory;
  }

  constexpr void settle(const SpillState& /*state*/) const noexcept {}
};

static_assert(spill_policy<NeverSpill>);

}  // namespace hybridbuffer::inline v0_1
