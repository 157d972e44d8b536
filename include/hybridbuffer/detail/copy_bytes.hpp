#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace hybridbuffer::detail {

/// Copies a few bytes, whose number is known at run time only, without a call. Requires: n ≤ 32.
///
/// Two moves of a fixed size that overlap in the middle do for every n between that size and twice of it; both are loaded before either
/// is stored.
[[gnu::always_inline]] inline void copy_few_bytes(std::byte* to, const std::byte* from, std::size_t n) noexcept {
  const auto copy_ends = [=]<class Word>(Word first) {
    Word last;
    std::memcpy(&first, from, sizeof first);
    std::memcpy(&last, from + n - sizeof last, sizeof last);
    std::memcpy(to, &first, sizeof first);
    std::memcpy(to + n - sizeof last, &last, sizeof last);
  };
  if (n >= 16) return copy_ends(std::array<std::uint64_t, 2>{});
  if (n >= 8) return copy_ends(std::uint64_t{});
  if (n >= 4) return copy_ends(std::uint32_t{});
  if (n >= 2) return copy_ends(std::uint16_t{});
  if (n != 0) *to = *from;
}

/// Copies many bytes.
///
/// From a few KiB on, glibc's memcpy is one `rep movsb` where the processor has it fast, and that falls to a tenth of its speed where
/// the destination stands less than a cache line behind the source within their pages: 3.5 GB/s of 57 here. A loop of loads and stores
/// keeps 44.
[[gnu::noinline]] inline void copy_many_bytes(std::byte* to, const std::byte* from, std::size_t n) noexcept {
#if defined(__SSE2__)
  constexpr std::size_t line = 64;
  const std::uintptr_t behind = (reinterpret_cast<std::uintptr_t>(to) - reinterpret_cast<std::uintptr_t>(from)) % 4096;
  if (n >= 1024 && behind != 0 && behind < line) {
    for (; n >= line; n -= line, to += line, from += line) {
      const auto* source = reinterpret_cast<const __m128i*>(from);
      auto* target = reinterpret_cast<__m128i*>(to);
      const __m128i first = _mm_loadu_si128(source);
      const __m128i second = _mm_loadu_si128(source + 1);
      const __m128i third = _mm_loadu_si128(source + 2);
      const __m128i fourth = _mm_loadu_si128(source + 3);
      _mm_storeu_si128(target, first);
      _mm_storeu_si128(target + 1, second);
      _mm_storeu_si128(target + 2, third);
      _mm_storeu_si128(target + 3, fourth);
    }
  }
#endif
  std::memcpy(to, from, n);
}

/// memcpy, faster where it is slow: for a few bytes whose number the compiler does not know, and at unlucky places in a page.
/// Requires: the ranges do not overlap.
[[gnu::always_inline]] inline void copy_bytes(std::byte* to, const std::byte* from, std::size_t n) noexcept {
  if (__builtin_constant_p(n)) std::memcpy(to, from, n);
  else if (n <= 32) copy_few_bytes(to, from, n);
  else copy_many_bytes(to, from, n);
}

}  // namespace hybridbuffer::detail
