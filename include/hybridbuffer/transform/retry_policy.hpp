#pragma once

#include <hybridbuffer/detail/backoff.hpp>
#include <hybridbuffer/detail/process_noise.hpp>
#include <hybridbuffer/error.hpp>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <memory>
#include <sys/random.h>
#include <utility>

/// \file
/// When a failed call is tried again: exponential backoff with full jitter.

namespace hybridbuffer::inline v0_1 {

/// Settings of a RetryingStorage.
///
/// After the n-th failure (from 0) a call waits for a random time between 0 and min(cap, base · 2^n).
struct RetryOptions {
  unsigned attempts = 6;                                          ///< calls in all; 1: never again
  std::chrono::nanoseconds base = std::chrono::milliseconds{50};  ///< what the first pause is at most
  std::chrono::nanoseconds cap = std::chrono::seconds{5};         ///< what any pause is at most
  std::chrono::nanoseconds deadline = std::chrono::seconds{30};   ///< no attempt of an operation starts later than that
  std::size_t replay_bytes = std::size_t{1024} * 1024;            ///< what a writer keeps to write it again; beyond it failures pass
};

/// Where the time and the random numbers come from. One object is used by all that a storage makes.
/// Threads: any number at once.
template <class T>
concept retry_time = requires(T& time, std::chrono::nanoseconds duration) {
  { time.now() } noexcept -> std::same_as<std::chrono::nanoseconds>;  // never goes back
  { time.sleep(duration) } noexcept;
  { time.random() } noexcept -> std::same_as<std::uint64_t>;  // all 64 bits
};

/// The steady clock, real pauses, and numbers that start somewhere else in each object and, after a fork, in each process (splitmix64).
class SystemTime {
 public:
  SystemTime() noexcept {
    std::uint64_t seed = 0;
    if (::getrandom(&seed, sizeof(seed), GRND_NONBLOCK) != sizeof(seed)) {  // early at boot: what differs between machines will do
      seed = static_cast<std::uint64_t>(now().count()) ^ reinterpret_cast<std::uintptr_t>(this);
    }
    state_.store(seed, std::memory_order_relaxed);
  }
  SystemTime(const SystemTime&) = delete;
  SystemTime& operator=(const SystemTime&) = delete;
  ~SystemTime() = default;

  /// Of the steady clock.
  [[nodiscard]] static std::chrono::nanoseconds now() noexcept {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch());
  }
  /// Lets the calling thread wait.
  static void sleep(std::chrono::nanoseconds duration) noexcept {
    constexpr std::int64_t second = 1'000'000'000;
    timespec left{.tv_sec = duration.count() / second, .tv_nsec = duration.count() % second};
    while (::clock_nanosleep(CLOCK_MONOTONIC, 0, &left, &left) == EINTR) {}
  }
  /// All 64 bits.
  [[nodiscard]] std::uint64_t random() noexcept {
    constexpr std::uint64_t step = 0x9e3779b97f4a7c15;
    // Children of one process that pause alike would meet at the store again.
    return detail::scrambled(state_.fetch_add(step, std::memory_order_relaxed) + step + detail::process_noise());
  }

 private:
  std::atomic<std::uint64_t> state_;
};

namespace detail {

/// The options and the time of one storage, shared by all that it makes.
template <retry_time Time>
class Retrier {
 public:
  Retrier(RetryOptions options, std::shared_ptr<Time> time) noexcept : options_{options}, time_{std::move(time)} {}

  [[nodiscard]] const RetryOptions& options() const noexcept { return options_; }

  /// What the same call may meet with another answer: no_space, permission and the like stay, and busy is another handle of this very
  /// program, which does not go away while somebody waits for it.
  [[nodiscard]] static bool is_retryable(errc code) noexcept { return code == errc::timeout || code == errc::unavailable; }

  /// The attempts of one operation.
  class Attempts {
   public:
    explicit Attempts(const Retrier& retrier) noexcept : retrier_{retrier}, begin_{retrier.time_->now()} {}

    /// After a failure: waits, and says whether to try again.
    [[nodiscard]] bool again(const Error& error) noexcept {
      const RetryOptions& options = retrier_.options_;
      if (!is_retryable(error.code()) || ++made_ >= options.attempts) return false;
      const std::chrono::nanoseconds pause = retrier_.pause_after(made_ - 1);
      const std::chrono::nanoseconds elapsed = retrier_.time_->now() - begin_;
      if (elapsed > options.deadline || pause > options.deadline - elapsed) return false;  // their sum may be none
      retrier_.time_->sleep(pause);
      return true;
    }

   private:
    const Retrier& retrier_;
    std::chrono::nanoseconds begin_;
    unsigned made_ = 0;
  };

  /// Calls until it succeeds or there is no point in going on. Returns: the last answer.
  template <class Call>
  auto run(Call&& call) const -> decltype(call()) {
    for (Attempts attempts{*this};;) {
      auto result = call();
      if (result || !attempts.again(result.error())) return result;
    }
  }

  /// The same for a call that changes something. After an attempt that may have had its effect no failure is a definite one: then the
  /// failure of that attempt is returned.
  template <class Call>
  auto run_change(Call&& call) const -> decltype(call()) {
    Attempts attempts{*this};
    auto first = call();
    if (first) return first;
    while (attempts.again(first.error())) {
      auto next = call();
      if (next) return next;
      if (!is_retryable(next.error().code())) break;
    }
    return first;
  }

 private:
  [[nodiscard]] std::chrono::nanoseconds pause_after(unsigned failures) const noexcept {
    return full_jitter(options_.base, options_.cap, failures, time_->random());
  }

  RetryOptions options_;
  std::shared_ptr<Time> time_;
};

}  // namespace detail
}  // namespace hybridbuffer::inline v0_1
