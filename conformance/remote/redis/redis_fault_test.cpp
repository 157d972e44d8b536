#include "../flipped_reply.hpp"
#include "redis_fault_operations.hpp"
#include "redis_fault_place.hpp"

#include <hybridbuffer/backend/redis_keep_alive.hpp>
#include <hybridbuffer/transform/encrypted.hpp>

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
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

}  // namespace

BOOST_AUTO_TEST_CASE(a_fault_that_passes_is_no_failure) {
  server();
  meet_all(pointers_to(cases()), operations<Place>(), "once", meet_once<Place>);
}

BOOST_AUTO_TEST_CASE(a_fault_that_lasts_ends_in_time_with_its_category_and_leaves_nothing_that_lasts) {
  server();
  meet_all(pointers_to(refusals(), pointers_to(cases())), operations<Place>(), "for ever",
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
  Place place;
  expect_flip_to_be_found_beneath_encrypted(place, before, faults::flip_byte(500).on_reply(1).matching("}:1:").always());  // of chunks
}

BOOST_AUTO_TEST_CASE(a_byte_that_flips_on_the_way_to_the_server_is_found_beneath_encrypted) {
  Place place;
  const auto storage = encrypted(place.storage);
  for (const std::uint64_t offset : {500U, 9'000U}) {
    auto backend = storage.create_backend().value();
    const auto armed = place.proxy.arm(faults::flip_byte(offset).on_request(1).matching("}:1:"));  // a chunk

    const auto stored = store(backend, before);
    const auto altered = stored ? read_all(backend) : std::unexpected{stored.error()};

    BOOST_TEST(place.proxy.fired(armed) == 1U);
    BOOST_REQUIRE(!altered);
    BOOST_TEST((altered.error() == errc::corrupted), altered.error().message());
  }
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
  Place place{{.connect = timeouts.connect, .call = 5s, .operation = 20s, .cleanup = timeouts.cleanup}};
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

BOOST_AUTO_TEST_CASE(a_node_that_is_to_be_asked_once_and_cannot_answer_is_not_asked_again) {
  for (const bool is_loading : {false, true}) {
    servers::FaultProxy other{{.protocol = servers::Protocol::redis}};
    if (is_loading) other.arm(faults::redis_error("LOADING Redis is loading the dataset in memory").always());
    Place place;
    RedisBackend backend = place.storage.create_backend().value();
    const auto armed = place.proxy.arm(faults::answer("-ASK 1 127.0.0.1:" + std::to_string(other.port()) + "\r\n").matching("SET"));

    const auto stored = store(backend, before);

    BOOST_TEST(stored.has_value(), message_of(stored));
    BOOST_TEST(place.proxy.fired(armed) == 1U);
    BOOST_TEST(other.totals().connections == 1U);
    BOOST_TEST(holds(backend, before));
  }
}

BOOST_AUTO_TEST_CASE(what_is_touched_while_it_is_extended_or_replaced_is_not_corrupted) {
  for (const bool extends : {true, false}) {
    Place place;
    RedisBackend backend = place.storage.create_backend().value();
    BOOST_REQUIRE(store(backend, before));
    const auto armed = place.proxy.arm(faults::stall_after(0).on_request(1).matching("PEXPIRE"));
    Result<void> touched = failure(errc::io, "touch");
    std::thread toucher{[&] { touched = backend.touch(); }};
    place.proxy.wait_until_fired(armed);

    const auto changed = extends ? finish(backend.append(), more) : store(backend, larger);
    place.proxy.release();
    toucher.join();

    BOOST_TEST_CONTEXT((extends ? "extended" : "replaced")) {
      BOOST_TEST(changed.has_value(), message_of(changed));
      BOOST_TEST(touched.has_value(), message_of(touched));
    }
  }
}

BOOST_AUTO_TEST_CASE(what_is_kept_alive_while_it_is_extended_or_replaced_is_not_corrupted) {
  for (const bool extends : {true, false}) {
    Place place;
    const RedisKeepAlive keeping{place.storage, 200ms};
    RedisBackend backend = keeping.create_backend().value();
    BOOST_REQUIRE(store(backend, before));
    const auto armed = place.proxy.arm(faults::stall_after(0).on_request(1).matching("PEXPIRE"));
    place.proxy.wait_until_fired(armed);

    const auto changed = extends ? finish(backend.append(), more) : store(backend, larger);
    place.proxy.release();

    BOOST_TEST_CONTEXT((extends ? "extended" : "replaced")) {
      BOOST_TEST(changed.has_value(), message_of(changed));
      for (const auto end = Clock::now() + 500ms; Clock::now() < end; std::this_thread::sleep_for(10ms)) {
        const auto status = keeping.status();
        BOOST_TEST_REQUIRE(status.has_value(), message_of(status));
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(a_slow_server_does_not_hold_up_a_destructor_for_longer_than_its_time) {
  Place place;
  RedisOptions options = place.options;
  options.chunk_bytes = 1;
  options.window_bytes = 256;
  options.timeouts.cleanup = 1s;
  {
    RedisBackend backend = RedisStorage{options}.create_backend().value();
    BOOST_REQUIRE(store(backend, content(std::size_t{6} * 64 * 128)));  // six times as many as are removed at once
    const auto armed = place.proxy.arm(faults::late_reply(10ms).matching("UNLINK").always());

    const auto begin = Clock::now();
    { const RedisBackend ending = std::move(backend); }

    BOOST_TEST((Clock::now() - begin < 2'500ms));
    BOOST_TEST(place.proxy.fired(armed) > 0U);
  }
  BOOST_TEST(place.lasting() == 0U);
}

BOOST_AUTO_TEST_CASE(a_server_that_falls_silent_does_not_hold_up_the_end_of_a_writer_for_longer_than_its_time) {
  Place place;
  RedisOptions options = place.options;
  options.window_bytes = 16 * chunk;
  options.timeouts.cleanup = 2s;
  RedisBackend backend = RedisStorage{options}.create_backend().value();
  Clock::time_point begin;
  {
    auto writer = backend.create().value();
    BOOST_REQUIRE(writer.write(content(8 * chunk)));
    place.proxy.arm(faults::stall_after(0).always());
    BOOST_REQUIRE(writer.write(content(6 * chunk)));
    begin = Clock::now();
  }
  BOOST_TEST((Clock::now() - begin < 2'700ms));
  place.proxy.disarm();
  BOOST_TEST(place.lasting() == 0U);
}
