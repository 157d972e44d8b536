#pragma once

#include "model_streams.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <random>
#include <string>

/// \file
/// Random numbers that a seed repeats, and bytes to append.

namespace hybridbuffer::testing {

/// Sequences of 64-bit numbers; equal seeds give equal ones on every machine. (SplitMix64)
class Random {
 public:
  explicit Random(std::uint64_t seed) noexcept : state_{seed} {}

  [[nodiscard]] std::uint64_t next() noexcept {
    std::uint64_t mixed = state_ += 0x9E3779B97F4A7C15U;
    mixed = (mixed ^ (mixed >> 30U)) * 0xBF58476D1CE4E5B9U;
    mixed = (mixed ^ (mixed >> 27U)) * 0x94D049BB133111EBU;
    return mixed ^ (mixed >> 31U);
  }
  /// In [0, bound); 0 for bound 0.
  [[nodiscard]] std::uint64_t below(std::uint64_t bound) noexcept { return bound == 0 ? 0 : next() % bound; }
  /// In [0, most].
  [[nodiscard]] std::uint64_t up_to(std::uint64_t most) noexcept { return below(most + 1); }
  [[nodiscard]] bool one_in(std::uint64_t n) noexcept { return below(n) == 0; }

 private:
  std::uint64_t state_;
};

/// The value of an environment variable that holds a number, else `otherwise`.
[[nodiscard]] inline std::uint64_t number_from_environment(const char* name, std::uint64_t otherwise) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nobody sets it
  return value != nullptr && *value != '\0' ? std::strtoull(value, nullptr, 0) : otherwise;
}

/// The program's seed: HYBRIDBUFFER_SEED, else another one in each run. To be printed.
[[nodiscard]] inline std::uint64_t program_seed() {
  static const std::uint64_t seed = number_from_environment("HYBRIDBUFFER_SEED", std::random_device{}());
  return seed;
}

/// A store of bytes to append: binary, lines, UTF-8 and what looks like it, by turns of a few hundred bytes.
class BytePool {
 public:
  explicit BytePool(std::size_t size) : bytes_(size) {
    Random random{0x5EED};
    for (std::size_t i = 0; i < size;) {
      const bool is_text = random.one_in(2);
      for (const std::size_t end = std::min(size, i + 1 + random.below(400)); i < end;) {
        if (is_text) i += put_text(random, i);
        else bytes_[i++] = static_cast<std::byte>(random.next());
      }
    }
  }

  /// `count` bytes from anywhere. Requires: count ≤ the pool's size.
  [[nodiscard]] View take(Random& random, std::size_t count) const noexcept {
    return View{bytes_}.subspan(static_cast<std::size_t>(random.up_to(bytes_.size() - count)), count);
  }
  [[nodiscard]] std::size_t size() const noexcept { return bytes_.size(); }

 private:
  std::size_t put_text(Random& random, std::size_t at) {
    static const std::string pieces[] = {"\n", "\r\n", "\r", "ab", "é", "€", "\U0001F600", "\xED\xA0\x80", "\xF4\x90", "\xC0\xAF", "z"};
    const std::string& piece = pieces[random.below(std::size(pieces))];
    const std::size_t count = std::min(piece.size(), bytes_.size() - at);
    std::copy_n(view(piece).begin(), count, bytes_.begin() + static_cast<std::ptrdiff_t>(at));
    return count;
  }

  Bytes bytes_;
};

}  // namespace hybridbuffer::testing
