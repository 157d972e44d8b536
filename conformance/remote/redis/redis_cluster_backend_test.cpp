#include "redis_support.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <servers/boost_test.hpp>
#include <servers/redis_cluster.hpp>
#include <servers/redis_sentinel.hpp>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

// RedisStorage where the server of a location changes: a cluster whose slots move and whose master dies, and a master that sentinels
// replace.

namespace {

using namespace hybridbuffer;
using namespace hybridbuffer::testing;
using namespace std::chrono_literals;
using hybridbuffer::servers::ServerTests;
BOOST_TEST_GLOBAL_FIXTURE(ServerTests);

constexpr std::size_t chunk = 1'000;

RedisOptions small_chunks(std::vector<RedisAddress> servers) {
  RedisOptions options{.servers = std::move(servers), .prefix = "cluster:"};
  options.chunk_bytes = chunk;
  options.window_bytes = 16 * chunk;
  options.timeouts.operation = 60s;  // a new master takes its time on a busy machine
  return options;
}
RedisAddress address_of(const servers::RedisEndpoint& endpoint) { return {endpoint.host, endpoint.port}; }

std::uint16_t slot_of_what_is_in(servers::RedisCluster& cluster) {
  const auto keys = cluster.keys("cluster:");
  BOOST_REQUIRE(!keys.empty());
  return servers::redis_key_slot(keys.front());
}

/// How often nodes have sent clients elsewhere for good.
std::uint64_t redirections(servers::RedisCluster& cluster) {
  constexpr std::string_view field = "errorstat_MOVED:count=";
  std::uint64_t count = 0;
  for (std::size_t node = 0; node < cluster.size(); ++node) {
    const std::string statistics = cluster.node(node).connection().expect({"INFO", "errorstats"}).text;
    if (const auto at = statistics.find(field); at != std::string::npos) count += std::stoull(statistics.substr(at + field.size()));
  }
  return count;
}

/// Everything that can be done with a location, its content being `bytes` before and afterwards.
void use(RedisBackend& backend, Bytes& bytes) {
  BOOST_TEST_REQUIRE(holds(backend, bytes));
  const auto reader_at = backend.open_reader_at();
  BOOST_TEST_REQUIRE(reader_at.has_value(), message_of(reader_at));
  Bytes window(chunk + 2);
  BOOST_TEST(reader_at->read_at(chunk - 1, window).value_or(0) == std::min(window.size(), bytes.size() - chunk + 1));
  const Bytes more = content(chunk / 3, static_cast<std::uint32_t>(bytes.size()));
  const auto extended = finish(backend.append(), more);
  BOOST_TEST_REQUIRE(extended.has_value(), message_of(extended));
  bytes.insert(bytes.end(), more.begin(), more.end());
  BOOST_TEST_REQUIRE(holds(backend, bytes));
  {
    auto abandoned = backend.create();
    BOOST_TEST_REQUIRE(abandoned.has_value());
    const auto written = abandoned->write(content(5 * chunk));
    BOOST_TEST(written.has_value(), message_of(written));
  }
  BOOST_TEST(message_of(backend.touch()) == "no error");
  bytes = content(bytes.size() + 1, 77);
  const auto replaced = store(backend, bytes);
  BOOST_TEST_REQUIRE(replaced.has_value(), message_of(replaced));
  BOOST_TEST(holds(backend, bytes));
}

}  // namespace

BOOST_AUTO_TEST_CASE(one_node_leads_to_the_whole_cluster_and_slots_may_move_at_any_moment) {
  servers::RedisCluster cluster;
  const RedisStorage storage{small_chunks({address_of(cluster.endpoint(1))})};
  {
    std::vector<RedisBackend> many;
    for (int i = 0; i < 60; ++i) {
      many.push_back(storage.create_backend().value());
      BOOST_TEST_REQUIRE(message_of(store(many.back(), content(2'500 + static_cast<std::size_t>(i)))) == "no error");
    }
    for (std::size_t node = 0; node < 3; ++node) BOOST_TEST(!cluster.node(node).connection().keys("cluster:").empty());
    for (std::size_t i = 0; i < many.size(); ++i) BOOST_TEST(holds(many[i], content(2'500 + i)));
    BOOST_TEST(cluster.lasting_keys("cluster:").empty());
  }
  BOOST_TEST(cluster.keys("cluster:").empty());

  RedisBackend backend = storage.create_backend().value();
  Bytes bytes = content(8 * chunk + 5);
  BOOST_REQUIRE(store(backend, bytes));
  const std::uint16_t slot = slot_of_what_is_in(cluster);
  const std::size_t to = (cluster.owner_of(slot) + 1) % 3;
  auto reader = backend.open().value();
  Bytes first(10);
  BOOST_REQUIRE(reader.read(first));

  cluster.begin_move(slot, to);
  for (int i = 0; i < 3; ++i) {
    BOOST_TEST(cluster.move_keys(slot, to, 2) == 2U);  // some of its keys are here, some there
    BOOST_TEST(holds(backend, bytes));
    BOOST_TEST(message_of(backend.touch()) == "no error");
    const Bytes more = content(chunk / 2, static_cast<std::uint32_t>(i));
    BOOST_TEST_REQUIRE(message_of(finish(backend.append(), more)) == "no error");
    bytes.insert(bytes.end(), more.begin(), more.end());
    BOOST_TEST(holds(backend, bytes));
  }
  use(backend, bytes);
  BOOST_TEST(message_of(backend.remove()) == "no error");
  BOOST_TEST(cluster.keys("cluster:").empty());
  bytes = content(3 * chunk);
  BOOST_TEST_REQUIRE(message_of(store(backend, bytes)) == "no error");  // asked there
  cluster.move_keys(slot, to);
  use(backend, bytes);
  cluster.finish_move(slot, to);
  use(backend, bytes);
  BOOST_TEST(cluster.owner_of(slot) == to);

  BOOST_TEST(message_of(backend.remove()) == "no error");
  BOOST_TEST(cluster.keys("cluster:").empty());
}

// All owners are learnt again once a second at most: what one answer said is kept by itself.
BOOST_AUTO_TEST_CASE(who_was_sent_to_another_node_goes_there_at_once_afterwards) {
  servers::RedisCluster cluster;
  const RedisStorage storage{small_chunks({address_of(cluster.endpoint(1))})};
  RedisBackend backend = storage.create_backend().value();
  const Bytes bytes = content(3 * chunk);
  BOOST_TEST_REQUIRE(message_of(store(backend, bytes)) == "no error");
  const std::uint16_t slot = slot_of_what_is_in(cluster);
  for (int moves = 0; moves < 4; ++moves) {
    cluster.move_slot(slot, (cluster.owner_of(slot) + 1) % 3);
    const std::uint64_t before = redirections(cluster);
    BOOST_TEST(holds(backend, bytes));
    const std::uint64_t after = redirections(cluster);
    BOOST_TEST(after > before);
    BOOST_TEST(after - before <= 2U);  // what was sent together

    for (int i = 0; i < 3; ++i) BOOST_TEST(holds(backend, bytes));
    BOOST_TEST(redirections(cluster) == after);
  }
}

BOOST_AUTO_TEST_CASE(slots_move_while_their_locations_are_used) {
  servers::RedisCluster cluster;
  const RedisStorage storage{small_chunks({address_of(cluster.endpoint(0))})};
  std::vector<std::pair<RedisBackend, Bytes>> many;
  for (std::size_t i = 0; i < 30; ++i) {
    many.emplace_back(storage.create_backend().value(), content(6 * chunk + i));
    BOOST_REQUIRE(store(many.back().first, many.back().second));
  }
  // All to one node: two that take slots at once, before each has heard of the other, quarrel for a while.
  constexpr std::size_t to = 2;
  std::set<std::uint16_t> slots;
  for (const std::string& key : cluster.keys("cluster:")) slots.insert(servers::redis_key_slot(key));
  std::erase_if(slots, [&](std::uint16_t slot) { return cluster.owner_of(slot) == to; });
  BOOST_TEST(slots.size() > 5U);

  std::string failed;
  std::atomic<bool> moves{true};
  {
    const std::jthread mover{[&] {
      try {
        for (const std::uint16_t slot : slots) cluster.move_slot(slot, to);
      } catch (const servers::ServerFailure& failure) {
        failed = failure.what();
      }
      moves = false;
    }};
    do {
      for (auto& [backend, bytes] : many) use(backend, bytes);
    } while (moves);
  }

  BOOST_TEST(failed.empty(), failed);
  for (auto& [backend, bytes] : many) use(backend, bytes);
  BOOST_TEST(cluster.node(0).connection().keys("cluster:").empty());
  BOOST_TEST(cluster.node(1).connection().keys("cluster:").empty());
  BOOST_TEST(cluster.lasting_keys("cluster:").empty());
  many.clear();
  BOOST_TEST(cluster.keys("cluster:").empty());
}

BOOST_AUTO_TEST_CASE(a_replica_takes_over_from_a_killed_master_of_a_cluster) {
  servers::RedisCluster cluster{{.replicas = 1}};
  const RedisStorage storage{small_chunks({address_of(cluster.endpoint(0)), address_of(cluster.endpoint(1))})};
  RedisBackend backend = storage.create_backend().value();
  Bytes bytes = content(8 * chunk + 5);
  BOOST_REQUIRE(store(backend, bytes));
  const std::uint16_t slot = slot_of_what_is_in(cluster);
  BOOST_TEST(cluster.node(cluster.owner_of(slot)).connection().expect({"WAIT", "1", "20000"}).integer == 1);
  auto writer = backend.append().value();
  BOOST_REQUIRE(writer.write(content(3 * chunk, 5)));

  cluster.kill_master(slot);

  // What the old master answered and had not yet told its replica is lost: then the commit says so, and the object is as it was.
  const auto committed = writer.close();
  if (committed) {
    const Bytes more = content(3 * chunk, 5);
    bytes.insert(bytes.end(), more.begin(), more.end());
  } else {
    BOOST_TEST((committed.error() == errc::corrupted), committed.error().message());
  }
  use(backend, bytes);
  BOOST_TEST(message_of(backend.remove()) == "no error");
}

BOOST_AUTO_TEST_CASE(sentinels_lead_to_the_master_and_to_the_next_one) {
  servers::RedisSentinel setup;
  std::vector<RedisAddress> sentinels{{"127.0.0.1", 1}};  // one that is not there
  for (const servers::RedisEndpoint& one : setup.sentinels()) sentinels.push_back(address_of(one));
  RedisOptions options = small_chunks(std::move(sentinels));
  options.sentinel_master = servers::RedisSentinel::master_name;
  const RedisStorage storage{options};
  RedisBackend backend = storage.create_backend().value();
  Bytes bytes = content(8 * chunk + 5);
  BOOST_TEST_REQUIRE(message_of(store(backend, bytes)) == "no error");
  BOOST_TEST(setup.connection().keys("cluster:").size() == 10U);
  use(backend, bytes);
  BOOST_TEST(setup.connection().expect({"WAIT", "1", "20000"}).integer == 1);

  const std::size_t killed = setup.kill_master();
  use(backend, bytes);

  BOOST_TEST(setup.master() != killed);
  BOOST_TEST(setup.connection().lasting_keys("cluster:").empty());
  BOOST_TEST(message_of(backend.remove()) == "no error");
  BOOST_TEST(setup.connection().keys("cluster:").empty());

  options.sentinel_master = "nobody";
  options.retry.attempts = 1;
  const auto unknown = RedisStorage{options}.check();
  BOOST_REQUIRE(!unknown);
  BOOST_TEST((unknown.error() == errc::unavailable), unknown.error().message());
}
