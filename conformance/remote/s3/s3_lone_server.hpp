#pragma once

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <iterator>
#include <netinet/in.h>
#include <servers/loopback.hpp>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

/// \file
/// A server of HTTP that a test writes itself, for answers that take their time or end where no proxy would end them.

namespace hybridbuffer::testing {

/// Hands each request to `answer`, which sends what it likes; false ends the connection. A thread for each connection.
class LoneServer {
 public:
  class Connection {
   public:
    explicit Connection(int socket) : socket_{socket} {}
    [[nodiscard]] int socket() const noexcept { return socket_; }
    /// Returns: whether there is somebody who reads it.
    bool send(std::string_view text) const {
      return ::send(socket_, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size());
    }
    /// The next request, with its body; empty: there is none.
    [[nodiscard]] std::string receive() {
      for (;;) {
        const auto end = text_.find("\r\n\r\n");
        const std::size_t length = end == std::string::npos ? 0 : end + 4 + body_length(std::string_view{text_}.substr(0, end));
        if (end != std::string::npos && text_.size() >= length) {
          std::string request = text_.substr(0, length);
          text_.erase(0, length);
          return request;
        }
        char piece[4096];
        const ssize_t count = ::recv(socket_, std::data(piece), sizeof(piece), 0);
        if (count <= 0) return {};
        text_.append(std::data(piece), static_cast<std::size_t>(count));
      }
    }

   private:
    [[nodiscard]] static std::size_t body_length(std::string_view head) {
      constexpr std::string_view name = "Content-Length: ";
      const auto at = head.find(name);
      std::size_t length = 0;
      if (at != std::string_view::npos) std::from_chars(head.data() + at + name.size(), head.data() + head.size(), length);
      return length;
    }

    int socket_;
    std::string text_;
  };
  using Answer = std::function<bool(const std::string& request, Connection& connection)>;

  explicit LoneServer(Answer answer) : answer_{std::move(answer)} {
    sockaddr_in address = servers::loopback(0);
    socklen_t length = sizeof(address);
    auto* const plain = reinterpret_cast<sockaddr*>(&address);
    if (::bind(listener_, plain, length) != 0 || ::listen(listener_, 64) != 0 || ::getsockname(listener_, plain, &length) != 0)
      std::abort();
    port_ = ntohs(address.sin_port);
    acceptor_ = std::thread{[this] { accept_all(); }};
  }
  LoneServer(const LoneServer&) = delete;
  LoneServer& operator=(const LoneServer&) = delete;
  ~LoneServer() {
    ::shutdown(listener_, SHUT_RDWR);
    acceptor_.join();
    for (const int socket : sockets_) ::shutdown(socket, SHUT_RDWR);
    for (std::thread& thread : threads_) thread.join();
    for (const int socket : sockets_) ::close(socket);
    ::close(listener_);
  }

  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
  [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }

 private:
  void accept_all() {
    for (int socket = ::accept(listener_, nullptr, nullptr); socket >= 0; socket = ::accept(listener_, nullptr, nullptr)) {
      sockets_.push_back(socket);
      threads_.emplace_back([this, socket] {
        Connection connection{socket};
        for (std::string request = connection.receive(); !request.empty(); request = connection.receive()) {
          if (!answer_(request, connection)) break;
        }
        ::shutdown(socket, SHUT_RDWR);
      });
    }
  }

  Answer answer_;
  int listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  std::uint16_t port_ = 0;
  std::vector<int> sockets_;  // of the accepting thread until it ends, as threads_
  std::vector<std::thread> threads_;
  std::thread acceptor_;
};

}  // namespace hybridbuffer::testing
