#include "../../kit/memory_use.hpp"
#include "../scale.hpp"
#include "redis_support.hpp"

#include <hybridbuffer/hybrid_buffer.hpp>

#include <boost/test/unit_test.hpp>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <random>
#include <servers/boost_test.hpp>
#include <servers/redis_cluster.hpp>
#include <servers/redis_server.hpp>
#include <span>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

// Many processes on one cluster; writers and a server that are killed; more than memory holds, through a buffer that holds 16 MiB.

namespace {

using namespace hybridbuffer;
using namespace hybridbuffer::testing;
using namespace std::chrono_literals;
using hybridbuffer::servers::ServerTests;
BOOST_TEST_GLOBAL_FIXTURE(ServerTests);
using Clock = std::chrono::steady_clock;

servers::RedisCluster& cluster() {
  static servers::RedisCluster running;
  return running;
}
RedisOptions options_beneath(const std::string& prefix) {
  RedisOptions options = options_for(cluster().endpoint());
  options.prefix = prefix;
  return options;
}

/// The same times in every run, other moments: nobody knows how far a process is then.
std::chrono::microseconds random_time(std::chrono::microseconds most) {
  static std::mt19937_64 random{7};  // NOLINT(cert-msc32-c,cert-msc51-cpp)
  return std::chrono::microseconds{random() % static_cast<std::uint64_t>(most.count())};
}

// Of the server that is killed.
constexpr RedisTimeouts short_times{.connect = 500ms, .call = 1s, .operation = 3s, .cleanup = 1s};
RedisOptions impatient(const servers::RedisServer& server) {
  RedisOptions options = options_for(server.endpoint());
  options.timeouts = short_times;
  return options;
}

struct Refusal {
  Error error;
  Clock::duration took;
};
/// Calls `operation` until it fails while `server` is killed at a random moment. Returns: nothing when it does not fail.
template <class Operation>
std::optional<Refusal> refused_when_killed(servers::RedisServer& server, std::chrono::microseconds most, const Operation& operation) {
  std::atomic<bool> is_killed{false};
  const auto moment = random_time(most);
  const std::jthread killer{[&] {
    std::this_thread::sleep_for(moment);
    server.kill9();
    is_killed = true;
  }};
  for (int calls_since = 0; calls_since < 1'000;) {
    if (is_killed) ++calls_since;
    const auto begin = Clock::now();
    if (const auto done = operation(); !done) return Refusal{done.error(), Clock::now() - begin};
  }
  return std::nullopt;
}
/// As docs/redis.md has it for a server that is not there; and in time, on a busy machine.
void check_refusal(const std::optional<Refusal>& refusal) {
  BOOST_TEST_REQUIRE(refusal.has_value(), "nothing failed");
  const errc code = static_cast<errc>(refusal->error.code());
  BOOST_TEST((code == errc::unavailable || code == errc::timeout), refusal->error.message());
  BOOST_TEST((refusal->took < short_times.operation + 2 * short_times.cleanup + 2s),
             std::chrono::duration_cast<std::chrono::milliseconds>(refusal->took).count() << " ms");
}

}  // namespace

BOOST_AUTO_TEST_CASE(eight_processes_of_four_threads_spill_into_one_cluster) {
  constexpr std::uint64_t processes = 8;
  constexpr std::uint64_t threads = 4;
  constexpr std::uint64_t size = 16 * mebibyte + 77;
  const RedisOptions options = options_beneath("scale:many:");
  const auto speed = round_trips_at_once(processes, threads, mebibyte, size, [&] { return RedisStorage{options}; });
  BOOST_TEST_REQUIRE(speed.has_value());
  BOOST_TEST(cluster().keys("scale:many:").empty());
  BOOST_TEST_MESSAGE(processes * threads << " writers: " << *speed << " MB/s written and read back");
}

BOOST_AUTO_TEST_CASE(what_killed_writers_leave_expires_and_nobody_else_is_touched) {
  constexpr int rounds = 10;
  constexpr int writers = 4;
  constexpr auto expiration = 20s;
  HybridBuffer bystander{SegmentedMemory<>{}, SpillAt{mebibyte}, RedisStorage{options_beneath("scale:bystander:")}};
  std::vector<std::byte> block(3 * mebibyte);
  fill(block, 0, 1);
  BOOST_REQUIRE(bystander.append(block));
  BOOST_REQUIRE(bystander.is_spilled());

  int have_left = 0;
  for (int round = 0; round < rounds; ++round) {
    std::vector<std::string> prefixes;
    std::vector<pid_t> children;
    for (int writer = 0; writer < writers; ++writer) {
      prefixes.push_back("scale:killed:" + std::to_string(round * writers + writer) + ":");
      RedisOptions options = options_beneath(prefixes.back());
      options.expiration = expiration;
      children.push_back(in_child([&]() -> bool {
        const RedisStorage storage{options};
        for (std::uint64_t salt = 0;; ++salt) static_cast<void>(round_trip(storage, mebibyte / 4, 5 * mebibyte, salt));
      }));
    }
    for (std::size_t i = 0; i < children.size(); ++i) {
      // At any moment: while it stores chunks, commits, extends, reads, removes.
      servers::wait_until([&] { return !cluster().keys(prefixes[i]).empty(); }, 60s, "a writer that writes", cluster().workspace());
      std::this_thread::sleep_for(random_time(200ms));
      ::kill(children[i], SIGKILL);
      BOOST_TEST(!succeeded(children[i]));
      if (!cluster().keys(prefixes[i]).empty()) ++have_left;
      BOOST_TEST(cluster().lasting_keys(prefixes[i]).empty());
    }
  }
  BOOST_TEST_MESSAGE(have_left << " of " << rounds * writers << " killed writers left keys");
  BOOST_TEST(have_left > rounds * writers / 2);
  BOOST_TEST((bystander.size() == block.size() && reads_back(bystander, 1)));
  servers::wait_until([] { return cluster().keys("scale:killed:").empty(); }, 3 * expiration, "all keys to expire", cluster().workspace());
}

BOOST_AUTO_TEST_CASE(a_killed_server_is_told_in_time_and_loses_no_byte_of_the_buffer) {
  servers::RedisServer server{{.append_only = true}};
  const RedisStorage storage{impatient(server)};
  for (int round = 0; round < 4; ++round) {
    HybridBuffer buffer{SegmentedMemory<>{}, SpillAt{mebibyte}, storage};
    std::vector<std::byte> block(64 * 1024);
    const auto append = [&] {
      fill(block, buffer.size(), 9);
      return buffer.append(block);
    };
    while (buffer.size() < 3 * mebibyte) BOOST_TEST_REQUIRE(append().has_value());

    std::uint64_t before = 0;
    check_refusal(refused_when_killed(server, 300ms, [&] {
      before = buffer.size();
      return append();
    }));
    BOOST_TEST(buffer.size() == before);
    const auto begin = Clock::now();
    const auto read = buffer.read(block);
    check_refusal(read ? std::nullopt : std::optional{Refusal{read.error(), Clock::now() - begin}});
    server.restart();
    BOOST_TEST_REQUIRE(append().has_value());
    BOOST_TEST(buffer.size() == before + block.size());
    BOOST_TEST(reads_back(buffer, 9));

    std::uint64_t position = 0;
    check_refusal(refused_when_killed(server, 100ms, [&]() -> Result<void> {
      if (position == buffer.size()) position = 0;
      if (auto moved = buffer.seek(static_cast<std::int64_t>(position)); !moved) return std::unexpected{moved.error()};
      const auto count = buffer.read(block);
      if (!count) return std::unexpected{count.error()};
      BOOST_TEST_REQUIRE((*count != 0 && is_filled(std::span{block}.first(*count), position, 9)));
      position += *count;
      return {};
    }));
    server.restart();
    BOOST_TEST(reads_back(buffer, 9, position));
    BOOST_TEST(buffer.close().has_value());
  }
  BOOST_TEST(server.connection().lasting_keys().empty());
}

BOOST_AUTO_TEST_CASE(a_killed_server_that_comes_back_with_nothing_is_no_part_of_the_whole) {
  servers::RedisServer server;
  HybridBuffer buffer{SegmentedMemory<>{}, SpillAt{mebibyte}, RedisStorage{impatient(server)}};
  std::vector<std::byte> block(64 * 1024);
  const auto append = [&] {
    fill(block, buffer.size(), 9);
    return buffer.append(block);
  };
  while (buffer.size() < 3 * mebibyte) BOOST_TEST_REQUIRE(append().has_value());
  check_refusal(refused_when_killed(server, 100ms, append));
  server.restart();
  const auto read = buffer.read(block);
  BOOST_TEST_REQUIRE(!read.has_value());
  BOOST_TEST((read.error() == errc::corrupted), read.error().message());
}

BOOST_AUTO_TEST_CASE(a_gibibyte_goes_through_sixteen_mebibytes_of_memory) {
  const RedisOptions options = options_beneath("scale:large:");
  const std::uint64_t most = 16 * mebibyte + options.window_bytes + options.chunk_bytes + mebibyte;
  const pid_t child = in_child([&] {
    const RedisStorage storage{options};
    if (!round_trip(storage, mebibyte / 16, mebibyte / 4, 3)) return false;  // what is loaded is loaded
    conformance::PeakMemory peak;
    const auto begin = Clock::now();
    if (!round_trip(storage, 16 * mebibyte, 1024 * mebibyte, 4)) return false;
    const double seconds = std::chrono::duration<double>{Clock::now() - begin}.count();
    peak.look();
    std::printf("1 GiB through 16 MiB: resident memory grew by %.2f MiB, of %.2f; %.0f MB/s written and read back\n",
                static_cast<double>(peak.growth()) / mebibyte, static_cast<double>(most) / mebibyte, 1024 * mebibyte / 1e6 / seconds);
    std::fflush(stdout);
    return peak.growth() <= most;
  });
  BOOST_TEST(succeeded(child));
  BOOST_TEST(cluster().keys("scale:large:").empty());
}
