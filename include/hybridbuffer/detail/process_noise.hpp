#pragma once

#include <hybridbuffer/detail/process.hpp>

#include <cstdint>
#include <sys/random.h>

namespace hybridbuffer::inline v0_1::detail {

/// 64 bits that are others in each process, also in two children of one that have the same number, each in a namespace of its own. Against
/// coincidence, not against who guesses: there is no wait for the kernel's generator, early at boot.
[[nodiscard]] inline std::uint64_t process_noise() noexcept {
  ProcessWords& words = find_process_words();
  std::uint64_t known = words.noise.load(Order::relaxed);
  if (known != 0) return known;
  constexpr std::uint64_t odd = 0x9e3779b97f4a7c15;
  const std::uint64_t of_identity = process_identity() * odd;
  if (&words == &process_words_refused) return of_identity;  // there is nowhere to keep another
  std::uint64_t drawn = 0;
  if (::getrandom(&drawn, sizeof(drawn), GRND_NONBLOCK) != sizeof(drawn) || drawn == 0) drawn = of_identity;
  return words.noise.compare_exchange(known, drawn, Order::relaxed) ? drawn : known;
}

}  // namespace hybridbuffer::inline v0_1::detail
