#include "redis_slot.hpp"

#include <cstddef>

namespace hybridbuffer::servers {

std::uint16_t redis_key_slot(std::string_view key) noexcept {
  const std::size_t open = key.find('{');
  if (open != std::string_view::npos) {
    const std::size_t close = key.find('}', open + 1);
    if (close != std::string_view::npos && close > open + 1) key = key.substr(open + 1, close - open - 1);
  }
  constexpr unsigned polynomial = 0x1021;
  constexpr unsigned slots = 16'384;
  unsigned crc = 0;
  for (const char c : key) {
    crc ^= static_cast<unsigned>(static_cast<unsigned char>(c)) << 8U;
    for (int bit = 0; bit < 8; ++bit) crc = ((crc << 1U) ^ ((crc & 0x8000U) != 0 ? polynomial : 0U)) & 0xffffU;
  }
  return static_cast<std::uint16_t>(crc % slots);
}

}  // namespace hybridbuffer::servers
