#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace hybridbuffer::inline v0_1::detail {

/// Copies what two moves of a `Word` cover, which overlap in the middle; both are loaded before either is stored.
/// Requires: sizeof(Word) ≤ n ≤ 2 · sizeof(Word).
template <class Word>
[[gnu::always_inline]] inline void copy_ends(std::byte* to, const std::byte* from, std::size_t n) noexcept {
  Word first;
  Word last;
  std::memcpy(&first, from, sizeof first);
  std::memcpy(&last, from + n - sizeof last, sizeof last);
  std::memcpy(to, &first, sizeof first);
  std::memcpy(to + n - sizeof last, &last, sizeof last);
}

/// Copies a few bytes, whose number is known at run time only, without a call. Requires: n < 16.
[[gnu::always_inline]] inline void copy_few_bytes(std::byte* to, const std::byte* from, std::size_t n) noexcept {
  if (n >= 8) return copy_ends<std::uint64_t>(to, from, n);
  if (n >= 4) return copy_ends<std::uint32_t>(to, from, n);
  if (n >= 2) return copy_ends<std::uint16_t>(to, from, n);
  if (n != 0) *to = *from;
}

/// Copies many bytes.
///
/// From a few KiB on, glibc's memcpy is one `rep movsb` where the processor has it fast, and that falls to a tenth of its speed where
/// the destination stands less than a cache line behind the source within their pages: 3.5 GB/s of 57 here. A loop from front to back is
/// slower than need be, each load seems to wait for the store before it: so from back to front, with aligned stores.
[[gnu::noinline]] inline void copy_many_bytes(std::byte* to, const std::byte* from, std::size_t n) noexcept {
  constexpr std::size_t word = 16;
  constexpr std::size_t line = 4 * word;
  using Word [[gnu::vector_size(word)]] = unsigned char;
  const std::uintptr_t behind = (reinterpret_cast<std::uintptr_t>(to) - reinterpret_cast<std::uintptr_t>(from)) % 4096;
  if (behind - 1 < line - 1 && n >= 1024) {
    const std::size_t unaligned = reinterpret_cast<std::uintptr_t>(to + n) % word;
    std::memcpy(to + n - word, from + n - word, word);
    for (n -= unaligned; n > line; n -= line) {
      std::array<Word, 4> words;  // all loads, then all stores
      for (std::size_t i = 0; i != words.size(); ++i) std::memcpy(&words[i], from + n - line + i * word, word);
      for (std::size_t i = words.size(); i-- != 0;) std::memcpy(to + n - line + i * word, &words[i], word);
    }
  }
  std::memcpy(to, from, n);
}

/// memcpy, faster where it is slow: for a few bytes whose number the compiler does not know, and at unlucky places in a page.
/// Requires: the ranges do not overlap.
[[gnu::always_inline]] inline void copy_bytes(std::byte* to, const std::byte* from, std::size_t n) noexcept {
  if (__builtin_constant_p(n)) {
    std::memcpy(to, from, n);
    return;
  }
  // A compiler that knows what the pointers point to, but not n, would warn of the sizes that cannot be.
  asm("" : "+r"(to), "+r"(from));
  using Words = std::array<std::uint64_t, 2>;
  if (n - sizeof(Words) <= sizeof(Words)) [[likely]]
    copy_ends<Words>(to, from, n);
  else if (n < sizeof(Words)) copy_few_bytes(to, from, n);
  else copy_many_bytes(to, from, n);
}

}  // namespace hybridbuffer::inline v0_1::detail
