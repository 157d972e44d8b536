#pragma once

#include <hybridbuffer/error.hpp>

#include <cerrno>
#include <cstddef>
#include <span>
#include <sys/random.h>

namespace hybridbuffer::detail {

/// Fills `out` from the kernel's generator, which waits until it is seeded. Errors: those of getrandom(2).
[[nodiscard]] inline Result<void> fill_randomly(std::span<std::byte> out) noexcept {
  while (!out.empty()) {
    const ssize_t count = ::getrandom(out.data(), out.size(), 0);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return failure_from_errno("get random bytes");
    out = out.subspan(static_cast<std::size_t>(count));
  }
  return {};
}

}  // namespace hybridbuffer::detail
