#pragma once

#include <type_traits>
#include <utility>

namespace hybridbuffer::inline v0_1::detail {

/// What std::unique_ptr is, of an object (`T`) or an array (`T[]`). <memory> would cost who includes the core half of what <vector>, <span>
/// and <expected> cost together, mostly for shared_ptr, streams and locales that it brings along.
template <class T>
class Owned {
  using Element = std::remove_extent_t<T>;

 public:
  Owned() noexcept = default;
  /// Takes over what `new` made.
  explicit Owned(Element* held) noexcept : held_{held} {}
  Owned(Owned&& other) noexcept : held_{other.release()} {}
  Owned& operator=(Owned&& other) noexcept {
    reset(other.release());
    return *this;
  }
  ~Owned() { reset(); }

  void reset(Element* held = nullptr) noexcept {
    Element* const before = std::exchange(held_, held);
    if constexpr (std::is_array_v<T>) {
      delete[] before;
    } else {
      delete before;
    }
  }
  Element* release() noexcept { return std::exchange(held_, nullptr); }
  [[nodiscard]] Element* get() const noexcept { return held_; }
  [[nodiscard]] Element& operator*() const noexcept { return *held_; }
  [[nodiscard]] Element* operator->() const noexcept { return held_; }
  explicit operator bool() const noexcept { return held_ != nullptr; }

 private:
  Element* held_ = nullptr;
};

}  // namespace hybridbuffer::inline v0_1::detail
