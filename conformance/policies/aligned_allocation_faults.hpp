#pragma once

#include "../support/allocation_faults.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>

/// \file
/// The over-aligned counterpart of allocation_faults.cpp, for chunks that come from the heap. Include it in one file of a program that
/// also links allocation_faults.cpp.

namespace hybridbuffer::testing {

/// Chunks that are allocated and not yet given back.
inline constinit std::atomic<std::int64_t> live_heap_chunks{0};

inline void* aligned_allocation(std::size_t size, std::align_val_t alignment) noexcept {
  if (FailingAllocation::fails_now()) return nullptr;
  void* block = nullptr;
  if (::posix_memalign(&block, static_cast<std::size_t>(alignment), size != 0 ? size : 1) != 0) return nullptr;
  AllocationCounters::calls.fetch_add(1, std::memory_order_relaxed);
  live_heap_chunks.fetch_add(1, std::memory_order_relaxed);
  return block;
}

inline void aligned_release(void* block) noexcept {
  if (block != nullptr) live_heap_chunks.fetch_sub(1, std::memory_order_relaxed);
  std::free(block);
}

}  // namespace hybridbuffer::testing

void* operator new(std::size_t size, std::align_val_t alignment) {
  if (void* block = hybridbuffer::testing::aligned_allocation(size, alignment)) return block;
  throw std::bad_alloc{};
}
void* operator new(std::size_t size, std::align_val_t alignment, const std::nothrow_t& /*tag*/) noexcept {
  return hybridbuffer::testing::aligned_allocation(size, alignment);
}
void operator delete(void* block, std::align_val_t /*alignment*/) noexcept { hybridbuffer::testing::aligned_release(block); }
void operator delete(void* block, std::align_val_t /*alignment*/, const std::nothrow_t& /*tag*/) noexcept {
  hybridbuffer::testing::aligned_release(block);
}
void operator delete(void* block, std::size_t /*size*/, std::align_val_t /*alignment*/) noexcept {
  hybridbuffer::testing::aligned_release(block);
}
