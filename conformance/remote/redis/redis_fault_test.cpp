#include "../fault_matrix.hpp"
#include "../flipped_reply.hpp"
#include "redis_support.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <servers/boost_test.hpp>
#include <servers/fault_proxy.hpp>
#include <servers/redis_server.hpp>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

// Every fault of the proxy on every operation. Once: the operation goes on and is right. For ever: the documented category within the
// deadline. In both cases nothing is left in the store that does not expire.

namespace {

using namespace hybridbuffer;
using namespace hybridbuffer::testing;
using namespace std::chrono_literals;
namespace faults = servers::faults;
using hybridbuffer::servers::ServerTests;
BOOST_TEST_GLOBAL_FIXTURE(ServerTests);
using Clock = std::chrono::steady_clock;

constexpr std::size_t chunk = std::size_t{16} * 1024;
constexpr RedisTimeouts timeouts{.connect = 200ms, .call = 100ms, .operation = 500ms, .cleanup = 200ms};

servers::RedisServer& server() {
  static servers::RedisServer running{{.password = "not for messages"}};
  return running;
}

/// A storage behind a proxy of its own, and what is under its prefix.
struct Place {
  explicit Place(RedisTimeouts times = timeouts, bool is_tls = false)
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

  servers::FaultProxy proxy;
  servers::RedisConnection raw{server().endpoint()};
  RedisOptions options;
  RedisStorage storage;
};

const Bytes before = content(3 * chunk - 7);
const Bytes larger = content(9 * chunk + 1, 7);
const Bytes more = content(2 * chunk, 9);

using Operation = FaultedOperation<Place, RedisBackend>;

Result<void> read_window(const RedisBackend& backend) {
  auto reader = backend.open_reader_at();
  if (!reader) return std::unexpected{reader.error()};
  Bytes window(chunk + 100);
  const auto count = reader->read_at(chunk / 2, window);
  if (!count) return std::unexpected{count.error()};
  return right_if(*count == window.size() && std::equal(window.begin(), window.end(), before.begin() + chunk / 2));
}

Result<void> seek_and_read(const RedisBackend& backend) {
  auto reader = backend.open_seeker();
  if (!reader) return std::unexpected{reader.error()};
  Bytes last(10);
  if (auto at = reader->seek(-10, Whence::end); !at) return std::unexpected{at.error()};
  const auto count = reader->read(last);
  if (!count) return std::unexpected{count.error()};
  return right_if(*count != 0 && std::equal(last.begin(), last.begin() + static_cast<std::ptrdiff_t>(*count), before.end() - 10));
}

const std::vector<Operation>& operations() {
  // Closing waits for its chunks, then for the manifest, and then removes what it replaces or gives up.
  constexpr auto closing = timeouts.operation + timeouts.cleanup;
  static const std::vector<Operation> all{
      {"store an object",
       [](Place&, RedisBackend& backend) {
         auto stored = store(backend, larger);
         return stored ? right_if(holds(backend, larger)) : stored;
       },
       closing},
      {"store an empty object",
       [](Place&, RedisBackend& backend) {
         auto stored = store(backend, {});
         return stored ? right_if(holds(backend, {})) : stored;
       },
       closing},
      {"extend an object",
       [](Place&, RedisBackend& backend) {
         auto extended = finish(backend.append(), more);
         Bytes both = before;
         both.insert(both.end(), more.begin(), more.end());
         return extended ? right_if(holds(backend, both)) : extended;
       },
       closing},
      {"abandon a writer",
       [](Place&, RedisBackend& backend) -> Result<void> {
         auto writer = backend.create();
         if (!writer) return std::unexpected{writer.error()};
         return writer->write(larger);
       },
       closing},
      {"read in order",
       [](Place&, RedisBackend& backend) -> Result<void> {
         auto bytes = read_all(backend);
         if (!bytes) return std::unexpected{bytes.error()};
         return right_if(*bytes == before);
       },
       timeouts.operation},
      {"read a window", [](Place&, RedisBackend& backend) { return read_window(backend); }, timeouts.operation},
      {"seek and read", [](Place&, RedisBackend& backend) { return seek_and_read(backend); }, timeouts.operation},
      {"touch", [](Place&, RedisBackend& backend) { return backend.touch(); }, timeouts.operation},
      {"remove", [](Place&, RedisBackend& backend) { return backend.remove(); }, timeouts.operation},
  };
  return all;
}

const std::vector<FaultCase>& cases() {
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
       {"read in order", "read a window"}},
      {"a last chunk that is cut off", faults::truncate_body(1'000).matching("}:1:"), {unavailable, timeout}, {"extend an object"}},
      {"a byte that flips in the answer to a question for the place",
       faults::flip_byte(0).on_reply(1).matching("ECHO"),
       {io, unavailable, timeout}},
      {"a reply of another kind", faults::replace_reply("*1\r\n$3\r\nfoo\r\n"), {io, unavailable, timeout}},
      {"a reply of no kind", faults::replace_reply("HTTP/1.1 400 Bad Request\r\n\r\n"), {io, unavailable, timeout}},
      {"a reply without an end", faults::replace_reply("$900000000000\r\nfoo"), {io, unavailable, timeout}},
      {"a restart of the server", faults::server_restart(30ms), {unavailable, timeout}},
      {"a redirection in circles", faults::redis_moved(), {unavailable, timeout}},
      {"a redirection to nowhere", faults::answer("-MOVED 1 127.0.0.1:1\r\n"), {unavailable, timeout}, {}, true},
      {"a server that loads", faults::redis_error("LOADING Redis is loading the dataset in memory"), {unavailable, timeout}},
      {"a cluster that is down", faults::redis_error("CLUSTERDOWN The cluster is down"), {unavailable, timeout}},
      {"a slot that moves", faults::redis_error("TRYAGAIN Multiple keys request during rehashing of slot"), {unavailable, timeout}},
      {"a replica", faults::redis_error("READONLY You can't write against a read only replica."), {unavailable, timeout}},
  };
  return all;
}

/// Faults that are answers of a server: that of its own category at once, however often it comes.
const std::vector<FaultCase>& refusals() {
  using enum errc;
  static const std::vector<FaultCase> all{
      {"a full server", faults::redis_error("OOM command not allowed when used memory > 'maxmemory'."), {no_space}},
      {"a right that is missing", faults::redis_error("NOPERM this user has no permissions"), {permission}},
      {"another kind of server", faults::redis_error("ERR unknown command"), {unsupported}},
      {"a disk that is full", faults::redis_error("MISCONF Redis is configured to save RDB snapshots"), {unavailable}},
      {"a key of somebody else", faults::redis_error("WRONGTYPE Operation against a key"), {corrupted}},
      {"an error without a name", faults::redis_error("ERR something"), {io}},
      {"a certificate of another host", faults::bad_certificate("wrong_host"), {permission}, {}, true, true},
      {"a certificate that ran out", faults::bad_certificate("expired"), {permission}, {}, true, true},
      {"a certificate that nobody signed", faults::bad_certificate("self_signed"), {permission}, {}, true, true},
  };
  return all;
}

/// Once: the operation does not notice.
void meet_once(const FaultCase& one, const Operation& operation, const std::string& what, Problems& problems) {
  Place place{{.connect = 5s, .call = timeouts.call, .operation = 20s, .cleanup = 5s}};
  {
    RedisBackend backend = place.storage.create_backend().value();
    problems.expect(store(backend, before).has_value(), what + ": the object before it");
    if (one.needs_new_connection) place.storage.trim();
    const auto armed = place.proxy.arm(one.fault);

    const auto done = operation.run(place, backend);

    problems.expect(done.has_value(), what + ": " + message_of(done));
    problems.expect(place.proxy.fired(armed) == 1, what + ": the fault did not happen");
    place.proxy.drop_connections();  // what is held back must not arrive later
    place.proxy.disarm();
  }
  problems.expect(place.lasting() == 0, what + ": keys without an expiry are left");
}

/// For ever: it ends in time, with the documented category. Returns: how long it took.
Clock::duration meet_for_ever(const FaultCase& one, const Operation& operation, const std::string& what, Problems& problems) {
  Place place{timeouts, one.is_tls};
  RedisBackend backend = place.storage.create_backend().value();
  problems.expect(in_the_end([&] { return store(backend, before).has_value(); }), what + ": the object before it");
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

}  // namespace

BOOST_AUTO_TEST_CASE(a_fault_that_passes_is_no_failure) {
  server();
  meet_all(pointers_to(cases()), operations(), "once", meet_once);
}

BOOST_AUTO_TEST_CASE(a_fault_that_lasts_ends_in_time_with_its_category_and_leaves_nothing_that_lasts) {
  server();
  meet_all(pointers_to(refusals(), pointers_to(cases())), operations(), "for ever",
           [](const FaultCase& one, const Operation& operation, const std::string& what, Problems& problems) {
             meet_in_time(operation.longest, what, problems, [&] { return meet_for_ever(one, operation, what, problems); });
           });
}

BOOST_AUTO_TEST_CASE(a_reply_that_comes_twice_never_gives_a_chunk_the_bytes_of_another) {
  for (std::uint64_t k = 1; k < 24; ++k) {
    Place place;
    RedisBackend backend = place.storage.create_backend().value();
    BOOST_REQUIRE(store(backend, larger));
    const auto armed = place.proxy.arm(faults::duplicate_reply().on_reply(k).matching("GET"));

    const auto bytes = read_all(backend);

    BOOST_TEST_REQUIRE(bytes.has_value());
    BOOST_TEST((*bytes == larger));
    BOOST_TEST(place.proxy.fired(armed) == (place.proxy.seen(armed) >= k ? 1U : 0U));
    if (place.proxy.seen(armed) < k) break;
  }
}

BOOST_AUTO_TEST_CASE(a_byte_that_flips_on_the_way_from_the_server_is_found_beneath_encrypted) {
  Place place{{.connect = 5s, .call = 5s, .operation = 20s, .cleanup = 5s}};
  expect_flip_to_be_found_beneath_encrypted(place, before, faults::flip_byte(500).on_reply(1).matching("}:1:").always());  // of chunks
}

BOOST_AUTO_TEST_CASE(a_commit_whose_answer_is_lost_is_made_again_and_not_twice) {
  Place place;
  RedisBackend backend = place.storage.create_backend().value();
  BOOST_REQUIRE(store(backend, before));
  auto writer = backend.append().value();
  BOOST_REQUIRE(writer.write(more));
  const auto armed = place.proxy.arm(faults::drop_reply().matching("hybridbuffer 1 "));

  BOOST_REQUIRE(writer.close());

  BOOST_TEST(place.proxy.fired(armed) == 1U);
  Bytes both = before;
  both.insert(both.end(), more.begin(), more.end());
  BOOST_TEST(holds(backend, both));
  BOOST_TEST(place.keys().size() == (both.size() + chunk - 1) / chunk + 1);
}

BOOST_AUTO_TEST_CASE(a_dead_server_does_not_hold_up_every_destructor) {
  Place place;
  std::vector<RedisBackend> many;
  for (int i = 0; i < 200; ++i) {
    many.push_back(place.storage.create_backend().value());
    BOOST_REQUIRE(store(many.back(), content(100)));
  }
  place.proxy.arm(faults::refuse().always());
  place.proxy.drop_connections();

  const auto begin = Clock::now();
  many.clear();

  BOOST_TEST((Clock::now() - begin < 200 * timeouts.cleanup / 4));
  BOOST_TEST(place.lasting() == 0U);
}
