#pragma once

#include <hybridbuffer/detail/system_calls.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
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
  /// In a forked child only. What the child closed itself, and has its own files as by now, it keeps.
  void close_copies() noexcept {
    for (Slot& slot : slots_) {
      const int socket = slot.socket.exchange(0);
      struct stat found{};
      if (socket <= 0 || ::fstat(socket - 1, &found) != 0) continue;
      if (found.st_dev == slot.device.load() && found.st_ino == slot.inode.load()) ::close(socket - 1);
    }
  }

 private:
  struct Slot {
    std::atomic<int> socket{0};  // its number + 1; 0: free; −1: somebody writes the others
    std::atomic<dev_t> device{0};
    std::atomic<ino_t> inode{0};
  };
  static constexpr std::size_t most = 1024;  // those beyond stay open in a child until it ends or executes another program

  void note(int socket) noexcept {
    struct stat made{};
    if (::fstat(socket, &made) != 0) return;
    for (Slot& slot : slots_) {
      int free = 0;
      if (slot.socket.load(std::memory_order_relaxed) != 0 || !slot.socket.compare_exchange_strong(free, -1)) continue;
      slot.device.store(made.st_dev);
      slot.inode.store(made.st_ino);
      slot.socket.store(socket + 1);
      return;
    }
  }
  void forget(int socket) noexcept {
    for (Slot& slot : slots_) {
      int expected = socket + 1;
      if (slot.socket.load(std::memory_order_relaxed) == expected && slot.socket.compare_exchange_strong(expected, 0)) return;
    }
  }

  std::array<Slot, most> slots_{};
};

}  // namespace hybridbuffer::inline v0_1::detail
