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
    // Names, dates and request ids differ in length from cycle to cycle and fill the free lists of each thread bit by bit, which malloc
    // counts as memory in use (RES-1, RES-2). For the processes that the kit starts.
    ::setenv("GLIBC_TUNABLES", "glibc.malloc.tcache_count=0", 0);  // NOLINT(concurrency-mt-unsafe)
    gateway.emplace();
    gateway->endpoint().to_environment(testing::gateway_variable);
  }
  return conformance::run_program<testing::S3Harness>(count, arguments);
}
