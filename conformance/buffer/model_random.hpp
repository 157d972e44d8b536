#pragma once

#include "model_streams.hpp"
#include "random.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <random>
#include <string>

/// \file
/// The seed of a program, and bytes to append.

namespace hybridbuffer::testing {

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
