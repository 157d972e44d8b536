#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory_resource>
#include <new>

/// \file
/// A memory resource with the hooks of a memory policy's harness.

namespace hybridbuffer::testing {

/// Threads: every member from any thread.
class CountingResource final : public std::pmr::memory_resource {
 public:
  CountingResource() noexcept = default;
  /// `takes_back`: what is given back can be had again, up to `limit` bytes at a time; else `limit` bytes in all, as from an arena.
  explicit CountingResource(std::uint64_t limit, bool takes_back = true) noexcept : limit_{limit}, takes_back_{takes_back} {}

  [[nodiscard]] std::uint64_t out() const noexcept { return out_.load(); }
  /// Of the allocations from now on, `count` fail from number `first` on; 0: none.
  void fail(std::uint64_t first, std::uint64_t count) noexcept {
    failed_ = 0;
    calls_ = 0;
    first_ = first;
    count_ = count;
  }
  [[nodiscard]] std::uint64_t failed() const noexcept { return failed_.load(); }

 private:
  [[nodiscard]] bool fails_now() noexcept {
    const std::uint64_t call = ++calls_;
    if (first_ == 0 || call < first_ || call - first_ >= count_) return false;
    ++failed_;
    return true;
  }
  void* do_allocate(std::size_t bytes, std::size_t alignment) override {
    if (fails_now()) throw std::bad_alloc{};
    if (out_.fetch_add(bytes) + bytes > limit_) {
      out_.fetch_sub(bytes);
      throw std::bad_alloc{};
    }
    return std::pmr::new_delete_resource()->allocate(bytes, alignment);
  }
  void do_deallocate(void* block, std::size_t bytes, std::size_t alignment) override {
    if (takes_back_) out_.fetch_sub(bytes);
    std::pmr::new_delete_resource()->deallocate(block, bytes, alignment);
  }
  [[nodiscard]] bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override { return this == &other; }

  const std::uint64_t limit_ = std::numeric_limits<std::uint64_t>::max();
  const bool takes_back_ = true;
  std::atomic<std::uint64_t> out_{0};
  std::atomic<std::uint64_t> calls_{0};
  std::atomic<std::uint64_t> failed_{0};
  std::atomic<std::uint64_t> first_{0};
  std::atomic<std::uint64_t> count_{0};
};

}  // namespace hybridbuffer::testing
