#pragma once

#include <csignal>
#include <thread>
#include <utility>

namespace hybridbuffer::inline v0_1::detail {

/// A thread that no signal of the process is delivered to: these are for the threads of the program, which chose how to take them.
/// Errors: std::system_error where the system gives no thread; std::bad_alloc.
template <class Function>
[[nodiscard]] std::thread quiet_thread(Function&& function) {
  // A thread begins with the mask of who makes it.
  class AllBlocked {
   public:
    AllBlocked() noexcept {
      sigset_t all;
      ::sigfillset(&all);
      ::pthread_sigmask(SIG_SETMASK, &all, &before_);
    }
    ~AllBlocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
    AllBlocked(const AllBlocked&) = delete;
    AllBlocked& operator=(const AllBlocked&) = delete;

   private:
    sigset_t before_{};
  };
  const AllBlocked while_it_begins;
  return std::thread{std::forward<Function>(function)};
}

}  // namespace hybridbuffer::inline v0_1::detail
