#include "s3_harness.hpp"

#include <hybridbuffer/conformance/program.hpp>
#ifdef HYBRIDBUFFER_CODED
#include <hybridbuffer/transform/compressed.hpp>
#include <hybridbuffer/transform/encrypted.hpp>
#endif

#include <chrono>
#include <cstdlib>
#include <optional>
#include <servers/ceph_gateway.hpp>
#include <servers/swift_gateway.hpp>
#include <string_view>
#include <utility>

// The conformance clauses on S3Backend; with HYBRIDBUFFER_CODED beneath encrypted(compressed()). HYBRIDBUFFER_TEST_S3_ENGINE=swift runs
// them on OpenStack Swift, else a Ceph gateway is started.

namespace {

#ifdef HYBRIDBUFFER_CODED
struct Harness : hybridbuffer::testing::S3Store {
  static constexpr std::string_view name = "encrypted over compressed over S3Backend";
  static constexpr std::chrono::milliseconds op_deadline{5'000};

  // publish() decrypts into a location of its own, which is gone when a request for it was given up.
  Harness() { hold_replies(); }
  static auto coded(hybridbuffer::S3Storage storage) {
    return hybridbuffer::encrypted(hybridbuffer::compressed(std::move(storage), hybridbuffer::Lz4{}, {.chunk_bytes = 5'000}),
                                   {.chunk_bytes = 4'096});
  }
  auto make_backend() { return coded(storage()).create_backend(); }
  auto make_storage() { return hybridbuffer::Result<decltype(coded(storage()))>{coded(hybridbuffer::S3Storage{options()})}; }
};
#else
using Harness = hybridbuffer::testing::S3Harness;
#endif

}  // namespace

int main(int count, char** arguments) {
  using namespace hybridbuffer;
  std::optional<servers::CephGateway> ceph;
  std::optional<servers::SwiftGateway> swift;
  if (!servers::S3Endpoint::from_environment(testing::gateway_variable)) {
    // Names, dates and request ids differ in length from cycle to cycle and fill the free lists of each thread bit by bit, which malloc
    // counts as memory in use (RES-1, RES-2). For the processes that the kit starts.
    ::setenv("GLIBC_TUNABLES", "glibc.malloc.tcache_count=0", 0);  // NOLINT(concurrency-mt-unsafe): no other thread yet
    if (testing::is_swift()) {
      swift.emplace().endpoint().to_environment(testing::gateway_variable);
    } else {
      ::setenv("CEPH_ARGS", "--rgw_multipart_min_part_size=1", 1);  // NOLINT(concurrency-mt-unsafe)
      ceph.emplace().endpoint().to_environment(testing::gateway_variable);
    }
  }
  return conformance::run_program<Harness>(count, arguments);
}
