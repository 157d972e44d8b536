#pragma once

#include <hybridbuffer/backend/redis_options.hpp>
#include <hybridbuffer/detail/redis_socket.hpp>
#include <hybridbuffer/error.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
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
  [[nodiscard]] RedisClock::duration pause(unsigned failures) noexcept {
    const auto most = std::min<std::int64_t>(options_.cap.count(), options_.base.count() << std::min(failures, 20U));
    random_ ^= random_ << 13U;
    random_ ^= random_ >> 7U;
    random_ ^= random_ << 17U;
    return std::chrono::milliseconds{most <= 0 ? 0 : static_cast<std::int64_t>(random_ % static_cast<std::uint64_t>(most + 1))};
  }

 private:
  const RedisRetryOptions& options_;
  unsigned attempts_;
  unsigned failures_ = 0;  // in a row
  RedisClock::time_point resume_at_{};
  std::optional<Error> last_error_;
  std::uint64_t random_ = static_cast<std::uint64_t>(RedisClock::now().time_since_epoch().count()) | 1U;
};

}  // namespace hybridbuffer::inline v0_1::detail
