#pragma once

namespace hybridbuffer::inline v0_1::detail {

/// What an atomic access orders, as std::memory_order names it.
enum class Order : int {
  relaxed = __ATOMIC_RELAXED,
  acquire = __ATOMIC_ACQUIRE,
  release = __ATOMIC_RELEASE,
  acq_rel = __ATOMIC_ACQ_REL,
};

/// What the core needs of std::atomic, for integers, bool and pointers. <atomic> brings its waiting, the thread library and an alias for
/// every type of C: a twelfth of what a user's file would pay for the core.
template <class T>
class Atomic {
 public:
  constexpr Atomic(T value) noexcept : value_{value} {}  // NOLINT(google-explicit-constructor): a member is initialised as its T is
  Atomic(const Atomic&) = delete;
  Atomic& operator=(const Atomic&) = delete;

  [[nodiscard, gnu::always_inline]] T load(Order order) const noexcept { return __atomic_load_n(&value_, static_cast<int>(order)); }
  [[gnu::always_inline]] void store(T value, Order order) noexcept { __atomic_store_n(&value_, value, static_cast<int>(order)); }
  [[gnu::always_inline]] T exchange(T value, Order order) noexcept { return __atomic_exchange_n(&value_, value, static_cast<int>(order)); }

  /// Puts `wanted` where `expected` stands, else tells in `expected` what does; a failure orders as an acquire, or not at all if relaxed.
  [[gnu::always_inline]] bool compare_exchange(T& expected, T wanted, Order order) noexcept {
    const int failed = order == Order::acq_rel || order == Order::acquire ? __ATOMIC_ACQUIRE : __ATOMIC_RELAXED;
    return __atomic_compare_exchange_n(&value_, &expected, wanted, false, static_cast<int>(order), failed);
  }

  /// Of integers. Returns: the value before.
  [[gnu::always_inline]] T fetch_add(T count, Order order) noexcept { return __atomic_fetch_add(&value_, count, static_cast<int>(order)); }
  [[gnu::always_inline]] T fetch_sub(T count, Order order) noexcept { return __atomic_fetch_sub(&value_, count, static_cast<int>(order)); }

  /// Where the value is, for the kernel to wait on.
  [[nodiscard]] T* address() noexcept { return &value_; }

 private:
  // So that no 32-bit machine needs a lock for eight bytes. NOLINTNEXTLINE(bugprone-sizeof-expression): a pointer's own size, if T is one
  alignas(sizeof(T)) T value_;
};

}  // namespace hybridbuffer::inline v0_1::detail
