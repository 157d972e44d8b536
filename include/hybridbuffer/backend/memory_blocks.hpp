#pragma once

#include <hybridbuffer/detail/light_lock.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <span>
#include <utility>

/// \file
/// How MemoryBackend holds an object: a table of fixed blocks that readers, windows and the location share. Nothing here throws.

namespace hybridbuffer::inline v0_1::detail {

/// Shares a T that counts its owners itself: `std::atomic<std::uint32_t> references{1}`.
template <class T>
class CountedRef {
 public:
  CountedRef() noexcept = default;
  /// A new T; null when there is no memory for it. Its bytes are not initialised.
  [[nodiscard]] static CountedRef make() noexcept {
    CountedRef made;
    made.target_ = new (std::nothrow) T;
    return made;
  }
  CountedRef(const CountedRef& other) noexcept : target_{other.target_} {
    if (target_ != nullptr) target_->references.fetch_add(1, std::memory_order_relaxed);
  }
  CountedRef(CountedRef&& other) noexcept : target_{std::exchange(other.target_, nullptr)} {}
  CountedRef& operator=(CountedRef other) noexcept {
    std::swap(target_, other.target_);
    return *this;
  }
  ~CountedRef() {
    if (target_ != nullptr && target_->references.fetch_sub(1, std::memory_order_acq_rel) == 1) delete target_;
  }

  [[nodiscard]] explicit operator bool() const noexcept { return target_ != nullptr; }
  [[nodiscard]] T* get() const noexcept { return target_; }
  [[nodiscard]] T& operator*() const noexcept { return *target_; }
  [[nodiscard]] T* operator->() const noexcept { return target_; }
  [[nodiscard]] bool is_sole_owner() const noexcept { return target_->references.load(std::memory_order_acquire) == 1; }

 private:
  T* target_ = nullptr;
};

template <std::size_t BlockBytes>
struct MemoryBlock {
  std::array<std::byte, BlockBytes> bytes;
  std::atomic<std::uint32_t> references{1};
};

/// Blocks in order; an empty entry is a hole. Threads: one at a time.
template <std::size_t BlockBytes>
class BlockTable {
 public:
  using BlockRef = CountedRef<MemoryBlock<BlockBytes>>;

  BlockTable() noexcept = default;
  BlockTable(BlockTable&& other) noexcept
      : entries_{other.entries_.exchange(nullptr, std::memory_order_relaxed)},
        count_{other.count_.exchange(0, std::memory_order_relaxed)},
        capacity_{std::exchange(other.capacity_, 0)} {}
  BlockTable& operator=(BlockTable&& other) noexcept {
    if (this != &other) {
      this->~BlockTable();
      new (this) BlockTable{std::move(other)};
    }
    return *this;
  }
  ~BlockTable() {
    truncate(0);
    delete[] entries_.load(std::memory_order_relaxed);
  }

  [[nodiscard]] std::size_t count() const noexcept { return count_.load(std::memory_order_relaxed); }
  [[nodiscard]] BlockRef& operator[](std::size_t index) noexcept { return entries_.load(std::memory_order_relaxed)[index]; }
  [[nodiscard]] const BlockRef& operator[](std::size_t index) const noexcept { return entries_.load(std::memory_order_relaxed)[index]; }

  /// Room for `wanted` entries in all. Returns: false when there is no memory; nothing changed.
  /// Cost: amortised O(1) for each entry that is pushed.
  [[nodiscard]] bool reserve(std::size_t wanted) noexcept {
    if (wanted <= capacity_) return true;
    const std::size_t capacity = wanted < 2 * capacity_ ? 2 * capacity_ : wanted;
    auto* grown = new (std::nothrow) BlockRef[capacity];
    if (grown == nullptr) return false;
    BlockRef* const old = entries_.load(std::memory_order_relaxed);
    for (std::size_t i = 0; i < count(); ++i) grown[i] = std::move(old[i]);
    entries_.store(grown, std::memory_order_release);
    capacity_ = capacity;
    delete[] old;
    return true;
  }
  /// Requires: reserve(count() + 1) succeeded.
  void push(BlockRef block) noexcept {
    (*this)[count()] = std::move(block);
    count_.store(count() + 1, std::memory_order_release);
  }
  void truncate(std::size_t kept) noexcept {
    while (count() > kept) {
      count_.store(count() - 1, std::memory_order_release);
      (*this)[count()] = BlockRef{};
    }
  }

 private:
  // Atomic and stored in this order only so that a child forked in the middle of a change finds a table that it can destroy.
  std::atomic<BlockRef*> entries_{nullptr};
  std::atomic<std::size_t> count_{0};
  std::size_t capacity_ = 0;
};

/// Bytes of one block, lent: they stay as they are until the window is destroyed.
template <std::size_t BlockBytes>
class MemoryWindow {
 public:
  using BlockRef = CountedRef<MemoryBlock<BlockBytes>>;

  MemoryWindow() noexcept = default;
  MemoryWindow(BlockRef block, std::span<const std::byte> bytes) noexcept : block_{std::move(block)}, bytes_{bytes} {}
  MemoryWindow(MemoryWindow&& other) noexcept : block_{std::move(other.block_)}, bytes_{std::exchange(other.bytes_, {})} {}
  MemoryWindow& operator=(MemoryWindow&& other) noexcept {
    if (this != &other) {
      block_ = std::move(other.block_);
      bytes_ = std::exchange(other.bytes_, {});
    }
    return *this;
  }
  ~MemoryWindow() = default;

  [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return bytes_; }

 private:
  BlockRef block_;  // null beside bytes of the zero page
  std::span<const std::byte> bytes_;
};

/// What a hole reads as; a window on one is no longer than this.
inline constexpr std::array<std::byte, 4096> zero_page{};

/// An object's committed bytes. What lies behind `size()` in its last block belongs to the one writer that extends it: no reader looks
/// there, so that an extension moves and alters nothing that anybody can see.
/// Threads: any number at once; extend, shrink and discard one at a time, and shrink and discard never while a writer extends.
template <std::size_t BlockBytes>
class MemoryObject {
 public:
  using Table = BlockTable<BlockBytes>;
  using BlockRef = typename Table::BlockRef;
  using Window = MemoryWindow<BlockBytes>;

  [[nodiscard]] static constexpr std::size_t blocks_for(std::uint64_t size) noexcept {
    return static_cast<std::size_t>(size / BlockBytes + (size % BlockBytes != 0 ? 1 : 0));
  }

  [[nodiscard]] std::uint64_t size() const noexcept {
    const LightGuard guard{lock_};
    return size_;
  }

  /// Between 1 and n bytes from `offset` on, all of one block; none at the end and behind it.
  [[nodiscard]] Window window(std::uint64_t offset, std::uint64_t n) const noexcept {
    const LightGuard guard{lock_};
    if (offset >= size_ || n == 0) return {};
    const auto within = static_cast<std::size_t>(offset % BlockBytes);
    const BlockRef& block = blocks_[static_cast<std::size_t>(offset / BlockBytes)];
    const std::span<const std::byte> source = block ? std::span{block->bytes}.subspan(within) : hole(within);
    const std::uint64_t visible = n < size_ - offset ? n : size_ - offset;
    return {block, source.first(visible < source.size() ? static_cast<std::size_t>(visible) : source.size())};
  }

  /// The block behind whose committed bytes an extension starts; null when it starts with a block of its own.
  [[nodiscard]] MemoryBlock<BlockBytes>* open_block() const noexcept {
    const LightGuard guard{lock_};
    return size_ % BlockBytes == 0 ? nullptr : blocks_[blocks_.count() - 1].get();
  }

  /// Makes sure that an extension to `blocks` blocks in all cannot fail. Returns: false when there is no memory.
  [[nodiscard]] bool reserve(std::size_t blocks) noexcept {
    const LightGuard guard{lock_};
    return blocks_.reserve(blocks);
  }

  /// The object is `size` bytes long from now on, `added` being its new blocks.
  /// Requires: reserve() succeeded for all of them. Cost: O(added.count()).
  void extend(Table& added, std::uint64_t size) noexcept {
    const LightGuard guard{lock_};
    for (std::size_t i = 0; i < added.count(); ++i) blocks_.push(std::move(added[i]));
    size_ = size;
  }

  /// Only the first `size` bytes stay. Requires: size ≤ size(). Returns: false when there is no memory; nothing changed.
  [[nodiscard]] bool shrink(std::uint64_t size) noexcept {
    const LightGuard guard{lock_};
    if (size == size_) return true;
    const auto kept = static_cast<std::size_t>(size % BlockBytes);
    if (kept != 0 && !make_writable(blocks_[static_cast<std::size_t>(size / BlockBytes)], kept)) return false;
    blocks_.truncate(blocks_for(size));
    size_ = size;
    return true;
  }

  /// Frees the blocks that lie wholly in the range; they read as zeros from now on.
  void discard(std::uint64_t offset, std::uint64_t n) noexcept {
    const LightGuard guard{lock_};
    if (offset >= size_) return;
    const std::uint64_t end = n < size_ - offset ? offset + n : size_;
    const auto last = static_cast<std::size_t>(end / BlockBytes);
    for (std::size_t index = blocks_for(offset); index < last; ++index) blocks_[index] = BlockRef{};
  }

  std::atomic<std::uint32_t> references{1};

 private:
  static std::span<const std::byte> hole(std::size_t within) noexcept {
    const std::size_t length = BlockBytes - within;
    return std::span{zero_page}.first(length < zero_page.size() ? length : zero_page.size());
  }

  // Bytes behind the new end were visible once: the next append may only overwrite them where no older window shows them.
  [[nodiscard]] static bool make_writable(BlockRef& block, std::size_t kept) noexcept {
    if (block && block.is_sole_owner()) return true;
    BlockRef own = BlockRef::make();
    if (!own) return false;
    if (block) std::memcpy(own->bytes.data(), block->bytes.data(), kept);
    else std::memset(own->bytes.data(), 0, kept);
    block = std::move(own);
    return true;
  }

  mutable LightLock lock_;
  Table blocks_;  // blocks_for(size_) of them; the last one is no hole unless it is full
  std::uint64_t size_ = 0;
};

}  // namespace hybridbuffer::inline v0_1::detail
