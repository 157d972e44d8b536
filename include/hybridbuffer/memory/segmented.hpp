#pragma once

#include <hybridbuffer/memory/chunk_list.hpp>
#include <hybridbuffer/memory/chunk_pool.hpp>

#include <cstddef>

namespace hybridbuffer {

/// Chunks of `ChunkBytes` out of the calling thread's ChunkPool.
template <std::size_t ChunkBytes>
struct PooledChunkSource : ChunkSourceDefaults {
  static_assert(ChunkBytes > 0, "a chunk holds at least one byte");

  [[nodiscard]] static constexpr std::size_t chunk_bytes() noexcept { return ChunkBytes; }
  [[nodiscard]] static std::byte* allocate() noexcept { return ChunkPool::take<ChunkBytes>(); }
  static void release(std::byte* chunk) noexcept { ChunkPool::put<ChunkBytes>(chunk); }
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

  /// What the calling thread keeps warm for policies of this chunk size.
  [[nodiscard]] static std::size_t pooled_bytes() noexcept { return ChunkPool::pooled_bytes_of<ChunkBytes>(); }
};

static_assert(memory_policy<SegmentedMemory<>>);
static_assert(is_stable_memory<SegmentedMemory<>>);

}  // namespace hybridbuffer
