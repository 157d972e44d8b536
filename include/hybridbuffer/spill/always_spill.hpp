#pragma once

#include <hybridbuffer/spill/spill_policy.hpp>

#include <cstdint>

namespace hybridbuffer::inline v0_1 {

/// Sends every append to storage before it returns; memory holds nothing.
struct AlwaysSpill {
  [[nodiscard]] constexpr SpillAction decide(const SpillState& /*state*/) const noexcept { return SpillAction::spill; }
  [[nodiscard]] constexpr std::uint64_t room(const SpillState& /*state*/) const noexcept { return 0; }
  constexpr void settle(const SpillState& /*state*/) const noexcept {}
};

static_assert(spill_policy<AlwaysSpill>);

}  // namespace hybridbuffer::inline v0_1
