#pragma once

#include <hybridbuffer/transform/retry_policy.hpp>

#include <chrono>
#include <cstdint>
#include <mutex>
#include <vector>

namespace hybridbuffer::testing {

/// Time that passes only while somebody sleeps, and then takes none. Threads: any number at once.
class FakeTime {
 public:
  [[nodiscard]] std::chrono::nanoseconds now() noexcept {
    const std::lock_guard guard{mutex_};
    return now_;
  }
  void sleep(std::chrono::nanoseconds duration) noexcept {
    const std::lock_guard guard{mutex_};
    now_ += duration;
    if (pauses_.size() < 1000) pauses_.push_back(duration);
  }
  [[nodiscard]] std::uint64_t random() noexcept { return random_; }

  /// What random() answers: the largest number, unless it is set.
  void set_random(std::uint64_t number) noexcept { random_ = number; }
  void pass(std::chrono::nanoseconds duration) noexcept { now_ += duration; }
  [[nodiscard]] std::vector<std::chrono::nanoseconds> pauses() {
    const std::lock_guard guard{mutex_};
    return pauses_;
  }

 private:
  std::mutex mutex_;
  std::chrono::nanoseconds now_{0};
  std::vector<std::chrono::nanoseconds> pauses_;
  std::uint64_t random_ = ~std::uint64_t{0};
};

static_assert(retry_time<FakeTime> && retry_time<SystemTime>);

}  // namespace hybridbuffer::testing
