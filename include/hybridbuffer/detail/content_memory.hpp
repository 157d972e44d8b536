#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <limits>
#include <memory>
#include <new>
#include <span>
#include <utility>

/// \file
/// Ordinary memory in which content waits before a backend. Where that keeps secrets (detail/secrecy.hpp), it is overwritten before it is
/// given back.

namespace hybridbuffer::inline v0_1::detail {

/// Gives content's memory back.
struct ContentDeleter {
  std::size_t secret_bytes = 0;  ///< so many are overwritten first

  void operator()(std::byte* memory) const noexcept {
    if (secret_bytes != 0) ::explicit_bzero(memory, secret_bytes);
    delete[] memory;
  }
};
using ContentMemory = std::unique_ptr<std::byte[], ContentDeleter>;

/// Returns: `bytes` bytes; null when there is no memory.
[[nodiscard]] inline ContentMemory make_content_memory(std::size_t bytes, bool is_secret) noexcept {
  return ContentMemory{new (std::nothrow) std::byte[bytes], ContentDeleter{is_secret ? bytes : 0}};
}

/// Memory that a library keeps content in, for its allocation functions: it is always overwritten.
struct SecretAllocation {
  /// Returns: memory for anything; null when there is none.
  [[nodiscard]] static void* make(std::size_t bytes) noexcept {
    if (bytes > std::numeric_limits<std::size_t>::max() - head_bytes) return nullptr;
    ContentMemory memory = make_content_memory(head_bytes + bytes, true);
    if (memory == nullptr) return nullptr;
    std::memcpy(memory.get(), &bytes, sizeof(bytes));
    return memory.release() + head_bytes;
  }
  /// Gives back what make() returned.
  static void give_back(void* made) noexcept {
    if (made == nullptr) return;
    std::byte* const memory = static_cast<std::byte*>(made) - head_bytes;
    std::size_t bytes = 0;
    std::memcpy(&bytes, memory, sizeof(bytes));
    ContentDeleter{head_bytes + bytes}(memory);
  }

 private:
  // The size stands before the memory: libraries do not say it when they give it back.
  static constexpr std::size_t head_bytes = alignof(std::max_align_t);
  static_assert(head_bytes >= sizeof(std::size_t));
};

/// What was written lately, kept to be written again: at most so many bytes, in no more memory than that.
class KeptBytes {
 public:
  KeptBytes(std::size_t most, bool is_secret) noexcept : most_{most}, is_secret_{is_secret} {}
  KeptBytes(KeptBytes&& other) noexcept
      : memory_{std::move(other.memory_)},
        size_{std::exchange(other.size_, 0)},
        capacity_{std::exchange(other.capacity_, 0)},
        most_{other.most_},
        is_secret_{other.is_secret_} {}
  KeptBytes& operator=(KeptBytes&& other) noexcept {
    if (this == &other) return *this;
    memory_ = std::move(other.memory_);
    size_ = std::exchange(other.size_, 0);
    capacity_ = std::exchange(other.capacity_, 0);
    most_ = other.most_;
    is_secret_ = other.is_secret_;
    return *this;
  }
  ~KeptBytes() = default;

  /// Returns: false, and nothing was added, when that would be too many or there is no memory.
  /// Cost:    amortised O(bytes).
  [[nodiscard]] bool add(std::span<const std::span<const std::byte>> pieces) noexcept {
    std::size_t room = most_ - size_;
    for (const auto piece : pieces) {
      if (piece.size() > room) return false;
      room -= piece.size();
    }
    if (!reserve(most_ - room)) return false;
    for (const auto piece : pieces) {
      if (!piece.empty()) std::memcpy(memory_.get() + size_, piece.data(), piece.size());
      size_ += piece.size();
    }
    return true;
  }
  /// Keeps the memory.
  void clear() noexcept { size_ = 0; }

  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return {memory_.get(), size_}; }

 private:
  // Requires: bytes <= most_.
  [[nodiscard]] bool reserve(std::size_t bytes) noexcept {
    if (bytes <= capacity_) return true;
    const std::size_t doubled = capacity_ < most_ - capacity_ ? 2 * capacity_ : most_;
    const std::size_t capacity = std::max(bytes, doubled);
    ContentMemory larger = make_content_memory(capacity, is_secret_);
    if (larger == nullptr) return false;
    if (size_ != 0) std::memcpy(larger.get(), memory_.get(), size_);
    memory_ = std::move(larger);
    capacity_ = capacity;
    return true;
  }

  ContentMemory memory_;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;  // at most most_
  std::size_t most_;
  bool is_secret_;
};

}  // namespace hybridbuffer::inline v0_1::detail
