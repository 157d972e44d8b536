#pragma once

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <netinet/in.h>
#include <poll.h>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <unistd.h>

namespace hybridbuffer::servers {

/// A TCP client that sees what is on the wire, for tests of what stands there.
class RawClient {
 public:
  enum class End { open, ended, reset };  // nothing more within the time; FIN; RST

  explicit RawClient(std::uint16_t port) : socket_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)} {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    error_ = socket_ >= 0 && ::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ? 0 : errno;
  }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;
  ~RawClient() { ::close(socket_); }

  /// errno of connecting; 0 when connected.
  [[nodiscard]] int error() const noexcept { return error_; }
  [[nodiscard]] int socket() const noexcept { return socket_; }

  void send(std::string_view bytes) const { ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL); }
  void end_sending() const { ::shutdown(socket_, SHUT_WR); }

  /// Reads until `count` bytes have come, the other side has ended, or nothing has come for `patience`.
  std::string read(std::size_t count, std::chrono::milliseconds patience = std::chrono::milliseconds{5'000}) {
    std::string text;
    std::array<char, 65'536> block;
    while (text.size() < count) {
      pollfd readable{socket_, POLLIN, 0};
      if (::poll(&readable, 1, static_cast<int>(patience.count())) == 0) return text;
      const ssize_t read = ::recv(socket_, block.data(), std::min(block.size(), count - text.size()), 0);
      if (read <= 0) {
        end_ = read == 0 ? End::ended : End::reset;
        return text;
      }
      text.append(block.data(), static_cast<std::size_t>(read));
    }
    return text;
  }
  std::string read_all(std::chrono::milliseconds patience = std::chrono::milliseconds{5'000}) { return read(std::string::npos, patience); }
  /// How the last read ended.
  [[nodiscard]] End end() const noexcept { return end_; }

 private:
  int socket_;
  int error_ = 0;
  End end_ = End::open;
};

}  // namespace hybridbuffer::servers
