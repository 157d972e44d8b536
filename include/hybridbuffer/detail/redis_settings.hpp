#pragma once

#include <hybridbuffer/backend/redis_options.hpp>
#include <hybridbuffer/error.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <string>

namespace hybridbuffer::inline v0_1::detail {

/// Errors: `invalid_argument` that names the setting, and no value.
[[nodiscard]] inline Result<void> check_redis_options(const RedisOptions& options) noexcept {
  constexpr std::size_t most_chunk_bytes = std::size_t{512} << 20U;
  constexpr std::chrono::hours longest{24 * 366 * 100};
  const auto wrong = [](const char* what) { return failure(errc::invalid_argument, "read the settings of a Redis storage", what); };
  const auto is_time = [&](std::chrono::milliseconds time) { return time.count() > 0 && time <= longest; };
  if (options.servers.empty()) return wrong("servers: none");
  if (std::any_of(options.servers.begin(), options.servers.end(), [](const RedisAddress& one) { return one.host.empty(); })) {
    return wrong("servers: one without a host");
  }
  if (options.prefix.find_first_of("{}") != std::string::npos) return wrong("prefix: no braces in it");
  if (!options.user.empty() && options.password.empty()) return wrong("user: without a password");
  if (options.expiration.count() < 0 || options.expiration > longest) return wrong("expiration: not from 0 to 100 years");
  if (options.chunk_bytes == 0 || options.chunk_bytes > most_chunk_bytes) return wrong("chunk_bytes: not from 1 to 512 MiB");
  if (options.window_bytes < options.chunk_bytes) return wrong("window_bytes: less than chunk_bytes");
  const RedisTimeouts& timeouts = options.timeouts;
  for (const auto time : {timeouts.connect, timeouts.call, timeouts.operation, timeouts.cleanup}) {
    if (!is_time(time)) return wrong("timeouts: not above 0");
  }
  if (options.retry.attempts == 0) return wrong("retry.attempts: none");
  if (options.retry.base.count() < 0 || options.retry.cap.count() < 0 || options.retry.cap > longest) return wrong("retry: a time below 0");
  return {};
}

}  // namespace hybridbuffer::inline v0_1::detail
