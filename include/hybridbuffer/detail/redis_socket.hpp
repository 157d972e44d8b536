#pragma once

#include <hybridbuffer/backend/redis_options.hpp>
#include <hybridbuffer/detail/redis_tls.hpp>
#include <hybridbuffer/detail/system_calls.hpp>
#include <hybridbuffer/error.hpp>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <memory>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <span>
#include <string>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>
#include <utility>

namespace hybridbuffer::inline v0_1::detail {

using RedisClock = std::chrono::steady_clock;

/// Waits for one of the events; false when `deadline` passed first.
[[nodiscard]] inline bool wait_for_socket(int descriptor, short events, RedisClock::time_point deadline) noexcept {
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - RedisClock::now()).count();
    pollfd one{.fd = descriptor, .events = events, .revents = 0};
    const int ready = ::poll(&one, 1, static_cast<int>(std::clamp<long long>(left, 0, 60'000)));
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) return true;  // the next call on it says what is wrong
    if (RedisClock::now() >= deadline) return false;
  }
}

[[nodiscard]] inline std::string name_of(const RedisAddress& address) {
  return address.port == 0 ? address.host : address.host + ":" + std::to_string(address.port);
}

/// A non-blocking stream to a server: TCP or a Unix socket, with or without TLS. In a forked child its end says nothing to the server.
class RedisSocket {
 public:
  RedisSocket() = default;
  RedisSocket(RedisSocket&& other) noexcept : descriptor_{std::exchange(other.descriptor_, -1)}, tls_{std::move(other.tls_)} {}
  RedisSocket& operator=(RedisSocket&& other) noexcept {
    if (this != &other) {
      close();
      descriptor_ = std::exchange(other.descriptor_, -1);
      tls_ = std::move(other.tls_);
    }
    return *this;
  }
  ~RedisSocket() { close(); }

  /// Errors: `unavailable`, `timeout`, `permission` when the certificate does not verify.
  [[nodiscard]] static Result<RedisSocket> connect(const RedisAddress& address, const RedisTlsContextRef& tls,
                                                   RedisClock::time_point deadline) {
    auto socket = address.port == 0 ? connect_local(address, deadline) : connect_host(address, deadline);
    if (!socket || !tls) return socket;
    socket->tls_ = std::make_unique<RedisTlsStream>(tls, socket->descriptor_, address.host);
    for (;;) {
      const RedisTlsStream::Step step = socket->tls_->handshake();
      if (step == RedisTlsStream::Step::done) return socket;
      if (step == RedisTlsStream::Step::failed) return std::unexpected{socket->tls_->handshake_error(name_of(address))};
      if (!wait_for_socket(socket->descriptor_, socket->tls_->events(), deadline)) {
        return failure(errc::timeout, "begin TLS with Redis at", name_of(address));
      }
    }
  }

  /// To the first of these that can be reached. Each has its share of what time is left: behind one that says nothing comes another.
  /// Errors: of the last one.
  [[nodiscard]] static Result<RedisSocket> connect_to_one_of(const addrinfo* all, const RedisAddress& address,
                                                             RedisClock::time_point deadline) {
    int left = 0;
    for (const addrinfo* one = all; one != nullptr; one = one->ai_next) ++left;
    Result<RedisSocket> socket = failure(errc::unavailable, "connect to Redis at", name_of(address));
    for (const addrinfo* one = all; one != nullptr && !socket; one = one->ai_next, --left) {
      const auto now = RedisClock::now();
      const auto share = std::max<RedisClock::duration>(deadline - now, {}) / left;
      socket = connect_to(one->ai_family, one->ai_addr, one->ai_addrlen, address, now + share);
    }
    return socket;
  }

  /// What a transfer came to: bytes, or the end of the stream, or nothing now, or a failure.
  struct Transfer {
    enum class State : unsigned char { some, none_now, end, failed };
    State state = State::none_now;
    std::size_t count = 0;
    int error = 0;
  };

  [[nodiscard]] Transfer read_some(std::span<char> bytes) noexcept {
    if (tls_) return of_tls(tls_->read_some(bytes));
    return of_call(::recv(descriptor_, bytes.data(), bytes.size(), 0), true);
  }
  [[nodiscard]] Transfer write_some(std::span<iovec> pieces) noexcept {
    if (tls_) return of_tls(tls_->write_some({static_cast<const char*>(pieces.front().iov_base), pieces.front().iov_len}));
    msghdr message{};
    message.msg_iov = pieces.data();
    message.msg_iovlen = pieces.size();
    return of_call(::sendmsg(descriptor_, &message, MSG_NOSIGNAL), false);
  }

  [[nodiscard]] int descriptor() const noexcept { return descriptor_; }
  [[nodiscard]] bool has_tls() const noexcept { return tls_ != nullptr; }
  /// What to wait for, to go on reading and, with `writing`, also writing.
  [[nodiscard]] short events(bool writing) const noexcept {
    if (tls_ && tls_->has_other_wish()) return tls_->events();
    return static_cast<short>(POLLIN | (writing ? POLLOUT : 0));
  }
  /// Whether nothing has come and nobody has closed it: how an idle one must be.
  [[nodiscard]] bool is_quiet() const noexcept {
    pollfd one{.fd = descriptor_, .events = POLLIN, .revents = 0};
    return ::poll(&one, 1, 0) == 0;
  }

 private:
  explicit RedisSocket(int descriptor) noexcept : descriptor_{descriptor} {}

  void close() noexcept {
    tls_.reset();
    if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
  }

  static Transfer of_call(ssize_t count, bool reading) noexcept {
    using enum Transfer::State;
    if (count > 0) return {some, static_cast<std::size_t>(count), 0};
    if (count == 0) return {reading ? end : none_now, 0, 0};
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) return {none_now, 0, 0};
    return {failed, 0, errno};
  }
  static Transfer of_tls(RedisTlsStream::Step step) noexcept {
    using enum Transfer::State;
    switch (step) {
      case RedisTlsStream::Step::done: break;
      case RedisTlsStream::Step::waits: return {none_now, 0, 0};
      case RedisTlsStream::Step::ended: return {end, 0, 0};
      case RedisTlsStream::Step::failed: return {failed, 0, ECONNRESET};
    }
    return {};
  }
  static Transfer of_tls(std::pair<RedisTlsStream::Step, std::size_t> outcome) noexcept {
    if (outcome.first == RedisTlsStream::Step::done) return {Transfer::State::some, outcome.second, 0};
    return of_tls(outcome.first);
  }

  static Result<RedisSocket> connect_local(const RedisAddress& address, RedisClock::time_point deadline) {
    sockaddr_un local{};
    local.sun_family = AF_UNIX;
    if (address.host.size() >= sizeof local.sun_path) return failure(errc::invalid_argument, "connect to Redis", "the path is too long");
    std::memcpy(local.sun_path, address.host.data(), address.host.size());
    return connect_to(AF_UNIX, reinterpret_cast<const sockaddr*>(&local), sizeof local, address, deadline);
  }

  static Result<RedisSocket> connect_host(const RedisAddress& address, RedisClock::time_point deadline) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    if (::getaddrinfo(address.host.c_str(), std::to_string(address.port).c_str(), &hints, &found) != 0) {
      return failure(errc::unavailable, "find the host of Redis", name_of(address));
    }
    const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner{found, ::freeaddrinfo};
    return connect_to_one_of(found, address, deadline);
  }

  static Result<RedisSocket> connect_to(int family, const sockaddr* where, socklen_t size, const RedisAddress& address,
                                        RedisClock::time_point deadline) {
    RedisSocket socket{system_calls::beyond_standard(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0))};
    if (socket.descriptor_ < 0) return not_connected(errno, address);
    const int on = 1;
    if (family != AF_UNIX) {
      ::setsockopt(socket.descriptor_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      ::setsockopt(socket.descriptor_, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    }
    if (::connect(socket.descriptor_, where, size) == 0) return socket;
    if (errno != EINPROGRESS) return not_connected(errno, address);
    if (!wait_for_socket(socket.descriptor_, POLLOUT, deadline)) return failure(errc::timeout, "connect to Redis at", name_of(address));
    int error = 0;
    socklen_t length = sizeof error;
    ::getsockopt(socket.descriptor_, SOL_SOCKET, SO_ERROR, &error, &length);
    if (error != 0) return not_connected(error, address);
    return socket;
  }

  static std::unexpected<Error> not_connected(int number, const RedisAddress& address) {
    const errc code = number == EACCES || number == EPERM ? errc::permission : number == ETIMEDOUT ? errc::timeout : errc::unavailable;
    return std::unexpected{Error{code, "connect to Redis at", std::error_code{number, std::system_category()}, name_of(address)}};
  }

  int descriptor_ = -1;
  std::unique_ptr<RedisTlsStream> tls_;
};

}  // namespace hybridbuffer::inline v0_1::detail
