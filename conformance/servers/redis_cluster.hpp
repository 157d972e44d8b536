#pragma once

#include "redis_node.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hybridbuffer::servers {

struct RedisClusterOptions {
  std::size_t masters = 3;           // masters × (1 + replicas) is at most 8
  std::size_t replicas = 0;          // of each master
  milliseconds node_timeout{1'000};  // how long a node is silent before the others take it for dead
  bool append_only = false;          // so that a master that is killed and comes back has everything
  bool needs_every_slot = true;      // without a master for each slot, all nodes answer -CLUSTERDOWN
};

/// A Redis Cluster on 127.0.0.1. Nodes 0 to masters − 1 begin as masters with equal shares of the slots, in their order; node masters + i
/// is a replica of node i modulo masters. Ready when the constructor returns: after about one second.
///
/// Throws:  ServerFailure.
/// Threads: one object needs external locking: slots are moved while a test runs by a thread that alone uses this object meanwhile.
class RedisCluster {
 public:
  explicit RedisCluster(const RedisClusterOptions& options = {});

  [[nodiscard]] std::size_t size() const noexcept { return nodes_.size(); }
  [[nodiscard]] RedisNode& node(std::size_t index) { return nodes_.at(index); }
  [[nodiscard]] const RedisEndpoint& endpoint(std::size_t index = 0) const { return nodes_.at(index).endpoint(); }
  [[nodiscard]] const Workspace& workspace() const noexcept { return workspace_; }

  /// The master that has a slot or a key, as the nodes that run see it.
  [[nodiscard]] std::size_t owner_of(std::uint16_t slot);
  [[nodiscard]] std::size_t owner_of(std::string_view key) { return owner_of(redis_key_slot(key)); }
  /// Past the code under test: the connection to the owner.
  [[nodiscard]] RedisConnection& connection_for(std::string_view key) { return node(owner_of(key)).connection(); }
  /// The names on all masters that run, sorted, that begin with `prefix`.
  [[nodiscard]] std::vector<std::string> keys(std::string_view prefix = {});
  [[nodiscard]] std::vector<std::string> lasting_keys(std::string_view prefix = {});

  /// Moves a slot with its keys to another master, while clients go on: they meet ASK and TRYAGAIN before, MOVED afterwards.
  void move_slot(std::uint16_t slot, std::size_t to);
  /// The three parts of move_slot(), for tests of what lies between. move_keys(): returns how many keys it moved, at most `most`.
  void begin_move(std::uint16_t slot, std::size_t to);
  std::size_t move_keys(std::uint16_t slot, std::size_t to, std::size_t most = 1'000'000);
  void finish_move(std::uint16_t slot, std::size_t to);
  /// The first `count` slots that `from` has, or as many as it has, go to `to`.
  void reshard(std::size_t from, std::size_t to, std::size_t count);

  /// From now on all nodes send clients to these ports of 127.0.0.1, one for each node: of proxies before them. Done on return.
  void announce(const std::vector<std::uint16_t>& ports);

  /// kill −9 of the master that has `slot`. Returns: its index.
  std::size_t kill_master(std::uint16_t slot);
  /// Until all nodes that run say cluster_state:ok, and all slots have masters that run. After kill_master() with replicas: about
  /// node_timeout plus a second.
  void wait_until_ok(milliseconds limit = milliseconds{30'000});

 private:
  [[nodiscard]] std::string identifier_of(std::size_t index);
  [[nodiscard]] bool is_ok(std::size_t index);
  /// The node that clients are sent to by this port; size() when there is none.
  [[nodiscard]] std::size_t node_at(std::int64_t port) const;

  Workspace workspace_{"cluster"};
  RedisClusterOptions options_;
  std::deque<RedisNode> nodes_;
  std::vector<std::uint16_t> announced_;  // ports, in the order of the nodes
};

}  // namespace hybridbuffer::servers
