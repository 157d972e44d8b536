#pragma once

#include <hybridbuffer/memory/chunk_list.hpp>
#include <hybridbuffer/memory/chunk_pool.hpp>

#include <cstddef>

namespace hybridbuffer::inline v0_1 {

/// Chunks of `ChunkBytes` out of the calling thread's ChunkPool; beside large ones, small blocks of 512 bytes.
template <std::size_t ChunkBytes>
struct PooledChunkSource : ChunkSourceDefaults {
  static_assert(ChunkBytes > 0, "a chunk holds at least one byte");

  static constexpr std::size_t small_bytes = ChunkBytes >= 8192 ? 512 : 0;

  [[nodiscard]] static constexpr std::size_t chunk_bytes() noexcept { return ChunkBytes; }
  [[nodiscard]] static std::byte* allocate() noexcept { return ChunkPool::take<ChunkBytes>(); }
  static void release(std::byte* chunk) noexcept { ChunkPool::put<ChunkBytes>(chunk); }
  [[nodiscard]] static std::byte* allocate_small() noexcept { return ChunkPool::take<small_bytes>(); }
  static void release_small(std::byte* block) noexcept { ChunkPool::put<small_bytes>(block); }
};

/// Holds bytes in chunks: none is copied twice, committed bytes never move, and chunks are recycled through the calling
/// thread's bounded ChunkPool, so that filling and clearing again allocates nothing.
///
///     SegmentedMemory<> memory;
///     std::span<std::byte> window = memory.prepare(5);   // the rest of one chunk
///     std::memcpy(window.data(), "hello", 5);
///     memory.commit(5);
///     for (std::span<const std::byte> chunk : memory.chunks()) send(chunk);
///
/// prepare() answers empty when there is no memory for a chunk.
/// Threads: const operations from any number at once; the rest one at a time, on any thread.
template <std::size_t ChunkBytes = std::size_t{64} * 1024>
class SegmentedMemory : public ChunkList<PooledChunkSource<ChunkBytes>> {
 public:
  static constexpr std::size_t chunk_bytes = ChunkBytes;

  SegmentedMemory() noexcept = default;

  /// What the calling thread keeps warm for policies of this chunk size, small blocks included.
  [[nodiscard]] static std::size_t pooled_bytes() noexcept {
    using Source = PooledChunkSource<ChunkBytes>;
    if constexpr (Source::small_bytes == 0) return ChunkPool::pooled_bytes_of<ChunkBytes>();
    else return ChunkPool::pooled_bytes_of<ChunkBytes>() + ChunkPool::pooled_bytes_of<Source::small_bytes>();
  }
};

static_assert(memory_policy<SegmentedMemory<>>);
static_assert(is_stable_memory<SegmentedMemory<>>);

}  // namespace hybridbuffer::inline v0_1
