#include <boost/test/unit_test.hpp>

#include <hybridbuffer/backend/memory.hpp>
#include <hybridbuffer/hybrid_buffer.hpp>
#include <hybridbuffer/spill/always_spill.hpp>
#include <hybridbuffer/spill/capped.hpp>
#include <hybridbuffer/spill/shared_budget.hpp>

#include "model_streams.hpp"
#include "odd_backends.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

// One below, at and one above each limit, and each size at which large pieces take another way.
namespace {

using namespace hybridbuffer;
using namespace hybridbuffer::testing;

}  // namespace

BOOST_AUTO_TEST_CASE(one_byte_below_and_at_the_threshold_stays_and_one_above_spills) {
  for (const std::uint64_t at : {1U, 2U, 16U, 100U, 65536U, 2097152U}) {
    const Bytes bytes = pattern(static_cast<std::size_t>(at) + 1);
    for (const std::uint64_t size : {at - 1U, at, at + 1U}) {
      HybridBuffer buffer{SegmentedMemory<>{}, SpillAt{at}, MemoryStorage{}};

      BOOST_TEST(buffer.would_spill(size) == (size > at));
      BOOST_REQUIRE(buffer.append(View{bytes}.first(static_cast<std::size_t>(size))).has_value());

      BOOST_TEST(buffer.is_spilled() == (size > at));
    }
  }
}

BOOST_AUTO_TEST_CASE(the_byte_that_fills_memory_stays_and_the_next_one_spills_all) {
  for (const std::uint64_t at : {1U, 2U, 16U, 100U, 70000U}) {
    HybridBuffer buffer{SegmentedMemory<16>{}, SpillAt{at}, MemoryStorage{}};
    for (std::uint64_t i = 0; i < at; ++i) {
      BOOST_REQUIRE(!buffer.would_spill(1));
      BOOST_REQUIRE(buffer.append(static_cast<std::byte>(i)).has_value());
    }
    BOOST_TEST(!buffer.is_spilled());

    BOOST_TEST(buffer.would_spill(1));
    BOOST_REQUIRE(buffer.append('x').has_value());

    BOOST_TEST(buffer.stats().stored == at);
    BOOST_TEST(buffer.stats().in_memory == 1U);
  }
}

BOOST_AUTO_TEST_CASE(a_capped_buffer_takes_all_up_to_its_limit_and_not_one_byte_more) {
  for (const std::uint64_t limit : {0U, 1U, 7U, 8U, 9U, 30U}) {
    HybridBuffer buffer{SegmentedMemory<16>{}, Capped{SpillAt{8}, limit}, MemoryStorage{}};
    const Bytes bytes = pattern(static_cast<std::size_t>(limit) + 1);

    const auto refused = buffer.append(bytes);
    BOOST_REQUIRE(!refused);
    BOOST_TEST((refused.error() == errc::limit_exceeded));
    BOOST_TEST(buffer.size() == 0U);
    BOOST_TEST(buffer.append(View{bytes}.first(static_cast<std::size_t>(limit))).has_value());
    BOOST_TEST(!buffer.append('x'));

    BOOST_TEST(buffer.size() == limit);
  }
}

BOOST_AUTO_TEST_CASE(objects_are_filled_up_to_their_maximal_size) {
  using Backend = OddBackend<OddTraits{.reader_at = true, .append = true, .max_object_size = 10}>;
  for (std::size_t size = 1; size <= 41; ++size) {
    odd_log = {};
    HybridBuffer<SegmentedMemory<16>, AlwaysSpill, Backend> buffer;
    const Bytes bytes = pattern(size);

    BOOST_REQUIRE(buffer.append(bytes).has_value());

    BOOST_TEST(buffer.stats().locations == (size + 9) / 10);
    BOOST_TEST(same(*buffer.to_bytes(), bytes));
    BOOST_TEST(odd_log.complaint == "");
  }
}

// 16 KiB: reads come straight from storage. 64 KiB: the read-ahead, a chunk, and appends that go to storage without a copy.
BOOST_AUTO_TEST_CASE(pieces_round_the_sizes_that_take_another_way_are_exact) {
  const std::vector<std::size_t> sizes{1, 16383, 16384, 16385, 65535, 65536, 65537, 131072};
  const Bytes bytes = pattern(400'000);
  for (const std::uint64_t at : {std::uint64_t{0}, std::uint64_t{1000}, std::uint64_t{65536}, std::uint64_t{100'000}}) {
    for (const std::size_t appended : sizes) {
      HybridBuffer buffer{SegmentedMemory<>{}, SpillAt{at}, FileStorage{}};
      std::size_t end = 0;
      for (; end + appended <= 300'000 && end < 60 * appended; end += appended) {
        BOOST_REQUIRE(buffer.append(View{bytes}.subspan(end, appended)).has_value());
      }
      const View expected = View{bytes}.first(end);
      for (const std::size_t piece : sizes) {
        BOOST_REQUIRE(buffer.seek(0).has_value());
        Bytes read(end);
        std::size_t done = 0;
        while (done < end) {
          const auto count = buffer.read(std::span{read}.subspan(done, std::min(piece, end - done)));
          BOOST_REQUIRE((count && *count == std::min(piece, end - done)));
          done += *count;
        }
        BOOST_TEST(same(read, expected));
      }
    }
  }
}

namespace {

/// A store that is always full.
struct FullStorage {
  [[nodiscard]] Result<MemoryBackend> create_backend() const { return failure(errc::no_space, "store in a full storage"); }
};

/// A source without end.
struct EndlessSource {
  Result<std::size_t> read(std::span<std::byte> out) {
    std::fill(out.begin(), out.end(), std::byte{7});
    return out.size();
  }
};

template <class Spill>
std::uint64_t most_in_memory(Spill spill) {
  HybridBuffer buffer{SegmentedMemory<>{}, std::move(spill), FullStorage{}};
  EndlessSource source;
  std::uint64_t most = 0;
  for (int attempt = 0; attempt < 20; ++attempt) {
    const auto taken = buffer.read_from(source);
    BOOST_TEST((!taken && taken.error() == errc::no_space));
    BOOST_TEST(buffer.size() == buffer.stats().in_memory);
    most = std::max(most, buffer.stats().in_memory);
  }
  return most;
}

}  // namespace

BOOST_AUTO_TEST_CASE(reading_from_a_source_again_and_again_into_a_full_store_takes_no_more_than_one_window_beyond_the_grant) {
  const std::uint64_t window = 64_KiB;
  BOOST_TEST(most_in_memory(AlwaysSpill{}) <= window);
  for (const std::uint64_t threshold : {std::uint64_t{0}, std::uint64_t{1}, 100_KiB, 256_KiB}) {
    BOOST_TEST(most_in_memory(SpillAt{threshold}) <= threshold + window);
  }
  const MemoryBudget budget{256_KiB};
  BOOST_TEST(most_in_memory(SharedBudget{budget}) <= 256_KiB + window);
  BOOST_TEST(budget.used() == 0U);
}
