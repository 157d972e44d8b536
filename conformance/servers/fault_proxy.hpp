#pragma once

#include "fault.hpp"
#include "server_process.hpp"

#include <cstdint>
#include <string>

namespace hybridbuffer::servers {

struct FaultProxyOptions {
  Protocol protocol = Protocol::opaque;
  std::uint16_t server_port = 0;     // of 127.0.0.1
  std::string server_socket_path{};  // or a Unix socket
  bool tls = false;                  // between client and proxy; on to the server it goes without
};

/// Counted since its start.
struct FaultProxyTotals {
  std::uint64_t connections = 0;       // that it accepted
  std::uint64_t open_connections = 0;  // now
  std::uint64_t requests = 0;
  std::uint64_t replies = 0;
};

/// A TCP proxy on a port of 127.0.0.1 that passes bytes between a client and a server as they are, and spoils what it was told to
/// (fault.hpp). Without a server it answers alone: a request that no fault answers is a reset.
///
///     FaultProxy proxy{{.protocol = Protocol::redis, .server_socket_path = server.endpoint().socket_path}};
///     const FaultProxy::Armed lost = proxy.arm(faults::drop_reply().matching("EXEC"));
///     …use port proxy.port()…
///     BOOST_TEST(proxy.fired(lost) == 1U);
///
/// Deterministic: one loop, no time but that of the faults. An order holds for everything that a client sends after the call returned. It
/// is a process of its own, so that neither its threads nor its descriptors are among those of the test; it ends with the test's.
///
/// For TLS to a real TLS server choose Protocol::opaque and its TLS port: then the proxy counts bytes, not messages.
/// Throws:  ServerFailure.
/// Threads: one object needs external locking.
class FaultProxy {
 public:
  using Armed = std::uint32_t;

  explicit FaultProxy(FaultProxyOptions options);
  FaultProxy(const FaultProxy&) = delete;
  FaultProxy& operator=(const FaultProxy&) = delete;
  ~FaultProxy();

  [[nodiscard]] std::uint16_t port() const noexcept { return workspace_.port(); }
  /// The PEM file to verify it with; only with TLS.
  [[nodiscard]] std::string certificate_authority() const { return workspace_.path("authority.pem"); }

  Armed arm(const Fault& fault);
  /// No fault is armed any more, what stalls goes on, a closed port opens. Faults that happened keep their counts.
  void disarm();
  /// What stalls goes on; what is armed stays so.
  void release();
  /// Resets every connection.
  void drop_connections();

  /// How often it took effect. A fault behind more bytes than the message had does not.
  [[nodiscard]] std::uint64_t fired(Armed fault);
  /// How many matching messages or connections there were since it was armed; the k-th fires.
  [[nodiscard]] std::uint64_t seen(Armed fault);
  /// Throws: ServerFailure when it has not fired `times` times within `limit`.
  void wait_until_fired(Armed fault, std::uint64_t times = 1, milliseconds limit = milliseconds{20'000});
  [[nodiscard]] FaultProxyTotals totals();

 private:
  Workspace workspace_{"proxy"};
  FaultProxyOptions options_;
  ServerProcess process_;
  int control_ = -1;
};

}  // namespace hybridbuffer::servers
