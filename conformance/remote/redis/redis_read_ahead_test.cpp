#include "redis_fault_place.hpp"

#include <boost/test/unit_test.hpp>

#include <cstddef>
#include <cstdint>
#include <fstream>
#include <limits>
#include <servers/boost_test.hpp>
#include <servers/fault_proxy.hpp>
#include <span>
#include <string>
#include <string_view>
#include <thread>

// Reading ahead: many chunks a conversation with the server, each asked for once. Counted by the proxy between the two, not timed.

namespace {

using namespace hybridbuffer;
using namespace hybridbuffer::testing;
using namespace std::chrono_literals;
using hybridbuffer::servers::ServerTests;
BOOST_TEST_GLOBAL_FIXTURE(ServerTests);

constexpr std::size_t chunk_bytes = 1'000;
constexpr std::size_t window = 16;  // chunks under way at once
constexpr std::size_t chunks = 64;
const Bytes bytes = content(chunks * chunk_bytes);

/// An object of `chunks` chunks, and a proxy that counts what is asked of the server.
struct Stored : Place {
  Stored() { BOOST_REQUIRE(store(backend, bytes)); }

  /// From now on: a fault that never comes, whose occasions are counted.
  [[nodiscard]] servers::FaultProxy::Armed count(std::string_view words) {
    return proxy.arm(faults::drop_reply().on_request(std::numeric_limits<std::uint64_t>::max()).matching(words));
  }
  /// Each batch of commands, for whose answers the client then waits, ends with an ECHO (RedisLink).
  [[nodiscard]] servers::FaultProxy::Armed count_conversations() { return count("\nECHO\r"); }
  [[nodiscard]] servers::FaultProxy::Armed count_chunks() { return count("\nGET\r"); }

  RedisBackend backend = made();

 private:
  RedisBackend made() {
    options.chunk_bytes = chunk_bytes;
    options.window_bytes = window * chunk_bytes;
    options.timeouts = {.connect = 60s, .call = 60s, .operation = 120s, .cleanup = 5s};  // what is held back here is not given up
    storage = RedisStorage{options};
    return storage.create_backend().value();
  }
};

template <reader Reader>
bool reads(Reader& reader, std::size_t from, std::size_t to) {
  Bytes piece(chunk_bytes / 3);
  while (from < to) {
    const auto count = reader.read(std::span{piece}.first(std::min(piece.size(), to - from)));
    if (!count || *count == 0 ||
        !std::equal(piece.begin(), piece.begin() + static_cast<std::ptrdiff_t>(*count), bytes.begin() + static_cast<std::ptrdiff_t>(from)))
      return false;
    from += *count;
  }
  return true;
}

/// A line of /proc/self/status, which is in KiB there.
std::size_t status_bytes(std::string_view name) {
  std::ifstream file{"/proc/self/status"};
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(name)) return std::stoull(line.substr(name.size() + 1)) * 1024;
  }
  return 0;
}
/// How much memory a function needed at once, beside what there was.
template <class Function>
std::size_t most_memory_of(Function&& function) {
  std::ofstream{"/proc/self/clear_refs"} << "5" << std::flush;  // VmHWM begins anew
  const std::size_t there = status_bytes("VmRSS");
  function();
  return status_bytes("VmHWM") - there;
}

}  // namespace

BOOST_AUTO_TEST_CASE(who_reads_in_order_waits_for_a_few_batches_and_who_does_not_for_each_chunk) {
  Stored stored;
  auto reader = stored.backend.open().value();
  const auto reader_at = stored.backend.open_reader_at().value();

  const auto batches = stored.count_conversations();
  const auto fetched = stored.count_chunks();
  BOOST_TEST(reads(reader, 0, bytes.size()));
  // 1, 2, 4, 8 and 16 chunks ahead, then half of the window at a time.
  const std::uint64_t in_order = stored.proxy.seen(batches);
  BOOST_TEST(in_order <= 5 + (chunks - 31 + window / 2 - 1) / (window / 2));
  BOOST_TEST(stored.proxy.seen(fetched) == chunks);

  Bytes one(chunk_bytes);
  for (std::size_t i = 0; i < chunks; ++i) {
    BOOST_TEST(reader_at.read_at(i * chunk_bytes, one).value_or(0) == chunk_bytes);
    BOOST_TEST(std::equal(one.begin(), one.end(), bytes.begin() + static_cast<std::ptrdiff_t>(i * chunk_bytes)));
  }
  BOOST_TEST(stored.proxy.seen(batches) - in_order == chunks);  // so that the number above says something
  BOOST_TEST(stored.proxy.seen(fetched) == 2 * chunks);
}

BOOST_AUTO_TEST_CASE(a_window_of_many_chunks_is_read_in_batches) {
  Stored stored;
  const auto reader_at = stored.backend.open_reader_at().value();
  const auto batches = stored.count_conversations();
  const auto fetched = stored.count_chunks();

  Bytes all(bytes.size());
  BOOST_TEST(reader_at.read_at(0, all).value_or(0) == all.size());

  BOOST_TEST((all == bytes));
  BOOST_TEST(stored.proxy.seen(batches) <= chunks / window + 1);
  BOOST_TEST(stored.proxy.seen(fetched) == chunks);
}

BOOST_AUTO_TEST_CASE(half_a_window_and_more_is_under_way_while_a_reader_waits) {
  Stored stored;
  auto reader = stored.backend.open().value();
  constexpr std::size_t half = chunks / 2 * chunk_bytes;
  BOOST_REQUIRE(reads(reader, 0, half));  // far enough to have the whole window ahead

  const auto held = stored.proxy.arm(faults::stall_after(0).matching("\nGET\r").always());
  bool is_right = false;
  {
    const std::jthread rest{[&] { is_right = reads(reader, half, bytes.size()); }};
    // No answer comes through: what is asked for now is asked for at once.
    BOOST_CHECK_NO_THROW(stored.proxy.wait_until_fired(held, window / 2));
    stored.proxy.disarm();
  }

  BOOST_TEST(is_right);
}

BOOST_AUTO_TEST_CASE(who_reads_once_fetches_one_chunk) {
  Stored stored;
  auto reader = stored.backend.open().value();
  const auto fetched = stored.count_chunks();

  Bytes few(10);
  BOOST_TEST(reader.read(few).value_or(0) == few.size());

  BOOST_TEST(stored.proxy.seen(fetched) == 1U);
}

BOOST_AUTO_TEST_CASE(a_writer_and_a_reader_of_large_chunks_need_no_more_than_the_window_and_a_chunk) {
  constexpr std::size_t large = std::size_t{16} << 20U;
  constexpr std::size_t beside = std::size_t{6} << 20U;  // buffers of the connection, and what the allocator keeps
  Place place;
  RedisOptions options = place.options;
  options.chunk_bytes = options.window_bytes = large;
  RedisBackend backend = RedisStorage{options}.create_backend().value();
  Bytes piece(std::size_t{1} << 20U, std::byte{1});

  const std::size_t of_writer = most_memory_of([&] {
    auto writer = backend.create().value();
    for (int i = 0; i < 64; ++i) BOOST_REQUIRE(writer.write(piece));
    BOOST_REQUIRE(writer.close());
  });
  const std::size_t of_reader = most_memory_of([&] {
    auto reader = backend.open().value();
    for (auto count = reader.read(piece); count.value_or(0) != 0; count = reader.read(piece)) {}
  });

  BOOST_TEST(of_writer <= 2 * large + beside);
  BOOST_TEST(of_reader <= 2 * large + beside);
}
