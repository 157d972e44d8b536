#pragma once

#include <cstdint>
#include <string_view>

namespace hybridbuffer::servers {

/// The slot, 0 to 16383, of a key in a Redis Cluster: CRC16/XMODEM of its hash tag, modulo 16384.
/// Source: "Redis cluster specification", section "Hash tags".
[[nodiscard]] std::uint16_t redis_key_slot(std::string_view key) noexcept;

}  // namespace hybridbuffer::servers
