#include <boost/test/unit_test.hpp>

#include "boost_test.hpp"
#include "redis_cluster.hpp"
#include "redis_sentinel.hpp"

#include <string>

namespace {

using namespace hybridbuffer::servers;

BOOST_TEST_GLOBAL_FIXTURE(ServerTests);

BOOST_AUTO_TEST_CASE(key_slots_are_those_of_the_specification) {
  BOOST_TEST(redis_key_slot("123456789") == 0x31C3U);
  BOOST_TEST(redis_key_slot("{user1000}.following") == redis_key_slot("{user1000}.followers"));
  BOOST_TEST(redis_key_slot("foo{}{bar}") != redis_key_slot("bar"));
  BOOST_TEST(redis_key_slot("foo{{bar}}zap") == redis_key_slot("{bar"));
}

BOOST_AUTO_TEST_CASE(a_slot_moves_with_its_keys_and_clients_are_told_where_to_ask) {
  RedisCluster cluster;
  const std::uint16_t slot = redis_key_slot("{tag}");
  const std::size_t from = cluster.owner_of("{tag}");
  const std::size_t to = (from + 1) % 3;
  RedisConnection& source = cluster.node(from).connection();
  for (int i = 0; i < 20; ++i) source.set("{tag}" + std::to_string(i), "v");
  source.expect({"PEXPIRE", "{tag}3", "60000"});
  BOOST_TEST(cluster.keys("{tag}").size() == 20U);
  BOOST_TEST(cluster.lasting_keys("{tag}").size() == 19U);

  cluster.begin_move(slot, to);
  BOOST_TEST(cluster.move_keys(slot, to, 7) == 7U);
  BOOST_TEST(source.run({"GET", "{tag}new"}).text ==
             "ASK " + std::to_string(slot) + " 127.0.0.1:" + std::to_string(cluster.endpoint(to).port));
  BOOST_TEST(cluster.move_keys(slot, to) == 13U);
  cluster.finish_move(slot, to);

  BOOST_TEST(cluster.owner_of("{tag}") == to);
  BOOST_TEST(source.run({"GET", "{tag}1"}).text.starts_with("MOVED "));
  BOOST_TEST(cluster.connection_for("{tag}1").get("{tag}1").value() == "v");
  BOOST_TEST(cluster.lasting_keys("{tag}").size() == 19U);
  cluster.reshard(0, 2, 5);
  BOOST_TEST(cluster.owner_of(std::uint16_t{4}) == 2U);
  BOOST_TEST(cluster.owner_of(std::uint16_t{5}) == 0U);
  cluster.wait_until_ok();
}

BOOST_AUTO_TEST_CASE(a_replica_takes_the_place_of_a_killed_master_with_its_keys) {
  RedisCluster cluster{{.replicas = 1}};
  cluster.connection_for("key").set("key", "value");
  BOOST_TEST(cluster.connection_for("key").expect({"WAIT", "1", "5000"}).integer == 1);

  const std::size_t killed = cluster.kill_master(redis_key_slot("key"));
  cluster.wait_until_ok();

  BOOST_TEST(cluster.owner_of("key") == killed + 3);
  BOOST_TEST(cluster.connection_for("key").get("key").value() == "value");
  cluster.node(killed).restart();
  cluster.wait_until_ok();
  BOOST_TEST(cluster.keys().size() == 1U);
}

BOOST_AUTO_TEST_CASE(sentinels_make_the_replica_the_master_when_told) {
  RedisSentinel redis;
  BOOST_TEST(redis.master() == 0U);
  redis.connection().set("key", "value");
  BOOST_TEST(redis.connection().expect({"WAIT", "1", "5000"}).integer == 1);

  redis.fail_over();

  BOOST_TEST(redis.master() == 1U);
  BOOST_TEST(redis.connection().get("key").value() == "value");
}

BOOST_AUTO_TEST_CASE(sentinels_make_the_replica_the_master_when_the_master_is_killed) {
  RedisSentinel redis;
  redis.connection().set("key", "value");
  BOOST_TEST(redis.connection().expect({"WAIT", "1", "5000"}).integer == 1);

  const std::size_t killed = redis.kill_master();
  redis.wait_for_master_other_than(killed);

  BOOST_TEST(killed == 0U);
  BOOST_TEST(redis.master() == 1U);
  BOOST_TEST(redis.connection().get("key").value() == "value");
}

}  // namespace
