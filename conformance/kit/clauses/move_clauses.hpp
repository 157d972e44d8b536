#pragma once

#include <hybridbuffer/conformance/context.hpp>

#include <algorithm>
#include <cstdint>
#include <exception>
#include <functional>
#include <string>
#include <string_view>

/// \file
/// The clauses of MOVE: handles and backends that move, and handles whose backend moves away beneath them or ends.

namespace hybridbuffer::conformance::clauses {

/// More than one chunk, where an object may be so large.
[[nodiscard]] inline std::uint64_t usual_size(const Context& c) { return std::min<std::uint64_t>(3 * c.chunk() + 5, c.most()); }
/// As much, where an extension of the same size still fits.
[[nodiscard]] inline std::uint64_t extended_size(const Context& c) { return std::min(usual_size(c), c.most() / 2); }

/// Runs `moves`. What leaves a move is a failure of the backend, not of the kit.
inline void guarded(Context& c, std::string_view what, const std::function<void()>& moves) {
  try {
    moves();
  } catch (const Failure&) {
    throw;
  } catch (const std::exception& error) {
    c.fail("an exception left " + std::string{what} + ": " + error.what());
  }
}

/// MOVE-4: handles survive a move or the end of their backend.
void move_4(Context& c);

}  // namespace hybridbuffer::conformance::clauses
