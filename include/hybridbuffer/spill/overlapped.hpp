#pragma once

#include <hybridbuffer/detail/background_worker.hpp>
#include <hybridbuffer/spill/spill_at.hpp>
#include <hybridbuffer/spill/spill_policy.hpp>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <utility>

namespace hybridbuffer::inline v0_1 {

/// Any spill policy, with spills that a thread of the buffer carries out while appends go on: producing and storing take as long as the
/// slower of the two, not as both.
///
///     HybridBuffer buffer{SegmentedMemory<>{}, Overlapped{SpillAt{64_MiB}}, compressed(S3Storage{options})};
///
/// Half of what the inner policy keeps is filled while the other half is being stored; both count as memory until the commit, so that
/// the bound is the inner policy's. A spill that fails loses nothing: its bytes stay in memory and readable, the next call that would
/// spill answers the error and changes nothing, and the one after it tries again. spill(), publish(), close(), moves and the destructor
/// wait for what is being stored, as do reads of older bytes that are stored already; bytes in memory are read without waiting.
/// Memory that was stored is given back at the next call that is not const: it may spill less, or with an inner policy that keeps less
/// while bytes are stored more, than would_spill() said.
///
/// The storage's backends are used from that thread, one call at a time and never while another call on the buffer uses them. The memory
/// policy must be stable. Capped goes outside: Capped{Overlapped{SpillAt{…}}, limit}.
/// Threads: starts one with the first spill, and joins it when the buffer ends.
template <spill_policy Inner = SpillAt>
class Overlapped {
 public:
  using worker_type = detail::BackgroundWorker;  ///< What stores beside the caller.

  constexpr Overlapped()
    requires std::default_initializable<Inner>
  = default;
  constexpr explicit Overlapped(Inner inner) noexcept : inner_{std::move(inner)} {}

  [[nodiscard]] constexpr SpillAction decide(const SpillState& state) const {
    if (inner_.decide(state) == SpillAction::reject) return SpillAction::reject;
    return inner_.decide(with_other_half(state)) == SpillAction::keep ? SpillAction::keep : SpillAction::spill;
  }

  [[nodiscard]] constexpr std::uint64_t room(const SpillState& state) {
    const SpillState both = with_other_half(state);
    const std::uint64_t most = sum(state.in_memory, inner_.room(both));
    const std::uint64_t filling = state.in_memory - state.in_flight;
    const std::uint64_t half = most / 2;
    return std::min(half > filling ? half - filling : 0, most - state.in_memory);
  }

  constexpr void settle(const SpillState& state) noexcept { inner_.settle(state); }

  [[nodiscard]] constexpr const Inner& inner() const noexcept { return inner_; }

 private:
  [[nodiscard]] static constexpr std::uint64_t sum(std::uint64_t left, std::uint64_t right) noexcept {
    constexpr std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
    return right < most - left ? left + right : most;
  }
  // What must be had for the half that is filled, with what is incoming, to be stored while as much is filled again.
  [[nodiscard]] static constexpr SpillState with_other_half(SpillState state) noexcept {
    const std::uint64_t filled = sum(state.in_memory - state.in_flight, state.incoming);
    const std::uint64_t needed = std::max(sum(filled, filled), sum(state.in_memory, state.incoming));
    state.incoming = needed - state.in_memory;
    return state;
  }

  [[no_unique_address]] Inner inner_{};
};

static_assert(spill_policy<Overlapped<SpillAt>>);
static_assert(overlapping_spill_policy<Overlapped<SpillAt>>);

}  // namespace hybridbuffer::inline v0_1
