#pragma once

#include <cerrno>
#include <cstddef>
#include <openssl/ssl.h>
#include <span>
#include <string_view>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>
#include <utility>

namespace hybridbuffer::servers {

/// A stream socket that does not block, with TLS on it or without. Inside the proxy's process.
class ProxySocket {
 public:
  enum class Outcome { done, later, end, failed };

  explicit ProxySocket(int descriptor = -1, SSL_CTX* context = nullptr) : descriptor_{descriptor} {
    if (context == nullptr) return;
    tls_ = ::SSL_new(context);
    ::SSL_set_fd(tls_, descriptor_);
    ::SSL_set_accept_state(tls_);
  }
  ProxySocket(const ProxySocket&) = delete;
  ProxySocket& operator=(const ProxySocket&) = delete;
  ~ProxySocket() { close(); }

  [[nodiscard]] int descriptor() const noexcept { return descriptor_; }
  [[nodiscard]] bool is_open() const noexcept { return descriptor_ >= 0; }

  [[nodiscard]] Outcome read(std::span<char> into, std::size_t& count) {
    if (tls_ != nullptr) return outcome_of(::SSL_read_ex(tls_, into.data(), into.size(), &count));
    const ssize_t read = ::recv(descriptor_, into.data(), into.size(), 0);
    if (read < 0) return failure();
    count = static_cast<std::size_t>(read);
    return read == 0 ? Outcome::end : Outcome::done;
  }
  [[nodiscard]] Outcome write(std::string_view bytes, std::size_t& count) {
    if (tls_ != nullptr) return outcome_of(::SSL_write_ex(tls_, bytes.data(), bytes.size(), &count));
    const ssize_t written = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (written < 0) return failure();
    count = static_cast<std::size_t>(written);
    return Outcome::done;
  }
  /// FIN; without TLS's own end of data, as when a process dies.
  void end_writing() noexcept { ::shutdown(descriptor_, SHUT_WR); }
  /// RST.
  void reset() noexcept {
    if (!is_open()) return;
    const linger at_once{1, 0};
    ::setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close();
  }
  void close() noexcept {
    ::SSL_free(std::exchange(tls_, nullptr));
    if (is_open()) ::close(std::exchange(descriptor_, -1));
  }

 private:
  static Outcome failure() { return errno == EAGAIN || errno == EINTR ? Outcome::later : Outcome::failed; }
  [[nodiscard]] Outcome outcome_of(int succeeded) {
    if (succeeded == 1) return Outcome::done;
    const int error = ::SSL_get_error(tls_, succeeded);
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) return Outcome::later;
    return error == SSL_ERROR_ZERO_RETURN ? Outcome::end : Outcome::failed;
  }

  int descriptor_;
  SSL* tls_ = nullptr;
};

}  // namespace hybridbuffer::servers
