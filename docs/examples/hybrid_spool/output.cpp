#include "output.hpp"

#include <cerrno>
#include <poll.h>

namespace spool {

using hybridbuffer::Result;

namespace {

constexpr std::uint64_t step = std::uint64_t{128} << 10U;  // between two looks at the counters

bool is_native(const hybridbuffer::Error& error, int number) { return error.native() == std::error_code{number, std::system_category()}; }

}  // namespace

Result<bool> Output::take_from(SpoolBuffer& buffer) {
  if (auto written = write_from(buffer); !written) return std::unexpected{std::move(written).error()};
  const std::uint64_t taken = buffer.tell() - buffer.first_offset();
  const bool is_last = buffer.unread() == 0 && buffer.is_spilled();
  if (taken < give_back_step_ && !is_last) return false;
  if (auto discarded = buffer.discard_read(); !discarded) return std::unexpected{std::move(discarded).error()};
  hybridbuffer::ChunkPool::trim();  // chunks that this thread keeps would be of no use to the one that reads
  return true;
}

Result<void> Output::write_from(SpoolBuffer& buffer) {
  const std::uint64_t before = buffer.tell();
  const auto written = buffer.write_to(descriptor_, step);
  counters_->out.fetch_add(buffer.tell() - before, std::memory_order_relaxed);
  if (written) return {};
  if (!is_native(written.error(), EAGAIN)) return std::unexpected{written.error()};
  pollfd full{descriptor_, POLLOUT, 0};  // somebody else made it non-blocking
  static_cast<void>(::poll(&full, 1, -1));
  return {};
}

Outcome output_failure(const hybridbuffer::Error& error) {
  if (is_native(error, EPIPE) || is_native(error, ECONNRESET)) return {ExitCode::consumer_left, {}};
  return {ExitCode::failure, "cannot write standard output: " + error.message()};
}

}  // namespace spool
