#pragma once

#include <hybridbuffer/error.hpp>
#include <hybridbuffer/storage_registry.hpp>
#include <hybridbuffer/transform/retrying.hpp>

#include <chrono>

namespace hybridbuffer::inline v0_1 {

/// `retry=6`, the attempts in all: retrying() for a storage URL. With `retry_deadline=30s` and `retry_replay=1MiB`.
[[nodiscard]] inline StorageTransform retry_transform() {
  return {.parameter = "retry",
          .parameters = {"retry_deadline", "retry_replay"},
          .make = [](const AnyStorage& inner, const UrlParameters& parameters) -> Result<AnyStorage> {
            RetryOptions options;
            auto deadline = std::chrono::duration_cast<std::chrono::milliseconds>(options.deadline);
            UrlParameterReader reader{parameters};
            reader.count("retry", options.attempts).duration("retry_deadline", deadline).size("retry_replay", options.replay_bytes);
            // Beyond 292 years.
            if (deadline > std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::nanoseconds::max())) {
              reader.refuse("retry_deadline", "not a time that a clock can tell");
            }
            if (options.attempts == 0) reader.refuse("retry", "not zero: the first attempt counts");
            if (auto read = reader.status(); !read) return std::unexpected{std::move(read).error()};
            options.deadline = deadline;
            return retrying(inner, options);
          }};
}

}  // namespace hybridbuffer::inline v0_1
