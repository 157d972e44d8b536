#include "../../kit/memory_use.hpp"
#include "../scale.hpp"
#include "s3_support.hpp"

#include <hybridbuffer/hybrid_buffer.hpp>

#include <boost/test/unit_test.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <servers/boost_test.hpp>
#include <servers/ceph_gateway.hpp>
#include <signal.h>
#include <string>
#include <unistd.h>
#include <vector>

// Many processes on one bucket; writers and a gateway that are killed; more than memory holds, through a buffer that holds 16 MiB.

namespace {

using namespace hybridbuffer;
using namespace hybridbuffer::testing;
using hybridbuffer::servers::ServerTests;
BOOST_TEST_GLOBAL_FIXTURE(ServerTests);
using Bytes = std::vector<std::byte>;

// Children are forked before this process uses libcurl; the gateway's connection is made by its own object alone.
servers::CephGateway& gateway() {
  static servers::CephGateway running = [] {
    ::setenv("CEPH_ARGS", "--rgw_multipart_min_part_size=1", 1);  // NOLINT(concurrency-mt-unsafe): one thread
    return servers::CephGateway{{.durable = true}};
  }();
  return running;
}

S3Options options_beneath(const std::string& prefix) {
  S3Options options = options_for(gateway().endpoint(), gateway().endpoint().port);
  options.prefix = prefix;
  options.part_bytes = options.range_bytes = std::size_t{mebibyte};
  return options;
}
std::size_t left_beneath(const std::string& prefix) {
  return gateway().connection().objects(prefix).size() + gateway().connection().uploads(prefix).size();
}

}  // namespace

BOOST_AUTO_TEST_CASE(eight_processes_of_four_threads_spill_into_one_bucket) {
  constexpr std::uint64_t processes = 8;
  constexpr std::uint64_t threads = 4;
  constexpr std::uint64_t size = 4 * mebibyte + 77;
  const S3Options options = options_beneath("scale/many/");
  const auto speed = round_trips_at_once(processes, threads, mebibyte, size, [&] { return S3Storage{options}; });
  BOOST_TEST_REQUIRE(speed.has_value());
  BOOST_TEST(left_beneath("scale/many/") == 0U);
  BOOST_TEST_MESSAGE(processes * threads << " writers: " << *speed << " MB/s written and read back");
}

BOOST_AUTO_TEST_CASE(what_a_killed_process_leaves_is_found_and_removed) {
  const S3Options options = options_beneath("scale/killed/");
  for (int round = 0; round < 5; ++round) {
    const pid_t child = in_child([&]() -> bool {
      const S3Storage storage{options};
      for (std::uint64_t salt = 0;; ++salt) static_cast<void>(round_trip(storage, mebibyte, 20 * mebibyte, salt));
    });
    // At different moments: while it uploads parts, completes, reads.
    while (left_beneath("scale/killed/") == 0) ::usleep(10'000);
    ::usleep(static_cast<useconds_t>(50'000 + 90'000 * round));
    ::kill(child, SIGKILL);
    BOOST_TEST(!succeeded(child));
  }
  BOOST_TEST(left_beneath("scale/killed/") > 0U);

  const pid_t cleaner = in_child([&] {
    S3Storage storage{options};
    const auto found = storage.orphans(std::chrono::seconds{0});
    if (!found || found->empty()) return false;
    if (!storage.remove_orphans(*found)) return false;
    return round_trip(storage, mebibyte, 3 * mebibyte, 1);  // the next run is not disturbed
  });
  BOOST_TEST(succeeded(cleaner));
  BOOST_TEST(left_beneath("scale/killed/") == 0U);
}

BOOST_AUTO_TEST_CASE(a_killed_gateway_loses_no_byte_of_the_buffer) {
  const S3Options base = options_beneath("scale/gateway/");
  std::array<int, 2> written{};
  std::array<int, 2> killed{};
  BOOST_REQUIRE(::pipe(written.data()) == 0);
  BOOST_REQUIRE(::pipe(killed.data()) == 0);
  const pid_t child = in_child([&] {
    S3Options options = base;
    options.retry.attempts = 2;
    options.timeouts.operation = std::chrono::seconds{3};
    HybridBuffer buffer{SegmentedMemory<>{}, SpillAt{2 * mebibyte}, S3Storage{options}};
    Bytes block(64 * 1024);
    std::uint64_t size = 0;
    const auto append = [&] {
      fill(block, size, 9);
      const auto done = buffer.append(block);
      if (done) size += block.size();
      return done.has_value();
    };
    while (size < 5 * mebibyte) {
      if (!append()) return false;
    }
    char signal = 'w';
    if (::write(written[1], &signal, 1) != 1 || ::read(killed[0], &signal, 1) != 1) return false;
    bool refused = false;
    for (int i = 0; i < 64 && !refused; ++i) refused = !append();
    if (!refused || buffer.size() != size) return false;  // told, and nothing changed
    if (::write(written[1], &signal, 1) != 1 || ::read(killed[0], &signal, 1) != 1) return false;
    while (size < 12 * mebibyte) {
      if (!append()) return false;
    }
    if (buffer.size() != size || !reads_back(buffer, 9)) return false;
    return buffer.close().has_value();
  });
  char signal = 0;
  BOOST_REQUIRE(::read(written[0], &signal, 1) == 1);
  gateway().kill9();
  BOOST_REQUIRE(::write(killed[1], &signal, 1) == 1);
  BOOST_REQUIRE(::read(written[0], &signal, 1) == 1);
  gateway().restart();
  BOOST_REQUIRE(::write(killed[1], &signal, 1) == 1);
  BOOST_TEST(succeeded(child));
  BOOST_TEST(left_beneath("scale/gateway/") == 0U);
  for (const int end : {written[0], written[1], killed[0], killed[1]}) ::close(end);
}

BOOST_AUTO_TEST_CASE(a_gibibyte_goes_through_sixteen_mebibytes_of_memory) {
  S3Options options = options_beneath("scale/large/");
  options.part_bytes = options.range_bytes = std::size_t{8 * mebibyte};
  const pid_t child = in_child([&] {
    const auto resident = [] { return conformance::kilobytes_line("/proc/self/status", "VmHWM"); };
    const S3Storage storage{options};
    if (!round_trip(storage, 16 * mebibyte, 17 * mebibyte, 3)) return false;  // libcurl and OpenSSL are loaded
    const std::uint64_t before = resident();
    if (!round_trip(storage, 16 * mebibyte, 1024 * mebibyte, 4)) return false;
    std::printf("1 GiB through 16 MiB: resident memory grew by %.1f MiB\n", static_cast<double>(resident() - before) / mebibyte);
    std::fflush(stdout);
    return resident() - before <= 4 * mebibyte;
  });
  BOOST_TEST(succeeded(child));
  BOOST_TEST(left_beneath("scale/large/") == 0U);
}
