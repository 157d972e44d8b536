#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

namespace spool {

/// What passed so far; read while it passes.
struct Counters {
  std::atomic<std::uint64_t> in{0};
  std::atomic<std::uint64_t> out{0};
  std::atomic<std::uint64_t> most_spooled{0};
  std::uint64_t spills = 0;  // these two are known at the end
  std::uint64_t spilled = 0;

  /// Requires: only the thread that reads the input calls it.
  void add_in(std::uint64_t bytes) noexcept;
  [[nodiscard]] std::uint64_t spooled() const noexcept;
};

/// Standard error: notes, a line each, and a line of progress that is written over four times a second while one is asked for.
class Console {
 public:
  using Clock = std::chrono::steady_clock;

  Console(const Counters& counters, bool with_progress);
  Console(const Console&) = delete;
  Console& operator=(const Console&) = delete;
  ~Console() { finish(); }

  /// Prints "hybrid-spool: " and `message`. Threads: any.
  void note(std::string_view message);
  /// Ends the progress, with a last line of it.
  void finish();
  /// Prints the summary.
  void print_stats() const;

 private:
  void run();
  void show_progress(double seconds);

  const Counters& counters_;
  Clock::time_point start_ = Clock::now();
  std::uint64_t last_in_ = 0;
  std::uint64_t last_out_ = 0;
  bool shown_ = false;
  bool finished_ = false;
  std::mutex lock_;
  std::condition_variable finish_;
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace spool
