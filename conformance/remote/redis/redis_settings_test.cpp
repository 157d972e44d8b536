#include "redis_place.hpp"

#include <hybridbuffer/backend/redis_url.hpp>
#include <hybridbuffer/builder.hpp>
#include <hybridbuffer/storage_url.hpp>

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <servers/boost_test.hpp>
#include <servers/redis_connection.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// RedisStorage: its settings, as options and in a URL, and how a wrong one is named.

namespace {

using namespace hybridbuffer;
using namespace hybridbuffer::testing;
using namespace std::chrono_literals;
using hybridbuffer::servers::ServerTests;
BOOST_TEST_GLOBAL_FIXTURE(ServerTests);

}  // namespace

BOOST_AUTO_TEST_CASE(a_wrong_setting_is_named) {
  const auto wrong = [](std::string_view word, auto change) {
    RedisOptions options;
    options.password = "secret";
    change(options);
    const auto backend = RedisStorage{options}.create_backend();
    BOOST_TEST_CONTEXT(word) {
      BOOST_REQUIRE(!backend);
      BOOST_TEST((backend.error() == errc::invalid_argument));
      BOOST_TEST(backend.error().message().find(word) != std::string::npos, backend.error().message());
      BOOST_TEST(backend.error().message().find("secret") == std::string::npos);
    }
  };
  wrong("servers", [](RedisOptions& o) { o.servers.clear(); });
  wrong("servers", [](RedisOptions& o) { o.servers.front().host.clear(); });
  wrong("prefix", [](RedisOptions& o) { o.prefix = "{app}"; });
  wrong("user", [](RedisOptions& o) { o.user = "somebody", o.password.clear(); });
  wrong("expiration", [](RedisOptions& o) { o.expiration = -1ms; });
  wrong("chunk_bytes", [](RedisOptions& o) { o.chunk_bytes = 0; });
  wrong("window_bytes", [](RedisOptions& o) { o.window_bytes = 1; });
  wrong("timeouts", [](RedisOptions& o) { o.timeouts.call = 0ms; });
  wrong("retry", [](RedisOptions& o) { o.retry.attempts = 0; });
  wrong("tls.ca_file", [](RedisOptions& o) { o.tls = {.enabled = true, .ca_file = "/nowhere"}; });
  wrong("tls.certificate_file", [](RedisOptions& o) { o.tls = {.enabled = true, .verify = false, .certificate_file = "/nowhere"}; });
}

BOOST_AUTO_TEST_CASE(a_url_names_a_storage) {
  StorageRegistry registry = default_registry();
  BOOST_REQUIRE(registry.add(redis_scheme()));
  BOOST_REQUIRE(registry.add(rediss_scheme()));
  const std::string address = "127.0.0.1:" + std::to_string(server().endpoint().port);

  auto storage = storage_from_url("redis://" + address + "/3?prefix=url:&ttl=10min&chunk=1KiB&window=4KiB&pool=2", registry);

  BOOST_REQUIRE(storage);
  auto buffer = Builder{}.with_threshold(100).with_storage_factory(*storage).build();
  BOOST_REQUIRE(buffer);
  const Bytes bytes = content(5'000);
  BOOST_REQUIRE(buffer->append(bytes));
  servers::RedisEndpoint third = server().endpoint();
  third.database = 3;
  servers::RedisConnection raw{third};
  const auto keys = raw.keys("url:");
  BOOST_TEST(keys.size() == 6U);  // five chunks and a manifest
  for (const std::string& key : keys) BOOST_TEST(raw.milliseconds_to_live(key) <= 600'000);
  Bytes back(bytes.size());
  BOOST_TEST(buffer->read(back).value_or(0) == bytes.size());
  BOOST_TEST((back == bytes));
  BOOST_REQUIRE(buffer->discard_read());
  BOOST_TEST(raw.keys("url:").empty());
  BOOST_TEST(storage_from_url("redis:///?socket=" + server().endpoint().socket_path, registry).has_value());
  BOOST_TEST(storage_from_url("redis:///?servers=a:1,%5B::1%5D:2&sentinel_master=m", registry).has_value());
  BOOST_TEST(storage_from_url("rediss://user:password@redis.example?verify_tls=false", registry).has_value());
}

BOOST_AUTO_TEST_CASE(a_wrong_url_is_named_without_its_values) {
  StorageRegistry registry = default_registry();
  BOOST_REQUIRE(registry.add(redis_scheme()));
  const std::vector<std::pair<std::string, std::string>> wrong{
      {"redis://u:hunter2@h/x", "path"},
      {"redis://u:hunter2@h?ttl=-1", "ttl"},
      {"redis://u:hunter2@h?chunk=big", "chunk"},
      {"redis://u:hunter2@h?colour=red", "colour"},
      {"redis://u:hunter2@h?prefix=%7B", "prefix"},
      {"redis:///?servers=a:1,,b:2", "servers"},
      {"redis:///?servers=", "servers"},
      {"redis:///?servers=a:70000", "servers"},
      {"redis://h?socket=/tmp/s", "host"},
      {"redis:///?socket=s", "socket"},
      {"redis://:@h", "user"},
  };
  for (const auto& [url, part] : wrong) {
    const auto storage = storage_from_url(url, registry);
    BOOST_TEST_CONTEXT(url) {
      if (part == "user") {  // nobody, without a password: as without
        BOOST_TEST(storage.has_value());
        continue;
      }
      BOOST_REQUIRE(!storage);
      BOOST_TEST((storage.error() == errc::invalid_argument));
      BOOST_TEST(storage.error().message().find(part) != std::string::npos, storage.error().message());
      BOOST_TEST(storage.error().message().find("hunter2") == std::string::npos);
    }
  }
}
