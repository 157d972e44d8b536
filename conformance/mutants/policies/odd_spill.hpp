#pragma once

#include <hybridbuffer/spill/spill_policy.hpp>

#include <cstdint>
#include <limits>
#include <string_view>

/// \file
/// Spill policies that are strange and legal: the kit has to pass them.

namespace hybridbuffer::testing {

/// Keeps everything, also when memory is full, which the buffer then spills; its room has no end.
struct AlwaysKeep {
  [[nodiscard]] SpillAction decide(const SpillState& /*state*/) const noexcept { return SpillAction::keep; }
  [[nodiscard]] std::uint64_t room(const SpillState& /*state*/) const noexcept { return std::numeric_limits<std::uint64_t>::max(); }
  void settle(const SpillState& /*state*/) const noexcept {}
};

/// For a buffer that nobody may fill.
struct RejectEverything {
  [[nodiscard]] SpillAction decide(const SpillState& /*state*/) const noexcept { return SpillAction::reject; }
  [[nodiscard]] std::uint64_t room(const SpillState& /*state*/) const noexcept { return 0; }
  void settle(const SpillState& /*state*/) const noexcept {}
};

/// Grants exactly what is asked, never a byte more, and keeps more once something was stored.
struct Adaptive {
  [[nodiscard]] SpillAction decide(const SpillState& state) const noexcept {
    const std::uint64_t threshold = state.stored == 0 ? 1000 : 100'000;
    const bool fits = state.in_memory <= threshold && state.incoming <= threshold - state.in_memory;
    return fits && !state.memory_full ? SpillAction::keep : SpillAction::spill;
  }
  [[nodiscard]] std::uint64_t room(const SpillState& state) const noexcept { return state.incoming; }
  void settle(const SpillState& /*state*/) const noexcept {}
};

/// Answers at random, as one that looks at the machine's free memory may seem to.
struct Moody {
  mutable std::uint64_t mood = 1;
  [[nodiscard]] SpillAction decide(const SpillState& state) const noexcept {
    mood = mood * 6364136223846793005U + 1442695040888963407U;
    return mood >> 63U == 0 && !state.memory_full ? SpillAction::keep : SpillAction::spill;
  }
  [[nodiscard]] std::uint64_t room(const SpillState& /*state*/) noexcept { return mood >> 40U; }
  void settle(const SpillState& /*state*/) const noexcept {}
};

template <class Policy, bool LooksOutside = false>
struct OddSpillHarness {
  static constexpr std::string_view name = "a strange policy";
  static constexpr bool looks_outside = LooksOutside;
  static Policy make() { return {}; }
};

}  // namespace hybridbuffer::testing
