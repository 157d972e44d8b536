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

namespace {

// Stands before a block. Others may be of its size and begin at a page as well.
struct Mark {
  std::uint64_t key;
  std::uint64_t address;
};
constexpr std::uint64_t key_of_blocks = 0x9e3779b97f4a7c15;

[[nodiscard]] Mark* mark_of(void* memory) noexcept { return reinterpret_cast<Mark*>(static_cast<std::byte*>(memory) - sizeof(Mark)); }

// What stands before other memory is no business of the address sanitizer.
__attribute__((no_sanitize("address"))) bool is_marked(void* memory) noexcept {
  const Mark* mark = mark_of(memory);
  return mark->key == key_of_blocks && mark->address == reinterpret_cast<std::uintptr_t>(memory);
}

}  // namespace

void* StoreAllocations::allocate(std::size_t size) noexcept {
  if (fails_now()) return nullptr;
  if (!counts_blocks || size != block_size) return std::malloc(size != 0 ? size : 1);
  void* start = nullptr;
  if (::posix_memalign(&start, page, page + size) != 0) return nullptr;
  void* memory = static_cast<std::byte*>(start) + page;
  *mark_of(memory) = {key_of_blocks, reinterpret_cast<std::uintptr_t>(memory)};
  blocks_.fetch_add(1, std::memory_order_relaxed);
  return memory;
}

void StoreAllocations::release(void* memory, std::size_t size) noexcept {
  const bool may_be_block =
      counts_blocks && memory != nullptr && size == block_size && reinterpret_cast<std::uintptr_t>(memory) % page == 0;
  if (!may_be_block || !is_marked(memory)) return std::free(memory);
  *mark_of(memory) = {};
  blocks_.fetch_sub(1, std::memory_order_relaxed);
  std::free(static_cast<std::byte*>(memory) - page);
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
