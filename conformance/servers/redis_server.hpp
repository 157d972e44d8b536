#pragma once

#include "redis_connection.hpp"
#include "server_process.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace hybridbuffer::servers {

struct RedisServerOptions {
  std::string user{};      // an ACL user beside the default one, with every right; needs a password
  std::string password{};  // of the user, or of the default one when no user is named; then nobody else may say anything
  int databases = 16;
  int database = 0;                      // the one that endpoint() names
  bool tls = false;                      // on a port of its own, beside the plain one; clients are not asked for a certificate
  std::uint64_t max_memory = 0;          // bytes; writes beyond it are answered with -OOM; 0: no limit
  bool append_only = false;              // each write is on disk before its answer, so that kill9() and restart() lose nothing
  std::vector<std::string> arguments{};  // further ones of redis-server
};

/// A Redis server of its own on 127.0.0.1 and on a Unix socket. Ready when the constructor returns, after about 50 ms.
///
///     const RedisServer server;
///     auto storage = RedisStorage{…server.endpoint().port…};
///     …
///     BOOST_TEST(server.connection().keys("prefix").size() == 0U);
///
/// Throws:  ServerFailure.
/// Threads: one object needs external locking; its connection() too.
class RedisServer {
 public:
  explicit RedisServer(RedisServerOptions options = {});

  [[nodiscard]] const RedisEndpoint& endpoint() const noexcept { return endpoint_; }
  /// Past the code under test.
  [[nodiscard]] RedisConnection& connection() noexcept { return connection_; }
  [[nodiscard]] ServerProcess& process() noexcept { return process_; }
  [[nodiscard]] const Workspace& workspace() const noexcept { return workspace_; }

  /// What it does not have on disk is lost: everything, unless options.append_only.
  void kill9() { process_.kill9(); }
  /// Stops it first when it runs. The same ports, the same data; ready on return.
  void restart();

 private:
  [[nodiscard]] std::vector<std::string> command() const;
  void start();

  RedisServerOptions options_;
  Workspace workspace_{"redis"};
  RedisEndpoint endpoint_;
  RedisConnection connection_;
  ServerProcess process_;
};

}  // namespace hybridbuffer::servers
