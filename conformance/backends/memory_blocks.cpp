#include "memory_blocks.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>

namespace hybridbuffer::testing {

bool StoreAllocations::fails_now() noexcept {
  const std::uint64_t number = calls_.fetch_add(1, std::memory_order_relaxed) + 1 - armed_at_.load(std::memory_order_relaxed);
  const std::uint64_t k = fault_.load(std::memory_order_relaxed);
  if (k == 0 || (number != k && !(number > k && for_ever_.load(std::memory_order_relaxed)))) return false;
  fired_.fetch_add(1, std::memory_order_relaxed);
  return true;
}

void* StoreAllocations::allocate(std::size_t size) noexcept {
  if (fails_now()) return nullptr;
  if (!counts_blocks || size != block_size) return std::malloc(size != 0 ? size : 1);
  void* memory = nullptr;
  if (::posix_memalign(&memory, page, size) != 0) return nullptr;
  blocks_.fetch_add(1, std::memory_order_relaxed);
  return memory;
}

void StoreAllocations::release(void* memory, std::size_t size) noexcept {
  const bool is_block = counts_blocks && memory != nullptr && size == block_size && reinterpret_cast<std::uintptr_t>(memory) % page == 0;
  if (is_block) blocks_.fetch_sub(1, std::memory_order_relaxed);
  std::free(memory);
}

}  // namespace hybridbuffer::testing

#ifndef HYBRIDBUFFER_WITHOUT_ALLOCATIONS

using hybridbuffer::testing::StoreAllocations;

void* operator new(std::size_t size, const std::nothrow_t& /*tag*/) noexcept { return StoreAllocations::allocate(size); }
void* operator new[](std::size_t size, const std::nothrow_t& /*tag*/) noexcept { return StoreAllocations::allocate(size); }
void* operator new(std::size_t size) {
  if (void* memory = std::malloc(size != 0 ? size : 1)) return memory;
  throw std::bad_alloc{};
}
void* operator new[](std::size_t size) { return ::operator new(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t size) noexcept { StoreAllocations::release(memory, size); }
void operator delete[](void* memory, std::size_t /*size*/) noexcept { std::free(memory); }
void operator delete(void* memory, const std::nothrow_t& /*tag*/) noexcept { std::free(memory); }
void operator delete[](void* memory, const std::nothrow_t& /*tag*/) noexcept { std::free(memory); }

#endif
