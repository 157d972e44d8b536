#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace hybridbuffer::detail {

/// Copies both ends of [from, from + count), `Word` bytes each. Requires: Word ≤ count ≤ 2 * Word.
template <std::size_t Word>
[[gnu::always_inline]] inline void copy_both_ends(std::byte* to, const std::byte* from, std::size_t count) noexcept {
  struct Bytes {
    std::byte bytes[Word];  // NOLINT(*-avoid-c-arrays): one load and one store
  };
  Bytes first;
  Bytes last;
  std::memcpy(&first, from, Word);
  std::memcpy(&last, from + count - Word, Word);
  std::memcpy(to, &first, Word);
  std::memcpy(to + count - Word, &last, Word);
}

/// For large copies. Where `to` lies 1 to 63 bytes behind `from` within a page, `rep movsb`, which the C library chooses for these, runs at
/// a tenth of its speed on many processors, and a loop from front to back at half: each load seems to wait for the store before it. So
/// these go from back to front, with aligned stores.
[[gnu::noinline]] inline void copy_large(std::byte* to, const std::byte* from, std::size_t count) noexcept {
  constexpr std::size_t word = 16;
  constexpr std::size_t line = 4 * word;
  using Word [[gnu::vector_size(word)]] = unsigned char;
  const std::size_t distance = (reinterpret_cast<std::uintptr_t>(to) - reinterpret_cast<std::uintptr_t>(from)) % 4096;
  if (distance - 1 < line - 1 && count >= 2 * line) {
    const std::size_t unaligned = reinterpret_cast<std::uintptr_t>(to + count) % word;
    std::memcpy(to + count - word, from + count - word, word);
    for (count -= unaligned; count > line; count -= line) {
      std::array<Word, 4> words;  // all loads, then all stores
      for (std::size_t i = 0; i != words.size(); ++i) std::memcpy(&words[i], from + count - line + i * word, word);
      for (std::size_t i = words.size(); i-- != 0;) std::memcpy(to + count - line + i * word, &words[i], word);
    }
  }
  std::memcpy(to, from, count);
}

/// memcpy, with small copies of a length that is known at run time only inline: a call of the C library costs three of them.
///
/// Requires: count > 0, and the two do not overlap.
[[gnu::always_inline]] inline void copy_bytes(std::byte* to, const std::byte* from, std::size_t count) noexcept {
  if (__builtin_constant_p(count)) {
    std::memcpy(to, from, count);
  } else if (count > 32) {
    copy_large(to, from, count);
  } else if (count >= 16) {
    copy_both_ends<16>(to, from, count);
  } else if (count >= 8) {
    copy_both_ends<8>(to, from, count);
  } else if (count >= 4) {
    copy_both_ends<4>(to, from, count);
  } else if (count >= 2) {
    copy_both_ends<2>(to, from, count);
  } else {
    *to = *from;
  }
}

}  // namespace hybridbuffer::detail
