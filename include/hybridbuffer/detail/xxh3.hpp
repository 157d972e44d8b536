#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#if defined(__x86_64__) && !defined(XXH_INLINE_ALL) && __has_include(<xxh_x86dispatch.h>)
#define HYBRIDBUFFER_DISPATCHES_XXH3
#define XXH_DISPATCH_DISABLE_REPLACE  // what others call is theirs
#include <xxh_x86dispatch.h>
#undef XXH_DISPATCH_DISABLE_REPLACE
#else
#include <xxhash.h>
#endif

namespace hybridbuffer::inline v0_1::detail {

#ifdef HYBRIDBUFFER_DISPATCHES_XXH3

// The library's functions for AVX-512 leave something in the upper halves of the vector registers, and as long as it is there code for
// SSE, whosever it is, may take four times as long.
[[gnu::target("avx")]] inline void clear_upper_halves() noexcept { __builtin_ia32_vzeroupper(); }

/// XXH3, 64 bits, with the widest vectors that the processor has: twice as fast as with those of every x86-64, and more.
[[nodiscard]] inline std::uint64_t xxh3(std::span<const std::byte> bytes, std::uint64_t seed) noexcept {
  // Which ones it has, the library finds out at its first call, and takes no lock for it.
  [[maybe_unused]] static const std::uint64_t first = XXH3_64bits_withSeed_dispatch(nullptr, 0, 0);
  const std::uint64_t hash = XXH3_64bits_withSeed_dispatch(bytes.data(), bytes.size(), seed);
  if (__builtin_cpu_supports("avx")) clear_upper_halves();
  return hash;
}

#undef HYBRIDBUFFER_DISPATCHES_XXH3
#else

/// XXH3, 64 bits.
[[nodiscard]] inline std::uint64_t xxh3(std::span<const std::byte> bytes, std::uint64_t seed) noexcept {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

#endif

}  // namespace hybridbuffer::inline v0_1::detail
