#pragma once

#include <concepts>
#include <cstdint>
#include <type_traits>

/// \file
/// The concept of a spill policy: when bytes leave memory for storage.
///
/// The buffer asks only when the memory window, or the room it was granted, ends:
///
///     decide(state) const   keep: `incoming` more bytes may stay in memory. spill: memory goes to storage first.
///                           reject: the append fails with limit_exceeded (no_space when memory is full). Changes nothing.
///     room(state)           asked after `keep`: how many more bytes than `state.in_memory` may be kept without asking again. Less
///                           than `state.incoming` means that the grant was lost to somebody else: the buffer spills instead.
///     settle(state)         told after every change that lowered memory: what was granted beyond `state.in_memory` returns.
///
/// What a policy holds for its buffer returns with settle and with its destruction; a moved-from policy holds nothing.
/// Optional: `using worker_type = W` — the buffer spills on a worker of its own while appends go on; see spill/overlapped.hpp.
/// Threads: as the buffer that owns it; what several policies share (a MemoryBudget) is safe from any thread.

namespace hybridbuffer::inline v0_1 {

/// What becomes of an append.
enum class SpillAction : std::uint8_t { keep, spill, reject };

/// What a spill policy decides on; all sizes in bytes.
struct SpillState {
  std::uint64_t in_memory = 0;  ///< held in memory now, `in_flight` included
  std::uint64_t stored = 0;     ///< readable from storage now
  std::uint64_t incoming = 0;   ///< about to be appended
  bool memory_full = false;     ///< the memory policy refused more: `keep` cannot be honoured, the buffer spills unless told to reject
  std::uint64_t in_flight = 0;  ///< of what is in memory: being stored by a worker, not committed yet
};

namespace detail {
// clang-format off
template <class P>
concept has_decide = requires(const P& p, const SpillState& state) { { p.decide(state) } -> std::same_as<SpillAction>; };
template <class P>
concept has_room = requires(P& p, const SpillState& state) { { p.room(state) } -> std::convertible_to<std::uint64_t>; };
template <class P>
concept has_settle = requires(P& p, const SpillState& state) { { p.settle(state) } noexcept; };
// clang-format on
template <class P>
concept is_movable_policy =
    std::is_nothrow_move_constructible_v<P> && std::is_nothrow_move_assignable_v<P> && std::is_nothrow_destructible_v<P>;
}  // namespace detail

/// When bytes leave memory.
template <class P>
concept spill_policy = detail::is_movable_policy<P> && detail::has_decide<P> && detail::has_room<P> && detail::has_settle<P>;

/// A spill policy whose buffer spills on a worker.
template <class P>
concept overlapping_spill_policy = spill_policy<P> && requires { typename P::worker_type; };

/// Stops the compilation with one sentence for each signature that `P` lacks.
template <class P>
consteval bool explain_spill_policy() {
  // Each assertion is on a plain bool: the compilers then print the sentence, not the concepts behind it.
  constexpr bool moves = detail::is_movable_policy<P>;
  static_assert(moves, "a spill policy must be nothrow movable and have a noexcept destructor");
  constexpr bool decides = detail::has_decide<P>;
  static_assert(decides, "a spill policy needs: SpillAction decide(const SpillState&) const;");
  constexpr bool grants = detail::has_room<P>;
  static_assert(grants, "a spill policy needs: std::uint64_t room(const SpillState&);");
  constexpr bool settles = detail::has_settle<P>;
  static_assert(settles, "a spill policy needs: void settle(const SpillState&) noexcept;");
  return true;
}

}  // namespace hybridbuffer::inline v0_1
