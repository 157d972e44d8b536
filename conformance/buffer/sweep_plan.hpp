#pragma once

#include "../support/system_faults.hpp"
#include "allocation_plan.hpp"
#include "fault_plan.hpp"

#include <hybridbuffer/error.hpp>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

/// \file
/// One plan for every kind of call that can fail beneath a buffer, chosen at run time, in the shape of FaultPlan: a scenario is compiled
/// once for all of them.

namespace hybridbuffer::testing {

/// What kind of call fails, and how.
struct Way {
  enum class Kind : std::uint8_t { storage, system, allocation };

  Kind kind = Kind::system;
  bool for_ever = false;
  bool gives_up = false;                                   ///< the run ends with the first failed call
  Fault storage{};                                         ///< of a storage call
  ProcessFaults::Mode system = ProcessFaults::Mode::none;  ///< of a system call
  int error = 0;                                           ///< its errno, with Mode::fail

  [[nodiscard]] std::string name() const {
    static constexpr std::array<const char*, 5> modes{"none", "errno ", "moves less", "moves nothing", "is interrupted"};
    std::string text{for_ever ? "for ever, " : "once, "};
    if (gives_up) text += "no retry, ";
    switch (kind) {
      case Kind::storage: return text + "storage call: " + std::string{name_of(storage.code)};
      case Kind::allocation: return text + "allocation";
      case Kind::system: break;
    }
    text += modes.at(static_cast<std::size_t>(system));
    return error != 0 ? text + std::to_string(error) : text;
  }
};

/// Every way in which system calls fail: each error that one may answer with, interruptions, and moves of fewer bytes than asked for.
[[nodiscard]] inline std::vector<Way> system_ways() {
  using Mode = ProcessFaults::Mode;
  std::vector<Way> ways;
  for (const int error : {ENOSPC, EDQUOT, EIO, EAGAIN, EMFILE, ENOMEM, EFBIG, EOPNOTSUPP}) {
    for (const bool for_ever : {false, true}) ways.push_back({.for_ever = for_ever, .system = Mode::fail, .error = error});
  }
  for (const bool for_ever : {false, true}) {
    ways.push_back({.for_ever = for_ever, .system = Mode::move_less});
    ways.push_back({.for_ever = for_ever, .system = Mode::move_nothing});
  }
  ways.push_back({.system = Mode::interrupt});  // for ever it would be waited out for ever
  ways.push_back({.for_ever = true, .gives_up = true, .system = Mode::fail, .error = EIO});
  return ways;
}

[[nodiscard]] inline std::vector<Way> allocation_ways() {
  using enum Way::Kind;
  return {{.kind = allocation}, {.kind = allocation, .for_ever = true}, {.kind = allocation, .for_ever = true, .gives_up = true}};
}

/// Fails the k-th call of the armed kind, of those that are made between resume() and pause().
/// Threads: one.
class SweepPlan {
 public:
  static void arm(std::uint64_t k, const Way& way) noexcept {
    armed = way;
    healed_after = 0;
    disarm();
    if (k == 0) return;
    switch (way.kind) {
      case Way::Kind::storage: FaultPlan::arm(k, way.storage); break;
      case Way::Kind::allocation: AllocationPlan::arm(k, way.for_ever); break;
      case Way::Kind::system: ProcessFaults::arm(k, way.system, way.error, way.for_ever); break;
    }
  }
  static void resume() noexcept {
    unwatched.reset();
    FaultPlan::resume();
    AllocationPlan::resume();
  }
  static void pause() noexcept {
    AllocationPlan::pause();
    FaultPlan::pause();
    unwatched.emplace();
  }
  /// No call fails any more.
  static void heal() noexcept {
    healed_after = fired();
    disarm();
  }
  [[nodiscard]] static std::uint64_t fired() noexcept {
    return healed_after + FaultPlan::fired() + AllocationPlan::fired() + ProcessFaults::fired();
  }

  /// Whether the armed fault is what a failed call answered: `error`, or std::bad_alloc where that is null.
  [[nodiscard]] static bool explains(const Error* error) noexcept {
    using Mode = ProcessFaults::Mode;
    switch (armed.kind) {
      case Way::Kind::storage: return FaultPlan::explains(error);
      case Way::Kind::allocation: return AllocationPlan::explains(error);
      case Way::Kind::system: break;
    }
    if (error == nullptr) return false;
    switch (armed.system) {
      case Mode::fail: return *error == category_of_errno(armed.error) || is_of_call(*error);
      case Mode::move_nothing: return *error == errc::corrupted || *error == errc::io || *error == errc::unsupported;
      default: return false;  // is gone on with
    }
  }
  /// Whether this storage call fails: only where they are what is armed.
  [[nodiscard]] static std::optional<FaultEffect> next(StorageCall call) {
    return armed.kind == Way::Kind::storage ? FaultPlan::next(call) : std::nullopt;
  }
  [[nodiscard]] static std::unexpected<Error> failure() noexcept { return FaultPlan::failure(); }
  /// A read of 0 bytes is a source's end.
  [[nodiscard]] static bool ends_sources() noexcept { return armed.system == ProcessFaults::Mode::move_nothing; }
  /// A name that cannot be removed stays.
  [[nodiscard]] static bool may_leave_names() noexcept { return armed.kind == Way::Kind::system && armed.for_ever; }

 private:
  static void disarm() noexcept {
    FaultPlan::arm(0, {});
    AllocationPlan::arm(0, false);
    ProcessFaults::disarm();
  }
  // Calls whose failure means one thing, whatever their errno.
  [[nodiscard]] static bool is_of_call(const Error& error) noexcept {
    switch (ProcessFaults::last()) {
      case SystemCall::seek:
      case SystemCall::status: return error == errc::invalid_argument;  // of a descriptor that the caller gave
      case SystemCall::map: return error == errc::no_space;             // a page for a key
      case SystemCall::sync: return error == errc::unavailable;
      case SystemCall::copy_range:
      case SystemCall::send_file:
      case SystemCall::splice: return error == errc::unsupported;
      default: return false;
    }
  }

  static inline Way armed;
  static inline std::uint64_t healed_after = 0;  // faults that fired before heal()
  static inline std::optional<ProcessFaults::Pause> unwatched{std::in_place};
};

}  // namespace hybridbuffer::testing
