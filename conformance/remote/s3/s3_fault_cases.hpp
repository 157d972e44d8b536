#pragma once

#include "../fault_matrix.hpp"
#include "s3_fault_place.hpp"

#include <hybridbuffer/backend/s3.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <servers/fault_proxy.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// \file
/// All that a proxy can be told to do to a store's conversations, and how an operation meets it. Once: the operation goes on and is right.
/// For ever: the documented category within the deadline. In both cases nothing is left in the store afterwards.

namespace hybridbuffer::testing {

namespace faults = servers::faults;
using namespace std::chrono_literals;
using Operation = FaultedOperation<Place, S3Backend>;

inline const Bytes before = content(3 * part - 7);
inline const Bytes small = content(1'000);
inline const Bytes large = content(5 * part + 1);

inline constexpr std::string_view store_small{"store a small object"};
inline constexpr std::string_view store_parts{"store an object in parts"};
inline constexpr std::string_view abandon{"abandon an upload"};
inline constexpr std::string_view read_on{"read in order"};
inline constexpr std::string_view read_window{"read a window"};
inline constexpr std::string_view seek_and_read{"seek and read"};
inline constexpr std::string_view publish_over{"publish in place of another"};
inline constexpr std::string_view publish_free{"publish what is free"};
inline constexpr std::string_view publish_small{"publish a small object that is free"};
inline constexpr std::string_view remove_all{"remove"};
inline constexpr std::string_view store_empty{"store an empty object"};
inline constexpr std::string_view commit_parts{"commit what is written"};
inline constexpr std::string_view check_storage{"check a storage"};
inline constexpr std::string_view list_orphans{"look for what is left"};

/// What the location holds before it.
inline const Bytes& held_for(const Operation& operation) { return operation.name == publish_small ? small : before; }

inline const std::vector<FaultCase>& cases() {
  using enum errc;
  using faults::s3_error;
  static const std::vector<FaultCase> all{
      {"refused connections", faults::refuse(30ms), {unavailable, timeout}, {}, true},
      {"a reset request", faults::reset_after(100).on_request(1), {unavailable, timeout}},
      {"a half-closed request", faults::half_close_after(40).on_request(1), {invalid_argument, timeout}},
      {"a lost reply", faults::drop_reply(), {unavailable, timeout}},
      {"a reset in the reply's head", faults::reset_after(30), {unavailable, timeout}},
      {"a half-closed reply", faults::half_close_after(40), {unavailable, timeout}},
      {"a stalled request", faults::stall_after(50).on_request(1), {timeout}},
      {"a stalled reply", faults::stall_after(0), {timeout}},
      {"one byte a second", faults::one_byte_per(), {timeout}},
      {"a late reply", faults::late_reply(800ms), {timeout}},
      {"a reply that comes twice", faults::duplicate_reply(), {unavailable, timeout, io, corrupted}, {}, false, false, true},
      {"a body that is cut off",
       faults::truncate_body(0).matching("GET "),
       {unavailable, timeout},
       {read_on, read_window, seek_and_read, publish_small, check_storage, list_orphans}},
      {"an upload's answer that is cut off", faults::truncate_body(20).matching("POST "), {unavailable, timeout}, {store_parts, abandon}},
      {"a copy's answer that is cut off", faults::truncate_body(3).matching("x-amz-copy-source"), {unavailable, timeout}, {publish_over}},
      {"a byte that flips on its way to the store",
       faults::flip_byte(500).on_request(1).matching("PUT "),
       {corrupted, timeout},
       {store_small, store_parts, abandon, publish_small}},
      {"a byte that flips in the list of an upload's parts",
       faults::flip_byte(100).on_request(1).matching("?uploadId="),
       {corrupted, timeout},
       {store_parts, commit_parts}},
      {"a byte that flips at the beginning of a reply", in_head(faults::flip_byte(0)), {unavailable, timeout}},
      {"an answer of no kind", faults::replace_reply("SSH-2.0-OpenSSH_9.2p1\r\n"), {unavailable, timeout}},
      {"a restart of the server", faults::server_restart(30ms), {unavailable, timeout}},
      {"an endless redirection", faults::http_redirect(), {unavailable, timeout}},
      {"slow down", faults::answer(s3_error("503 Slow Down", "SlowDown")), {unavailable, timeout}},
      {"too many requests", faults::answer(faults::http("429 Too Many Requests")), {unavailable, timeout}},
      {"an internal error", faults::answer(s3_error("500 Internal Server Error", "InternalError")), {unavailable, timeout}},
      {"a page of a gateway", faults::answer(faults::http("502 Bad Gateway", "<html>no")), {unavailable, timeout}},
      {"a request that took too long", faults::answer(s3_error("408 Request Timeout", "RequestTimeout")), {timeout}},
      {"another operation on the way", faults::answer(s3_error("409 Conflict", "OperationAborted")), {busy, timeout}},
  };
  return all;
}

/// Faults that are answers of a store: that of its own category at once, however often it comes.
inline const std::vector<FaultCase>& refusals() {
  using enum errc;
  using faults::s3_error;
  static const std::vector<FaultCase> all{
      {"a right that is missing", faults::answer(s3_error("403 Forbidden", "AccessDenied")), {permission}},
      {"a quota that is used up", faults::answer(s3_error("403 Forbidden", "QuotaExceeded")), {no_space, permission}},
      {"another kind of store", faults::answer(s3_error("501 Not Implemented", "NotImplemented")), {unsupported}},
      {"a request that is wrong", faults::answer(s3_error("400 Bad Request", "InvalidArgument")), {invalid_argument}},
      {"an answer that S3 has not, to what was done", faults::replace_reply(faults::http("300 Multiple Choices")), {invalid_argument}},
      {"a byte that flips in what a request is signed for", in_head(faults::flip_byte(20).on_request(1)), {permission}},
      {"a certificate of another host", faults::bad_certificate("wrong_host"), {permission}, {}, true, true},
      {"a certificate that ran out", faults::bad_certificate("expired"), {permission}, {}, true, true},
      {"a certificate that nobody signed", faults::bad_certificate("self_signed"), {permission}, {}, true, true},
  };
  return all;
}

/// Once: the operation does not notice.
inline void meet_once(const FaultCase& one, const Operation& operation, const std::string& what, Problems& problems) {
  S3Timeouts timeouts = patient_timeouts;
  timeouts.call = short_timeouts.call;
  timeouts.low_speed = short_timeouts.low_speed;
  Place place{timeouts};
  {
    S3Backend backend = place.storage.create_backend().value();
    problems.expect(store(backend, held_for(operation)).has_value(), what + ": the object before it");
    auto run = operation.begun(place, backend);
    if (one.needs_new_connection) place.proxy.drop_connections();
    const auto armed = place.proxy.arm(one.fault);

    const auto done = run();

    problems.expect(done.has_value(), what + ": " + (done ? std::string{} : done.error().message()));
    problems.expect(place.proxy.fired(armed) == 1, what + ": the fault did not happen");
    place.proxy.drop_connections();  // what is held back must not arrive later
    place.proxy.disarm();
  }
  problems.expect(place.left() == 0, what + ": " + std::to_string(place.left()) + " objects or uploads are left");
}

/// For ever: it ends in time, with the documented category. Returns: how long it took.
inline std::chrono::steady_clock::duration meet_for_ever(const FaultCase& one, const Operation& operation, const std::string& what,
                                                         Problems& problems) {
  Place place{short_timeouts, one.is_tls};
  S3Backend backend = place.storage.create_backend().value();
  problems.expect(in_the_end([&] { return store(backend, held_for(operation)).has_value(); }), what + ": the object before it");
  servers::Fault fault = one.fault;
  if (fault.action == servers::Fault::Action::refuse) fault.time = servers::for_ever;
  auto run = operation.begun(place, backend);
  if (one.needs_new_connection) place.proxy.drop_connections();
  const auto armed = place.proxy.arm(std::move(fault).always());

  const auto begin = std::chrono::steady_clock::now();
  const auto done = run();
  const auto took = std::chrono::steady_clock::now() - begin;

  problems.expect(place.proxy.fired(armed) >= 1, what + ": the fault did not happen");
  place.proxy.drop_connections();  // what is held back must not arrive later
  place.proxy.disarm();
  problems.expect(!done || one.may_succeed, what + ": succeeded");
  if (!done) {
    const std::string message = done.error().message();
    const bool is_documented = std::find(one.categories.begin(), one.categories.end(), done.error().code()) != one.categories.end();
    problems.expect(is_documented, what + ": " + message);
    problems.expect(message.find(gateway().endpoint().secret_key) == std::string::npos, what + ": the secret in " + message);
    if (operation.name != remove_all)
      problems.expect(in_the_end([&] { return holds(backend, held_for(operation)); }), what + ": the object is not what it was");
  }
  problems.expect(in_the_end([&] { return backend.remove().has_value(); }), what + ": remove() afterwards");
  problems.expect(place.left() == 0, what + ": " + std::to_string(place.left()) + " objects or uploads are left");
  return took;
}

}  // namespace hybridbuffer::testing
