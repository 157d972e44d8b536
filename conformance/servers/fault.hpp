#pragma once

#include <chrono>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>

/// \file
/// What FaultProxy can do to a conversation, and when.

namespace hybridbuffer::servers {

using std::chrono::milliseconds;

/// As a time: until FaultProxy::release() or disarm().
inline constexpr milliseconds for_ever{std::numeric_limits<std::int32_t>::max()};

/// What a proxy understands of what it carries. It finds the ends of requests and replies in http (HTTP/1.1) and redis (RESP2); all that a
/// connection carries in one direction is one message for opaque.
enum class Protocol : std::uint32_t { opaque, http, redis };

/// A fault: what happens, when, and how often. Made by the functions below, which say what happens; without another word it happens once,
/// at the first occasion after arm():
///
///     proxy.arm(faults::reset_after(100).on_reply(3));                      // the third reply from now on: its first 100 bytes and a
///     reset proxy.arm(faults::slow_down(1).matching("PUT ").always());            // every PUT is answered 503
///     proxy.arm(faults::half_close_after(0).on_reply(2).always());          // the second reply and all that follow
struct Fault {
  enum class Action : std::uint32_t {
    refuse,
    reset,
    half_close,
    close,
    stall,
    slow,
    late,
    duplicate,
    flip,
    certificate,
    restart,
    answer,
    replace
  };
  enum class Event : std::uint32_t { connection, request, reply };

  Action action = Action::reset;
  Event event = Event::request;
  std::uint64_t k = 1;      // which one, counted from 1 and from the arming, of those that match
  bool repeats = false;     // the k-th and all later ones
  std::uint64_t after = 0;  // bytes of the message, or of its body where `in_body`, that pass before it happens
  bool in_body = false;
  milliseconds time{0};
  unsigned char mask = 1;
  std::string match{};  // what the beginning of the request must contain: its first 1024 bytes, for http its head
  std::string text{};

  [[nodiscard]] Fault on_connection(std::uint64_t which) && { return std::move(*this).on(Event::connection, which); }
  [[nodiscard]] Fault on_request(std::uint64_t which) && { return std::move(*this).on(Event::request, which); }
  [[nodiscard]] Fault on_reply(std::uint64_t which) && { return std::move(*this).on(Event::reply, which); }
  /// The k-th of those requests, or of the replies to those requests, that contain `text`: "POST ", "uploadId=", "EXEC". Not for
  /// connections.
  [[nodiscard]] Fault matching(std::string_view words) && {
    match = words;
    return std::move(*this);
  }
  [[nodiscard]] Fault always() && {
    repeats = true;
    return std::move(*this);
  }

 private:
  [[nodiscard]] Fault on(Event what, std::uint64_t which) && {
    event = what;
    k = which;
    return std::move(*this);
  }
};

/// Each says on what it may happen; the first named is the default. On a request it concerns what goes to the server, on a reply what comes
/// back. Bytes are counted from the beginning of that message, those of an HTTP head included unless "body" is said.
namespace faults {

inline Fault make(Fault::Action action, Fault::Event event, std::uint64_t after = 0, milliseconds time = {}, std::string text = {}) {
  Fault fault;
  fault.action = action;
  fault.event = event;
  fault.after = after;
  fault.time = time;
  fault.text = std::move(text);
  return fault;
}

/// Connection: from the k-th on nobody listens, for `time`; connecting gives ECONNREFUSED. Counted once, when the port closes.
inline Fault refuse(milliseconds time = for_ever) { return make(Fault::Action::refuse, Fault::Event::connection, 0, time); }
/// Reply, request; connection (at once, nothing passes): `bytes` pass, then both connections are reset (RST).
inline Fault reset_after(std::uint64_t bytes) { return make(Fault::Action::reset, Fault::Event::reply, bytes); }
/// Reply, request: the request has its effect, the reply is lost: nothing of it passes, and the connections are reset.
inline Fault drop_reply() { return reset_after(0); }
/// Reply, request: `bytes` pass, then the end of the stream (FIN) in that direction only; the other stays open.
inline Fault half_close_after(std::uint64_t bytes) { return make(Fault::Action::half_close, Fault::Event::reply, bytes); }
/// Reply, request: `bytes` pass, then nothing for `time`, then all the rest.
inline Fault stall_after(std::uint64_t bytes, milliseconds time = for_ever) {
  return make(Fault::Action::stall, Fault::Event::reply, bytes, time);
}
/// Reply, request: one byte per `interval`, to the end of the connection.
inline Fault one_byte_per(milliseconds interval = milliseconds{1'000}) {
  return make(Fault::Action::slow, Fault::Event::reply, 0, interval);
}
/// Reply: it comes whole, `time` after it should.
inline Fault late_reply(milliseconds time) { return make(Fault::Action::late, Fault::Event::reply, 0, time); }
/// Reply: it comes twice.
inline Fault duplicate_reply() { return make(Fault::Action::duplicate, Fault::Event::reply); }
/// Reply: its head with the right Content-Length (redis: the size of its first bulk string), `bytes` of the body, then the connection is
/// closed.
inline Fault truncate_body(std::uint64_t bytes) {
  Fault fault = make(Fault::Action::close, Fault::Event::reply, bytes);
  fault.in_body = true;
  return fault;
}
/// Reply, request: the byte at `offset` of the body (redis: of the first bulk string of a reply; of the whole request) is XORed with
/// `mask`.
inline Fault flip_byte(std::uint64_t offset, unsigned char mask = 1) {
  Fault fault = make(Fault::Action::flip, Fault::Event::reply, offset);
  fault.in_body = true;
  fault.mask = mask;
  return fault;
}
/// Connection, to a proxy with TLS: it shows this certificate; `flaw` as in tls_certificates.hpp, by name: "wrong_host", "expired",
/// "self_signed".
inline Fault bad_certificate(std::string_view flaw) {
  return make(Fault::Action::certificate, Fault::Event::connection, 0, {}, std::string{flaw});
}
/// Request, reply, connection: as when a server starts anew: all connections are reset at once, the port refuses for `time`, then all is
/// well. (To restart the real server at a certain moment: stall, wait_until_fired(), restart it, release().)
inline Fault server_restart(milliseconds time) { return make(Fault::Action::restart, Fault::Event::request, 0, time); }
/// Request: `text` comes back in its place; the server does not see it. In `text`, {target} stands for what an HTTP request asks for,
/// {slot} for the cluster slot of the first key of a Redis command, {port} for the proxy's own port. At most 1000 characters.
inline Fault answer(std::string text) { return make(Fault::Action::answer, Fault::Event::request, 0, {}, std::move(text)); }
/// Reply: `text` comes in its place. The request had its effect.
inline Fault replace_reply(std::string text) { return make(Fault::Action::replace, Fault::Event::reply, 0, {}, std::move(text)); }

/// A whole HTTP/1.1 answer, for the two above. `headers`: lines that end with \r\n.
inline std::string http(std::string_view status, std::string_view body = {}, std::string_view headers = {}) {
  std::string text{"HTTP/1.1 "};
  text.append(status).append("\r\n").append(headers).append("Content-Length: ").append(std::to_string(body.size())).append("\r\n\r\n");
  return text.append(body);
}
inline std::string s3_error(std::string_view status, std::string_view code, std::string_view headers = {}) {
  std::string body{R"(<?xml version="1.0" encoding="UTF-8"?><Error><Code>)"};
  body.append(code).append("</Code></Error>");
  std::string all{"Content-Type: application/xml\r\n"};
  return http(status, body, all.append(headers));
}
/// 307 to the same target at the proxy.
inline Fault http_redirect() {
  return answer(s3_error("307 Temporary Redirect", "TemporaryRedirect", "Location: http://127.0.0.1:{port}{target}\r\n"));
}
/// 503 SlowDown.
inline Fault slow_down(unsigned retry_after_seconds) {
  std::string header{"Retry-After: "};
  return answer(s3_error("503 Slow Down", "SlowDown", header.append(std::to_string(retry_after_seconds)).append("\r\n")));
}
/// -MOVED to the proxy.
inline Fault redis_moved() { return answer("-MOVED {slot} 127.0.0.1:{port}\r\n"); }
/// Any error: "LOADING Redis is loading the dataset in memory", "TRYAGAIN …", "CLUSTERDOWN …", "OOM command not allowed …".
inline Fault redis_error(std::string_view message) {
  std::string text{"-"};
  return answer(text.append(message).append("\r\n"));
}

}  // namespace faults

}  // namespace hybridbuffer::servers
