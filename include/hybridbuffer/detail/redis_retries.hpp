#pragma once

#include <hybridbuffer/backend/redis_options.hpp>
#include <hybridbuffer/detail/backoff.hpp>
#include <hybridbuffer/detail/redis_socket.hpp>
#include <hybridbuffer/error.hpp>

#include <optional>

namespace hybridbuffer::inline v0_1::detail {

/// The failures of one caller that came in a row: how long it waits after each, and after which it gives up.
class RedisRetries {
 public:
  /// Requires: `options` outlives this.
  explicit RedisRetries(const RedisRetryOptions& options) noexcept : options_{options}, attempts_{options.attempts} {}

  /// Gives up at the first failure.
  void try_once() noexcept { attempts_ = 1; }

  /// Notes one more. Returns: whether to try again, from resume_at() on; not after too many, nor where no retry can help.
  [[nodiscard]] bool note(const Error& why) noexcept {
    const bool can_pass = why.is_indeterminate() || why == errc::io;
    ++failures_;
    if (!can_pass || failures_ >= attempts_) return false;
    resume_at_ = RedisClock::now() + pause(failures_ - 1);
    last_error_ = why;
    return true;
  }
  /// The row is over.
  void reset() noexcept {
    failures_ = 0;
    resume_at_ = {};
  }

  [[nodiscard]] RedisClock::time_point resume_at() const noexcept { return resume_at_; }
  /// The last failure of the row that was noted with another try; null where there is none.
  [[nodiscard]] const Error* last_error() const noexcept { return last_error_ && failures_ != 0 ? &*last_error_ : nullptr; }

  /// How long to wait after the n-th failure in a row, from 0: a random time, as RedisRetryOptions says.
  [[nodiscard]] RedisClock::duration pause(unsigned failures) const noexcept { return random_pause(options_.base, options_.cap, failures); }

 private:
  const RedisRetryOptions& options_;
  unsigned attempts_;
  unsigned failures_ = 0;  // in a row
  RedisClock::time_point resume_at_{};
  std::optional<Error> last_error_;
};

}  // namespace hybridbuffer::inline v0_1::detail
