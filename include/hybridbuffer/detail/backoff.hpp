#pragma once

#include <hybridbuffer/detail/process_noise.hpp>

#include <chrono>
#include <cstdint>
#include <sys/random.h>

/// \file
/// How long to wait before a failed call is tried again, for all that retry: exponential backoff with full jitter.

namespace hybridbuffer::inline v0_1::detail {

/// Makes numbers that look alike nowhere of numbers that differ anywhere (the end of splitmix64).
[[nodiscard]] constexpr std::uint64_t scrambled(std::uint64_t number) noexcept {
  number = (number ^ (number >> 30U)) * 0xbf58476d1ce4e5b9;
  number = (number ^ (number >> 27U)) * 0x94d049bb133111eb;
  return number ^ (number >> 31U);
}

/// The pause after the n-th failure, from 0: one of all times from 0 to min(cap, base · 2^n), as `random`, any 64 bits, says. Below 0 is 0.
template <class Duration>
[[nodiscard]] constexpr Duration full_jitter(Duration base, Duration cap, unsigned failures, std::uint64_t random) noexcept {
  static_assert(sizeof(typename Duration::rep) == sizeof(std::int64_t));
  if (base.count() <= 0 || cap.count() <= 0) return Duration{0};
  const auto first = static_cast<std::uint64_t>(base.count());
  const auto longest = static_cast<std::uint64_t>(cap.count());
  const bool is_capped = failures >= 63 || first > (longest >> failures);
  const std::uint64_t most = is_capped ? longest : first << failures;
  // The upper half of a product: evenly enough for a pause.
  __extension__ using Wide = unsigned __int128;
  return Duration{static_cast<typename Duration::rep>(Wide{random} * (Wide{most} + 1) >> 64U)};
}

/// The same by a number of the system's: nobody, and no forked child, waits for as long as another one.
template <class Duration>
[[nodiscard]] Duration random_pause(Duration base, Duration cap, unsigned failures) noexcept {
  std::uint64_t random = 0;
  if (::getrandom(&random, sizeof(random), GRND_NONBLOCK) != sizeof(random)) {  // early at boot
    const auto now = std::chrono::steady_clock::now().time_since_epoch().count();
    random = scrambled(static_cast<std::uint64_t>(now) + process_noise());
  }
  return full_jitter(base, cap, failures, random);
}

}  // namespace hybridbuffer::inline v0_1::detail
