#pragma once

#include "redis_node.hpp"

#include <cstddef>
#include <deque>
#include <string>
#include <vector>

namespace hybridbuffer::servers {

/// A Redis master, its replica, and three sentinels that make the one of the other when it dies. Ready when the constructor returns: after
/// two to four seconds, which the sentinels need to find each other.
///
/// Replication is asynchronous: what the master answered a moment before kill_master() may be lost, as in any such setup.
/// Throws:  ServerFailure.
/// Threads: one object needs external locking.
class RedisSentinel {
 public:
  static constexpr const char* master_name = "mymaster";

  RedisSentinel();

  /// Of the sentinels: what a client is told.
  [[nodiscard]] const std::vector<RedisEndpoint>& sentinels() const noexcept { return sentinel_endpoints_; }
  /// 0 or 1: the node that the sentinels call the master.
  [[nodiscard]] std::size_t master();
  [[nodiscard]] RedisNode& node(std::size_t index) { return nodes_.at(index); }
  /// Past the code under test: to the master.
  [[nodiscard]] RedisConnection& connection() { return node(master()).connection(); }
  [[nodiscard]] const Workspace& workspace() const noexcept { return workspace_; }

  /// Makes the replica the master, with nothing dead: about a second; done on return. The old master becomes its replica some ten seconds
  /// later.
  void fail_over();
  /// kill −9 of the master. The sentinels notice within a second or so: wait_for_master_other_than(). Returns: the index of the node.
  std::size_t kill_master();
  /// Until a node other than `old` is the master, and says so itself.
  void wait_for_master_other_than(std::size_t old, milliseconds limit = milliseconds{30'000});

 private:
  Workspace workspace_{"sentinel"};
  std::deque<RedisNode> nodes_;
  std::vector<RedisEndpoint> sentinel_endpoints_;
  std::deque<ServerProcess> sentinel_processes_;
  std::deque<RedisConnection> sentinel_connections_;
};

}  // namespace hybridbuffer::servers
