#pragma once

#include <arpa/inet.h>
#include <cstdint>
#include <netinet/in.h>

namespace hybridbuffer::servers {

[[nodiscard]] inline sockaddr_in loopback(std::uint16_t port) noexcept {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

}  // namespace hybridbuffer::servers
