#pragma once

#include "redis_node.hpp"

#include <cstdint>
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
  explicit RedisServer(const RedisServerOptions& options = {});

  [[nodiscard]] const RedisEndpoint& endpoint() const noexcept { return node_.endpoint(); }
  /// Past the code under test.
  [[nodiscard]] RedisConnection& connection() noexcept { return node_.connection(); }
  [[nodiscard]] ServerProcess& process() noexcept { return node_.process(); }
  [[nodiscard]] const Workspace& workspace() const noexcept { return workspace_; }

  /// What it does not have on disk is lost: everything, unless options.append_only.
  void kill9() { node_.kill9(); }
  /// Stops it first when it runs. The same ports, the same data; ready on return.
  void restart() { node_.restart(); }

 private:
  Workspace workspace_{"redis"};
  RedisNode node_;
};

}  // namespace hybridbuffer::servers
