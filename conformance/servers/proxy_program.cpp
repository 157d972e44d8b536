#include "loopback.hpp"
#include "proxy_connection.hpp"
#include "proxy_control.hpp"

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <iostream>
#include <list>
#include <map>
#include <memory>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <optional>
#include <poll.h>
#include <string>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <vector>

// fault_proxy CONTROL PORT PROTOCOL SERVER TLS
//
// The process behind FaultProxy. CONTROL: the Unix socket on which it takes orders. PROTOCOL: the number of a Protocol. SERVER: "none", a
// port of 127.0.0.1, or the path of a Unix socket. TLS: "none", or the directory that has the certificates.
//
// One thread, one poll(): what happens first in the program happens first on the wire.

namespace {

using namespace hybridbuffer::servers;
using Clock = ProxyOutput::Clock;

[[noreturn]] void give_up(const std::string& what) {
  std::cerr << what << '\n';
  std::exit(1);  // NOLINT(concurrency-mt-unsafe)
}

sockaddr_un unix_address(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::copy_n(path.begin(), std::min(path.size(), sizeof address.sun_path - 1), std::begin(address.sun_path));
  return address;
}
template <class Address>
const sockaddr* general(const Address& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

int listen_at(std::uint16_t port) {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (socket < 0) give_up("no socket");
  const int on = 1;
  ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const sockaddr_in address = loopback(port);
  if (::bind(socket, general(address), sizeof address) != 0 || ::listen(socket, SOMAXCONN) != 0) give_up("cannot listen");
  return socket;
}

// On one machine a connection is made or refused at once, so that this one waits for it.
int connect_to(const std::string& server) {
  const bool is_unix = server.starts_with('/');
  const int socket = ::socket(is_unix ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (socket < 0) return -1;
  int result = -1;
  if (is_unix) {
    const sockaddr_un address = unix_address(server);
    result = ::connect(socket, general(address), sizeof address);
  } else {
    const sockaddr_in address = loopback(static_cast<std::uint16_t>(std::stoi(server)));
    result = ::connect(socket, general(address), sizeof address);
    const int on = 1;
    ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  if (result != 0) {
    ::close(socket);
    return -1;
  }
  ::fcntl(socket, F_SETFL, O_NONBLOCK);
  return socket;
}

class Proxy {
 public:
  Proxy(const std::string& control, std::uint16_t port, Protocol protocol, std::string server, std::string certificates)
      : server_{std::move(server)}, certificates_{std::move(certificates)} {
    state_.protocol = protocol;
    state_.port = port;
    control_ = ::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    listener_ = listen_at(port);
    const sockaddr_un address = unix_address(control);
    ::unlink(control.c_str());
    if (::bind(control_, general(address), sizeof address) != 0 || ::listen(control_, SOMAXCONN) != 0) give_up("no control socket");
  }

  [[noreturn]] void run() {
    for (;;) step();
  }

 private:
  void step() {
    std::vector<pollfd> watched{{control_, POLLIN, 0}, {listener_, POLLIN, 0}};  // poll() passes over −1
    for (const int master : masters_) watched.push_back({master, POLLIN, 0});
    const std::size_t first_connection = watched.size();
    std::optional<Clock::time_point> wakes = reopens_;
    for (const ProxyConnection& connection : connections_) {
      for (const bool client : {true, false}) {
        const auto events = (connection.reads(client) ? POLLIN : 0) | (connection.writes(client) ? POLLOUT : 0);
        const int descriptor = client ? connection.client() : connection.server();
        watched.push_back({events != 0 ? descriptor : -1, static_cast<short>(events), 0});
      }
      const auto own = connection.wakes();
      if (own && (!wakes || *own < *wakes)) wakes = own;
    }
    int wait = -1;
    if (wakes) {
      const auto left = std::chrono::ceil<milliseconds>(*wakes - Clock::now()).count();
      wait = static_cast<int>(std::clamp<std::int64_t>(left, 0, 1'000'000));
    }
    if (::poll(watched.data(), watched.size(), wait) < 0) return;

    // Orders first: an order that was acknowledged holds for what comes afterwards.
    std::vector<int> gone;
    for (std::size_t i = 2; i < first_connection; ++i) {
      if (watched[i].revents != 0 && !obey(watched[i].fd)) gone.push_back(watched[i].fd);
    }
    for (const int master : gone) {
      ::close(master);
      std::erase(masters_, master);
    }
    if (watched[0].revents != 0) {
      const int master = ::accept4(control_, nullptr, nullptr, SOCK_CLOEXEC);
      if (master >= 0) masters_.push_back(master);
    }
    std::size_t index = first_connection;
    for (ProxyConnection& connection : connections_) {
      for (const bool client : {true, false}) {
        const short events = watched[index].revents;
        ++index;
        if (connection.is_over() || events == 0) continue;
        if ((events & ~POLLOUT) != 0) connection.readable(client);
      }
      if (!connection.is_over()) connection.flush();
    }
    if (watched[1].revents != 0 && listener_ >= 0) accept_one();
    if (std::exchange(state_.restarts, false)) restart();
    connections_.remove_if([](const ProxyConnection& connection) { return connection.is_over(); });
    if (reopens_ && Clock::now() >= *reopens_) open_port();
  }

  void accept_one() {
    const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (client < 0) return;
    ++state_.connections;
    const int on = 1;
    ::setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    const std::vector<std::uint32_t> faults = state_.faults.occasion(Fault::Event::connection, {});
    std::string certificate = "server";
    for (const std::uint32_t number : faults) {
      ArmedFaults::Armed& armed = state_.faults[number];
      if (armed.fault.action != Fault::Action::certificate || certificates_ == "none") continue;
      certificate = armed.fault.text;
      ++armed.fired;
    }
    const int server = server_ == "none" ? -1 : connect_to(server_);
    ProxyConnection& connection =
        connections_.emplace_back(state_, client, certificates_ == "none" ? nullptr : context(certificate), server);
    if (server < 0 && server_ != "none") connection.reset();  // as if the server were reached and gone
    if (!connection.is_over()) connection.apply(faults);
    if (!connection.is_over()) connection.flush();
    refuse_what_is_next();
  }

  // A connection that has come cannot be refused any more, so that the port closes before the one that is to be refused.
  void refuse_what_is_next() {
    for (ArmedFaults::Armed& armed : state_.faults.all()) {
      if (armed.fault.action != Fault::Action::refuse || !armed.is_armed || armed.seen + 1 < armed.fault.k) continue;
      armed.is_armed = false;
      ++armed.fired;
      close_port(armed.fault.time);
    }
  }
  void close_port(milliseconds time) {
    if (listener_ >= 0) ::close(std::exchange(listener_, -1));
    reopens_ = Clock::now() + time;
  }
  void open_port() {
    reopens_.reset();
    if (listener_ < 0) listener_ = listen_at(state_.port);
  }
  void restart() {
    close_port(state_.restart_time);  // first, so that who sees the reset finds it closed
    for (ProxyConnection& connection : connections_) connection.reset();
  }

  // Returns: false when the one who orders is gone.
  bool obey(int master) {
    ProxyRequest request;
    if (::recv(master, &request, sizeof request, 0) != static_cast<ssize_t>(sizeof request)) return false;
    using enum ProxyRequest::Command;
    ProxyReply reply;
    switch (request.command) {
      case arm:
        reply.fault = state_.faults.arm(request);
        refuse_what_is_next();
        break;
      case disarm:
        state_.faults.disarm();
        open_port();
        for (ProxyConnection& connection : connections_) connection.release();
        break;
      case release:
        for (ProxyConnection& connection : connections_) connection.release();
        break;
      case drop_connections:
        for (ProxyConnection& connection : connections_) connection.reset();
        break;
      case count:
        if (request.fault < state_.faults.all().size()) {
          reply.seen = state_.faults[request.fault].seen;
          reply.fired = state_.faults[request.fault].fired;
        }
        break;
      case totals: break;
    }
    reply.connections = state_.connections;
    reply.open_connections = static_cast<std::uint64_t>(
        std::count_if(connections_.begin(), connections_.end(), [](const ProxyConnection& connection) { return !connection.is_over(); }));
    reply.requests = state_.requests;
    reply.replies = state_.replies;
    return ::send(master, &reply, sizeof reply, MSG_NOSIGNAL) == static_cast<ssize_t>(sizeof reply);
  }

  SSL_CTX* context(const std::string& name) {
    SSL_CTX*& found = contexts_[name];
    if (found != nullptr) return found;
    found = ::SSL_CTX_new(::TLS_server_method());
    const std::string base = certificates_ + "/" + name;
    if (::SSL_CTX_use_certificate_chain_file(found, (base + ".pem").c_str()) != 1 ||
        ::SSL_CTX_use_PrivateKey_file(found, (base + ".key").c_str(), SSL_FILETYPE_PEM) != 1) {
      give_up("no certificate " + base);
    }
    ::SSL_CTX_set_mode(found, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    return found;
  }

  ProxyState state_;
  std::string server_;
  std::string certificates_;
  std::map<std::string, SSL_CTX*> contexts_;
  int control_ = -1;
  int listener_ = -1;
  std::vector<int> masters_;
  std::list<ProxyConnection> connections_;
  std::optional<Clock::time_point> reopens_;
};

}  // namespace

int main(int count, char** arguments) {
  std::signal(SIGPIPE, SIG_IGN);  // NOLINT(cert-err33-c): OpenSSL writes without MSG_NOSIGNAL
  if (count != 6) give_up("usage: fault_proxy CONTROL PORT PROTOCOL SERVER TLS");
  Proxy{arguments[1], static_cast<std::uint16_t>(std::stoi(arguments[2])), static_cast<Protocol>(std::stoi(arguments[3])), arguments[4],
        arguments[5]}
      .run();
}
