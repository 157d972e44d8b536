#include "redis_cluster.hpp"

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>

namespace hybridbuffer::servers {
namespace {

constexpr std::size_t slot_count = 16'384;

// The number behind `field:` in the answer to CLUSTER INFO, or its word.
std::string cluster_info(RedisConnection& connection, const std::string& field) {
  const std::string text = connection.expect({"CLUSTER", "INFO"}).text;
  const std::size_t found = text.find(field + ":");
  if (found == std::string::npos) return {};
  const std::size_t begin = found + field.size() + 1;
  return text.substr(begin, text.find('\r', begin) - begin);
}

std::vector<std::string> arguments_of(const RedisClusterOptions& options, std::uint16_t bus_port) {
  return {"--cluster-enabled",
          "yes",
          "--cluster-config-file",
          "nodes.conf",
          "--cluster-port",
          std::to_string(bus_port),
          "--cluster-node-timeout",
          std::to_string(options.node_timeout.count()),
          "--appendonly",
          options.append_only ? "yes" : "no",
          "--cluster-require-full-coverage",
          options.needs_every_slot ? "yes" : "no",
          "--cluster-replica-validity-factor",
          "0"};
}

}  // namespace

RedisCluster::RedisCluster(const RedisClusterOptions& options) : options_{options} {
  require_programs({"redis-server"}, "redis-server");
  const std::size_t count = options.masters * (1 + options.replicas);
  if (count * 2 > Workspace::port_count) throw ServerFailure{"a cluster of more than eight nodes"};
  for (std::size_t i = 0; i < count; ++i) {
    RedisEndpoint endpoint;
    endpoint.port = workspace_.port(static_cast<std::uint16_t>(2 * i));
    const std::uint16_t bus_port = workspace_.port(static_cast<std::uint16_t>(2 * i + 1));
    nodes_.emplace_back(workspace_, "node" + std::to_string(i), endpoint, arguments_of(options, bus_port)).start();
    announced_.push_back(endpoint.port);
  }
  for (std::size_t i = 0; i < count; ++i) {
    RedisConnection& connection = node(i).connection();
    connection.expect({"CLUSTER", "SET-CONFIG-EPOCH", std::to_string(i + 1)});
    if (i < options.masters) {
      const std::size_t first = slot_count * i / options.masters;
      const std::size_t behind = slot_count * (i + 1) / options.masters;
      connection.expect({"CLUSTER", "ADDSLOTSRANGE", std::to_string(first), std::to_string(behind - 1)});
    }
    // Everyone to everyone: gossip would take its time.
    for (std::size_t other = 0; other < i; ++other) {
      const auto port = static_cast<std::uint16_t>(2 * other);
      connection.expect({"CLUSTER", "MEET", "127.0.0.1", std::to_string(workspace_.port(port)),
                         std::to_string(workspace_.port(static_cast<std::uint16_t>(port + 1)))});
    }
  }
  constexpr milliseconds limit{30'000};
  const auto knows_all = [&](RedisNode& one) { return cluster_info(one.connection(), "cluster_known_nodes") == std::to_string(count); };
  wait_until([&] { return std::all_of(nodes_.begin(), nodes_.end(), knows_all); }, limit, "the nodes do not meet", workspace_);
  for (std::size_t i = options.masters; i < count; ++i) {
    const std::string master = identifier_of(i % options.masters);
    wait_until([&] { return node(i).connection().run({"CLUSTER", "REPLICATE", master}).text == "OK"; }, limit, "no replica", workspace_);
  }
  wait_until_ok(limit);
  for (std::size_t i = options.masters; i < count; ++i) {
    const auto is_linked = [&] {
      return node(i).connection().expect({"INFO", "replication"}).text.find("master_link_status:up") != std::string::npos;
    };
    wait_until(is_linked, limit, "a replica does not replicate", workspace_);
  }
}

std::string RedisCluster::identifier_of(std::size_t index) { return node(index).connection().expect({"CLUSTER", "MYID"}).text; }

std::size_t RedisCluster::node_at(std::int64_t port) const {
  const auto found = std::find(announced_.begin(), announced_.end(), port);
  return static_cast<std::size_t>(std::distance(announced_.begin(), found));
}

void RedisCluster::announce(const std::vector<std::uint16_t>& ports) {
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    node(i).connection().expect({"CONFIG", "SET", "cluster-announce-port", std::to_string(ports.at(i))});
  }
  announced_ = ports;
  wait_until_ok();
}

std::size_t RedisCluster::owner_of(std::uint16_t slot) {
  for (RedisNode& one : nodes_) {
    if (!one.process().is_running()) continue;
    for (const RedisReply& range : one.connection().expect({"CLUSTER", "SLOTS"}).elements) {
      if (slot < range.elements.at(0).integer || slot > range.elements.at(1).integer) continue;
      const std::size_t found = node_at(range.elements.at(2).elements.at(1).integer);
      if (found != nodes_.size()) return found;
    }
  }
  throw ServerFailure{"no node has slot " + std::to_string(slot)};
}

std::vector<std::string> RedisCluster::keys(std::string_view prefix) {
  std::vector<std::string> all;
  for (RedisNode& one : nodes_) {
    if (!one.process().is_running() || one.connection().expect({"ROLE"}).elements.at(0).text != "master") continue;
    std::vector<std::string> own = one.connection().keys(prefix);
    std::move(own.begin(), own.end(), std::back_inserter(all));
  }
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());  // a key on its way is seen on both ends
  return all;
}

std::vector<std::string> RedisCluster::lasting_keys(std::string_view prefix) {
  std::vector<std::string> all = keys(prefix);
  std::erase_if(all, [&](const std::string& key) { return connection_for(key).milliseconds_to_live(key) != -1; });
  return all;
}

void RedisCluster::begin_move(std::uint16_t slot, std::size_t to) {
  const std::size_t from = owner_of(slot);
  const std::string number = std::to_string(slot);
  node(to).connection().expect({"CLUSTER", "SETSLOT", number, "IMPORTING", identifier_of(from)});
  node(from).connection().expect({"CLUSTER", "SETSLOT", number, "MIGRATING", identifier_of(to)});
}

std::size_t RedisCluster::move_keys(std::uint16_t slot, std::size_t to, std::size_t most) {
  RedisConnection& source = node(owner_of(slot)).connection();
  const std::string port = std::to_string(endpoint(to).port);
  constexpr std::size_t batch = 16;
  std::size_t moved = 0;
  while (moved < most) {
    const std::string wanted = std::to_string(std::min(batch, most - moved));
    const RedisReply keys = source.expect({"CLUSTER", "GETKEYSINSLOT", std::to_string(slot), wanted});
    if (keys.elements.empty()) break;
    std::vector<std::string_view> words{"MIGRATE", "127.0.0.1", port, "", "0", "5000", "REPLACE", "KEYS"};
    for (const RedisReply& key : keys.elements) words.emplace_back(key.text);
    source.expect(words);  // NOKEY, when all have gone meanwhile, is no error
    moved += keys.elements.size();
  }
  return moved;
}

void RedisCluster::finish_move(std::uint16_t slot, std::size_t to) {
  const std::string number = std::to_string(slot);
  const std::string owner = identifier_of(to);
  const std::size_t from = owner_of(slot);
  // The new owner first: else a crash in between would leave the slot without one.
  node(to).connection().expect({"CLUSTER", "SETSLOT", number, "NODE", owner});
  node(from).connection().expect({"CLUSTER", "SETSLOT", number, "NODE", owner});
  for (RedisNode& one : nodes_) {  // a replica learns it from its master
    if (!one.process().is_running() || one.connection().expect({"ROLE"}).elements.at(0).text != "master") continue;
    one.connection().expect({"CLUSTER", "SETSLOT", number, "NODE", owner});
  }
}

void RedisCluster::move_slot(std::uint16_t slot, std::size_t to) {
  if (owner_of(slot) == to) return;
  begin_move(slot, to);
  move_keys(slot, to);
  finish_move(slot, to);
}

void RedisCluster::reshard(std::size_t from, std::size_t to, std::size_t count) {
  const std::uint16_t port = announced_.at(from);
  std::vector<std::uint16_t> slots;
  for (const RedisReply& range : node(from).connection().expect({"CLUSTER", "SLOTS"}).elements) {
    if (range.elements.at(2).elements.at(1).integer != port) continue;
    for (std::int64_t slot = range.elements[0].integer; slot <= range.elements[1].integer && slots.size() < count; ++slot) {
      slots.push_back(static_cast<std::uint16_t>(slot));
    }
  }
  for (const std::uint16_t slot : slots) move_slot(slot, to);
}

std::size_t RedisCluster::kill_master(std::uint16_t slot) {
  const std::size_t owner = owner_of(slot);
  node(owner).kill9();
  return owner;
}

bool RedisCluster::is_ok(std::size_t index) {
  RedisConnection& connection = node(index).connection();
  if (cluster_info(connection, "cluster_state") != "ok") return false;
  std::size_t covered = 0;
  for (const RedisReply& range : connection.expect({"CLUSTER", "SLOTS"}).elements) {
    const std::size_t owner = node_at(range.elements.at(2).elements.at(1).integer);
    if (owner == nodes_.size() || !node(owner).process().is_running()) return false;
    covered += static_cast<std::size_t>(range.elements[1].integer - range.elements[0].integer + 1);
  }
  return covered == slot_count;
}

void RedisCluster::wait_until_ok(milliseconds limit) {
  const auto all_are = [&] {
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      if (node(i).process().is_running() && !is_ok(i)) return false;
    }
    return true;
  };
  wait_until(all_are, limit, "the cluster is not well", workspace_);
}

}  // namespace hybridbuffer::servers
