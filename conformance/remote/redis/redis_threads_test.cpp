#include "../threads.hpp"
#include "redis_support.hpp"

#include <hybridbuffer/backend/redis_keep_alive.hpp>

#include <boost/test/unit_test.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <servers/boost_test.hpp>
#include <servers/redis_server.hpp>
#include <string>
#include <vector>

// RedisStorage, RedisBackend and RedisReaderAt from several threads at once: for the thread sanitizer.

namespace {

using namespace hybridbuffer;
using namespace hybridbuffer::testing;
using namespace std::chrono_literals;
using hybridbuffer::servers::ServerTests;
BOOST_TEST_GLOBAL_FIXTURE(ServerTests);

constexpr std::size_t chunk = 1'024;
constexpr std::size_t size = 20 * chunk + 7;

servers::RedisServer& server() {
  static servers::RedisServer running{{.password = "p", .tls = true}};
  return running;
}
RedisOptions options_beneath(const std::string& prefix) {
  RedisOptions options = options_for(server().endpoint());
  options.prefix = prefix;
  options.expiration = 1h;
  options.chunk_bytes = chunk;
  options.window_bytes = 6 * chunk;
  return options;
}
void expect_nothing_left(const std::string& prefix) { BOOST_TEST(server().connection().keys(prefix).empty()); }

}  // namespace

BOOST_AUTO_TEST_CASE(many_threads_read_one_location_by_one_handle_and_touch_it) {
  Problems problems;
  {
    RedisBackend backend = RedisStorage{options_beneath("read:")}.create_backend().value();
    read_by_many<RedisBackend>(backend, size, problems, [](const RedisBackend& one) { return one.touch(); });
  }
  problems.report();
  expect_nothing_left("read:");
}

BOOST_AUTO_TEST_CASE(many_threads_read_a_location_that_one_writes_anew) {
  Problems problems;
  {
    RedisBackend backend = RedisStorage{options_beneath("write:")}.create_backend().value();
    read_while_written(backend, size, problems);
  }
  problems.report();
  expect_nothing_left("write:");
}

BOOST_AUTO_TEST_CASE(one_that_is_extended_keeps_the_bytes_of_every_open_handle) {
  Problems problems;
  {
    RedisBackend backend = RedisStorage{options_beneath("extend:")}.create_backend().value();
    constexpr unsigned extensions = 40;
    constexpr std::size_t more = 300;  // so that the last chunk is renamed by most of them
    BOOST_REQUIRE(store(backend, version(3, size)));
    std::atomic<bool> ends{false};
    std::vector<std::function<void()>> works{[&] {
      Bytes piece(more);
      for (unsigned i = 0; i < extensions; ++i) {
        fill(piece, size + i * more, 3);
        problems.expect(finish(backend.append(), piece).has_value(), "an extension");
      }
      ends = true;
    }};
    for (int reader = 0; reader < 3; ++reader) {
      works.emplace_back([&] {
        while (!ends) {
          const auto bytes = read_all(backend);
          problems.expect(bytes && bytes->size() >= size && is_filled(*bytes, 0, 3),
                          "what is extended: " + (bytes ? std::string{"other bytes"} : bytes.error().message()));
        }
      });
    }
    at_once(works, problems);
    problems.expect(holds(backend, version(3, size + extensions * more)), "all extensions");
  }
  problems.report();
  expect_nothing_left("extend:");
}

BOOST_AUTO_TEST_CASE(threads_share_a_storage_over_TLS_and_plain) {
  for (const bool is_tls : {false, true}) {
    RedisOptions options = options_beneath("share:");
    if (is_tls) {
      options.servers.front().port = server().endpoint().tls_port;
      options.tls = {.enabled = true, .ca_file = server().endpoint().certificate_authority};
    }
    Problems problems;
    spill_side_by_side(RedisStorage{options}, size, problems);
    problems.report();
    expect_nothing_left("share:");
  }
}

BOOST_AUTO_TEST_CASE(a_thread_touches_what_others_make_use_and_end) {
  Problems problems;
  {
    const RedisKeepAlive storage{RedisStorage{options_beneath("keep:")}, 1ms};
    constexpr std::uint64_t threads = 3;
    std::vector<std::function<void()>> works;
    works.reserve(threads);
    for (std::uint64_t thread = 0; thread < threads; ++thread) {
      works.emplace_back([&, thread] {
        for (std::uint64_t round = 0; round < 10; ++round) {
          auto backend = storage.create_backend();
          problems.expect(backend && store(*backend, version(thread, size)), "a location that is kept");
          if (!backend) continue;
          auto moved = *std::move(backend);
          problems.expect(holds(moved, version(thread, size)), "a location that is kept: other bytes");
          [[maybe_unused]] const auto status = storage.status();  // of an object that ended meanwhile it may be any
        }
      });
    }
    at_once(works, problems);
  }
  problems.report();
  expect_nothing_left("keep:");
}
