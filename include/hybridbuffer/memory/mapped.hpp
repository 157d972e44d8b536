#pragma once

#include <hybridbuffer/memory/chunk_list.hpp>
#include <hybridbuffer/memory/pages.hpp>

#include <cstddef>
#include <sys/mman.h>

namespace hybridbuffer::inline v0_1 {

/// Settings of a MappedMemory.
struct MappedMemoryOptions {
  std::size_t chunk_bytes = std::size_t{2} * 1024 * 1024;  ///< rounded up to whole pages
  bool huge_pages = true;                                  ///< advise the kernel to back chunks with huge pages
};

/// Anonymous mappings of one size.
class MappedChunkSource : public ChunkSourceDefaults {
 public:
  /// Of those settings.
  explicit MappedChunkSource(MappedMemoryOptions options = {}) noexcept
      : chunk_bytes_{detail::whole_pages(options.chunk_bytes)}, huge_pages_{options.huge_pages} {}

  [[nodiscard]] std::size_t chunk_bytes() const noexcept { return chunk_bytes_; }

  [[nodiscard]] std::byte* allocate() const noexcept {
    if (!huge_pages_ || chunk_bytes_ % huge_page != 0) return detail::map_pages(chunk_bytes_);
    std::byte* chunk = detail::map_aligned_pages(chunk_bytes_, huge_page);
    if (chunk != nullptr) ::madvise(chunk, chunk_bytes_, MADV_HUGEPAGE);
    return chunk;
  }

  void release(std::byte* chunk) const noexcept { detail::unmap_pages(chunk, chunk_bytes_); }

 private:
  static constexpr std::size_t huge_page = std::size_t{2} * 1024 * 1024;

  std::size_t chunk_bytes_;
  bool huge_pages_;
};

/// Holds bytes in mappings of its own, aligned for huge pages: fewer page faults and TLB misses for large contents, and memory that goes
/// back to the kernel the moment that it is dropped, whatever the heap does.
///
///     MappedMemory memory{{.chunk_bytes = 8 * 1024 * 1024}};
///     std::span<std::byte> window = memory.prepare(5);   // the rest of one chunk
///     std::memcpy(window.data(), "hello", 5);
///     memory.commit(5);
///
/// Each chunk is two system calls or more, and nothing is pooled: for small contents SegmentedMemory is the better choice. Huge pages are
/// an advice for chunks that are a multiple of 2 MiB; without them everything works. prepare() answers empty when the kernel refuses.
/// Threads: const operations from any number at once; the rest one at a time, on any thread.
class MappedMemory : public ChunkList<MappedChunkSource> {
 public:
  MappedMemory() noexcept = default;
  explicit MappedMemory(MappedMemoryOptions options) noexcept : ChunkList{MappedChunkSource{options}} {}
};

static_assert(memory_policy<MappedMemory>);
static_assert(is_stable_memory<MappedMemory>);

}  // namespace hybridbuffer::inline v0_1
