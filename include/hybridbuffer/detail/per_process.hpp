#pragma once

#include <hybridbuffer/detail/process.hpp>

#include <atomic>
#include <memory>

namespace hybridbuffer::inline v0_1::detail {

/// What each process has of its own: a forked child makes another T, and never touches its parent's, which a thread that does not exist
/// there may have been changing, or hold a lock of. The memory of that goes with the child.
///
/// Threads: any number at once, as T allows.
template <class T>
class PerProcess {
 public:
  PerProcess() noexcept = default;
  PerProcess(const PerProcess&) = delete;
  PerProcess& operator=(const PerProcess&) = delete;
  ~PerProcess() {
    if (Held* const mine = held_.load(std::memory_order_acquire); mine != nullptr && mine->is_ours()) delete mine;
  }

  /// This process's, made at the first call. Errors: std::bad_alloc.
  [[nodiscard]] T& get() {
    Held* known = held_.load(std::memory_order_acquire);
    if (known != nullptr && known->is_ours()) return known->value;
    auto made = std::make_unique<Held>();
    if (held_.compare_exchange_strong(known, made.get(), std::memory_order_acq_rel)) return made.release()->value;
    return known->value;  // another thread was first
  }
  /// This process's, if it has any.
  [[nodiscard]] T* find() const noexcept {
    Held* const mine = held_.load(std::memory_order_acquire);
    return mine != nullptr && mine->is_ours() ? &mine->value : nullptr;
  }

 private:
  struct Held {
    ProcessIdentity process = process_identity();
    T value{};
    [[nodiscard]] bool is_ours() const noexcept { return process == process_identity(); }
  };
  std::atomic<Held*> held_{nullptr};
};

}  // namespace hybridbuffer::inline v0_1::detail
