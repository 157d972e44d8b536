#pragma once

#include <hybridbuffer/backend/s3_options.hpp>
#include <hybridbuffer/detail/light_lock.hpp>
#include <hybridbuffer/detail/process.hpp>
#include <hybridbuffer/detail/s3_sockets.hpp>
#include <hybridbuffer/detail/s3_text.hpp>
#include <hybridbuffer/error.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <ctime>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <sys/random.h>
#include <utility>
#include <vector>

namespace hybridbuffer::inline v0_1::detail {

class S3Engine;

/// 128 random bits in hexadecimal, from the kernel: there is no state that a forked child could repeat.
[[nodiscard]] inline Result<std::string> s3_random_name() {
  std::array<unsigned char, 16> bytes{};
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) return failure_from_errno("draw a random name");
  return s3_hex(bytes);
}

/// Where requests go.
struct S3Endpoint {
  std::string scheme{};
  std::string host{};         ///< as in the header Host: with the port, unless it is the scheme's
  std::string path_prefix{};  ///< before the key: "" or "/bucket"
};

/// A bucket with its settings, and what all requests to it share: credentials, the difference of the clocks, the retry budget, idle
/// connections. Threads: any number at once.
class S3Place {
 public:
  S3Place(S3Options options, S3Endpoint endpoint)
      : options_{std::move(options)}, endpoint_{std::move(endpoint)}, budget_{options_.retry.budget} {}
  S3Place(const S3Place&) = delete;
  S3Place& operator=(const S3Place&) = delete;
  ~S3Place();

  [[nodiscard]] const S3Options& options() const noexcept { return options_; }
  [[nodiscard]] const S3Endpoint& endpoint() const noexcept { return endpoint_; }

  /// The store's time.
  [[nodiscard]] std::time_t now() const noexcept { return std::time(nullptr) + clock_offset_.load(std::memory_order_relaxed); }
  void set_now(std::time_t now) noexcept { clock_offset_.store(now - std::time(nullptr), std::memory_order_relaxed); }

  /// Credentials that are valid for a while. `stale`: the version that the store no longer takes; 0: none.
  struct Credentials {
    std::shared_ptr<const S3Credentials> value;
    std::uint64_t version = 0;
  };
  /// Errors: those of their source, which is not asked again for a second after one; `timeout`; `permission` when it throws.
  [[nodiscard]] Result<Credentials> credentials(std::chrono::milliseconds deadline, std::uint64_t stale = 0);

  /// Whether the budget allows a retry; takes what it costs.
  [[nodiscard]] bool take_retry() noexcept {
    const std::int64_t cost = options_.retry.retry_cost;
    std::int64_t left = budget_.load(std::memory_order_relaxed);
    while (left >= cost) {
      if (budget_.compare_exchange_weak(left, left - cost, std::memory_order_relaxed)) return true;
    }
    return false;
  }
  void give_back() noexcept {
    if (budget_.load(std::memory_order_relaxed) < std::int64_t{options_.retry.budget}) budget_.fetch_add(1, std::memory_order_relaxed);
  }

  /// An engine with idle connections, or a new one. Errors: std::bad_alloc.
  [[nodiscard]] std::unique_ptr<S3Engine> take_engine();
  void give_engine(std::unique_ptr<S3Engine> engine) noexcept;
  /// Closes idle connections.
  void trim() noexcept;

 private:
  static constexpr std::size_t most_idle = 8;

  /// What belongs to one process: a forked child makes its own, and only closes its copies of the parent's sockets.
  struct Local {
    ProcessIdentity process = process_identity();
    LightLock lock;
    std::vector<std::unique_ptr<S3Engine>> idle;
    std::shared_ptr<S3Sockets> sockets = std::make_shared<S3Sockets>();
    std::timed_mutex credentials_lock;  // held while they are fetched
    Credentials credentials;
    std::chrono::steady_clock::time_point fetch_at{};  // not before, unless the store does not take them
    std::optional<Error> refusal;                      // of the source, the last time
    std::chrono::steady_clock::time_point ask_at{};    // it again after that
  };

  [[nodiscard]] Local& local();
  [[nodiscard]] Result<S3Credentials> fetch_credentials(std::chrono::milliseconds deadline) const;

  S3Options options_;
  S3Endpoint endpoint_;
  std::atomic<std::int64_t> budget_;
  std::atomic<std::time_t> clock_offset_{0};
  std::atomic<Local*> local_{nullptr};
};

using S3PlaceRef = std::shared_ptr<S3Place>;

}  // namespace hybridbuffer::inline v0_1::detail
