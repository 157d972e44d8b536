#pragma once

#include <atomic>
#include <cstdint>

/// \file
/// Control of the global operator new that allocation_faults.cpp puts into a test program: counts what the program allocates and fails
/// the k-th allocation of the thread that asks for it.
/// Clang's ThreadSanitizer links an operator new of its own: a test that uses this cannot be built under it (LABELS clang asan).

namespace hybridbuffer::testing {

/// While it lives, the calling thread's k-th allocation from now on fails, and with `for_ever` every later one.
class FailingAllocation {
 public:
  explicit FailingAllocation(std::uint64_t k, bool for_ever = false) noexcept {
    state() = {.countdown = k, .for_ever = for_ever, .fired = 0};
  }
  ~FailingAllocation() { state() = {}; }
  FailingAllocation(const FailingAllocation&) = delete;
  FailingAllocation& operator=(const FailingAllocation&) = delete;

  /// How many allocations failed so far.
  [[nodiscard]] std::uint64_t fired() const noexcept { return state().fired; }

  [[nodiscard]] static bool fails_now() noexcept {
    State& faults = state();
    if (faults.countdown == 0) return false;
    if (faults.countdown > 1) return --faults.countdown, false;
    if (!faults.for_ever) faults.countdown = 0;
    return ++faults.fired, true;
  }

 private:
  struct State {
    std::uint64_t countdown = 0;  // 0: none is going to fail
    bool for_ever = false;
    std::uint64_t fired = 0;
  };
  static State& state() noexcept {
    static thread_local constinit State current{};
    return current;
  }
};

/// All threads' allocations by operator new.
struct AllocationCounters {
  static inline constinit std::atomic<std::uint64_t> calls{0};
  static inline constinit std::atomic<std::uint64_t> live_bytes{0};
};

}  // namespace hybridbuffer::testing
