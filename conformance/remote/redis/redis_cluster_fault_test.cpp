#include "redis_fault_operations.hpp"
#include "redis_fault_place.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <servers/boost_test.hpp>
#include <servers/fault_proxy.hpp>
#include <servers/redis_cluster.hpp>
#include <servers/redis_sentinel.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// Faults between a client and the one server of several that has a location: the node of a cluster that has its slot, the master that
// sentinels name, and the sentinels themselves. All that the servers tell a client of one another are addresses of proxies.

namespace {

using namespace hybridbuffer;
using namespace hybridbuffer::testing;
using namespace std::chrono_literals;
using hybridbuffer::servers::ServerTests;
BOOST_TEST_GLOBAL_FIXTURE(ServerTests);
using Clock = std::chrono::steady_clock;

RedisOptions options_through(const std::deque<servers::FaultProxy>& proxies, RedisTimeouts times) {
  RedisOptions options;
  options.servers.clear();
  for (const servers::FaultProxy& proxy : proxies) options.servers.push_back({"127.0.0.1", proxy.port()});
  options.prefix = "fault-" + detail::redis_random_tag().value() + ":";
  options.chunk_bytes = chunk;
  options.window_bytes = 4 * chunk;
  options.timeouts = times;
  options.retry = {.base = 5ms, .cap = 20ms};
  return options;
}

/// A cluster whose nodes send clients to the proxies before them.
struct ProxiedCluster {
  ProxiedCluster() {
    std::vector<std::uint16_t> ports;
    for (std::size_t i = 0; i < cluster.size(); ++i) {
      const servers::RedisEndpoint& endpoint = cluster.endpoint(i);
      ports.push_back(
          proxies.emplace_back(servers::FaultProxyOptions{.protocol = servers::Protocol::redis, .server_socket_path = endpoint.socket_path})
              .port());
    }
    cluster.announce(ports);
  }

  servers::RedisCluster cluster;
  std::deque<servers::FaultProxy> proxies;
};

/// One for the whole program.
ProxiedCluster& proxied_cluster() {
  static ProxiedCluster running;
  return running;
}

struct ClusterPlace {
  explicit ClusterPlace(RedisTimeouts times = patient_timeouts, bool /*is_tls*/ = false)
      : options{options_through(proxied_cluster().proxies, times)}, storage{options} {}

  [[nodiscard]] std::size_t lasting() const { return proxied_cluster().cluster.lasting_keys(options.prefix).size(); }
  [[nodiscard]] servers::FaultProxy& proxy_of(const RedisBackend& /*backend*/) const {
    const auto keys = proxied_cluster().cluster.keys(options.prefix);
    return proxied_cluster().proxies.at(proxied_cluster().cluster.owner_of(keys.at(0)));
  }

  RedisOptions options;
  RedisStorage storage;
};

/// Sentinels that call a proxy the master, or so it seems through the proxies before them.
struct ProxiedSentinels {
  ProxiedSentinels() {
    for (const servers::RedisEndpoint& one : setup.sentinels()) {
      named.push_back(
          name_master(proxies.emplace_back(servers::FaultProxyOptions{.protocol = servers::Protocol::redis, .server_port = one.port})));
    }
  }
  /// Spoils what was to be spoilt no more.
  void heal() {
    for (std::size_t i = 0; i < proxies.size(); ++i) {
      proxies[i].drop_connections();
      proxies[i].disarm();
      named[i] = name_master(proxies[i]);
    }
  }
  [[nodiscard]] servers::FaultProxy::Armed name_master(servers::FaultProxy& proxy) const {
    const std::string port = std::to_string(master.port());
    const std::string answer = "*2\r\n$9\r\n127.0.0.1\r\n$" + std::to_string(port.size()) + "\r\n" + port + "\r\n";
    return proxy.arm(faults::replace_reply(answer).matching("get-master-addr-by-name").always());
  }

  servers::RedisSentinel setup;
  servers::FaultProxy master{
      {.protocol = servers::Protocol::redis, .server_socket_path = setup.node(setup.master()).endpoint().socket_path}};
  std::deque<servers::FaultProxy> proxies;        // before the sentinels
  std::vector<servers::FaultProxy::Armed> named;  // how often each has named the master
};
ProxiedSentinels& proxied_sentinels() {
  static ProxiedSentinels running;
  return running;
}

struct SentinelPlace {
  explicit SentinelPlace(RedisTimeouts times = patient_timeouts, bool /*is_tls*/ = false)
      : options{options_through(proxied_sentinels().proxies, times)} {
    options.sentinel_master = servers::RedisSentinel::master_name;
    storage = RedisStorage{options};
  }

  [[nodiscard]] std::size_t lasting() const { return proxied_sentinels().setup.connection().lasting_keys(options.prefix).size(); }
  [[nodiscard]] static servers::FaultProxy& proxy_of(const RedisBackend& /*backend*/) { return proxied_sentinels().master; }

  RedisOptions options;
  RedisStorage storage;
};

/// Those of all cases that are about a connection, and about who has a slot.
std::vector<const FaultCase*> cases_called(const std::vector<std::string_view>& names) {
  std::vector<const FaultCase*> found;
  for (const FaultCase& one : cases()) {
    if (std::find(names.begin(), names.end(), one.name) != names.end()) found.push_back(&one);
  }
  BOOST_REQUIRE(found.size() == names.size());
  return found;
}
std::vector<const FaultCase*> of_connections() {
  return cases_called({"refused connections", "a reset request", "a lost reply", "a half-closed reply", "a stalled request",
                       "a stalled reply", "a restart of the server", "a redirection in circles"});
}
std::vector<const FaultCase*> of_a_master() {
  return cases_called(
      {"refused connections", "a reset request", "a lost reply", "a stalled reply", "a restart of the server", "a replica"});
}

/// What can become of a sentinel's answer.
std::vector<servers::Fault> of_a_sentinel() {
  const auto question = [](servers::Fault fault) { return std::move(fault).matching("get-master-addr-by-name").always(); };
  return {
      faults::refuse(),
      question(faults::reset_after(10).on_request(1)),
      question(faults::drop_reply()),
      question(faults::half_close_after(2)),
      question(faults::stall_after(0)),
      question(faults::answer("-ERR something\r\n")),
      question(faults::answer("*-1\r\n")),  // what a sentinel says that does not know the master
      question(faults::answer("*2\r\n$0\r\n\r\n$4\r\n6379\r\n")),
  };
}

// The proxies are the servers', and all meetings share them: one after the other.
template <class Faulted>
void meet_all_once(const std::vector<const FaultCase*>& cases) {
  meet_all(cases, operations<Faulted>(), "once", meet_once<Faulted>, 1);
}
template <class Faulted>
void meet_all_for_ever(const std::vector<const FaultCase*>& cases) {
  meet_all(
      cases, operations<Faulted>(), "for ever",
      [](const FaultCase& one, const FaultedOperation<Faulted, RedisBackend>& operation, const std::string& what, Problems& problems) {
        meet_in_time(operation.longest, what, problems, [&] { return meet_for_ever(one, operation, what, problems); });
      },
      1);
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_cluster_leads_to_the_proxies_and_nowhere_else) {
  ProxiedCluster& all = proxied_cluster();
  const ClusterPlace place;
  std::vector<RedisBackend> many;
  std::vector<std::uint64_t> before_it;
  for (servers::FaultProxy& proxy : all.proxies) before_it.push_back(proxy.totals().requests);

  for (int i = 0; i < 30; ++i) BOOST_REQUIRE(store(many.emplace_back(place.storage.create_backend().value()), before));

  for (std::size_t i = 0; i < all.proxies.size(); ++i) {
    BOOST_TEST(!all.cluster.node(i).connection().keys(place.options.prefix).empty());
    BOOST_TEST(all.proxies[i].totals().requests > before_it[i]);
    // The proxies come by its Unix socket; by its port comes nobody.
    const std::string clients = all.cluster.node(i).connection().expect({"CLIENT", "LIST"}).text;
    BOOST_TEST(clients.find(" addr=/") != std::string::npos, clients);
    BOOST_TEST(clients.find(" addr=127.0.0.1:") == std::string::npos, clients);
  }
}

BOOST_AUTO_TEST_CASE(a_fault_of_the_node_that_has_the_slot_that_passes_is_no_failure) { meet_all_once<ClusterPlace>(of_connections()); }

BOOST_AUTO_TEST_CASE(a_fault_of_the_node_that_has_the_slot_that_lasts_ends_in_time_with_its_category) {
  meet_all_for_ever<ClusterPlace>(of_connections());
}

BOOST_AUTO_TEST_CASE(a_fault_of_the_master_that_sentinels_name_that_passes_is_no_failure) { meet_all_once<SentinelPlace>(of_a_master()); }

BOOST_AUTO_TEST_CASE(a_fault_of_the_master_that_sentinels_name_that_lasts_ends_in_time_with_its_category) {
  meet_all_for_ever<SentinelPlace>(of_a_master());
}

BOOST_AUTO_TEST_CASE(a_sentinel_that_fails_is_passed_over_and_who_knows_the_master_needs_none) {
  ProxiedSentinels& all = proxied_sentinels();
  for (const servers::Fault& fault : of_a_sentinel()) {
    BOOST_TEST_CONTEXT("fault " << static_cast<int>(fault.action) << " " << fault.text) {
      const SentinelPlace place{{.connect = 500ms, .call = 5s, .operation = 60s, .cleanup = 5s}};
      RedisBackend backend = place.storage.create_backend().value();
      const std::uint64_t named = all.proxies[1].fired(all.named[1]);
      const auto spoilt = all.proxies[0].arm(fault);

      const auto stored = store(backend, before);

      BOOST_TEST(stored.has_value(), message_of(stored));
      BOOST_TEST(all.proxies[0].fired(spoilt) >= 1U);
      BOOST_TEST(all.proxies[1].fired(all.named[1]) > named);
      std::vector<std::uint64_t> asked;
      for (servers::FaultProxy& proxy : all.proxies) asked.push_back(proxy.totals().connections);
      BOOST_TEST(holds(backend, before));
      BOOST_TEST(message_of(backend.remove()) == "no error");
      for (std::size_t i = 0; i < all.proxies.size(); ++i) BOOST_TEST(all.proxies[i].totals().connections == asked[i]);
      all.heal();
    }
  }
}

BOOST_AUTO_TEST_CASE(sentinels_that_all_fail_are_told_in_time_and_asked_again_later) {
  ProxiedSentinels& all = proxied_sentinels();
  Problems problems;
  for (const servers::Fault& fault : of_a_sentinel()) {
    const std::string what = "fault " + std::to_string(static_cast<int>(fault.action)) + " " + fault.text;
    // The first write connects, and so does the commit.
    meet_in_time(2 * timeouts.operation + timeouts.cleanup, what, problems, [&] {
      const SentinelPlace place{timeouts};
      RedisBackend backend = place.storage.create_backend().value();
      std::vector<servers::FaultProxy::Armed> spoilt;
      for (servers::FaultProxy& proxy : all.proxies) spoilt.push_back(proxy.arm(fault));

      const auto begin = Clock::now();
      const auto stored = store(backend, before);
      const auto took = Clock::now() - begin;

      problems.expect(!stored, what + ": succeeded");
      const bool is_error = fault.text.starts_with("-ERR");
      const bool is_documented =
          !stored && (stored.error() == errc::unavailable || stored.error() == errc::timeout || (is_error && stored.error() == errc::io));
      problems.expect(is_documented, what + ": " + message_of(stored));
      for (std::size_t i = 0; i < spoilt.size(); ++i) problems.expect(all.proxies[i].fired(spoilt[i]) >= 1, what + ": not at each");
      all.heal();
      problems.expect(in_the_end([&] { return store(backend, before).has_value(); }), what + ": not well again");
      problems.expect(holds(backend, before), what + ": not what was stored");
      return took;
    });
  }
  problems.report();
}
