#pragma once

#include <atomic>

namespace hybridbuffer::inline v0_1::detail {

/// A lock for short critical sections: one word, no <mutex> in the core headers (0.2 s of every user's compilation). Waits in the
/// kernel, so a holder that is preempted costs its waiters no processor time.
class LightLock {
 public:
  void lock() noexcept {
    while (held_.test_and_set(std::memory_order_acquire)) held_.wait(true, std::memory_order_relaxed);
  }
  void unlock() noexcept {
    held_.clear(std::memory_order_release);
    held_.notify_one();
  }

 private:
  std::atomic_flag held_;
};

/// Holds a LightLock for a scope.
class LightGuard {
 public:
  explicit LightGuard(LightLock& lock) noexcept : lock_{lock} { lock_.lock(); }
  ~LightGuard() { lock_.unlock(); }
  LightGuard(const LightGuard&) = delete;
  LightGuard& operator=(const LightGuard&) = delete;

 private:
  LightLock& lock_;
};

}  // namespace hybridbuffer::inline v0_1::detail
