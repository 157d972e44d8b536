#define BOOST_TEST_MODULE redis_server
#define BOOST_TEST_DYN_LINK
#include <boost/test/unit_test.hpp>

#include "boost_test.hpp"
#include "redis_server.hpp"

#include <string>
#include <unistd.h>

namespace {

using namespace hybridbuffer::servers;

BOOST_TEST_GLOBAL_FIXTURE(ServerTests);

BOOST_AUTO_TEST_CASE(it_keeps_what_is_set_and_tells_when_it_expires) {
  RedisServer server;
  RedisConnection& redis = server.connection();

  redis.set("a:1", std::string("zero\0byte", 9));
  redis.set("a:2", "lasting");
  redis.set("b", "other");
  redis.expect({"PEXPIRE", "a:1", "60000"});

  BOOST_TEST(redis.get("a:1").value() == std::string("zero\0byte", 9));
  BOOST_TEST(redis.keys("a:") == (std::vector<std::string>{"a:1", "a:2"}), boost::test_tools::per_element());
  BOOST_TEST(redis.lasting_keys() == (std::vector<std::string>{"a:2", "b"}), boost::test_tools::per_element());
  BOOST_TEST(redis.milliseconds_to_live("a:1") > 50'000);
  redis.flip("a:1", 0);
  BOOST_TEST(redis.get("a:1").value()[0] == '{');
  BOOST_TEST(redis.milliseconds_to_live("a:1") > 50'000);
}

BOOST_AUTO_TEST_CASE(a_server_that_appends_to_its_file_keeps_everything_over_kill_9) {
  RedisServer server{{.append_only = true}};
  server.connection().set("key", "value");
  const std::uint16_t port = server.endpoint().port;

  server.kill9();
  BOOST_TEST(!server.connection().answers());
  server.restart();

  BOOST_TEST(server.endpoint().port == port);
  BOOST_TEST(server.connection().get("key").value() == "value");
}

}  // namespace
