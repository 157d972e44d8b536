#pragma once

#include <hybridbuffer/detail/atomic.hpp>

#include <cstdint>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace hybridbuffer::inline v0_1::detail {

/// A lock for short critical sections: one word, neither <mutex> nor <atomic> in the core headers. Waits in the kernel, so a holder that
/// is preempted costs its waiters no processor time; without a waiter neither call leaves the program.
class LightLock {
 public:
  void lock() noexcept {
    std::uint32_t found = free;
    if (!word_.compare_exchange(found, held, Order::acquire)) [[unlikely]]
      wait();
  }
  void unlock() noexcept {
    if (word_.exchange(free, Order::release) == contended) [[unlikely]]
      ::syscall(SYS_futex, word_.address(), FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
  }

 private:
  static constexpr std::uint32_t free = 0;
  static constexpr std::uint32_t held = 1;
  static constexpr std::uint32_t contended = 2;  // held, and somebody may wait

  // Who waited takes the lock as contended: it cannot know whether others wait still.
  [[gnu::noinline]] void wait() noexcept {
    while (word_.exchange(contended, Order::acquire) != free) {
      ::syscall(SYS_futex, word_.address(), FUTEX_WAIT_PRIVATE, contended, nullptr, nullptr, 0);
    }
  }

  Atomic<std::uint32_t> word_{free};
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
