#pragma once

#include <hybridbuffer/error.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <new>
#include <optional>
#include <string_view>

/// \file
/// Which storage call fails, and how. One plan for the program: the wrapped storage asks it before each call.

namespace hybridbuffer::testing {

/// What a buffer asks of its storage, and of the sources and sinks that it is given.
enum class StorageCall : std::uint8_t {
  create_backend,
  create,
  append,
  write,
  close,
  open,
  open_reader_at,
  open_seeker,
  read,
  read_at,
  seek,
  remove,
  shrink,
  discard,
  transfer_to,
  transfer_from,
  publish,
  source_read,
  sink_write
};
inline constexpr std::array<std::string_view, 19> storage_call_names{
    "create_backend", "create",        "append",  "write",       "close",     "open",   "open_reader_at",
    "open_seeker",    "read",          "read_at", "seek",        "remove",    "shrink", "discard",
    "transfer_to",    "transfer_from", "publish", "source_read", "sink_write"};

/// How much of a failing call takes place all the same.
enum class FaultEffect : std::uint8_t {
  none,
  part,      ///< a write stored some of its bytes, a read delivered some; else as none
  whole,     ///< the store did it and the answer was lost; for calls whose failure promises that nothing happened as none
  exception  ///< none, and std::bad_alloc instead of an error
};

struct Fault {
  errc code = errc::io;
  FaultEffect effect = FaultEffect::none;
  bool for_ever = false;
};

/// Fails the k-th storage call of those that are made between resume() and pause().
/// Threads: one.
class FaultPlan {
 public:
  static void arm(std::uint64_t k, Fault fault) noexcept {
    countdown = k;
    armed = fault;
    failures = 0;
  }
  static void resume() noexcept { running = true; }
  static void pause() noexcept { running = false; }
  /// No call fails any more.
  static void heal() noexcept { countdown = 0; }

  /// How many calls failed since arm().
  [[nodiscard]] static std::uint64_t fired() noexcept { return failures; }
  /// How many calls of each kind failed in the whole program.
  static inline std::array<std::uint64_t, storage_call_names.size()> fired_of{};
  /// The name of the call that failed last.
  [[nodiscard]] static std::string_view last() noexcept { return storage_call_names[static_cast<std::size_t>(failed_last)]; }

  /// True when the armed fault is what a failed call answered: `error`, or std::bad_alloc where that is null. Where a removal ran out of
  /// memory it is reported, and the next one tried.
  [[nodiscard]] static bool explains(const Error* error) noexcept {
    if (armed.effect == FaultEffect::exception) return error == nullptr || *error == errc::no_space;
    return error != nullptr && *error == armed.code;
  }

  /// Whether the armed fault makes a source end before its end, or names stay that could not be removed.
  [[nodiscard]] static bool ends_sources() noexcept { return false; }
  [[nodiscard]] static bool may_leave_names() noexcept { return false; }

  /// Returns: how the call is to fail; nothing when it is not. Errors: std::bad_alloc, as planned.
  [[nodiscard]] static std::optional<FaultEffect> next(StorageCall call) {
    if (!running || countdown == 0) return std::nullopt;
    if (countdown > 1) {
      --countdown;
      return std::nullopt;
    }
    if (!armed.for_ever) countdown = 0;
    ++failures;
    ++fired_of[static_cast<std::size_t>(call)];
    failed_last = call;
    if (armed.effect == FaultEffect::exception) throw std::bad_alloc{};
    return armed.effect;
  }

  [[nodiscard]] static std::unexpected<Error> failure() noexcept { return hybridbuffer::failure(armed.code, "fail as planned"); }

 private:
  static inline std::uint64_t countdown = 0;  // 0: none is going to fail
  static inline Fault armed;
  static inline bool running = false;
  static inline std::uint64_t failures = 0;
  static inline StorageCall failed_last{};
};

/// Counts its living instances, whatever they are members of.
template <class Tag>
class Live {
 public:
  Live() noexcept { ++count; }
  Live(const Live& /*other*/) noexcept { ++count; }
  Live& operator=(const Live&) noexcept = default;
  ~Live() { --count; }

  static inline constinit std::atomic<std::int64_t> count{0};
};

}  // namespace hybridbuffer::testing
