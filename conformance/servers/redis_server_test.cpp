#include <boost/test/unit_test.hpp>

#include "boost_test.hpp"
#include "redis_server.hpp"
#include "tls_certificates.hpp"

#include <string>
#include <vector>

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

BOOST_AUTO_TEST_CASE(without_a_file_nothing_is_left_after_kill_9) {
  RedisServer server;
  server.connection().set("key", "value");

  server.kill9();
  server.restart();

  BOOST_TEST(!server.connection().get("key").has_value());
}

BOOST_AUTO_TEST_CASE(with_a_user_nobody_else_may_say_anything_and_the_database_is_the_one_that_is_named) {
  RedisServer server{{.user = "tester", .password = "secret word", .database = 3}};
  server.connection().set("key", "value");

  BOOST_TEST(server.connection().info("connected_clients") == 1);
  RedisEndpoint stranger = server.endpoint();
  stranger.user = stranger.password = "";
  stranger.database = 0;
  BOOST_TEST(RedisConnection{stranger}.run({"GET", "key"}).text.starts_with("NOAUTH"));
  RedisEndpoint neighbour = server.endpoint();
  neighbour.database = 0;
  BOOST_TEST(!RedisConnection{neighbour}.get("key").has_value());
}

BOOST_AUTO_TEST_CASE(beyond_its_memory_it_answers_OOM) {
  RedisServer server{{.max_memory = 4'000'000}};
  const std::string large(1'000'000, 'x');
  std::string answer;
  for (int i = 0; i < 8 && answer != "error"; ++i) {
    const RedisReply reply = server.connection().run({"SET", std::to_string(i), large});
    if (reply.kind == RedisReply::Kind::error) answer = reply.text;
  }
  BOOST_TEST(answer.starts_with("OOM "));
}

BOOST_AUTO_TEST_CASE(over_TLS_it_is_verified_with_the_authority_of_the_fixture) {
  RedisServer server{{.password = "secret", .tls = true}};
  const RedisEndpoint& endpoint = server.endpoint();
  const auto ping = [&](const std::string& authority) {
    return run_program(server.workspace(), {"redis-cli", "--no-auth-warning", "-a", "secret", "-h", "127.0.0.1", "-p",
                                            std::to_string(endpoint.tls_port), "--tls", "--cacert", authority, "PING"});
  };
  BOOST_TEST(ping(endpoint.certificate_authority) == "PONG\n");

  const Workspace other{"other"};
  BOOST_CHECK_THROW(ping(make_certificates(other).authority), ServerFailure);
}

BOOST_AUTO_TEST_CASE(an_endpoint_goes_through_the_environment_to_a_child_process) {
  RedisServer server{{.user = "tester", .password = "secret", .database = 3}};
  server.endpoint().to_environment("HYBRIDBUFFER_TEST_REDIS");

  RedisConnection connection{RedisEndpoint::from_environment("HYBRIDBUFFER_TEST_REDIS").value()};

  connection.set("key", "value");
  BOOST_TEST(server.connection().get("key").value() == "value");
  BOOST_TEST(!RedisEndpoint::from_environment("HYBRIDBUFFER_TEST_NOTHING").has_value());
}

}  // namespace
