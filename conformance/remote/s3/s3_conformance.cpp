#include "s3_harness.hpp"

#include <hybridbuffer/conformance/program.hpp>

#include <cstdlib>
#include <optional>
#include <servers/ceph_gateway.hpp>
#include <servers/swift_gateway.hpp>
#include <string_view>

// The conformance clauses on S3Backend. HYBRIDBUFFER_TEST_S3_ENGINE=swift runs them on OpenStack Swift, else a Ceph gateway is started.

int main(int count, char** arguments) {
  using namespace hybridbuffer;
  std::optional<servers::CephGateway> ceph;
  std::optional<servers::SwiftGateway> swift;
  if (!servers::S3Endpoint::from_environment(testing::gateway_variable)) {
    // Names, dates and request ids differ in length from cycle to cycle and fill the free lists of each thread bit by bit, which malloc
    // counts as memory in use (RES-1, RES-2). For the processes that the kit starts.
    ::setenv("GLIBC_TUNABLES", "glibc.malloc.tcache_count=0", 0);     // NOLINT(concurrency-mt-unsafe): no other thread yet
    const char* engine = std::getenv("HYBRIDBUFFER_TEST_S3_ENGINE");  // NOLINT(concurrency-mt-unsafe)
    if (engine != nullptr && std::string_view{engine} == "swift") {
      swift.emplace().endpoint().to_environment(testing::gateway_variable);
    } else {
      ::setenv("CEPH_ARGS", "--rgw_multipart_min_part_size=1", 1);  // NOLINT(concurrency-mt-unsafe)
      ceph.emplace().endpoint().to_environment(testing::gateway_variable);
    }
  }
  return conformance::run_program<testing::S3Harness>(count, arguments);
}
