#pragma once

#include "s3_connection.hpp"
#include "server_process.hpp"

#include <deque>
#include <string>

namespace hybridbuffer::servers {

struct SwiftGatewayOptions {
  std::string region = "eu-test-1";
  std::string bucket = "test-bucket";
};

/// OpenStack Swift with its S3 API, a second and different S3 store, of its own on 127.0.0.1: proxy, account, container and object server
/// and memcached. Ready, with an empty bucket, when the constructor returns: after about three seconds.
///
/// It checks the region, answers 501 to PUT with If-None-Match, and takes at most 1000 parts, of any size. Objects are files in the
/// temporary directory, which must be on a file system with extended attributes. Throws:  ServerFailure. Threads: one object needs external
/// locking; its connection() too.
class SwiftGateway {
 public:
  explicit SwiftGateway(const SwiftGatewayOptions& options = {});

  [[nodiscard]] const S3Endpoint& endpoint() const noexcept { return connection_.endpoint(); }
  /// Past the code under test.
  [[nodiscard]] S3Connection& connection() noexcept { return connection_; }
  [[nodiscard]] ServerProcess& process() noexcept { return processes_.back(); }
  [[nodiscard]] const Workspace& workspace() const noexcept { return workspace_; }

  /// Of the proxy, which speaks with clients.
  void kill9() { process().kill9(); }
  /// Of all five. Objects are on disk.
  void kill9_with_store();
  /// Starts what does not run. The same ports, the same data; ready on return.
  void restart();

 private:
  void write_configuration(const std::string& region) const;

  Workspace workspace_{"swift"};
  S3Connection connection_;
  std::deque<ServerProcess> processes_;  // the proxy is the last
};

}  // namespace hybridbuffer::servers
