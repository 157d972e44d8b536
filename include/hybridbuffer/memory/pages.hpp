#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <sys/mman.h>
#include <unistd.h>

namespace hybridbuffer::inline v0_1::detail {

[[nodiscard]] inline std::size_t page_bytes() noexcept {
  static const auto bytes = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  return bytes;
}

/// `bytes` rounded up to whole pages, at least one; unchanged where that does not fit, so that mapping it fails.
[[nodiscard]] inline std::size_t whole_pages(std::size_t bytes) noexcept {
  const std::size_t page = page_bytes();
  if (bytes == 0) return page;
  if (bytes > std::numeric_limits<std::size_t>::max() - page) return bytes;
  return (bytes + page - 1) / page * page;
}

/// Returns: `bytes` of new, zero, anonymous memory, or nullptr.
[[nodiscard]] inline std::byte* map_pages(std::size_t bytes) noexcept {
  void* pages = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return pages == MAP_FAILED ? nullptr : static_cast<std::byte*>(pages);
}

/// Where the kernel has no room to split a mapping (vm.max_map_count), at least the memory goes back.
inline void unmap_pages(std::byte* pages, std::size_t bytes) noexcept {
  if (bytes != 0 && ::munmap(pages, bytes) != 0) ::madvise(pages, bytes, MADV_DONTNEED);
}

/// As map_pages, at a multiple of `alignment`. Requires: both multiples of the page, `alignment` a power of two.
[[nodiscard]] inline std::byte* map_aligned_pages(std::size_t bytes, std::size_t alignment) noexcept {
  const auto gap_before_alignment = [alignment](const std::byte* pages) {
    return static_cast<std::size_t>(-reinterpret_cast<std::uintptr_t>(pages)) % alignment;
  };
  std::byte* pages = map_pages(bytes);
  if (pages == nullptr || gap_before_alignment(pages) == 0) return pages;
  unmap_pages(pages, bytes);

  pages = map_pages(bytes + alignment);  // no overflow: `bytes` were mapped just now
  if (pages == nullptr) return nullptr;
  const std::size_t before = gap_before_alignment(pages);
  unmap_pages(pages, before);
  unmap_pages(pages + before + bytes, alignment - before);
  return pages + before;
}

}  // namespace hybridbuffer::inline v0_1::detail
