#pragma once

#include <hybridbuffer/detail/copy_bytes.hpp>
#include <hybridbuffer/memory/chunk_range.hpp>
#include <hybridbuffer/memory/memory_policy.hpp>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <limits>
#include <new>
#include <span>
#include <utility>

namespace hybridbuffer::inline v0_1 {

/// Holds bytes in one piece of heap memory, for consumers that need a single span.
///
///     ContiguousMemory memory;
///     std::span<std::byte> window = memory.prepare(5);   // five bytes or more
///     std::memcpy(window.data(), "hello", 5);
///     memory.commit(5);
///     parse(memory.bytes());                             // all of them, always one span
///
/// Grows by doubling, to at most twice what was asked for and not beyond what it is told to hold at most, and copies what it holds: both
/// memories are there meanwhile. drop_front and truncate shrink it once three
/// quarters are unused. prepare() answers fewer than n bytes, or none, when the heap cannot give more.
/// Invalidates: prepare, drop_front, truncate, clear and moves end every span.
/// Cost:        O(1) amortised a byte; at most one allocation a call.
/// Threads:     const operations from any number at once; the rest one at a time.
class ContiguousMemory {
 public:
  ContiguousMemory() noexcept = default;
  ContiguousMemory(ContiguousMemory&& other) noexcept { take(other); }
  ContiguousMemory& operator=(ContiguousMemory&& other) noexcept {
    if (this != &other) {
      clear();
      take(other);
    }
    return *this;
  }
  ~ContiguousMemory() { clear(); }

  [[nodiscard]] std::span<std::byte> prepare(std::size_t n) noexcept { return prepare(n, std::numeric_limits<std::size_t>::max()); }
  /// The same where no more than `most` further bytes will be held.
  [[nodiscard]] std::span<std::byte> prepare(std::size_t n, std::size_t most) noexcept {
    if (!window_open_ && capacity_ - front_ - size_ < n) make_room(n, most);
    const std::size_t room = capacity_ - front_ - size_;
    window_open_ = room != 0;
    return {data_ + front_ + size_, room};
  }

  void commit(std::size_t n) noexcept {
    size_ += n;
    window_open_ = false;
  }

  [[nodiscard]] std::size_t size() const noexcept { return size_; }

  /// All committed bytes; one span.
  [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return {data_ + front_, size_}; }

  [[nodiscard]] ChunkRange<ContiguousMemory> chunks() const noexcept { return ChunkRange<ContiguousMemory>{*this}; }

  [[nodiscard]] std::span<const std::byte> chunk_at(std::size_t offset) const noexcept { return bytes().subspan(offset); }

  void copy_out(std::size_t offset, std::span<std::byte> out) const noexcept {
    if (!out.empty()) detail::copy_bytes(out.data(), data_ + front_ + offset, out.size());
  }

  void drop_front(std::size_t n) noexcept {
    if (n >= size_) return clear();
    front_ += n;
    size_ -= n;
    end_window_and_shrink();
  }

  void truncate(std::size_t n) noexcept {
    if (n == 0) return clear();
    if (n < size_) size_ = n;
    end_window_and_shrink();
  }

  void clear() noexcept {
    ::operator delete(data_);
    data_ = nullptr;
    capacity_ = 0;
    front_ = 0;
    size_ = 0;
    window_open_ = false;
  }

  [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }

 private:
  /// Below this nothing is given back before clear(): a reallocation would cost more than it frees.
  static constexpr std::size_t smallest_shrink = 4096;

  /// Makes the space behind the content at least n, and not more than `most` for its own sake, or leaves it as it is.
  void make_room(std::size_t n, std::size_t most) noexcept {
    if (front_ >= size_ && capacity_ - size_ >= n) return move_to_front();
    const std::size_t addressable = std::numeric_limits<std::size_t>::max() / 2;
    if (n > addressable || size_ > addressable - n) return;
    const std::size_t needed = size_ + n;
    const std::size_t useful = most < addressable ? size_ + most : 2 * addressable;
    const std::size_t doubled = std::min(capacity_ < needed ? 2 * capacity_ : 2 * needed, useful);
    if (doubled > needed && reallocate(doubled)) return;
    if (!reallocate(needed) && front_ != 0) move_to_front();
  }

  void move_to_front() noexcept {
    std::memmove(data_, data_ + front_, size_);
    front_ = 0;
  }

  [[nodiscard]] bool reallocate(std::size_t capacity) noexcept {
    auto* data = static_cast<std::byte*>(::operator new(capacity, std::nothrow));
    if (data == nullptr) return false;
    if (size_ != 0) std::memcpy(data, data_ + front_, size_);
    ::operator delete(data_);
    data_ = data;
    capacity_ = capacity;
    front_ = 0;
    return true;
  }

  /// Keeps as much again as is held, so that growing and shrinking by turns stays cheap.
  void end_window_and_shrink() noexcept {
    window_open_ = false;
    if (capacity_ > smallest_shrink && size_ < capacity_ / 4) static_cast<void>(reallocate(2 * size_));
  }

  void take(ContiguousMemory& other) noexcept {
    data_ = std::exchange(other.data_, nullptr);
    capacity_ = std::exchange(other.capacity_, 0);
    front_ = std::exchange(other.front_, 0);
    size_ = std::exchange(other.size_, 0);
    window_open_ = std::exchange(other.window_open_, false);
  }

  // Content is data_[front_, front_ + size_), the window is the rest up to capacity_. While window_open_, prepare() was answered and
  // nothing was committed since: the caller may have written there, so the content must not move.
  std::byte* data_ = nullptr;
  std::size_t capacity_ = 0;
  std::size_t front_ = 0;
  std::size_t size_ = 0;
  bool window_open_ = false;
};

static_assert(memory_policy<ContiguousMemory>);
static_assert(!is_stable_memory<ContiguousMemory>);

}  // namespace hybridbuffer::inline v0_1
