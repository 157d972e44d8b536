#include "allocation_plan.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>

namespace hybridbuffer::testing {

thread_local constinit bool AllocationPlan::running = false;
thread_local constinit bool AllocationPlan::goes_on = false;
thread_local constinit std::uint64_t AllocationPlan::countdown = 0;
thread_local constinit std::uint64_t AllocationPlan::failures = 0;

bool AllocationPlan::fails_now() noexcept {
  if (!running || countdown == 0) return false;
  if (countdown > 1) {
    --countdown;
    return false;
  }
  if (!goes_on) countdown = 0;
  ++failures;
  return true;
}

namespace {

void* allocate(std::size_t size, std::size_t alignment) noexcept {
  if (AllocationPlan::fails_now()) return nullptr;
  void* block = nullptr;
  if (::posix_memalign(&block, std::max(alignment, alignof(std::max_align_t)), size != 0 ? size : 1) != 0) return nullptr;
  AllocationPlan::made.fetch_add(1, std::memory_order_relaxed);
  AllocationPlan::living.fetch_add(1, std::memory_order_relaxed);
  return block;
}

void* allocate_or_throw(std::size_t size, std::size_t alignment) {
  if (void* block = allocate(size, alignment)) return block;
  throw std::bad_alloc{};
}

void release(void* block) noexcept {
  if (block == nullptr) return;
  AllocationPlan::living.fetch_sub(1, std::memory_order_relaxed);
  std::free(block);
}

constexpr std::size_t usual = alignof(std::max_align_t);
std::size_t number(std::align_val_t alignment) noexcept { return static_cast<std::size_t>(alignment); }

}  // namespace
}  // namespace hybridbuffer::testing

namespace testing = hybridbuffer::testing;

void* operator new(std::size_t size) { return testing::allocate_or_throw(size, testing::usual); }
void* operator new[](std::size_t size) { return testing::allocate_or_throw(size, testing::usual); }
void* operator new(std::size_t size, std::align_val_t alignment) { return testing::allocate_or_throw(size, testing::number(alignment)); }
void* operator new[](std::size_t size, std::align_val_t alignment) { return testing::allocate_or_throw(size, testing::number(alignment)); }
void* operator new(std::size_t size, const std::nothrow_t& /*tag*/) noexcept { return testing::allocate(size, testing::usual); }
void* operator new[](std::size_t size, const std::nothrow_t& /*tag*/) noexcept { return testing::allocate(size, testing::usual); }
void* operator new(std::size_t size, std::align_val_t alignment, const std::nothrow_t& /*tag*/) noexcept {
  return testing::allocate(size, testing::number(alignment));
}
void* operator new[](std::size_t size, std::align_val_t alignment, const std::nothrow_t& /*tag*/) noexcept {
  return testing::allocate(size, testing::number(alignment));
}
void operator delete(void* block) noexcept { testing::release(block); }
void operator delete[](void* block) noexcept { testing::release(block); }
void operator delete(void* block, std::size_t /*size*/) noexcept { testing::release(block); }
void operator delete[](void* block, std::size_t /*size*/) noexcept { testing::release(block); }
void operator delete(void* block, std::align_val_t /*alignment*/) noexcept { testing::release(block); }
void operator delete[](void* block, std::align_val_t /*alignment*/) noexcept { testing::release(block); }
void operator delete(void* block, std::size_t /*size*/, std::align_val_t /*alignment*/) noexcept { testing::release(block); }
void operator delete[](void* block, std::size_t /*size*/, std::align_val_t /*alignment*/) noexcept { testing::release(block); }
void operator delete(void* block, const std::nothrow_t& /*tag*/) noexcept { testing::release(block); }
void operator delete[](void* block, const std::nothrow_t& /*tag*/) noexcept { testing::release(block); }
void operator delete(void* block, std::align_val_t /*alignment*/, const std::nothrow_t& /*tag*/) noexcept { testing::release(block); }
void operator delete[](void* block, std::align_val_t /*alignment*/, const std::nothrow_t& /*tag*/) noexcept { testing::release(block); }
