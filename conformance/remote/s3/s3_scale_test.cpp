#define BOOST_TEST_MODULE s3_scale
#include "s3_harness.hpp"

#include <hybridbuffer/hybrid_buffer.hpp>

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <servers/boost_test.hpp>
#include <servers/ceph_gateway.hpp>
#include <signal.h>
#include <span>
#include <string>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

// Many processes on one bucket; writers and a gateway that are killed; more than memory holds, through a buffer that holds 16 MiB.

namespace {

using namespace hybridbuffer;
using hybridbuffer::servers::ServerTests;
BOOST_TEST_GLOBAL_FIXTURE(ServerTests);
using Bytes = std::vector<std::byte>;

constexpr std::uint64_t mebibyte = std::uint64_t{1} << 20U;

// Children are forked before this process uses libcurl; the gateway's connection is made by its own object alone.
servers::CephGateway& gateway() {
  static servers::CephGateway running = [] {
    ::setenv("CEPH_ARGS", "--rgw_multipart_min_part_size=1", 1);  // NOLINT(concurrency-mt-unsafe): one thread
    return servers::CephGateway{{.durable = true}};
  }();
  return running;
}

S3Options options_beneath(const std::string& prefix) {
  S3Options options = testing::options_for(gateway().endpoint(), gateway().endpoint().port);
  options.prefix = prefix;
  options.part_bytes = options.range_bytes = std::size_t{mebibyte};
  return options;
}
std::size_t left_beneath(const std::string& prefix) {
  return gateway().connection().objects(prefix).size() + gateway().connection().uploads(prefix).size();
}

std::byte byte_of(std::uint64_t offset, std::uint64_t salt) {
  const std::uint64_t mixed = (offset + 1) * 0x9E3779B97F4A7C15U ^ salt * 0xC2B2AE3D27D4EB4FU;
  return static_cast<std::byte>((mixed ^ mixed >> 29U) >> 11U);
}

/// Appends `size` bytes of a stream, and reads them all back.
bool round_trip(const S3Storage& storage, std::uint64_t threshold, std::uint64_t size, std::uint64_t salt) {
  HybridBuffer buffer{SegmentedMemory<>{}, SpillAt{threshold}, storage};
  Bytes block(100'003);
  for (std::uint64_t at = 0; at < size;) {
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(block.size(), size - at));
    for (std::size_t i = 0; i < count; ++i) block[i] = byte_of(at + i, salt);
    if (!buffer.append(std::span{block}.first(count))) return false;
    at += count;
    if (buffer.stats().in_memory > threshold) return false;
  }
  for (std::uint64_t at = 0; at < size;) {
    const auto count = buffer.read(block);
    if (!count || *count == 0) return false;
    for (std::size_t i = 0; i < *count; ++i) {
      if (block[i] != byte_of(at + i, salt)) return false;
    }
    at += *count;
  }
  return buffer.is_spilled();
}

/// Runs `work()` in a child. Returns its process id.
pid_t in_child(const std::function<bool()>& work) {
  const pid_t child = ::fork();
  if (child != 0) return child;
  ::alarm(280);
  ::_exit(work() ? 0 : 1);
}
bool succeeded(pid_t child) {
  int status = 0;
  return ::waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace

BOOST_AUTO_TEST_CASE(eight_processes_of_four_threads_spill_into_one_bucket) {
  constexpr std::uint64_t processes = 8;
  constexpr std::uint64_t threads = 4;
  constexpr std::uint64_t size = 4 * mebibyte + 77;
  const S3Options options = options_beneath("scale/many/");
  const auto begin = std::chrono::steady_clock::now();
  std::vector<pid_t> children;
  for (std::uint64_t process = 0; process < processes; ++process) {
    children.push_back(in_child([&] {
      const S3Storage storage{options};
      std::array<bool, threads> exact{};
      std::vector<std::thread> all;
      for (std::uint64_t thread = 0; thread < threads; ++thread) {
        all.emplace_back([&, thread] { exact.at(thread) = round_trip(storage, mebibyte, size, process * threads + thread); });
      }
      for (std::thread& one : all) one.join();
      return std::count(exact.begin(), exact.end(), true) == static_cast<std::ptrdiff_t>(threads);
    }));
  }
  for (const pid_t child : children) BOOST_TEST(succeeded(child));
  const double seconds = std::chrono::duration<double>{std::chrono::steady_clock::now() - begin}.count();
  BOOST_TEST(left_beneath("scale/many/") == 0U);
  BOOST_TEST_MESSAGE(processes * threads << " writers: " << static_cast<double>(processes * threads * size) / 1e6 / seconds
                                         << " MB/s written and read back");
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
      for (std::size_t i = 0; i < block.size(); ++i) block[i] = byte_of(size + i, 9);
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
    for (std::uint64_t at = 0; at < size;) {
      const auto count = buffer.read(block);
      if (!count || *count == 0) return false;
      for (std::size_t i = 0; i < *count; ++i) {
        if (block[i] != byte_of(at + i, 9)) return false;
      }
      at += *count;
    }
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
    const auto resident = [] {
      std::ifstream status{"/proc/self/status"};
      for (std::string line; std::getline(status, line);) {
        if (line.starts_with("VmHWM:")) return std::strtoull(line.c_str() + 6, nullptr, 10) * 1024;
      }
      return 0ULL;
    };
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
