#include "s3_fault_place.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <servers/boost_test.hpp>
#include <servers/fault_proxy.hpp>
#include <span>
#include <thread>

// Reading ahead: an object in ranges, each asked for once and several of them at once. Counted by the proxy between the two, not timed.

namespace {

using namespace hybridbuffer;
using namespace hybridbuffer::testing;
using namespace std::chrono_literals;
namespace faults = servers::faults;
using hybridbuffer::servers::ServerTests;
BOOST_TEST_GLOBAL_FIXTURE(ServerTests);

constexpr std::size_t range = part;
constexpr unsigned at_once = 4;
constexpr std::size_t ranges = 13;
const Bytes whole = content(ranges * range - 7);

/// An object of `ranges` ranges, and a proxy that counts what is asked of the store.
struct Stored : Place {
  explicit Stored(const Bytes& bytes = whole, std::size_t range_bytes = range) : backend{made(range_bytes)} {
    BOOST_REQUIRE(store(backend, bytes));
  }

  /// From now on: a fault that never comes, whose occasions are counted.
  [[nodiscard]] servers::FaultProxy::Armed count_ranges() {
    return proxy.arm(faults::drop_reply().on_request(std::numeric_limits<std::uint64_t>::max()).matching("GET "));
  }
  /// From now on no range comes through.
  [[nodiscard]] servers::FaultProxy::Armed hold() { return proxy.arm(faults::stall_after(0).matching("GET ").always()); }

  S3Backend backend;

 private:
  S3Backend made(std::size_t range_bytes) {
    options.range_bytes = range_bytes;
    options.parallel_ranges = at_once;
    // What is held back here is not given up.
    options.timeouts = {.connect = 60s, .call = 60s, .low_speed = 60s, .operation = 120s, .cleanup = 5s};
    storage = S3Storage{options};
    return storage.create_backend().value();
  }
};

template <reader Reader>
bool reads(Reader& reader, const Bytes& bytes, std::size_t from, std::size_t to) {
  Bytes piece(10'000);
  while (from < to) {
    const auto count = reader.read(std::span{piece}.first(std::min(piece.size(), to - from)));
    if (!count || *count == 0 || !std::ranges::equal(std::span{piece}.first(*count), std::span{bytes}.subspan(from, *count))) return false;
    from += *count;
  }
  return true;
}

}  // namespace

BOOST_AUTO_TEST_CASE(who_reads_in_order_asks_once_for_each_range) {
  Stored stored;
  auto reader = stored.backend.open().value();
  const auto asked = stored.count_ranges();

  BOOST_TEST(reads(reader, whole, 0, whole.size()));

  BOOST_TEST(stored.proxy.seen(asked) == ranges);
}

BOOST_AUTO_TEST_CASE(ranges_begin_short_and_double_up_to_their_length) {
  constexpr std::size_t first = std::size_t{256} * 1024;
  const Bytes bytes = content(first + 2 * first + 3 * 4 * first);
  Stored stored{bytes, 4 * first};
  auto reader = stored.backend.open().value();
  const auto asked = stored.count_ranges();

  BOOST_TEST(reads(reader, bytes, 0, first / 4));
  BOOST_TEST(stored.proxy.seen(asked) == 1U);
  BOOST_TEST(reads(reader, bytes, first / 4, bytes.size()));
  BOOST_TEST(stored.proxy.seen(asked) == 5U);
}

BOOST_AUTO_TEST_CASE(the_next_range_is_asked_for_while_the_first_is_read) {
  constexpr std::size_t first = std::size_t{256} * 1024;
  const Bytes bytes = content(first + 2 * first);
  Stored stored{bytes, 4 * first};
  auto reader = stored.backend.open().value();
  BOOST_REQUIRE(reads(reader, bytes, 0, 10));

  const auto held = stored.hold();
  BOOST_TEST(reads(reader, bytes, 10, first / 2));
  BOOST_CHECK_NO_THROW(stored.proxy.wait_until_fired(held, 1));
  BOOST_TEST(stored.proxy.seen(held) == 1U);
  stored.proxy.disarm();

  BOOST_TEST(reads(reader, bytes, first / 2, bytes.size()));
}

BOOST_AUTO_TEST_CASE(as_many_ranges_as_are_allowed_are_under_way_while_a_reader_waits) {
  Stored stored;
  auto reader = stored.backend.open().value();
  const auto asked = stored.count_ranges();
  BOOST_REQUIRE(reads(reader, whole, 0, 10));
  BOOST_TEST(stored.proxy.seen(asked) == 1U);  // who reads no further asks for no more

  const auto held = stored.hold();
  bool is_right = false;
  {
    const std::jthread rest{[&] { is_right = reads(reader, whole, 10, whole.size()); }};
    // No answer comes through: what is asked for now is asked for at once.
    BOOST_CHECK_NO_THROW(stored.proxy.wait_until_fired(held, at_once));
    BOOST_TEST(stored.proxy.seen(held) == at_once);
    stored.proxy.disarm();
  }

  BOOST_TEST(is_right);
}

BOOST_AUTO_TEST_CASE(a_window_of_many_ranges_is_read_by_as_many_as_are_allowed_at_once) {
  Stored stored;
  const auto reader_at = stored.backend.open_reader_at().value();
  Bytes all(whole.size());
  const auto asked = stored.count_ranges();
  BOOST_TEST(reader_at.read_at(0, all).value_or(0) == all.size());
  BOOST_TEST((all == whole));
  BOOST_TEST(stored.proxy.seen(asked) == ranges);

  const auto held = stored.hold();
  std::size_t count = 0;
  all.assign(whole.size(), {});
  {
    const std::jthread reading{[&] { count = reader_at.read_at(0, all).value_or(0); }};
    // No answer comes through: what is asked for now is asked for at once.
    BOOST_CHECK_NO_THROW(stored.proxy.wait_until_fired(held, at_once));
    BOOST_TEST(stored.proxy.seen(held) == at_once);
    stored.proxy.disarm();
  }

  BOOST_TEST(count == all.size());
  BOOST_TEST((all == whole));
}
