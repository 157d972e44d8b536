#pragma once

#include <hybridbuffer/detail/atomic.hpp>
#include <hybridbuffer/memory/pages.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>

// The interface only under the sanitizer: its header defines the macros below, as nothing, for everybody else too.
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#include <sanitizer/asan_interface.h>
#endif
#endif

namespace hybridbuffer::inline v0_1 {

class ChunkPool;

namespace detail {

/// One thread's free chunks of one size, linked through their first bytes, the last one put on top.
struct ChunkStack {
  struct Link {
    Link* below;
  };

  std::size_t block_bytes;  // what one chunk occupies
  Link* top = nullptr;
  std::size_t bytes = 0;
  ChunkStack* next = nullptr;
  bool listed = false;  // reachable from the thread's pool, whose end gives its chunks back
};

/// What one thread pools. Trivially constructed and destroyed, so that it can be used at any point of the thread's life.
struct ThreadChunks {
  std::size_t bytes = 0;
  ChunkStack* stacks = nullptr;
  bool ended = false;
};

inline constexpr std::size_t chunk_block_bytes(std::size_t chunk_bytes) noexcept {
  return chunk_bytes < sizeof(ChunkStack::Link) ? sizeof(ChunkStack::Link) : chunk_bytes;
}

inline constinit thread_local ThreadChunks thread_chunks{};

template <std::size_t ChunkBytes>
inline constinit thread_local ChunkStack chunk_stack{chunk_block_bytes(ChunkBytes)};

}  // namespace detail

/// Chunks that the calling thread keeps warm for the next buffer: per thread, last in first out, bounded, no lock.
///
/// Each chunk is an allocation of its own, so a thread may put what another took. Chunks of a multiple of 64 KiB, the default, are
/// mappings: what is given back leaves the resident memory at once, which the heap does not promise (a small block above 16 MiB of
/// freed chunks kept all 16 MiB resident). Other sizes come from the heap. What a thread keeps is given back when it ends. The bound
/// covers all chunk sizes of a thread together and is one number for the process.
///
///     ChunkPool::set_limit(0);    // recycle nothing: chunks are given back at once
///     ChunkPool::trim();          // and what this thread still holds
///     ChunkPool::pooled_bytes();  // 0
///
/// Threads: every function from any thread.
class ChunkPool {
 public:
  static constexpr std::size_t default_limit = std::size_t{16} * 1024 * 1024;  ///< What a thread keeps at most unless it is told otherwise.
  static constexpr std::size_t alignment = 64;                                 ///< Of every chunk.

  /// Bounds what each thread may keep, in bytes; 0 turns the pool off. A thread that holds more gives it back at its next put() or trim().
  static void set_limit(std::size_t bytes) noexcept { limit_.store(bytes, detail::Order::relaxed); }
  /// What the calling thread keeps at most.
  [[nodiscard]] static std::size_t limit() noexcept { return limit_.load(detail::Order::relaxed); }

  /// What the calling thread keeps, of all sizes.
  [[nodiscard]] static std::size_t pooled_bytes() noexcept { return detail::thread_chunks.bytes; }
  /// What the calling thread keeps in chunks of this size.
  template <std::size_t ChunkBytes>
  [[nodiscard]] static std::size_t pooled_bytes_of() noexcept {
    return detail::chunk_stack<ChunkBytes>.bytes;
  }

  /// Gives back all that the calling thread keeps.
  static void trim() noexcept { shrink_to(0); }

  /// Returns: `ChunkBytes` writable bytes, aligned to 64, with any content; nullptr when there is no memory.
  template <std::size_t ChunkBytes>
  [[nodiscard]] static std::byte* take() noexcept {
    detail::ChunkStack& stack = detail::chunk_stack<ChunkBytes>;
    return stack.top != nullptr ? pop(stack) : allocate(stack.block_bytes);
  }

  /// Keeps `chunk` for the next take() of the calling thread, or gives it back.
  ///
  /// Requires: `chunk` came from take() of the same size, on any thread.
  template <std::size_t ChunkBytes>
  static void put(std::byte* chunk) noexcept {
    detail::ChunkStack& stack = detail::chunk_stack<ChunkBytes>;
    if (stack.listed && detail::thread_chunks.bytes + stack.block_bytes <= limit()) [[likely]] {
      push(stack, chunk);
    } else {
      put_first_or_surplus(stack, chunk);
    }
  }

 private:
  using Link = detail::ChunkStack::Link;

  /// Ends the calling thread's pool; buffers that are destroyed later bypass it.
  struct ThreadEnd {
    ThreadEnd() noexcept = default;
    ThreadEnd(const ThreadEnd&) = delete;
    ThreadEnd& operator=(const ThreadEnd&) = delete;
    ~ThreadEnd() {
      shrink_to(0);
      detail::ThreadChunks& thread = detail::thread_chunks;
      thread.ended = true;
      for (detail::ChunkStack* stack = thread.stacks; stack != nullptr; stack = stack->next) stack->listed = false;
      thread.stacks = nullptr;
    }
    void arm() const noexcept {}
  };

  /// A multiple of every page size that Linux has: such a chunk is a mapping.
  static constexpr std::size_t mapped_unit = std::size_t{64} * 1024;

  /// Small blocks are aligned by hand: glibc cuts an aligned block out of a larger one and leaves the rest in pieces, which made 100 000
  /// short contents take 1.5 times as long. Where the gap would be as large as the block, the heap aligns.
  [[nodiscard]] static constexpr bool is_aligned_by_hand(std::size_t bytes) noexcept { return bytes >= 2 * alignment && bytes < 4096; }

  [[nodiscard]] [[gnu::noinline]] static std::byte* allocate(std::size_t bytes) noexcept {
    if (bytes % mapped_unit == 0) return detail::map_pages(bytes);
    if (is_aligned_by_hand(bytes)) return allocate_small(bytes);
    return static_cast<std::byte*>(::operator new(bytes, std::align_val_t{alignment}, std::nothrow));
  }

  static void deallocate(std::byte* chunk, std::size_t bytes) noexcept {
    if (bytes % mapped_unit == 0) return detail::unmap_pages(chunk, bytes);
    if (is_aligned_by_hand(bytes)) return deallocate_small(chunk);
    ::operator delete(chunk, std::align_val_t{alignment});
  }

  /// Where the allocation begins stands right before the chunk.
  [[nodiscard]] static std::byte* allocate_small(std::size_t bytes) noexcept {
    static_assert(sizeof(std::byte*) <= __STDCPP_DEFAULT_NEW_ALIGNMENT__, "the smallest gap before a chunk holds a pointer");
    auto* const begin = static_cast<std::byte*>(::operator new(bytes + alignment, std::nothrow));
    if (begin == nullptr) return nullptr;
    std::byte* const chunk = begin + (alignment - reinterpret_cast<std::uintptr_t>(begin) % alignment);
    std::memcpy(chunk - sizeof begin, &begin, sizeof begin);
    return chunk;
  }
  static void deallocate_small(std::byte* chunk) noexcept {
    std::byte* begin = nullptr;
    std::memcpy(&begin, chunk - sizeof begin, sizeof begin);
    ::operator delete(begin);
  }

  static std::byte* pop(detail::ChunkStack& stack) noexcept {
    Link* link = stack.top;
    stack.top = link->below;
    __builtin_prefetch(stack.top, 1);  // what the next one waits for where more chunks are pooled than the cache holds
    stack.bytes -= stack.block_bytes;
    detail::thread_chunks.bytes -= stack.block_bytes;
    expose(link, stack.block_bytes);
    return reinterpret_cast<std::byte*>(link);
  }

  static void push(detail::ChunkStack& stack, std::byte* chunk) noexcept {
    stack.top = new (chunk) Link{stack.top};
    stack.bytes += stack.block_bytes;
    detail::thread_chunks.bytes += stack.block_bytes;
    hide(chunk, stack.block_bytes);
  }

  [[gnu::noinline]] static void put_first_or_surplus(detail::ChunkStack& stack, std::byte* chunk) noexcept {
    detail::ThreadChunks& thread = detail::thread_chunks;
    const std::size_t bound = limit();
    // What is used now counts more than what was used once: chunks of other sizes make room.
    if (stack.block_bytes <= bound) shrink_to(bound - stack.block_bytes, &stack);
    if (thread.bytes + stack.block_bytes > bound || thread.ended) {
      deallocate(chunk, stack.block_bytes);
      shrink_to(bound);
      return;
    }
    if (!stack.listed) {
      static thread_local const ThreadEnd thread_end;
      thread_end.arm();
      stack.listed = true;
      stack.next = thread.stacks;
      thread.stacks = &stack;
    }
    push(stack, chunk);
  }

  [[gnu::noinline]] static void shrink_to(std::size_t bound, const detail::ChunkStack* spared = nullptr) noexcept {
    for (detail::ChunkStack* stack = detail::thread_chunks.stacks; stack != nullptr; stack = stack->next) {
      if (stack == spared) continue;
      while (stack->top != nullptr && detail::thread_chunks.bytes > bound) deallocate(pop(*stack), stack->block_bytes);
    }
  }

  /// Lets AddressSanitizer see a use after the chunk was given back; the link stays readable for it to find no leak.
  static void hide([[maybe_unused]] std::byte* chunk, [[maybe_unused]] std::size_t bytes) noexcept {
#if defined(ASAN_POISON_MEMORY_REGION)
    ASAN_POISON_MEMORY_REGION(chunk + sizeof(Link), bytes - sizeof(Link));
#endif
  }
  static void expose([[maybe_unused]] const void* chunk, [[maybe_unused]] std::size_t bytes) noexcept {
#if defined(ASAN_UNPOISON_MEMORY_REGION)
    ASAN_UNPOISON_MEMORY_REGION(chunk, bytes);
#endif
  }

  static inline constinit detail::Atomic<std::size_t> limit_{default_limit};
};

}  // namespace hybridbuffer::inline v0_1
