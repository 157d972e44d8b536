#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

namespace hybridbuffer::inline v0_1::detail {

/// How an object whose type is not known is moved and destroyed: the base of every table of operations.
struct Relocation {
  void (*move)(void* from, void* to) noexcept;
  void (*destroy)(void* slot) noexcept;

  /// Of a slot that holds nothing.
  static void move_nothing(void* /*from*/, void* /*to*/) noexcept {}
  static void destroy_nothing(void* /*slot*/) noexcept {}
};

/// A `T` in a slot of `Bytes` bytes: in the slot itself where it fits and cannot throw when it is moved, else one allocation.
template <class T, std::size_t Bytes>
struct SlotOf {
  static constexpr bool is_inline = sizeof(T) <= Bytes && alignof(T) <= alignof(void*) && std::is_nothrow_move_constructible_v<T>;

  /// Returns: false when there is no memory; `value` is then as it was.
  [[nodiscard]] static bool construct(void* slot, T&& value) {
    if constexpr (is_inline) {
      ::new (slot) T(std::move(value));
      return true;
    } else {
      auto* held = new (std::nothrow) T(std::move(value));
      ::new (slot) T*(held);
      return held != nullptr;
    }
  }
  [[nodiscard]] static T& get(void* slot) noexcept {
    if constexpr (is_inline) return *std::launder(static_cast<T*>(slot));
    else return **std::launder(static_cast<T**>(slot));
  }
  [[nodiscard]] static const T& get(const void* slot) noexcept {
    if constexpr (is_inline) return *std::launder(static_cast<const T*>(slot));
    else return **std::launder(static_cast<T* const*>(slot));
  }
  static void move(void* from, void* to) noexcept {
    if constexpr (is_inline) {
      ::new (to) T(std::move(get(from)));
      get(from).~T();
    } else {
      ::new (to) T*(&get(from));
    }
  }
  static void destroy(void* slot) noexcept {
    if constexpr (is_inline) get(slot).~T();
    else delete &get(slot);
  }

  static constexpr Relocation relocation{.move = move, .destroy = destroy};
};

/// An object of any type with a table of operations for it.
///
/// `Table` derives from Relocation; `Table::closed` is the one of an object that holds nothing, because it was moved from or never held
/// anything. So a call is one load and one indirect jump, without a test.
/// Threads: as the held object.
template <class Table, std::size_t Bytes>
class Erased {
 public:
  template <class T>
  using Slot = SlotOf<T, Bytes>;

  Erased() noexcept = default;
  Erased(Erased&& other) noexcept { take(other); }
  Erased& operator=(Erased&& other) noexcept {
    if (this != &other) {
      release();
      take(other);
    }
    return *this;
  }
  ~Erased() { table_->destroy(slot_); }

  /// Holds `value`, whose operations are `table`, instead of what it held.
  ///
  /// Returns: false when there is no memory; nothing is held then.
  /// Cost:    one allocation when `T` does not fit, else none.
  template <class T>
  [[nodiscard]] bool hold(T&& value, const Table& table)
    requires(!std::is_lvalue_reference_v<T>)
  {
    release();
    if (!Slot<T>::construct(slot_, std::forward<T>(value))) return false;
    table_ = &table;
    return true;
  }

  [[nodiscard]] bool holds_nothing() const noexcept { return table_ == &Table::closed; }
  [[nodiscard]] const Table& table() const noexcept { return *table_; }
  [[nodiscard]] void* slot() noexcept { return slot_; }
  [[nodiscard]] const void* slot() const noexcept { return slot_; }

 private:
  void take(Erased& other) noexcept {
    table_ = std::exchange(other.table_, &Table::closed);
    table_->move(other.slot_, slot_);
  }
  void release() noexcept { std::exchange(table_, &Table::closed)->destroy(slot_); }

  const Table* table_ = &Table::closed;
  alignas(void*) std::byte slot_[Bytes];  // what it is, and whether it is anything, `table_` knows
};

/// A function that copies share: what is kept for later calls, by whoever copies it, without <functional>.
/// Threads: calls from any number at once, as far as the function itself allows.
template <class Signature>
class SharedFunction;

template <class R, class... Arguments>
class SharedFunction<R(Arguments...)> {
 public:
  /// Calls nothing.
  SharedFunction() noexcept = default;
  /// Errors: std::bad_alloc.
  template <class F>
    requires(!std::is_same_v<F, SharedFunction>) && std::is_invocable_r_v<R, const F&, Arguments...>
  SharedFunction(F function)  // NOLINT(google-explicit-constructor): it is that function, with its type forgotten
      : function_{std::make_shared<const F>(std::move(function))}, call_{[](const void* held, Arguments... arguments) -> R {
          return (*static_cast<const F*>(held))(std::forward<Arguments>(arguments)...);
        }} {}

  [[nodiscard]] bool is_empty() const noexcept { return function_ == nullptr; }
  /// Requires: !is_empty().
  [[nodiscard]] R operator()(Arguments... arguments) const { return call_(function_.get(), std::forward<Arguments>(arguments)...); }

 private:
  std::shared_ptr<const void> function_;
  R (*call_)(const void*, Arguments...) = nullptr;
};

}  // namespace hybridbuffer::inline v0_1::detail
