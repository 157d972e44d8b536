#pragma once

#include <hybridbuffer/spill/spill_policy.hpp>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <limits>
#include <string_view>
#include <thread>
#include <utility>

/// \file
/// A spill policy on a shared budget, under a limit of 1 GiB in all, with one switch: which bug it has.

namespace hybridbuffer::testing {

enum class SpillBug : std::uint8_t {
  none,
  // each seen by one clause alone
  decide_takes_from_the_budget,
  full_memory_hides_the_limit,
  spills_a_certain_size,
  spills_at_a_certain_fill,
  sum_wraps,
  room_is_a_byte_short,
  room_ignores_the_limit,
  room_adds_each_time,
  settle_keeps_everything_while_something_is_held,
  settle_wraps,
  destructor_keeps_a_large_grant,
  moved_from_keeps_a_large_grant,
  assignment_forgets_the_targets_grant,
  remembers_the_last_user,
  large_grants_are_not_checked,
  check_and_take_are_two_steps,
  settle_after_assignment_returns_too_much,
  // ordinary ones
  decide_alternates,
  keeps_one_byte_too_many,
  settle_returns_nothing,
  destructor_returns_nothing,
  moved_from_keeps_its_grant,
  settle_returns_all,
  no_such_answer,
  third_settle_keeps_everything,
  smaller_room_forgets_a_step,
  settle_takes,
  last_step_passes_the_total,
  much_stored_hides_what_is_in_memory,
};

template <SpillBug bug>
class MutantSpill {
 public:
  static constexpr std::uint64_t step = 4096;
  static constexpr std::uint64_t total = std::uint64_t{1} << 20U;
  static constexpr std::uint64_t most = total / 4;
  static constexpr std::uint64_t limit = std::uint64_t{1} << 30U;
  static constexpr std::uint64_t largest = std::numeric_limits<std::uint64_t>::max();

  static inline std::atomic<std::uint64_t> used{0};

  MutantSpill() noexcept { ++alive; }
  MutantSpill(MutantSpill&& other) noexcept : large_{other.large_}, held_{other.held_} {
    ++alive;
    if (bug == SpillBug::moved_from_keeps_its_grant || (bug == SpillBug::moved_from_keeps_a_large_grant && large_)) return;
    other.held_ = 0;
  }
  MutantSpill& operator=(MutantSpill&& other) noexcept {
    if (this == &other) return *this;
    if constexpr (bug != SpillBug::assignment_forgets_the_targets_grant) give_back(held_);
    held_ = std::exchange(other.held_, 0);
    large_ = other.large_;
    assigned_ = true;
    return *this;
  }
  ~MutantSpill() {
    --alive;
    const MutantSpill* self = this;
    last_user.compare_exchange_strong(self, nullptr);
    if (bug == SpillBug::destructor_returns_nothing || (bug == SpillBug::destructor_keeps_a_large_grant && large_)) return;
    give_back(held_);
  }

  [[nodiscard]] SpillAction decide(const SpillState& state) const {
    if constexpr (bug == SpillBug::no_such_answer) {
      if (state.incoming == 3) return static_cast<SpillAction>(7);
    }
    if (bug == SpillBug::full_memory_hides_the_limit && state.memory_full) return SpillAction::spill;
    if (state.incoming > left(state)) {
      if (bug != SpillBug::sum_wraps || state.in_memory + state.incoming >= state.in_memory) return SpillAction::reject;
    }
    if (bug == SpillBug::much_stored_hides_what_is_in_memory && state.stored > total && state.incoming <= 10) return SpillAction::keep;
    if (bug == SpillBug::decide_alternates && ++asked_ % 5 == 0) return SpillAction::spill;
    if (bug == SpillBug::spills_a_certain_size && state.incoming == 100) return SpillAction::spill;
    if (bug == SpillBug::spills_at_a_certain_fill && state.in_memory == 100) return SpillAction::spill;
    if (bug == SpillBug::remembers_the_last_user && alive >= 4 && last_user != nullptr && last_user != this) return SpillAction::spill;
    const std::uint64_t need = bug == SpillBug::sum_wraps ? state.in_memory + state.incoming : sum(state.in_memory, state.incoming);
    const std::uint64_t allowed = bug == SpillBug::keeps_one_byte_too_many ? most + 1 : most;
    const bool covered = need <= held_ || need - held_ <= total - used;
    if (need > allowed || !covered || state.memory_full) return SpillAction::spill;
    if (bug == SpillBug::decide_takes_from_the_budget && need > held_) held_ += acquire(need - held_, need - held_);
    return SpillAction::keep;
  }

  [[nodiscard]] std::uint64_t room(const SpillState& state) {
    last_user = this;
    const std::uint64_t need = sum(state.in_memory, state.incoming);
    if constexpr (bug == SpillBug::room_adds_each_time) held_ += acquire(0, whole_steps(std::min(state.incoming, most)));
    if (bug == SpillBug::smaller_room_forgets_a_step && held_ > whole_steps(need) + 4 * step) held_ -= step;
    if (need > held_ && need <= most) {
      large_ = need - held_ > 200'000;
      held_ += acquire(need - held_, whole_steps(need) - held_);
    }
    if (bug == SpillBug::room_is_a_byte_short && state.in_memory != 0 && state.incoming > 1000) return state.incoming - 1;
    const std::uint64_t granted = held_ > state.in_memory ? held_ - state.in_memory : 0;
    return bug == SpillBug::room_ignores_the_limit ? granted : std::min(granted, left(state));
  }

  void settle(const SpillState& state) noexcept {
    if constexpr (bug == SpillBug::settle_returns_nothing) return;
    if (bug == SpillBug::settle_keeps_everything_while_something_is_held && state.in_memory != 0) return;
    if (bug == SpillBug::third_settle_keeps_everything && ++settles_ % 3 == 0 && state.in_memory != 0) return;
    std::uint64_t kept = whole_steps(state.in_memory);
    if (bug == SpillBug::settle_takes && kept > held_ && kept <= most) held_ += acquire(kept - held_, kept - held_);
    if constexpr (bug == SpillBug::settle_returns_all) kept = 0;
    if (bug == SpillBug::settle_after_assignment_returns_too_much && assigned_) kept = kept / (2 * step) * step;
    if (held_ > kept || bug == SpillBug::settle_wraps) give_back(std::exchange(held_, kept) - kept);
    if (state.in_memory == 0) large_ = false;
  }

 private:
  static inline std::atomic<int> alive{0};
  static inline std::atomic<const MutantSpill*> last_user{nullptr};

  [[nodiscard]] static std::uint64_t sum(std::uint64_t left, std::uint64_t right) noexcept {
    return right < largest - left ? left + right : largest;
  }
  [[nodiscard]] static std::uint64_t whole_steps(std::uint64_t bytes) noexcept {
    return bytes % step == 0 ? bytes : sum(bytes, step - bytes % step);
  }
  [[nodiscard]] static std::uint64_t left(const SpillState& state) noexcept {
    const std::uint64_t there = sum(state.in_memory, state.stored);
    return there < limit ? limit - there : 0;
  }
  [[nodiscard]] static std::uint64_t acquire(std::uint64_t least, std::uint64_t wanted) noexcept {
    if (bug == SpillBug::large_grants_are_not_checked && least > 100'000) {
      used += wanted;
      return wanted;
    }
    std::uint64_t now = used;
    while (true) {
      const std::uint64_t free = total - now + (bug == SpillBug::last_step_passes_the_total ? step - 1 : 0);
      if (free < least) return 0;
      const std::uint64_t granted = std::min(wanted, free);
      if constexpr (bug == SpillBug::check_and_take_are_two_steps) {
        std::this_thread::yield();
        used = now + granted;
        return granted;
      }
      if (used.compare_exchange_weak(now, now + granted)) return granted;
    }
  }
  static void give_back(std::uint64_t bytes) noexcept { used -= bytes; }

  mutable std::uint64_t asked_ = 0;
  std::uint64_t settles_ = 0;
  bool large_ = false;
  bool assigned_ = false;
  mutable std::uint64_t held_ = 0;
};

template <SpillBug bug>
struct MutantSpillHarness {
  static constexpr std::string_view name = "a mutant";
  static MutantSpill<bug> make() { return {}; }
  static std::uint64_t used() { return MutantSpill<bug>::used; }
  static std::uint64_t total() { return MutantSpill<bug>::total; }
};

}  // namespace hybridbuffer::testing
