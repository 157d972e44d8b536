#include "../fault_matrix.hpp"
#include "s3_fault_place.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <optional>
#include <servers/boost_test.hpp>
#include <servers/fault_proxy.hpp>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// Every fault of the proxy on every operation. Once: the operation goes on and is right. For ever: the documented category within the
// deadline. In both cases nothing is left in the store afterwards.

namespace {

using namespace hybridbuffer;
using namespace hybridbuffer::testing;
using namespace std::chrono_literals;
namespace faults = servers::faults;
using hybridbuffer::servers::ServerTests;
BOOST_TEST_GLOBAL_FIXTURE(ServerTests);
using Clock = std::chrono::steady_clock;
using Operation = FaultedOperation<Place, S3Backend>;

const Bytes before = content(3 * part - 7);
const Bytes small = content(1'000);
const Bytes large = content(5 * part + 1);

constexpr std::string_view store_small{"store a small object"};
constexpr std::string_view store_parts{"store an object in parts"};
constexpr std::string_view abandon{"abandon an upload"};
constexpr std::string_view read_on{"read in order"};
constexpr std::string_view read_window{"read a window"};
constexpr std::string_view seek_and_read{"seek and read"};
constexpr std::string_view publish_over{"publish in place of another"};
constexpr std::string_view publish_free{"publish what is free"};
constexpr std::string_view publish_small{"publish a small object that is free"};
constexpr std::string_view remove_all{"remove"};

Result<void> store_and_read(S3Backend& backend, const Bytes& bytes) {
  auto stored = store(backend, bytes);
  return stored ? right_if(holds(backend, bytes)) : stored;
}

Result<void> look_at_window(const S3Backend& backend) {
  auto reader = backend.open_reader_at();
  if (!reader) return std::unexpected{reader.error()};
  Bytes window(2 * part + 100);
  const auto count = reader->read_at(part / 2, window);
  if (!count) return std::unexpected{count.error()};
  return right_if(*count == window.size() && std::equal(window.begin(), window.end(), before.begin() + part / 2));
}

Result<void> look_at_end(const S3Backend& backend) {
  auto reader = backend.open_seeker();
  if (!reader) return std::unexpected{reader.error()};
  if (auto at = reader->seek(-10, Whence::end); !at) return std::unexpected{at.error()};
  Bytes last(10);
  const auto count = reader->read(last);
  if (!count) return std::unexpected{count.error()};
  return right_if(*count != 0 && std::equal(last.begin(), last.begin() + static_cast<std::ptrdiff_t>(*count), before.end() - 10));
}

// Whatever it says: there is nothing, what was there, or the whole.
Result<void> publish(Place& place, S3Backend& backend, PublishMode mode, const Bytes& object) {
  const std::string lasting = "published-" + place.options.prefix;
  constexpr std::string_view old{"what was there"};
  if (mode == PublishMode::replace) place.raw.put(lasting, old);
  auto published = backend.publish(lasting, mode);
  const auto found = place.raw.get(lasting);
  place.raw.remove(lasting);
  const bool is_whole = found && std::ranges::equal(std::as_bytes(std::span{*found}), object);
  const bool is_as_before = mode == PublishMode::replace ? found == old : !found;
  if (published ? !is_whole : !is_whole && !is_as_before) return right_if(false);
  // Its answer was lost: what has the name may be this very copy, or somebody else's.
  if (!published && mode == PublishMode::keep && is_whole && published.error().is_indeterminate()) return {};
  return published;
}

const std::vector<Operation>& operations() {
  constexpr auto closing = short_timeouts.operation + short_timeouts.cleanup;
  constexpr auto operation = short_timeouts.operation;
  static const std::vector<Operation> all{
      {store_small, [](Place&, S3Backend& backend) { return store_and_read(backend, small); }, closing},
      {store_parts, [](Place&, S3Backend& backend) { return store_and_read(backend, large); }, closing},
      {abandon,
       [](Place&, S3Backend& backend) -> Result<void> {
         auto writer = backend.create();
         if (!writer) return std::unexpected{writer.error()};
         return writer->write(large);
       },
       closing},
      {read_on,
       [](Place&, S3Backend& backend) -> Result<void> {
         auto bytes = read_all(backend);
         if (!bytes) return std::unexpected{bytes.error()};
         return right_if(*bytes == before);
       },
       operation},
      {read_window, [](Place&, S3Backend& backend) { return look_at_window(backend); }, operation},
      {seek_and_read, [](Place&, S3Backend& backend) { return look_at_end(backend); }, operation},
      {publish_over, [](Place& place, S3Backend& backend) { return publish(place, backend, PublishMode::replace, before); }, operation},
      {publish_free, [](Place& place, S3Backend& backend) { return publish(place, backend, PublishMode::keep, before); }, operation},
      {publish_small, [](Place& place, S3Backend& backend) { return publish(place, backend, PublishMode::keep, small); }, operation},
      {remove_all, [](Place&, S3Backend& backend) { return backend.remove(); }, operation},
  };
  return all;
}

/// What the location holds before it.
const Bytes& held_for(const Operation& operation) { return operation.name == publish_small ? small : before; }

const std::vector<FaultCase>& cases() {
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
       {read_on, read_window, seek_and_read, publish_small}},
      {"an upload's answer that is cut off", faults::truncate_body(20).matching("POST "), {unavailable, timeout}, {store_parts, abandon}},
      {"a copy's answer that is cut off", faults::truncate_body(3).matching("x-amz-copy-source"), {unavailable, timeout}, {publish_over}},
      {"a byte that flips on its way to the store",
       faults::flip_byte(500).on_request(1).matching("PUT "),
       {corrupted, timeout},
       {store_small, store_parts, abandon, publish_small}},
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
const std::vector<FaultCase>& refusals() {
  using enum errc;
  using faults::s3_error;
  static const std::vector<FaultCase> all{
      {"a right that is missing", faults::answer(s3_error("403 Forbidden", "AccessDenied")), {permission}},
      {"a quota that is used up", faults::answer(s3_error("403 Forbidden", "QuotaExceeded")), {no_space, permission}},
      {"another kind of store", faults::answer(s3_error("501 Not Implemented", "NotImplemented")), {unsupported}},
      {"a request that is wrong", faults::answer(s3_error("400 Bad Request", "InvalidArgument")), {invalid_argument}},
      {"a certificate of another host", faults::bad_certificate("wrong_host"), {permission}, {}, true, true},
      {"a certificate that ran out", faults::bad_certificate("expired"), {permission}, {}, true, true},
      {"a certificate that nobody signed", faults::bad_certificate("self_signed"), {permission}, {}, true, true},
  };
  return all;
}

/// Once: the operation does not notice.
void meet_once(const FaultCase& one, const Operation& operation, const std::string& what, Problems& problems) {
  S3Timeouts patient = short_timeouts;
  patient.connect = patient.cleanup = 5s;
  patient.operation = 20s;
  Place place{patient};
  {
    S3Backend backend = place.storage.create_backend().value();
    problems.expect(store(backend, held_for(operation)).has_value(), what + ": the object before it");
    if (one.needs_new_connection) place.storage.trim();
    const auto armed = place.proxy.arm(one.fault);

    const auto done = operation.run(place, backend);

    problems.expect(done.has_value(), what + ": " + (done ? std::string{} : done.error().message()));
    problems.expect(place.proxy.fired(armed) == 1, what + ": the fault did not happen");
    place.proxy.drop_connections();  // what is held back must not arrive later
    place.proxy.disarm();
  }
  problems.expect(place.left() == 0, what + ": " + std::to_string(place.left()) + " objects or uploads are left");
}

/// For ever: it ends in time, with the documented category. Returns: how long it took.
Clock::duration meet_for_ever(const FaultCase& one, const Operation& operation, const std::string& what, Problems& problems) {
  Place place{short_timeouts, one.is_tls};
  S3Backend backend = place.storage.create_backend().value();
  problems.expect(in_the_end([&] { return store(backend, held_for(operation)).has_value(); }), what + ": the object before it");
  servers::Fault fault = one.fault;
  if (fault.action == servers::Fault::Action::refuse) fault.time = servers::for_ever;
  if (one.needs_new_connection) place.storage.trim();
  const auto armed = place.proxy.arm(std::move(fault).always());

  const auto begin = Clock::now();
  const auto done = operation.run(place, backend);
  const auto took = Clock::now() - begin;

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

}  // namespace

BOOST_AUTO_TEST_CASE(a_fault_that_passes_is_no_failure) {
  gateway();
  meet_all(pointers_to(cases()), operations(), "once", meet_once);
}

BOOST_AUTO_TEST_CASE(a_fault_that_lasts_ends_in_time_with_its_category_and_nothing_is_left) {
  gateway();
  meet_all(pointers_to(refusals(), pointers_to(cases())), operations(), "for ever",
           [](const FaultCase& one, const Operation& operation, const std::string& what, Problems& problems) {
             meet_in_time(operation.longest, what, problems, [&] { return meet_for_ever(one, operation, what, problems); });
           });
}
