#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

/// \file
/// Random numbers that a seed repeats, or an input decides.

namespace hybridbuffer::testing {

/// Sequences of 64-bit numbers; equal seeds give equal ones on every machine. (SplitMix64)
class Random {
 public:
  explicit Random(std::uint64_t seed) noexcept : state_{seed} {}
  /// Numbers that `input` decides: each takes as few of its bytes as hold the range asked for. Behind its end those of a seed follow.
  explicit Random(std::span<const std::byte> input) noexcept : state_{input.size()}, input_{input}, is_decided_{true} {}

  /// Whether an input decides, and ended.
  [[nodiscard]] bool is_exhausted() const noexcept { return is_decided_ && input_.empty(); }

  [[nodiscard]] std::uint64_t next() noexcept {
    if (!input_.empty()) return taken(sizeof(std::uint64_t));
    std::uint64_t mixed = state_ += 0x9E3779B97F4A7C15U;
    mixed = (mixed ^ (mixed >> 30U)) * 0xBF58476D1CE4E5B9U;
    mixed = (mixed ^ (mixed >> 27U)) * 0x94D049BB133111EBU;
    return mixed ^ (mixed >> 31U);
  }
  /// In [0, bound); 0 for bound 0.
  [[nodiscard]] std::uint64_t below(std::uint64_t bound) noexcept {
    if (bound == 0) return 0;
    if (input_.empty()) return next() % bound;
    return bound == 1 ? 0 : taken((static_cast<std::size_t>(std::bit_width(bound - 1)) + 7) / 8) % bound;
  }
  /// In [0, most].
  [[nodiscard]] std::uint64_t up_to(std::uint64_t most) noexcept { return below(most + 1); }
  [[nodiscard]] bool one_in(std::uint64_t n) noexcept { return below(n) == 0; }

 private:
  // Bytes that the input has no more of are 0.
  [[nodiscard]] std::uint64_t taken(std::size_t bytes) noexcept {
    std::uint64_t number = 0;
    for (std::size_t i = 0; i < bytes && !input_.empty(); ++i) {
      number = number << 8U | std::to_integer<std::uint64_t>(input_.front());
      input_ = input_.subspan(1);
    }
    return number;
  }

  std::uint64_t state_;
  std::span<const std::byte> input_{};
  bool is_decided_ = false;
};

}  // namespace hybridbuffer::testing
