#pragma once

#include <hybridbuffer/memory/chunk_range.hpp>
#include <hybridbuffer/memory/memory_policy.hpp>

#include <array>
#include <cstddef>
#include <cstring>
#include <span>
#include <utility>

namespace hybridbuffer::inline v0_1 {

/// Holds up to `Bytes` bytes inside the object and never touches the heap: for contents that are small and spill when they are not.
///
///     InlineMemory<512> memory;
///     std::span<std::byte> window = memory.prepare(5);   // up to 512 bytes
///     std::memcpy(window.data(), "hello", 5);
///     memory.commit(5);
///     send(*memory.chunks().begin());                    // one span
///
/// prepare() answers empty once `max_size` bytes are held. A move copies the committed bytes and ends the window.
/// Invalidates: prepare, drop_front, truncate, clear and moves end every span.
/// Cost:        prepare moves the content to the front, O(Bytes), when the space behind it is used up and drop_front left some before it.
/// Threads:     const operations from any number at once; the rest one at a time.
template <std::size_t Bytes>
class InlineMemory {
 public:
  static_assert(Bytes > 0, "InlineMemory holds at least one byte");

  static constexpr std::size_t max_size = Bytes;

  // The bytes are left as they are: zeroing them would cost every buffer what only full ones use.
  InlineMemory() noexcept {}                                    // NOLINT(modernize-use-equals-default,*-member-init)
  InlineMemory(InlineMemory&& other) noexcept { take(other); }  // NOLINT(*-member-init)
  InlineMemory& operator=(InlineMemory&& other) noexcept {
    if (this != &other) take(other);
    return *this;
  }
  ~InlineMemory() = default;

  [[nodiscard]] std::span<std::byte> prepare(std::size_t /*hint*/) noexcept {
    if (front_ + size_ == Bytes && front_ != 0) {
      std::memmove(bytes_.data(), bytes_.data() + front_, size_);
      front_ = 0;
    }
    return std::span{bytes_}.subspan(front_ + size_);
  }

  void commit(std::size_t n) noexcept { size_ += n; }

  [[nodiscard]] std::size_t size() const noexcept { return size_; }

  /// All committed bytes; one span.
  [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return std::span{bytes_}.subspan(front_, size_); }

  [[nodiscard]] ChunkRange<InlineMemory> chunks() const noexcept { return ChunkRange<InlineMemory>{*this}; }

  [[nodiscard]] std::span<const std::byte> chunk_at(std::size_t offset) const noexcept { return bytes().subspan(offset); }

  void copy_out(std::size_t offset, std::span<std::byte> out) const noexcept {
    if (!out.empty()) std::memcpy(out.data(), bytes_.data() + front_ + offset, out.size());
  }

  void drop_front(std::size_t n) noexcept {
    if (n >= size_) return clear();
    front_ += n;
    size_ -= n;
  }

  void truncate(std::size_t n) noexcept {
    if (n == 0) return clear();
    if (n < size_) size_ = n;
  }

  void clear() noexcept {
    front_ = 0;
    size_ = 0;
  }

  [[nodiscard]] static constexpr std::size_t capacity() noexcept { return Bytes; }

 private:
  void take(InlineMemory& other) noexcept {
    front_ = 0;
    size_ = other.size_;
    std::memcpy(bytes_.data(), other.bytes_.data() + other.front_, size_);
    other.clear();
  }

  // Content is bytes_[front_, front_ + size_); front_ is 0 when there is none.
  std::size_t front_ = 0;
  std::size_t size_ = 0;
  alignas(Bytes >= 512 ? 64 : 1) std::array<std::byte, Bytes> bytes_;  // a copy of much is faster by whole cache lines
};

static_assert(memory_policy<InlineMemory<1>>);
static_assert(!is_stable_memory<InlineMemory<1>>);

}  // namespace hybridbuffer::inline v0_1
