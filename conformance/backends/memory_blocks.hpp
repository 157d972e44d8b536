#pragma once

#include <hybridbuffer/backend/memory.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>

/// \file
/// The store of MemoryBackend as its conformance harness sees it: what the program allocates by `new (std::nothrow)`, which the kit never
/// does. Clang's ThreadSanitizer has an operator new of its own: there is no such view under it.

#ifndef HYBRIDBUFFER_BLOCK_BYTES
#define HYBRIDBUFFER_BLOCK_BYTES 65536
#endif
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define HYBRIDBUFFER_WITHOUT_ALLOCATIONS
#endif
#endif

namespace hybridbuffer::testing {

inline constexpr std::size_t block_bytes = HYBRIDBUFFER_BLOCK_BYTES;

/// Counts and faults of these allocations. Relaxed throughout: an order between threads would hide their races.
class StoreAllocations {
 public:
  [[nodiscard]] static std::uint64_t calls() noexcept { return calls_.load(std::memory_order_relaxed); }
  /// Blocks that are there now. Requires: counts_blocks.
  [[nodiscard]] static std::uint64_t blocks() noexcept { return blocks_.load(std::memory_order_relaxed); }
  [[nodiscard]] static std::uint64_t fired() noexcept { return fired_.load(std::memory_order_relaxed); }

  /// The k-th call from now on fails, and with `for_ever` every later one; 0: none.
  static void arm(std::uint64_t k, bool for_ever) noexcept {
    fault_.store(0, std::memory_order_relaxed);
    fired_.store(0, std::memory_order_relaxed);
    armed_at_.store(calls(), std::memory_order_relaxed);
    for_ever_.store(for_ever, std::memory_order_relaxed);
    fault_.store(k, std::memory_order_relaxed);
  }

  /// Blocks are told from everything else by their size and by where they begin, which is only worth it when they are large.
  static constexpr std::size_t page = 4096;
#ifdef HYBRIDBUFFER_WITHOUT_ALLOCATIONS
  static constexpr bool counts_blocks = false;
#else
  static constexpr bool counts_blocks = block_bytes >= page;
#endif
  [[nodiscard]] static void* allocate(std::size_t size) noexcept;
  static void release(void* memory, std::size_t size) noexcept;

 private:
  static constexpr std::size_t block_size = sizeof(detail::MemoryBlock<block_bytes>);
  [[nodiscard]] static bool fails_now() noexcept;

  static inline constinit std::atomic<std::uint64_t> calls_{0};
  static inline constinit std::atomic<std::uint64_t> blocks_{0};
  static inline constinit std::atomic<std::uint64_t> fault_{0};
  static inline constinit std::atomic<bool> for_ever_{false};
  static inline constinit std::atomic<std::uint64_t> armed_at_{0};
  static inline constinit std::atomic<std::uint64_t> fired_{0};
};

}  // namespace hybridbuffer::testing
