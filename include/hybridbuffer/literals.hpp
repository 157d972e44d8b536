#pragma once

#include <cstdint>
#include <limits>

namespace hybridbuffer::inline v0_1 {

/// Not constexpr: reaching it while a literal is compiled is the error, and its name the message.
inline void size_literal_does_not_fit_in_64_bits() noexcept {}

/// `64_KiB`, `2_MiB`, `1_GiB`: sizes in bytes, powers of 1024. One that does not fit in 64 bits does not compile.
inline namespace literals {

/// Times 1024.
consteval std::uint64_t operator""_KiB(unsigned long long count) {
  if (count > (std::numeric_limits<std::uint64_t>::max() >> 10U)) size_literal_does_not_fit_in_64_bits();
  return std::uint64_t{count} << 10U;
}

/// Times 1024².
consteval std::uint64_t operator""_MiB(unsigned long long count) {
  if (count > (std::numeric_limits<std::uint64_t>::max() >> 20U)) size_literal_does_not_fit_in_64_bits();
  return std::uint64_t{count} << 20U;
}

/// Times 1024³.
consteval std::uint64_t operator""_GiB(unsigned long long count) {
  if (count > (std::numeric_limits<std::uint64_t>::max() >> 30U)) size_literal_does_not_fit_in_64_bits();
  return std::uint64_t{count} << 30U;
}

}  // namespace literals

}  // namespace hybridbuffer::inline v0_1
