#pragma once

#include <hybridbuffer/error.hpp>
#include <hybridbuffer/storage.hpp>

#include <cstdint>
#include <limits>

namespace hybridbuffer::inline v0_1::detail {

/// Where a seek leads.
///
/// Errors: `invalid_argument` for a target below 0 or above 2^64 − 1 and for an unknown whence.
[[nodiscard]] inline Result<std::uint64_t> seek_target(std::int64_t offset, Whence whence, std::uint64_t current,
                                                       std::uint64_t end) noexcept {
  std::uint64_t base = 0;
  switch (whence) {
    case Whence::begin: break;
    case Whence::current: base = current; break;
    case Whence::end: base = end; break;
    default: return failure(errc::invalid_argument, "seek", "unknown whence");
  }
  if (offset < 0) {
    const std::uint64_t distance = std::uint64_t{0} - static_cast<std::uint64_t>(offset);
    if (distance > base) return failure(errc::invalid_argument, "seek", "before the start");
    return base - distance;
  }
  const auto distance = static_cast<std::uint64_t>(offset);
  if (distance > std::numeric_limits<std::uint64_t>::max() - base) return failure(errc::invalid_argument, "seek", "beyond 2^64 - 1");
  return base + distance;
}

}  // namespace hybridbuffer::inline v0_1::detail
