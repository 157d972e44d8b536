#include "fault_proxy.hpp"

#include "proxy_control.hpp"
#include "tls_certificates.hpp"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace hybridbuffer::servers {
namespace {

std::vector<std::string> command(const FaultProxyOptions& options, const Workspace& workspace) {
  skip_when_asked();
  std::string server = options.server_socket_path;
  if (server.empty()) server = options.server_port == 0 ? "none" : std::to_string(options.server_port);
  return {HYBRIDBUFFER_FAULT_PROXY,
          workspace.path("control"),
          std::to_string(workspace.port()),
          std::to_string(static_cast<std::uint32_t>(options.protocol)),
          server,
          options.tls ? workspace.directory() : std::string{"none"}};
}

int connect_to(const std::string& path) {
  const int socket = ::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  if (socket < 0) return -1;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::copy(path.begin(), path.end(), std::begin(address.sun_path));
  if (::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return socket;
  ::close(socket);
  return -1;
}

ProxyReply order(int control, const ProxyRequest& request) {
  ProxyReply reply;
  if (::send(control, &request, sizeof request, MSG_NOSIGNAL) != static_cast<ssize_t>(sizeof request) ||
      ::recv(control, &reply, sizeof reply, 0) != static_cast<ssize_t>(sizeof reply)) {
    throw ServerFailure{"the fault proxy is gone"};
  }
  return reply;
}
ProxyReply order(int control, ProxyRequest::Command what, std::uint32_t fault = 0) {
  ProxyRequest request;
  request.command = what;
  request.fault = fault;
  return order(control, request);
}

}  // namespace

FaultProxy::FaultProxy(FaultProxyOptions options)
    : options_{std::move(options)}, process_{workspace_, "proxy", command(options_, workspace_)} {
  if (options_.tls) {
    for (const CertificateFlaw flaw :
         {CertificateFlaw::none, CertificateFlaw::wrong_host, CertificateFlaw::expired, CertificateFlaw::self_signed}) {
      make_certificates(workspace_, flaw);
    }
  }
  process_.start();
  constexpr milliseconds limit{20'000};
  process_.wait_until_ready(
      [&] {
        control_ = connect_to(workspace_.path("control"));
        return control_ >= 0;
      },
      limit);
}

FaultProxy::~FaultProxy() {
  if (control_ >= 0) ::close(control_);
}

FaultProxy::Armed FaultProxy::arm(const Fault& fault) {
  ProxyRequest request;
  if (fault.match.size() >= request.match.characters.size() || fault.text.size() >= request.text.characters.size()) {
    throw ServerFailure{"a fault's text is too long"};
  }
  request.command = ProxyRequest::Command::arm;
  request.action = fault.action;
  request.event = fault.event;
  request.k = fault.k;
  request.after = fault.after;
  request.milliseconds = fault.time.count();
  request.repeats = fault.repeats;
  request.in_body = fault.in_body;
  request.mask = fault.mask;
  request.match = fault.match;
  request.text = fault.text;
  return order(control_, request).fault;
}

void FaultProxy::disarm() { order(control_, ProxyRequest::Command::disarm); }
void FaultProxy::release() { order(control_, ProxyRequest::Command::release); }
void FaultProxy::drop_connections() { order(control_, ProxyRequest::Command::drop_connections); }
std::uint64_t FaultProxy::fired(Armed fault) { return order(control_, ProxyRequest::Command::count, fault).fired; }
std::uint64_t FaultProxy::seen(Armed fault) { return order(control_, ProxyRequest::Command::count, fault).seen; }

void FaultProxy::wait_until_fired(Armed fault, std::uint64_t times, milliseconds limit) {
  wait_until([&] { return fired(fault) >= times; }, limit, "the fault does not happen", workspace_);
}

FaultProxyTotals FaultProxy::totals() {
  const ProxyReply reply = order(control_, ProxyRequest::Command::totals);
  return {reply.connections, reply.open_connections, reply.requests, reply.replies};
}

}  // namespace hybridbuffer::servers
