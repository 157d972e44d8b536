#pragma once

#include <hybridbuffer/memory/chunk_list.hpp>

#include <cstddef>
#include <memory_resource>

namespace hybridbuffer::inline v0_1 {

/// Chunks out of a std::pmr::memory_resource; the table that lists them comes from there too.
class PmrChunkSource {
 public:
  static constexpr std::size_t retained_table_bytes = 0;
  static constexpr bool wipes = false;
  static constexpr std::size_t small_bytes = 0;

  /// Chunks of that size out of `resource`, which has to live as long.
  PmrChunkSource(std::pmr::memory_resource& resource, std::size_t chunk_bytes) noexcept : resource_{&resource}, chunk_bytes_{chunk_bytes} {}

  [[nodiscard]] std::size_t chunk_bytes() const noexcept { return chunk_bytes_; }
  [[nodiscard]] std::byte* allocate() const noexcept { return static_cast<std::byte*>(allocate(chunk_bytes_, alignment)); }
  void release(std::byte* chunk) const noexcept { resource_->deallocate(chunk, chunk_bytes_, alignment); }
  [[nodiscard]] void* allocate_table(std::size_t bytes) const noexcept { return allocate(bytes, alignof(void*)); }
  void release_table(void* table, std::size_t bytes) const noexcept { resource_->deallocate(table, bytes, alignof(void*)); }

  /// Where chunks come from.
  [[nodiscard]] std::pmr::memory_resource* resource() const noexcept { return resource_; }

 private:
  static constexpr std::size_t alignment = 64;

  /// A resource may throw anything; here that means no memory.
  [[nodiscard]] void* allocate(std::size_t bytes, std::size_t aligned_to) const noexcept {
    try {
      return resource_->allocate(bytes, aligned_to);
    } catch (...) {
      return nullptr;
    }
  }

  std::pmr::memory_resource* resource_;
  std::size_t chunk_bytes_;
};

/// Holds bytes in chunks out of a memory resource of the caller's choice: an arena, a pool, a counting resource.
///
///     std::pmr::unsynchronized_pool_resource pool;
///     PmrMemory memory{&pool, 16 * 1024};
///     std::span<std::byte> window = memory.prepare(5);
///     std::memcpy(window.data(), "hello", 5);
///     memory.commit(5);
///
/// prepare() answers empty when the resource throws. clear() gives everything back to the resource, so an arena that cannot take back
/// single blocks grows with every refill. Assignment takes the other policy's resource along with its bytes.
/// Threads: const operations from any number at once; the rest one at a time, as far as the resource allows it.
class PmrMemory : public ChunkList<PmrChunkSource> {
 public:
  static constexpr std::size_t default_chunk_bytes = std::size_t{64} * 1024;  ///< The size of a chunk unless it is given.

  /// Requires: `resource` outlives the policy; chunk_bytes ≥ 1.
  explicit PmrMemory(std::pmr::memory_resource* resource = std::pmr::get_default_resource(),
                     std::size_t chunk_bytes = default_chunk_bytes) noexcept
      : ChunkList{PmrChunkSource{*resource, chunk_bytes}} {}

  /// Where chunks come from.
  [[nodiscard]] std::pmr::memory_resource* resource() const noexcept { return source().resource(); }
};

static_assert(memory_policy<PmrMemory>);
static_assert(is_stable_memory<PmrMemory>);

}  // namespace hybridbuffer::inline v0_1
