#include "redis_place.hpp"

#include <hybridbuffer/backend/redis_keep_alive.hpp>

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <csignal>
#include <functional>
#include <servers/boost_test.hpp>
#include <span>
#include <string>
#include <string_view>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

// RedisStorage: keys expire, each use keeps them alive, and whoever dies leaves none that lasts.

namespace {

using namespace hybridbuffer;
using namespace hybridbuffer::testing;
using namespace std::chrono_literals;
using hybridbuffer::servers::ServerTests;
BOOST_TEST_GLOBAL_FIXTURE(ServerTests);

}  // namespace

BOOST_AUTO_TEST_CASE(every_key_expires_while_it_is_written_and_afterwards) {
  const Place place;
  RedisBackend backend = place.backend();
  auto writer = backend.create().value();
  BOOST_REQUIRE(writer.write(content(64 * 30)));
  BOOST_TEST(place.keys().size() > 10U);
  BOOST_TEST(place.lasting_keys().empty());

  BOOST_REQUIRE(writer.close());
  BOOST_TEST(place.all_live_for(59min, 60min));
  BOOST_REQUIRE(finish(backend.append(), content(100)));
  BOOST_TEST(place.all_live_for(59min, 60min));
}

BOOST_AUTO_TEST_CASE(each_use_and_touch_refresh_every_key) {
  const Place place;
  RedisBackend backend = place.backend();
  const Bytes bytes = content(64 * 20 + 7);
  BOOST_REQUIRE(store(backend, bytes));
  Bytes piece(10);
  auto reader = backend.open().value();
  const auto reader_at = backend.open_reader_at().value();
  const std::vector<std::pair<const char*, std::function<bool()>>> uses{
      {"open", [&] { return backend.open().has_value(); }},
      {"open_reader_at", [&] { return backend.open_reader_at().has_value(); }},
      {"read", [&] { return reader.read(piece).has_value(); }},
      {"read_at", [&] { return reader_at.read_at(700, piece).has_value(); }},
      {"append", [&] { return finish(backend.append(), content(1)).has_value(); }},
      {"touch", [&] { return backend.touch().has_value(); }},
  };
  for (const auto& [name, use] : uses) {
    BOOST_TEST_CONTEXT(name) {
      place.shorten_to(10min);
      BOOST_TEST(use());
      if (name != std::string_view{"append"}) BOOST_TEST(place.all_live_for(59min, 60min));
      else BOOST_TEST(place.all_live_for(9min, 60min));
    }
  }
}

BOOST_AUTO_TEST_CASE(a_slow_writer_keeps_what_it_has_written) {
  const Place place;
  RedisBackend backend = place.backend();
  const Bytes bytes = content(64 * 40);
  auto writer = backend.create().value();
  BOOST_REQUIRE(writer.write(std::span{bytes}.first(64 * 20)));
  BOOST_REQUIRE(writer.write(std::span{bytes}.subspan(64 * 20, 64 * 9)));  // so that all of the first are there
  place.shorten_to(10min);
  BOOST_REQUIRE(writer.write(std::span{bytes}.subspan(64 * 29)));
  BOOST_REQUIRE(writer.close());
  BOOST_TEST(place.all_live_for(59min, 60min));
  BOOST_TEST(holds(backend, bytes));

  auto late = backend.create().value();
  BOOST_REQUIRE(late.write(bytes));
  for (const std::string& key : place.keys()) {
    if (key.find(":2:") != std::string::npos) server().connection().remove(key);
  }
  const auto closed = late.close();
  BOOST_REQUIRE(!closed);
  BOOST_TEST((closed.error() == errc::corrupted));
  BOOST_TEST(holds(backend, bytes));
}

BOOST_AUTO_TEST_CASE(a_writer_of_a_few_bytes_at_a_time_keeps_what_it_has_written) {
  const Place place{16s};
  RedisBackend backend = place.backend();
  const Bytes bytes = content(64 * 20 + 10);
  auto writer = backend.create().value();
  BOOST_REQUIRE(writer.write(std::span{bytes}.first(64 * 20)));
  BOOST_REQUIRE(writer.write(std::span{bytes}.subspan(64 * 20, 9)));
  place.shorten_to(10s);
  std::this_thread::sleep_for(1'100ms);  // a sixteenth, and more

  BOOST_REQUIRE(writer.write(std::span{bytes}.last(1)));

  BOOST_TEST(place.all_live_for(11s, 16s));
  BOOST_REQUIRE(writer.close());
  BOOST_TEST(holds(backend, bytes));
}

BOOST_AUTO_TEST_CASE(without_an_expiration_only_what_is_committed_lasts) {
  const Place place{0ms};
  {
    RedisBackend backend = place.backend();
    auto writer = backend.create().value();
    BOOST_REQUIRE(writer.write(content(64 * 30)));
    BOOST_TEST(place.keys().size() > 10U);
    BOOST_TEST(place.lasting_keys().empty());
    BOOST_REQUIRE(writer.close());
    BOOST_TEST(place.lasting_keys().size() == 31U);
    BOOST_REQUIRE(finish(backend.append(), content(70)));
    BOOST_TEST(place.lasting_keys().size() == 33U);
    BOOST_TEST(place.keys().size() == 33U);
    BOOST_TEST(backend.touch().has_value());
    auto extension = backend.append().value();
    BOOST_REQUIRE(extension.write(content(64 * 20)));
    BOOST_TEST(place.lasting_keys().size() == 33U);
  }
  BOOST_TEST(place.keys().empty());
}

BOOST_AUTO_TEST_CASE(a_killed_process_leaves_only_keys_that_expire) {
  for (int steps = 0; steps < 6; ++steps) {
    const Place place;
    int ready[2];
    BOOST_REQUIRE(::pipe(ready) == 0);
    const pid_t child = ::fork();
    if (child == 0) {
      RedisBackend backend = place.backend();
      if (steps % 2 == 1) static_cast<void>(store(backend, content(64 * 10)));
      auto writer = steps < 4 ? backend.create() : backend.append();
      if (steps > 1) static_cast<void>(writer->write(content(64 * 20 + 5)));
      static_cast<void>(::write(ready[1], "r", 1) == 1);
      ::pause();
    }
    char mark = 0;
    BOOST_TEST(::read(ready[0], &mark, 1) == 1);
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    ::close(ready[0]);
    ::close(ready[1]);
    BOOST_TEST_CONTEXT("killed in step " << steps) {
      if (steps > 0) BOOST_TEST(!place.keys().empty());
      BOOST_TEST(place.lasting_keys().empty());
    }
  }
}

BOOST_AUTO_TEST_CASE(keep_alive_touches_what_nobody_uses) {
  const Place place;
  RedisKeepAlive storage{place.storage, 20ms};
  RedisBackend moved = storage.create_backend().value();
  RedisBackend backend = std::move(moved);
  BOOST_REQUIRE(store(backend, content(64 * 10)));
  place.shorten_to(10min);
  for (int i = 0; i < 1'000 && !place.all_live_for(59min, 60min); ++i) std::this_thread::sleep_for(20ms);
  BOOST_TEST(place.all_live_for(59min, 60min));
  BOOST_TEST(message_of(storage.status()) == "no error");

  server().connection().remove(last_of(place.keys()));
  for (int i = 0; i < 1'000 && storage.status(); ++i) std::this_thread::sleep_for(20ms);
  BOOST_TEST((message_of(storage.status()).find("[corrupted]") != std::string::npos));
  BOOST_REQUIRE(backend.remove());
  for (int i = 0; i < 1'000 && !storage.status(); ++i) std::this_thread::sleep_for(20ms);
  BOOST_TEST(message_of(storage.status()) == "no error");
}
