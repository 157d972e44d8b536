#pragma once

#include "s3_connection.hpp"
#include "server_process.hpp"

#include <string>

namespace hybridbuffer::servers {

struct CephGatewayOptions {
  bool durable = false;  // objects on disk (bluestore) instead of in the memory of the object store's daemon; about 4 s slower to start
  bool tls = false;
  std::string bucket = "test-bucket";  // at least three characters
  std::string dns_name{};              // a request for the host bucket.dns_name is for that bucket; empty: buckets stand in the path only
};

/// A Ceph RADOS Gateway, an S3 store, of its own on 127.0.0.1: one monitor, one object store daemon, one gateway. Ready, with an empty
/// bucket, when the constructor returns: after about two seconds.
///
/// It checks signatures, payload hashes and conditions strictly, and no region.
/// Throws:  ServerFailure.
/// Threads: one object needs external locking; its connection() too.
class CephGateway {
 public:
  explicit CephGateway(CephGatewayOptions options = {});

  [[nodiscard]] const S3Endpoint& endpoint() const noexcept { return endpoint_; }
  /// Past the code under test.
  [[nodiscard]] S3Connection& connection() noexcept { return connection_; }
  [[nodiscard]] ServerProcess& process() noexcept { return gateway_; }
  [[nodiscard]] const Workspace& workspace() const noexcept { return workspace_; }

  /// Of the gateway alone, so that nothing is lost that it had acknowledged.
  void kill9() { gateway_.kill9(); }
  /// Of all three. Requires: options.durable, for without it no object is left.
  void kill9_with_store();
  /// Starts what does not run. The same ports, the same data; ready on return.
  void restart();

 private:
  void create_store();
  void start();

  CephGatewayOptions options_;
  Workspace workspace_{"ceph"};
  S3Endpoint endpoint_;
  S3Connection connection_;
  ServerProcess monitor_;
  ServerProcess store_;
  ServerProcess gateway_;
};

}  // namespace hybridbuffer::servers
