#pragma once

#include <hybridbuffer/memory/chunk_list.hpp>
#include <hybridbuffer/memory/pages.hpp>

#include <cstddef>
#include <cstring>
#include <sys/mman.h>

namespace hybridbuffer::inline v0_1 {

/// Anonymous mappings that are never swapped, dumped or inherited, and are overwritten before they are unmapped.
class LockedChunkSource : public ChunkSourceDefaults {
 public:
  static constexpr bool wipes = true;

  /// Of chunks of that size.
  explicit LockedChunkSource(std::size_t chunk_bytes) noexcept : chunk_bytes_{detail::whole_pages(chunk_bytes)} {}

  [[nodiscard]] std::size_t chunk_bytes() const noexcept { return chunk_bytes_; }

  [[nodiscard]] std::byte* allocate() const noexcept {
    std::byte* chunk = detail::map_pages(chunk_bytes_);
    if (chunk == nullptr || protect(chunk)) return chunk;
    detail::unmap_pages(chunk, chunk_bytes_);
    return nullptr;
  }

  void release(std::byte* chunk) const noexcept {
    wipe(chunk, chunk_bytes_);
    detail::unmap_pages(chunk, chunk_bytes_);
  }

  /// Overwrites with zeros, which no compiler leaves out.
  static void wipe(std::byte* bytes, std::size_t n) noexcept { ::explicit_bzero(bytes, n); }

 private:
  /// All or nothing: a chunk that lacks one of the three would hold secrets that somebody believes safe.
  [[nodiscard]] bool protect(std::byte* chunk) const noexcept {
    return ::madvise(chunk, chunk_bytes_, MADV_DONTDUMP) == 0 && ::madvise(chunk, chunk_bytes_, MADV_WIPEONFORK) == 0 &&
           ::mlock(chunk, chunk_bytes_) == 0;
  }

  std::size_t chunk_bytes_;
};

/// Holds secrets: in memory that is locked (never swapped), left out of core dumps, zero in a forked child, and overwritten as soon as
/// its bytes are dropped, truncated, cleared or destroyed. Never pooled.
///
///     LockedMemory memory;
///     std::span<std::byte> window = memory.prepare(5);
///     if (window.empty()) return refuse();               // RLIMIT_MEMLOCK reached
///     std::memcpy(window.data(), "hello", 5);
///     memory.commit(5);
///
/// prepare() answers empty rather than hold a secret in memory that could not be locked: past RLIMIT_MEMLOCK (`ulimit -l`, often 8 MiB;
/// no limit with CAP_IPC_LOCK) or on a kernel without MADV_WIPEONFORK (before 4.14). A buffer then does what its spill policy says, so
/// give it storage that encrypts, or NeverSpill. A forked child must not go on using the policy: it finds zeros, and its own writes would
/// not be locked.
/// What a buffer reads back from storage passes through a block of 64 KiB of ordinary memory, which it overwrites when content is removed
/// and before it gives the block back; views and streams copy into blocks of their own, which nobody overwrites.
/// Hibernation and whoever may read the process's memory are beyond it.
/// Cost:    five system calls a chunk; overwriting what is removed.
/// Threads: const operations from any number at once; the rest one at a time, on any thread.
class LockedMemory : public ChunkList<LockedChunkSource> {
 public:
  static constexpr std::size_t default_chunk_bytes = std::size_t{64} * 1024;  ///< The size of a chunk unless it is given.

  /// `chunk_bytes` is rounded up to whole pages.
  explicit LockedMemory(std::size_t chunk_bytes = default_chunk_bytes) noexcept : ChunkList{LockedChunkSource{chunk_bytes}} {}
};

static_assert(memory_policy<LockedMemory>);
static_assert(is_stable_memory<LockedMemory>);
static_assert(is_wiping_memory<LockedMemory>);

}  // namespace hybridbuffer::inline v0_1
