#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace hybridbuffer::inline v0_1::detail {

/// Numbers in stored formats: the least significant byte first, whatever the machine.
template <class Number>
void store_little_endian(Number value, std::span<std::byte> out) noexcept {
  for (std::size_t i = 0; i != sizeof(Number); ++i) out[i] = static_cast<std::byte>(static_cast<std::uint64_t>(value) >> (8 * i));
}
template <class Number>
[[nodiscard]] Number load_little_endian(std::span<const std::byte> in) noexcept {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i != sizeof(Number); ++i) value |= std::to_integer<std::uint64_t>(in[i]) << (8 * i);
  return static_cast<Number>(value);
}

}  // namespace hybridbuffer::inline v0_1::detail
