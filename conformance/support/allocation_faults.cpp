#include "allocation_faults.hpp"

#include <cstddef>
#include <cstdlib>
#include <malloc.h>
#include <new>

namespace {

using hybridbuffer::testing::AllocationCounters;
using hybridbuffer::testing::FailingAllocation;

void* counted_allocation(std::size_t size) noexcept {
  if (FailingAllocation::fails_now()) return nullptr;
  void* block = std::malloc(size != 0 ? size : 1);
  if (block == nullptr) return nullptr;
  AllocationCounters::calls.fetch_add(1, std::memory_order_relaxed);
  AllocationCounters::live_bytes.fetch_add(::malloc_usable_size(block), std::memory_order_relaxed);
  return block;
}

void counted_release(void* block) noexcept {
  if (block != nullptr) AllocationCounters::live_bytes.fetch_sub(::malloc_usable_size(block), std::memory_order_relaxed);
  std::free(block);
}

}  // namespace

void* operator new(std::size_t size) {
  if (void* block = counted_allocation(size)) return block;
  throw std::bad_alloc{};
}
void* operator new[](std::size_t size) { return ::operator new(size); }
void* operator new(std::size_t size, const std::nothrow_t& /*tag*/) noexcept { return counted_allocation(size); }
void* operator new[](std::size_t size, const std::nothrow_t& /*tag*/) noexcept { return counted_allocation(size); }
void operator delete(void* block) noexcept { counted_release(block); }
void operator delete[](void* block) noexcept { counted_release(block); }
void operator delete(void* block, std::size_t /*size*/) noexcept { counted_release(block); }
void operator delete[](void* block, std::size_t /*size*/) noexcept { counted_release(block); }
void operator delete(void* block, const std::nothrow_t& /*tag*/) noexcept { counted_release(block); }
void operator delete[](void* block, const std::nothrow_t& /*tag*/) noexcept { counted_release(block); }
