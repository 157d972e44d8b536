#pragma once

#include "redis_connection.hpp"
#include "server_process.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace hybridbuffer::servers {

/// One redis-server in a workspace that it may share with others: what RedisServer, RedisCluster and RedisSentinel are made of. Its data
/// are in the directory `name` of the workspace.
class RedisNode {
 public:
  /// Does not start it. `endpoint`: without the path of the Unix socket. `arguments`: of redis-server, on top of what every node has.
  RedisNode(const Workspace& workspace, std::string_view name, RedisEndpoint endpoint, const std::vector<std::string>& arguments);

  [[nodiscard]] const RedisEndpoint& endpoint() const noexcept { return connection_.endpoint(); }
  /// Past the code under test.
  [[nodiscard]] RedisConnection& connection() noexcept { return connection_; }
  [[nodiscard]] ServerProcess& process() noexcept { return process_; }

  /// Ready on return. Throws: ServerFailure.
  void start();
  void kill9() { process_.kill9(); }
  /// Stops it first when it runs.
  void restart();

 private:
  RedisConnection connection_;
  ServerProcess process_;
};

}  // namespace hybridbuffer::servers
