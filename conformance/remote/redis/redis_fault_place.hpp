#pragma once

#include "../fault_matrix.hpp"
#include "redis_support.hpp"

#include <hybridbuffer/backend/redis.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <servers/fault_proxy.hpp>
#include <servers/redis_server.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// \file
/// A server behind a proxy that spoils what it is told to, and all that it can be told: what the tests of faults share. Once: the operation
/// goes on and is right. For ever: the documented category within the deadline. In both cases nothing is left in the store that does not
/// expire.

namespace hybridbuffer::testing {

namespace faults = servers::faults;
using namespace std::chrono_literals;

inline constexpr std::size_t chunk = std::size_t{16} * 1024;
inline constexpr RedisTimeouts timeouts{.connect = 200ms, .call = 100ms, .operation = 500ms, .cleanup = 200ms};
/// For what makes no claim about time: nothing passes them on a busy machine.
inline constexpr RedisTimeouts patient_timeouts{.connect = 5s, .call = 5s, .operation = 20s, .cleanup = 5s};

/// One for the whole program.
inline servers::RedisServer& server() {
  static servers::RedisServer running{{.password = "not for messages"}};
  return running;
}

/// A storage behind a proxy of its own, and what is under its prefix.
struct Place {
  explicit Place(RedisTimeouts times = patient_timeouts, bool is_tls = false)
      : proxy{{.protocol = servers::Protocol::redis, .server_socket_path = server().endpoint().socket_path, .tls = is_tls}} {
    options = options_for(server().endpoint());
    if (is_tls) options.tls = {.enabled = true, .ca_file = proxy.certificate_authority()};
    options.servers = {{"127.0.0.1", proxy.port()}};
    options.prefix = "fault-" + detail::redis_random_tag().value() + ":";
    options.chunk_bytes = chunk;
    options.window_bytes = 4 * chunk;
    options.timeouts = times;
    options.retry = {.base = 5ms, .cap = 20ms};
    storage = RedisStorage{options};
  }
  [[nodiscard]] std::vector<std::string> keys() { return raw.keys(options.prefix); }
  [[nodiscard]] std::size_t lasting() { return raw.lasting_keys(options.prefix).size(); }
  [[nodiscard]] servers::FaultProxy& proxy_of(const RedisBackend& /*backend*/) { return proxy; }

  servers::FaultProxy proxy;
  servers::RedisConnection raw{server().endpoint()};
  RedisOptions options;
  RedisStorage storage;
};

inline const Bytes before = content(3 * chunk - 7);
inline const Bytes larger = content(9 * chunk + 1, 7);
inline const Bytes more = content(2 * chunk, 9);

using Operation = FaultedOperation<Place, RedisBackend>;

inline const std::vector<FaultCase>& cases() {
  using enum errc;
  static const std::vector<FaultCase> all{
      {"refused connections", faults::refuse(30ms), {unavailable, timeout}, {}, true},
      {"a reset request", faults::reset_after(10).on_request(1), {unavailable, timeout}},
      {"a lost reply", faults::drop_reply(), {unavailable, timeout}},
      {"a reset in a reply", faults::reset_after(3), {unavailable, timeout}},
      {"a half-closed reply", faults::half_close_after(2), {unavailable, timeout}},
      {"a half-closed request", faults::half_close_after(9).on_request(1), {unavailable, timeout}},
      {"a stalled request", faults::stall_after(5).on_request(1), {timeout}},
      {"a stalled reply", faults::stall_after(0), {timeout}},
      {"one byte a second", faults::one_byte_per(), {timeout}},
      {"a late reply", faults::late_reply(250ms), {timeout}},
      {"a reply that comes twice", faults::duplicate_reply(), {io, unavailable, timeout}},
      {"an answer to a question for the place that is cut off", faults::truncate_body(3).matching("ECHO"), {unavailable, timeout}},
      {"a chunk that is cut off",
       faults::truncate_body(1'000).matching("GETRANGE"),
       {unavailable, timeout},
       {"read in order", "read a window", "read through an open handle"}},
      {"a last chunk that is cut off", faults::truncate_body(1'000).matching("}:1:"), {unavailable, timeout}, {"extend an object"}},
      {"a byte that flips in the answer to a question for the place",
       faults::flip_byte(0).on_reply(1).matching("ECHO"),
       {io, unavailable, timeout}},
      {"a byte that flips at the beginning of a reply", in_head(faults::flip_byte(0)), {io, unavailable, timeout}},
      {"a byte that flips in the size of a chunk",
       in_head(faults::flip_byte(1).matching("GETRANGE")),
       {io, unavailable, timeout},
       {"read in order", "read a window", "seek and read", "read through an open handle", "go on reading", "seek in an open handle"}},
      {"a reply of another kind", faults::replace_reply("*1\r\n$3\r\nfoo\r\n"), {io, unavailable, timeout}},
      {"a reply of no kind", faults::replace_reply("HTTP/1.1 400 Bad Request\r\n\r\n"), {io, unavailable, timeout}},
      {"a reply without an end", faults::replace_reply("$900000000000\r\nfoo"), {io, unavailable, timeout}},
      {"a restart of the server", faults::server_restart(30ms), {unavailable, timeout}},
      {"a redirection in circles", faults::redis_moved(), {unavailable, timeout}},
      {"a redirection to nowhere", faults::answer("-MOVED 1 127.0.0.1:1\r\n"), {unavailable, timeout}, {}, true},
      {"a redirection to nowhere for once", faults::answer("-ASK 1 127.0.0.1:1\r\n"), {unavailable, timeout}},
      {"a server that loads", faults::redis_error("LOADING Redis is loading the dataset in memory"), {unavailable, timeout}},
      {"a cluster that is down", faults::redis_error("CLUSTERDOWN The cluster is down"), {unavailable, timeout}},
      {"a slot that moves", faults::redis_error("TRYAGAIN Multiple keys request during rehashing of slot"), {unavailable, timeout}},
      {"a replica", faults::redis_error("READONLY You can't write against a read only replica."), {unavailable, timeout}},
  };
  return all;
}

/// Faults that are answers of a server: that of its own category at once, however often it comes.
inline const std::vector<FaultCase>& refusals() {
  using enum errc;
  static const std::vector<FaultCase> all{
      {"a full server", faults::redis_error("OOM command not allowed when used memory > 'maxmemory'."), {no_space}},
      {"a right that is missing", faults::redis_error("NOPERM this user has no permissions"), {permission}},
      {"another kind of server", faults::redis_error("ERR unknown command"), {unsupported}},
      {"a disk that is full", faults::redis_error("MISCONF Redis is configured to save RDB snapshots"), {unavailable}},
      {"a key of somebody else", faults::redis_error("WRONGTYPE Operation against a key"), {corrupted}},
      {"an error without a name", faults::redis_error("ERR something"), {io}},
      // What the server takes it for it does not know.
      {"a byte that flips at the beginning of a request",
       in_head(faults::flip_byte(0).on_request(1)),
       {io, unsupported, unavailable, timeout}},
      {"a byte that flips in the number of words of a request",
       in_head(faults::flip_byte(1).on_request(1)),
       {io, unsupported, unavailable, timeout}},
      {"a byte that flips in the name of a command", in_head(faults::flip_byte(8).on_request(1)), {unsupported}},
      {"a certificate of another host", faults::bad_certificate("wrong_host"), {permission}, {}, true, true},
      {"a certificate that ran out", faults::bad_certificate("expired"), {permission}, {}, true, true},
      {"a certificate that nobody signed", faults::bad_certificate("self_signed"), {permission}, {}, true, true},
  };
  return all;
}

/// Once: the operation does not notice.
///
/// `Faulted`: Place, or what is made and asked alike. Its proxy_of() is the one before the server of a location that has an object.
template <class Faulted>
void meet_once(const FaultCase& one, const FaultedOperation<Faulted, RedisBackend>& operation, const std::string& what,
               Problems& problems) {
  Faulted place{{.connect = 5s, .call = timeouts.call, .operation = 20s, .cleanup = 5s}};
  {
    RedisBackend backend = place.storage.create_backend().value();
    problems.expect(store(backend, before).has_value(), what + ": the object before it");
    servers::FaultProxy& proxy = place.proxy_of(backend);
    auto run = operation.begun(place, backend);
    if (one.needs_new_connection) proxy.drop_connections();
    const auto armed = proxy.arm(one.fault);

    const auto done = run();

    problems.expect(done.has_value(), what + ": " + message_of(done));
    problems.expect(proxy.fired(armed) == 1, what + ": the fault did not happen");
    proxy.drop_connections();  // what is held back must not arrive later
    proxy.disarm();
  }
  problems.expect(place.lasting() == 0, what + ": keys without an expiry are left");
}

/// For ever: it ends in time, with the documented category. Returns: how long it took.
template <class Faulted>
std::chrono::steady_clock::duration meet_for_ever(const FaultCase& one, const FaultedOperation<Faulted, RedisBackend>& operation,
                                                  const std::string& what, Problems& problems) {
  Faulted place{timeouts, one.is_tls};
  RedisBackend backend = place.storage.create_backend().value();
  problems.expect(in_the_end([&] { return store(backend, before).has_value(); }), what + ": the object before it");
  servers::FaultProxy& proxy = place.proxy_of(backend);
  servers::Fault fault = one.fault;
  if (fault.action == servers::Fault::Action::refuse) fault.time = servers::for_ever;
  auto run = operation.begun(place, backend);
  if (one.needs_new_connection) proxy.drop_connections();
  const auto armed = proxy.arm(std::move(fault).always());

  const auto begin = std::chrono::steady_clock::now();
  const auto done = run();
  const auto took = std::chrono::steady_clock::now() - begin;

  problems.expect(proxy.fired(armed) >= 1, what + ": the fault did not happen");
  proxy.drop_connections();  // what is held back must not arrive later
  proxy.disarm();
  problems.expect(!done, what + ": succeeded");
  if (!done) {
    const std::string message = done.error().message();
    const bool is_documented = std::find(one.categories.begin(), one.categories.end(), done.error().code()) != one.categories.end();
    problems.expect(is_documented, what + ": " + message);
    problems.expect(message.find("not for messages") == std::string::npos, what + ": the password in " + message);
  }
  if (operation.name != "remove")
    problems.expect(in_the_end([&] { return holds(backend, before); }), what + ": the object is not what it was");
  problems.expect(place.lasting() == 0, what + ": keys without an expiry are left");
  problems.expect(in_the_end([&] { return backend.remove().has_value(); }), what + ": remove() afterwards");
  return took;
}

}  // namespace hybridbuffer::testing
