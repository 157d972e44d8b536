#pragma once

#include <hybridbuffer/spill/never_spill.hpp>
#include <hybridbuffer/spill/spill_policy.hpp>

#include <cstdint>
#include <utility>

namespace hybridbuffer::inline v0_1 {

namespace detail {
// A policy around one that overlaps does so as well.
template <class Inner>
struct WorkerOf {};
template <overlapping_spill_policy Inner>
struct WorkerOf<Inner> {
  using worker_type = typename Inner::worker_type;
};
}  // namespace detail

/// Any spill policy with a limit on what the buffer holds in all, in memory and in storage: an append past it fails with
/// `limit_exceeded` and changes nothing.
///
///     HybridBuffer upload{SegmentedMemory<>{}, Capped{SpillAt{2_MiB}, 1_GiB}, FileStorage{}};
template <spill_policy Inner>
class Capped : public detail::WorkerOf<Inner> {
 public:
  constexpr Capped(Inner inner, std::uint64_t limit) noexcept : limit_{limit}, inner_{std::move(inner)} {}

  [[nodiscard]] constexpr SpillAction decide(const SpillState& state) const {
    return state.incoming > left(state) ? SpillAction::reject : inner_.decide(state);
  }

  [[nodiscard]] constexpr std::uint64_t room(const SpillState& state) {
    const std::uint64_t inner = inner_.room(state);
    return inner < left(state) ? inner : left(state);
  }

  constexpr void settle(const SpillState& state) noexcept { inner_.settle(state); }

  /// The limit in all.
  [[nodiscard]] constexpr std::uint64_t limit() const noexcept { return limit_; }
  [[nodiscard]] constexpr const Inner& inner() const noexcept { return inner_; }

 private:
  [[nodiscard]] constexpr std::uint64_t left(const SpillState& state) const noexcept {
    if (state.stored > limit_ || state.in_memory > limit_ - state.stored) return 0;
    return limit_ - state.stored - state.in_memory;
  }

  std::uint64_t limit_;
  [[no_unique_address]] Inner inner_;
};

static_assert(spill_policy<Capped<NeverSpill>>);

}  // namespace hybridbuffer::inline v0_1
