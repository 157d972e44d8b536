#pragma once

#include <hybridbuffer/error.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// \file
/// Bytes to append, and the sources and sinks that a buffer is filled from and drained to.

namespace hybridbuffer::testing {

using Bytes = std::vector<std::byte>;
using View = std::span<const std::byte>;

[[nodiscard]] inline bool same(View left, View right) noexcept {
  return left.size() == right.size() && std::equal(left.begin(), left.end(), right.begin());
}
[[nodiscard]] inline View view(std::string_view text) noexcept { return std::as_bytes(std::span{text}); }
[[nodiscard]] inline std::string text(View bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

/// `count` bytes that differ from their neighbours near and far, the same for the same `first`.
[[nodiscard]] inline Bytes pattern(std::size_t count, std::uint64_t first = 0) {
  Bytes bytes(count);
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t mixed = (first + i + 1) * 0x9E3779B97F4A7C15U;
    bytes[i] = static_cast<std::byte>(mixed >> 56U);
  }
  return bytes;
}

/// Delivers `left` in pieces of at most `piece` bytes; then its end, or `failure` if there is one.
struct PieceSource {
  View left;
  std::size_t piece = std::numeric_limits<std::size_t>::max();
  std::optional<errc> failure{};
  std::size_t reads = 0;

  [[nodiscard]] Result<std::size_t> read(std::span<std::byte> out) {
    ++reads;
    if (left.empty() && failure) return hybridbuffer::failure(*failure, "read from a test's source");
    const std::size_t count = std::min({out.size(), left.size(), piece});
    std::copy_n(left.begin(), count, out.begin());
    left = left.subspan(count);
    return count;
  }
};

/// Keeps what it accepts: each write whole, until more than `accepts` bytes would be held. Then `no_space`.
struct BoundedSink {
  std::uint64_t accepts = std::numeric_limits<std::uint64_t>::max();
  Bytes taken{};
  std::size_t writes = 0;
  std::size_t refusals = 0;

  [[nodiscard]] Result<void> write(View bytes) {
    ++writes;
    if (bytes.size() > accepts - taken.size()) return ++refusals, failure(errc::no_space, "write to a test's sink");
    taken.insert(taken.end(), bytes.begin(), bytes.end());
    return {};
  }
  [[nodiscard]] static Result<void> close() { return {}; }
};

}  // namespace hybridbuffer::testing
