#pragma once

#include <hybridbuffer/detail/system_calls.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <sys/socket.h>
#include <unistd.h>

#include <curl/curl.h>

namespace hybridbuffer::inline v0_1::detail {

/// The open sockets of a process's connections, so that a forked child can close its copies without a word on them (a TLS farewell in the
/// child would end the parent's connection). Lock-free, because another thread of the parent may be changing it during the fork.
class S3Sockets {
 public:
  [[nodiscard]] static curl_socket_t open(void* self, curlsocktype /*purpose*/, curl_sockaddr* address) noexcept {
    const int made = system_calls::beyond_standard(::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol));
    if (made >= 0) static_cast<S3Sockets*>(self)->note(made);
    return made;
  }
  static int close(void* self, curl_socket_t socket) noexcept {
    static_cast<S3Sockets*>(self)->forget(socket);
    return ::close(socket);
  }
  /// In a forked child only.
  void close_copies() noexcept {
    for (std::atomic<int>& slot : slots_) {
      if (const int socket = slot.exchange(0); socket != 0) ::close(socket - 1);
    }
  }

 private:
  static constexpr std::size_t most = 1024;  // those beyond stay open in a child until it ends or executes another program

  void note(int socket) noexcept {
    for (std::atomic<int>& slot : slots_) {
      int free = 0;
      if (slot.load(std::memory_order_relaxed) == 0 && slot.compare_exchange_strong(free, socket + 1)) return;
    }
  }
  void forget(int socket) noexcept {
    for (std::atomic<int>& slot : slots_) {
      int expected = socket + 1;
      if (slot.load(std::memory_order_relaxed) == expected && slot.compare_exchange_strong(expected, 0)) return;
    }
  }

  std::array<std::atomic<int>, most> slots_{};
};

}  // namespace hybridbuffer::inline v0_1::detail
