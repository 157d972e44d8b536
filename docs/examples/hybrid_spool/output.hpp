#pragma once

#include "outcome.hpp"
#include "report.hpp"
#include "spool_buffer.hpp"

#include <cstdint>

namespace spool {

/// Standard output. Takes what a buffer holds, and gives back what was taken.
class Output {
 public:
  Output(int descriptor, std::uint64_t give_back_step, Counters& counters) noexcept
      : descriptor_{descriptor}, give_back_step_{give_back_step}, counters_{&counters} {}

  /// Writes some of what is unread in `buffer`; waits as the consumer does. Gives memory and storage back in steps, and what is left of
  /// storage with the last byte.
  ///
  /// Requires: buffer.unread() != 0.
  /// Returns:  whether something was given back.
  /// Errors:   those of the buffer, and of the output.
  [[nodiscard]] hybridbuffer::Result<bool> take_from(SpoolBuffer& buffer);

 private:
  [[nodiscard]] hybridbuffer::Result<void> write_from(SpoolBuffer& buffer);

  int descriptor_;
  std::uint64_t give_back_step_;
  Counters* counters_;
};

/// How a run ends whose output failed: without a word when the consumer left.
[[nodiscard]] Outcome output_failure(const hybridbuffer::Error& error);

}  // namespace spool
