#include "../../support/forked_child.hpp"
#include "redis_place.hpp"
#include "redis_support.hpp"

#include <hybridbuffer/backend/redis.hpp>
#include <hybridbuffer/detail/redis_reply.hpp>

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <servers/boost_test.hpp>
#include <servers/redis_server.hpp>
#include <servers/tls_certificates.hpp>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <unistd.h>
#include <vector>

// RedisStorage on one server: what stands in the server, what is left, and what is an error.

namespace {

using namespace hybridbuffer;
using namespace hybridbuffer::testing;
using namespace std::chrono_literals;
using hybridbuffer::servers::ServerTests;
BOOST_TEST_GLOBAL_FIXTURE(ServerTests);

/// What a server was asked since the last time: command → how often.
std::map<std::string, std::int64_t> commands_since(servers::RedisConnection& raw) {
  std::map<std::string, std::int64_t> all;
  const std::string text = raw.expect({"INFO", "commandstats"}).text;
  constexpr std::string_view begin{"cmdstat_"};
  constexpr std::string_view calls{":calls="};
  for (std::size_t at = text.find(begin); at != std::string::npos; at = text.find(begin, at)) {
    at += begin.size();
    const std::size_t end = text.find(calls, at);
    all[text.substr(at, end - at)] = std::stoll(text.substr(end + calls.size()));
  }
  raw.expect({"CONFIG", "RESETSTAT"});
  for (const char* own : {"info", "config|resetstat"}) all.erase(own);
  return all;
}

}  // namespace

BOOST_AUTO_TEST_CASE(sizes_round_the_chunk_are_exact_by_every_route) {
  const Place place;
  RedisBackend backend = place.backend();
  for (const std::size_t size : {0U, 1U, 63U, 64U, 65U, 127U, 128U, 129U, 64U * 8U, 64U * 9U + 1U, 64U * 40U - 1U}) {
    BOOST_TEST_CONTEXT(size << " bytes") {
      const Bytes bytes = content(size);
      BOOST_REQUIRE(store(backend, bytes));
      BOOST_TEST(holds(backend, bytes));
      const auto reader = backend.open_reader_at().value();
      for (std::size_t at = 0; at < size; at += size / 11 + 1) {
        Bytes window(100);
        const auto count = reader.read_at(at, window);
        BOOST_TEST_REQUIRE(count.has_value());
        BOOST_TEST(*count == std::min<std::size_t>(100, size - at));
        BOOST_TEST(std::equal(window.begin(), window.begin() + static_cast<std::ptrdiff_t>(*count),
                              bytes.begin() + static_cast<std::ptrdiff_t>(at)));
      }
    }
  }
  BOOST_TEST(place.keys().size() == 41U);  // what was replaced is gone
}

BOOST_AUTO_TEST_CASE(extensions_of_every_length_leave_one_key_a_chunk) {
  const Place place;
  RedisBackend backend = place.backend();
  Bytes all;
  for (const std::size_t more : {1U, 62U, 1U, 64U, 3U, 200U, 0U, 56U, 128U, 5U}) {
    const Bytes bytes = content(more, static_cast<std::uint32_t>(all.size()));
    BOOST_TEST_REQUIRE(finish(backend.append(), bytes).has_value());
    all.insert(all.end(), bytes.begin(), bytes.end());
    BOOST_TEST(holds(backend, all));
    BOOST_TEST(place.keys().size() == (all.size() + 63) / 64 + 1);
  }
}

BOOST_AUTO_TEST_CASE(what_is_lost_in_the_store_is_corrupted) {
  const Bytes bytes = content(64 * 5 + 3);
  const auto read_at_error = [](const RedisReaderAt& reader) {
    Bytes all(1'000);
    const auto count = reader.read_at(0, all);
    return !count && count.error() == errc::corrupted;
  };
  const auto damaged = [&](auto damage) {
    const Place place;
    RedisBackend backend = place.backend();
    BOOST_REQUIRE(store(backend, bytes));
    const auto reader = backend.open_reader_at().value();
    damage(place);
    BOOST_TEST(read_at_error(reader));
    const auto all = read_all(backend);
    BOOST_REQUIRE(!all);
    BOOST_TEST((all.error() == errc::corrupted), all.error().message());
    BOOST_TEST(backend.remove().has_value());
    BOOST_TEST(place.keys().empty());
  };
  damaged([](const Place& place) { server().connection().remove(last_of(place.keys())); });
  damaged([](const Place& place) { server().connection().expect({"SET", last_of(place.keys()), "ab", "KEEPTTL"}); });
  damaged([](const Place& place) {
    for (const std::string& key : place.keys()) server().connection().remove(key);
  });

  const Place place;
  RedisBackend backend = place.backend();
  BOOST_REQUIRE(store(backend, bytes));
  server().connection().remove(last_of(place.keys()));
  const auto extended = finish(backend.append(), content(10));
  BOOST_REQUIRE(!extended);
  BOOST_TEST((extended.error() == errc::corrupted));
  BOOST_TEST((message_of(backend.touch()).find("[corrupted]") != std::string::npos));
  BOOST_REQUIRE(store(backend, {}));
  for (const std::string& key : place.keys()) server().connection().remove(key);
  BOOST_TEST((message_of(backend.open()).find("[corrupted]") != std::string::npos));
}

BOOST_AUTO_TEST_CASE(an_extension_of_what_was_removed_is_not_found_and_not_corrupted) {
  const Place place;
  RedisBackend backend = place.backend();
  BOOST_REQUIRE(store(backend, content(100)));
  auto writer = backend.append().value();
  BOOST_REQUIRE(backend.remove());
  BOOST_TEST((message_of(writer.write(content(10))).find("[not_found]") != std::string::npos));
  BOOST_TEST((message_of(writer.close()).find("[not_found]") != std::string::npos));
  BOOST_TEST(place.keys().empty());
}

BOOST_AUTO_TEST_CASE(a_full_server_is_no_space_and_nothing_is_visible) {
  servers::RedisServer small{{.max_memory = 6U << 20U}};
  RedisOptions options = options_for(small.endpoint());
  options.prefix = "full:";
  const RedisStorage storage{options};
  RedisBackend backend = storage.create_backend().value();
  BOOST_REQUIRE(store(backend, content(1'000)));

  const auto stored = store(backend, content(16U << 20U));

  BOOST_REQUIRE(!stored);
  BOOST_TEST((stored.error() == errc::no_space), stored.error().message());
  BOOST_TEST(small.connection().keys("full:").size() == 2U);
  BOOST_TEST(holds(backend, content(1'000)));
  BOOST_REQUIRE(store(backend, content(1U << 20U)));
  BOOST_TEST(holds(backend, content(1U << 20U)));
}

BOOST_AUTO_TEST_CASE(who_may_not_is_told_so_without_the_password) {
  const auto refused = [](RedisOptions options) {
    options.retry.attempts = 3;
    const auto checked = RedisStorage{options}.check();
    BOOST_REQUIRE(!checked);
    BOOST_TEST((checked.error() == errc::permission), checked.error().message());
    BOOST_TEST(checked.error().message().find("wrong-secret") == std::string::npos);
  };
  servers::RedisServer closed{{.user = "writer", .password = "right-secret"}};
  RedisOptions options = options_for(closed.endpoint());
  BOOST_TEST(message_of(RedisStorage{options}.check()) == "no error");
  options.password = "wrong-secret";
  refused(options);
  options.user.clear();
  options.password.clear();
  refused(options);
  closed.connection().expect({"ACL", "SETUSER", "reader", "on", ">wrong-secret", "~*", "+@read", "+@connection"});
  options.user = "reader";
  options.password = "wrong-secret";
  refused(options);
}

BOOST_AUTO_TEST_CASE(tls_is_verified_and_a_unix_socket_needs_none) {
  servers::RedisServer secure{{.password = "p", .tls = true}};
  RedisOptions options = options_for(secure.endpoint());
  options.servers.front().port = secure.endpoint().tls_port;
  options.tls = {.enabled = true, .ca_file = secure.endpoint().certificate_authority};
  {
    const RedisStorage storage{options};
    RedisBackend backend = storage.create_backend().value();
    const Bytes bytes = content(3'000'000);
    BOOST_TEST_REQUIRE(message_of(store(backend, bytes)) == "no error");
    BOOST_TEST(holds(backend, bytes));
    BOOST_TEST(!secure.connection().keys().empty());
  }
  BOOST_TEST(secure.connection().keys().empty());
  options.tls.ca_file.clear();
  const auto untrusted = RedisStorage{options}.check();
  BOOST_REQUIRE(!untrusted);
  BOOST_TEST((untrusted.error() == errc::permission), untrusted.error().message());
  options.tls.verify = false;
  BOOST_TEST(message_of(RedisStorage{options}.check()) == "no error");

  options.tls = {};
  options.servers = {{secure.endpoint().socket_path, 0}};
  BOOST_TEST(message_of(RedisStorage{options}.check()) == "no error");
  options.database = 99;
  BOOST_TEST((message_of(RedisStorage{options}.check()).find("[invalid_argument]") != std::string::npos));
}

BOOST_AUTO_TEST_CASE(a_server_that_asks_clients_for_a_certificate_gets_it) {
  servers::RedisServer secure{{.tls = true}};
  secure.connection().expect({"CONFIG", "SET", "tls-auth-clients", "yes"});
  RedisOptions options = options_for(secure.endpoint());
  const std::string& authority = secure.endpoint().certificate_authority;
  const std::string folder = authority.substr(0, authority.rfind('/') + 1);
  options.servers.front().port = secure.endpoint().tls_port;
  options.tls = {.enabled = true, .ca_file = authority, .certificate_file = folder + "server.pem", .key_file = folder + "server.key"};
  options.retry.attempts = 2;

  BOOST_TEST(message_of(RedisStorage{options}.check()) == "no error");
  options.tls.certificate_file.clear();
  options.tls.key_file.clear();
  const auto refused = RedisStorage{options}.check();

  BOOST_REQUIRE(!refused);  // after the handshake of TLS 1.3, so that it looks like a connection that ends
  const bool is_documented = refused.error() == errc::unavailable || refused.error() == errc::permission;
  BOOST_TEST(is_documented, refused.error().message());
}

BOOST_AUTO_TEST_CASE(only_documented_commands_reach_a_server_and_keys_are_removed_many_at_a_time) {
  servers::RedisServer own{{.user = "spill", .password = "p", .database = 3}};
  for (const std::chrono::milliseconds expiration : {std::chrono::milliseconds{1h}, 0ms}) {
    RedisOptions options = options_for(own.endpoint());
    options.expiration = expiration;
    options.chunk_bytes = 64;
    options.window_bytes = std::size_t{20} * 64;
    const RedisStorage storage{options};
    RedisBackend backend = storage.create_backend().value();
    [[maybe_unused]] const auto of_fixture = commands_since(own.connection());
    const Bytes bytes = content(std::size_t{300} * 64 - 5);

    BOOST_REQUIRE(store(backend, bytes));
    BOOST_REQUIRE(finish(backend.append(), content(5)));
    BOOST_TEST(read_all(backend).value().size() == bytes.size() + 5);
    Bytes window(100);
    BOOST_TEST(backend.open_reader_at().value().read_at(50, window).value() == window.size());
    BOOST_TEST(message_of(backend.touch()) == "no error");
    {
      auto abandoned = backend.create().value();
      BOOST_REQUIRE(abandoned.write(content(1'000)));
    }
    std::set<std::string> allowed{"set", "get", "getrange", "pttl", "pexpire", "unlink", "echo", "auth", "select"};
    if (expiration == 0ms) allowed.insert({"eval", "exists", "persist"});
    for (const auto& [command, count] : commands_since(own.connection())) BOOST_TEST(allowed.contains(command), command << ": " << count);
    BOOST_REQUIRE(backend.remove());
    const auto removal = commands_since(own.connection());

    BOOST_TEST(own.connection().keys().empty());
    BOOST_TEST(removal.at("unlink") == 3);  // 300 chunks and a manifest, 128 in a command
  }
}

BOOST_AUTO_TEST_CASE(no_more_idle_connections_are_kept_than_the_pool_may_hold) {
  servers::RedisServer own;
  RedisOptions options = options_for(own.endpoint());
  options.pool_size = 2;
  options.timeouts.call = options.timeouts.operation = 15s;
  const RedisStorage storage{options};
  const auto clients = [&] { return own.connection().info("connected_clients") - 1; };
  {
    // Writes wait, so that each of six writers has a connection of its own.
    own.connection().expect({"CLIENT", "PAUSE", "10000", "WRITE"});
    std::atomic<int> stored{0};
    std::vector<std::jthread> writers;
    for (int i = 0; i < 6; ++i) {
      writers.emplace_back([&] {
        auto backend = storage.create_backend();
        if (backend && store(*backend, content(1'000))) ++stored;
      });
    }
    servers::wait_until([&] { return clients() == 6; }, 20s, "six connections", own.workspace());
    own.connection().expect({"CLIENT", "UNPAUSE"});
    writers.clear();
    BOOST_TEST(stored == 6);
  }
  // The server hears of it a moment later.
  servers::wait_until([&] { return clients() <= 2; }, 20s, "connections to be closed", own.workspace());
  BOOST_TEST(clients() > 0);
  storage.trim();
  servers::wait_until([&] { return clients() == 0; }, 20s, "all connections to be closed", own.workspace());
}

BOOST_AUTO_TEST_CASE(nobody_there_is_unavailable) {
  servers::RedisServer gone;
  RedisOptions options = options_for(gone.endpoint());
  gone.process().stop();
  options.timeouts.operation = 300ms;
  for (const bool local : {false, true}) {
    if (local) options.servers = {{gone.endpoint().socket_path, 0}};
    const auto checked = RedisStorage{options}.check();
    BOOST_REQUIRE(!checked);
    BOOST_TEST((checked.error() == errc::unavailable), checked.error().message());
    BOOST_TEST(checked.error().native().value() != 0);
  }
}

BOOST_AUTO_TEST_CASE(a_restarted_server_is_found_again_and_has_kept_what_it_said_to_have) {
  servers::RedisServer durable{{.append_only = true}};
  const RedisStorage storage{options_for(durable.endpoint())};
  RedisBackend backend = storage.create_backend().value();
  const Bytes bytes = content(500'000);
  BOOST_REQUIRE(store(backend, bytes));
  auto reader = backend.open().value();
  Bytes piece(1'000);
  BOOST_REQUIRE(reader.read(piece));
  durable.kill9();
  durable.restart();
  BOOST_TEST(holds(backend, bytes));
  BOOST_REQUIRE(finish(backend.append(), content(1)));
  BOOST_REQUIRE(backend.remove());
  BOOST_TEST(durable.connection().keys().empty());
}

BOOST_AUTO_TEST_CASE(what_is_printed_to_a_standard_descriptor_that_was_closed_goes_to_no_server) {
  const Place place;

  const int first_failure = first_failure_in_forked_child([&](auto holds_true) {
    for (const int standard : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) ::close(standard);
    auto backend = place.storage.create_backend();
    holds_true(backend && store(*backend, content(100)));
    for (const int standard : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) holds_true(::write(standard, "FLUSHALL\r\n", 10) == -1);
    holds_true(backend && holds(*backend, content(100)));
  });

  BOOST_TEST(first_failure == 0);
}

BOOST_AUTO_TEST_CASE(a_reply_takes_no_more_memory_than_its_bound_whatever_a_server_sends) {
  const auto end_of = [](const std::string& begin, const std::string& piece, std::size_t pieces) {
    detail::RedisReader reader;
    detail::RedisReply reply;
    reader.feed(begin.data(), begin.size());
    auto state = reader.next(reply, {});
    for (std::size_t i = 0; i < pieces && state == detail::RedisReader::State::incomplete; ++i) {
      reader.feed(piece.data(), piece.size());
      state = reader.next(reply, {});
    }
    return state;
  };
  const std::string ten = "*10\r\n:0\r\n:0\r\n:0\r\n:0\r\n:0\r\n:0\r\n:0\r\n:0\r\n:0\r\n:0\r\n";
  const std::string text = "$60000\r\n" + std::string(60'000, 'x') + "\r\n";
  using enum detail::RedisReader::State;
  BOOST_TEST((end_of("*16384\r\n", ten, 16'384) == complete));  // as much as the slots of a large cluster
  BOOST_TEST((end_of("*100000\r\n", ten, 100'000) == out_of_memory));
  BOOST_TEST((end_of("*600000\r\n", ten, 1) == out_of_memory));
  BOOST_TEST((end_of("*100\r\n", text, 100) == complete));
  BOOST_TEST((end_of("*1000\r\n", text, 1'000) == out_of_memory));
}

#ifdef EXAMPLE_REDIS
BOOST_AUTO_TEST_CASE(the_example_of_the_page_runs_and_leaves_nothing) {
  servers::RedisServer own;
  servers::run_program(own.workspace(), {EXAMPLE_REDIS, std::to_string(own.endpoint().port)}, {}, 120s);
  BOOST_TEST(own.connection().keys().empty());
}

BOOST_AUTO_TEST_CASE(hybrid_spool_spills_into_redis_and_leaves_nothing) {
  servers::RedisServer own;
  const std::string url = "redis://127.0.0.1:" + std::to_string(own.endpoint().port) + "/2?prefix=spool:";
  const std::string pipe = "yes 0123456789 | head -c 30000000 | '" HYBRID_SPOOL "' --memory 1M --soak --storage '" + url + "' | cksum; ";
  const std::string plain = "yes 0123456789 | head -c 30000000 | cksum";
  const std::string sums = servers::run_program(own.workspace(), {"/bin/sh", "-c", pipe + plain}, {}, 120s);
  const std::size_t middle = sums.size() / 2;
  BOOST_TEST(!sums.empty());
  BOOST_TEST(sums.substr(0, middle) == sums.substr(middle));
  BOOST_TEST(own.connection().info("total_commands_processed") > 400);  // it went through the server
  BOOST_TEST(own.connection().info("expired_keys") == 0);
  servers::RedisEndpoint second = own.endpoint();
  second.database = 2;
  BOOST_TEST(servers::RedisConnection{second}.keys().empty());
}
#endif
