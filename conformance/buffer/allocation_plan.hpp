#pragma once

#include "fault_plan.hpp"

#include <hybridbuffer/error.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

/// \file
/// Which allocation fails, in the shape of FaultPlan. allocation_plan.cpp replaces every form of the global operator new; a program
/// that links it counts its allocations and fails the planned one.

namespace hybridbuffer::testing {

/// Fails the k-th allocation of those that the calling thread makes between resume() and pause().
/// Threads: the plan is the calling thread's; what is counted are all threads' allocations.
class AllocationPlan {
 public:
  static void arm(std::uint64_t k, bool for_ever) noexcept {
    countdown = k;
    goes_on = for_ever;
    failures = 0;
  }
  static void resume() noexcept { running = true; }
  static void pause() noexcept { running = false; }
  static void heal() noexcept { countdown = 0; }
  [[nodiscard]] static std::uint64_t fired() noexcept { return failures; }

  /// What came out of a failed call: std::bad_alloc where `error` is null.
  [[nodiscard]] static bool explains(const Error* error) noexcept { return error == nullptr || *error == errc::no_space; }
  /// As FaultPlan's.
  [[nodiscard]] static bool ends_sources() noexcept { return false; }
  [[nodiscard]] static bool may_leave_names() noexcept { return false; }
  /// No storage call fails.
  [[nodiscard]] static std::optional<FaultEffect> next(StorageCall /*call*/) noexcept { return std::nullopt; }
  [[nodiscard]] static std::unexpected<Error> failure() noexcept { return hybridbuffer::failure(errc::io, "fail as planned"); }

  /// Asked by operator new: whether this allocation fails.
  [[nodiscard]] static bool fails_now() noexcept;

  /// Allocations that were made, failed ones not among them.
  static inline constinit std::atomic<std::uint64_t> made{0};
  /// Those that live.
  static inline constinit std::atomic<std::int64_t> living{0};

 private:
  static thread_local constinit bool running;
  static thread_local constinit bool goes_on;
  static thread_local constinit std::uint64_t countdown;  // 0: none is going to fail
  static thread_local constinit std::uint64_t failures;
};

}  // namespace hybridbuffer::testing
