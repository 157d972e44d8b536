#include "../threads.hpp"
#include "s3_support.hpp"

#include <boost/test/unit_test.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <servers/boost_test.hpp>
#include <servers/ceph_gateway.hpp>
#include <string>

// S3Storage, S3Backend and S3ReaderAt from several threads at once: for the thread sanitizer.

namespace {

using namespace hybridbuffer;
using namespace hybridbuffer::testing;
using namespace std::chrono_literals;
using hybridbuffer::servers::ServerTests;
BOOST_TEST_GLOBAL_FIXTURE(ServerTests);

constexpr std::size_t part = std::size_t{16} * 1024;
constexpr std::size_t size = 5 * part + 7;

servers::CephGateway& gateway() {
  static servers::CephGateway running = [] {
    ::setenv("CEPH_ARGS", "--rgw_multipart_min_part_size=1", 1);  // NOLINT(concurrency-mt-unsafe): one thread
    return servers::CephGateway{};
  }();
  return running;
}
S3Options options_beneath(const std::string& prefix) {
  S3Options options = options_for(gateway().endpoint(), gateway().endpoint().port);
  options.prefix = prefix;
  options.part_bytes = options.range_bytes = part;
  return options;
}
void expect_nothing_left(const std::string& prefix) {
  BOOST_TEST(gateway().connection().objects(prefix).empty());
  BOOST_TEST(gateway().connection().uploads(prefix).empty());
}

}  // namespace

BOOST_AUTO_TEST_CASE(many_threads_read_one_location_by_one_handle) {
  Problems problems;
  {
    S3Backend backend = S3Storage{options_beneath("read/")}.create_backend().value();
    read_by_many<S3Backend>(backend, size, problems, [](const S3Backend&) { return Result<void>{}; });
  }
  problems.report();
  expect_nothing_left("read/");
}

BOOST_AUTO_TEST_CASE(many_threads_read_a_location_that_one_writes_anew) {
  Problems problems;
  {
    S3Backend backend = S3Storage{options_beneath("write/")}.create_backend().value();
    read_while_written(backend, size, problems);
  }
  problems.report();
  expect_nothing_left("write/");
}

BOOST_AUTO_TEST_CASE(threads_share_a_storage_whose_credentials_run_out_all_the_time) {
  Problems problems;
  S3Options options = options_beneath("share/");
  std::atomic<unsigned> fetched{0};
  const S3Credentials real{.access_key = gateway().endpoint().access_key, .secret_key = gateway().endpoint().secret_key};
  options.credentials = [&](std::chrono::milliseconds) -> Result<S3Credentials> {
    ++fetched;
    S3Credentials lent = real;
    lent.expires = std::chrono::system_clock::now() + 200ms;  // and a part of a second more by the store's clock, which has no parts
    return lent;
  };
  {
    const S3Storage storage{options};
    spill_side_by_side(storage, size, problems);
    const auto orphans = S3Storage{options}.orphans(-10s);
    problems.expect(orphans && orphans->empty(), "orphans");
  }
  problems.report();
  BOOST_TEST(fetched > 2U);
  expect_nothing_left("share/");
}
