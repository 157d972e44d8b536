#pragma once

#include <cstddef>
#include <cstdint>
#include <isa-l/crc.h>
#include <span>

namespace hybridbuffer::inline v0_1::detail {

/// CRC-32C (Castagnoli, RFC 3720) of what `crc` is of, followed by `bytes`; that of nothing is 0.
/// Cost: 50 GB/s out of the cache where the processor has AVX-512, by ISA-L, which chooses its code at run time.
[[nodiscard]] inline std::uint32_t crc32c(std::uint32_t crc, std::span<const std::byte> bytes) noexcept {
  constexpr std::size_t most = std::size_t{1} << 30U;  // the length is an int
  std::uint32_t state = ~crc;
  while (!bytes.empty()) {
    const auto piece = bytes.first(bytes.size() < most ? bytes.size() : most);
    // The function takes a pointer to what it could write to, and only reads.
    auto* data = reinterpret_cast<unsigned char*>(const_cast<std::byte*>(piece.data()));
    state = ::crc32_iscsi(data, static_cast<int>(piece.size()), state);
    bytes = bytes.subspan(piece.size());
  }
  return ~state;
}

}  // namespace hybridbuffer::inline v0_1::detail
