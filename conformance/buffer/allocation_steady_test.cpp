#include "allocation_plan.hpp"
#include "fault_support.hpp"

#include <hybridbuffer/hybrid_buffer.hpp>

#include <boost/test/unit_test.hpp>
#include <cstddef>
#include <cstdint>
#include <span>

// Where a buffer in use allocates nothing any more.

namespace hybridbuffer::testing {
namespace {

constexpr std::size_t piece_bytes = 64_KiB;

/// How many allocations `work` makes.
template <class Work>
std::uint64_t allocations_in(Work&& work) {
  const std::uint64_t before = AllocationPlan::made.load();
  work();
  return AllocationPlan::made.load() - before;
}

bool append_pieces(HybridBuffer<>& buffer, std::span<const std::byte> piece, int count) {
  bool all = true;
  for (int i = 0; i < count; ++i) all = buffer.append(piece).has_value() && all;
  return all;
}

BOOST_AUTO_TEST_CASE(appends_and_their_spills_to_a_file_allocate_nothing_once_the_file_is_there) {
  const Bytes piece = stream_bytes(0, piece_bytes);
  HybridBuffer<> buffer;
  BOOST_REQUIRE(append_pieces(buffer, piece, 100));
  const std::uint64_t spills = buffer.stats().spills;
  BOOST_REQUIRE(spills >= 2U);
  bool appended = false;

  const std::uint64_t allocations = allocations_in([&] { appended = append_pieces(buffer, piece, 1000); });

  BOOST_TEST(appended);
  BOOST_TEST(allocations == 0U);
  BOOST_TEST(buffer.stats().spills >= spills + 10);
}

BOOST_AUTO_TEST_CASE(small_appends_and_their_spills_allocate_nothing_once_the_file_is_there) {
  const Bytes piece = stream_bytes(0, 100);
  HybridBuffer buffer{SpillAt{256_KiB}};
  BOOST_REQUIRE(buffer.append(stream_bytes(0, 600'000)).has_value());
  for (int i = 0; i < 6000; ++i) BOOST_REQUIRE(buffer.append(piece).has_value());
  const std::uint64_t spills = buffer.stats().spills;
  bool appended = true;

  const std::uint64_t allocations = allocations_in([&] {
    for (int i = 0; i < 20'000; ++i) appended = buffer.append(piece).has_value() && appended;
  });

  BOOST_TEST(appended);
  BOOST_TEST(allocations == 0U);
  BOOST_TEST(buffer.stats().spills > spills + 3);
}

BOOST_AUTO_TEST_CASE(appends_below_the_threshold_allocate_nothing_after_the_first_chunk) {
  const Bytes piece = stream_bytes(0, 16);
  HybridBuffer<> buffer;
  BOOST_REQUIRE(buffer.append(piece).has_value());
  bool appended = true;

  const std::uint64_t allocations = allocations_in([&] {
    for (int i = 0; i < 16'000; ++i) appended = buffer.append(piece).has_value() && appended;
  });

  BOOST_TEST(appended);
  BOOST_TEST(allocations == 0U);
  BOOST_TEST(!buffer.is_spilled());
  BOOST_TEST(buffer.stats().memory_capacity > 3 * piece_bytes);
}

BOOST_AUTO_TEST_CASE(an_empty_buffer_allocates_nothing) {
  const std::uint64_t allocations = allocations_in([] { const HybridBuffer<> buffer; });

  BOOST_TEST(allocations == 0U);
}

BOOST_AUTO_TEST_CASE(reading_back_from_a_file_allocates_nothing_after_the_first_read) {
  HybridBuffer<> buffer;
  BOOST_REQUIRE(append_pieces(buffer, stream_bytes(0, piece_bytes), 200));
  Bytes out(piece_bytes);
  BOOST_REQUIRE(buffer.read(std::span{out}.first(100)).has_value());
  bool exact = true;

  const std::uint64_t allocations = allocations_in([&] {
    for (int i = 0; i < 100; ++i) exact = buffer.read(out).value_or(0) == out.size() && exact;
    for (std::uint64_t i = 0; i < 1000; ++i) exact = buffer.read_at(i * 7001, std::span{out}.first(500)).value_or(0) == 500 && exact;
    for (int i = 0; i < 1000; ++i) exact = buffer.read(std::span{out}.first(100)).value_or(0) == 100 && exact;
  });

  BOOST_TEST(exact);
  BOOST_TEST(allocations == 0U);
}

BOOST_AUTO_TEST_CASE(a_queue_through_a_file_allocates_nothing_once_it_runs) {
  const Bytes piece = stream_bytes(0, piece_bytes);
  Bytes out(piece_bytes);
  HybridBuffer<> buffer;
  BOOST_REQUIRE(append_pieces(buffer, piece, 200));
  bool exact = true;
  const auto run = [&](int rounds) {
    for (int i = 0; i < rounds; ++i) {
      exact = append_pieces(buffer, piece, 1) && buffer.read(out).value_or(0) == out.size() && buffer.discard_read().has_value() && exact;
    }
  };
  run(100);

  const std::uint64_t allocations = allocations_in([&] { run(500); });

  BOOST_TEST(exact);
  BOOST_TEST(allocations == 0U);
}

BOOST_AUTO_TEST_CASE(the_counter_counts) {
  Bytes kept;  // outlives the count: an allocation that nothing sees may be left out

  BOOST_TEST(allocations_in([&] { kept.resize(1000); }) == 1U);
  BOOST_TEST((kept == Bytes(1000)));
}

}  // namespace
}  // namespace hybridbuffer::testing
