#include "s3_harness.hpp"

#include <hybridbuffer/conformance/program.hpp>

#include <cstdlib>
#include <optional>
#include <servers/ceph_gateway.hpp>

// The conformance clauses on S3Backend, with a Ceph gateway.

int main(int count, char** arguments) {
  using namespace hybridbuffer;
  std::optional<servers::CephGateway> gateway;
  if (!servers::S3Endpoint::from_environment(testing::gateway_variable)) {
    ::setenv("CEPH_ARGS", "--rgw_multipart_min_part_size=1", 1);  // NOLINT(concurrency-mt-unsafe): no other thread yet
    gateway.emplace();
    gateway->endpoint().to_environment(testing::gateway_variable);
  }
  return conformance::run_program<testing::S3Harness>(count, arguments);
}
