#include <boost/test/unit_test.hpp>

#include <hybridbuffer/backend/memory.hpp>
#include <hybridbuffer/hybrid_buffer.hpp>
#include <hybridbuffer/memory/inline.hpp>
#include <hybridbuffer/memory/locked.hpp>
#include <hybridbuffer/spill/always_spill.hpp>
#include <hybridbuffer/spill/capped.hpp>
#include <hybridbuffer/spill/never_spill.hpp>
#include <hybridbuffer/spill/shared_budget.hpp>

#include "../../docs/examples/minimal_backend.hpp"
#include "fault_storage.hpp"
#include "model_streams.hpp"
#include "odd_backends.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <new>
#include <span>
#include <string>
#include <tuple>
#include <utility>

// read_from and write_to with sources and sinks of every legal kind; cursors.
namespace {

using namespace hybridbuffer;
using namespace hybridbuffer::testing;

using Buffers = std::tuple<HybridBuffer<SegmentedMemory<16>, SpillAt, MemoryBackend>,
                           HybridBuffer<InlineMemory<7>, SpillAt, examples::VectorBackend>, HybridBuffer<SegmentedMemory<>>>;

/// Says that it delivered more than it was asked for.
struct LyingSource {
  [[nodiscard]] static Result<std::size_t> read(std::span<std::byte> out) { return out.size() + 1; }
};
/// Runs out of memory after `left` bytes.
struct ThrowingSource {
  std::size_t left;
  [[nodiscard]] Result<std::size_t> read(std::span<std::byte> out) {
    if (left == 0) throw std::bad_alloc{};
    const std::size_t count = std::min(out.size(), left);
    std::fill_n(out.begin(), count, std::byte{'x'});
    left -= count;
    return count;
  }
};
/// Leaves scratch bytes behind those that it returned.
struct ScribblingSource {
  View left;
  [[nodiscard]] Result<std::size_t> read(std::span<std::byte> out) {
    const std::size_t count = std::min({out.size(), left.size(), std::size_t{5}});
    std::fill(out.begin(), out.end(), std::byte{0xEE});
    std::copy_n(left.begin(), count, out.begin());
    left = left.subspan(count);
    return count;
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(sources)

BOOST_AUTO_TEST_CASE_TEMPLATE(a_source_of_short_reads_is_taken_whole_at_every_size, Buffer, Buffers) {
  const Bytes bytes = pattern(80);
  for (std::size_t size = 0; size <= bytes.size(); ++size) {
    for (const std::size_t piece : {1U, 3U, 16U, 100U}) {
      Buffer buffer{SpillAt{20}};
      PieceSource source{.left = View{bytes}.first(size), .piece = piece};

      BOOST_REQUIRE(*buffer.read_from(source) == size);

      BOOST_TEST(same(*buffer.to_bytes(), View{bytes}.first(size)));
      BOOST_TEST(buffer.is_spilled() == (buffer.stats().spills != 0));
      BOOST_TEST(buffer.stats().in_memory <= 20U);
    }
  }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(no_more_than_the_limit_is_taken_from_a_source, Buffer, Buffers) {
  const Bytes bytes = pattern(80);
  for (std::size_t limit = 0; limit <= 81; ++limit) {
    Buffer buffer{SpillAt{20}};
    PieceSource source{.left = bytes};

    BOOST_REQUIRE(*buffer.read_from(source, limit) == std::min<std::size_t>(limit, 80));

    BOOST_TEST(buffer.size() + source.left.size() == 80U);
    BOOST_TEST(same(*buffer.to_bytes(), View{bytes}.first(buffer.size())));
  }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(what_a_failing_source_delivered_is_kept_and_the_transfer_resumes, Buffer, Buffers) {
  const Bytes bytes = pattern(80);
  for (std::size_t delivered = 0; delivered <= 80; ++delivered) {
    Buffer buffer{SpillAt{20}};
    PieceSource source{.left = View{bytes}.first(delivered), .failure = errc::unavailable};

    const auto failed = buffer.read_from(source);

    BOOST_REQUIRE(!failed);
    BOOST_TEST((failed.error() == errc::unavailable));
    BOOST_TEST(buffer.size() == delivered);
    source = {.left = View{bytes}.subspan(delivered)};
    BOOST_TEST(*buffer.read_from(source) == 80 - delivered);
    BOOST_TEST(same(*buffer.to_bytes(), bytes));
  }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_source_that_lies_about_its_count_is_corrupted_and_adds_nothing, Buffer, Buffers) {
  Buffer buffer{SpillAt{20}};
  BOOST_REQUIRE(buffer.append("text").has_value());
  LyingSource source;

  BOOST_TEST((buffer.read_from(source).error() == errc::corrupted));

  BOOST_TEST(*buffer.to_string() == "text");
}

BOOST_AUTO_TEST_CASE_TEMPLATE(scratch_bytes_of_a_source_never_become_content, Buffer, Buffers) {
  const Bytes bytes = pattern(80);
  Buffer buffer{SpillAt{20}};
  ScribblingSource source{bytes};

  BOOST_REQUIRE(*buffer.read_from(source) == bytes.size());
  BOOST_REQUIRE(buffer.append("end").has_value());

  BOOST_TEST(same(*buffer.next(80), bytes));
  BOOST_TEST(*buffer.to_string() == "end");
}

BOOST_AUTO_TEST_CASE(a_source_that_throws_leaves_what_it_delivered_and_no_grant) {
  for (const std::uint64_t threshold : {0U, 20U, 1000U}) {
    HybridBuffer buffer{SegmentedMemory<16>{}, Capped{SpillAt{threshold}, 100}, MemoryStorage{}};
    ThrowingSource source{30};

    BOOST_CHECK_THROW(static_cast<void>(buffer.read_from(source)), std::bad_alloc);

    BOOST_TEST(*buffer.to_string() == std::string(30, 'x'));
    BOOST_TEST(buffer.append(std::string(70, 'y')).has_value());
    BOOST_TEST((buffer.append('z').error() == errc::limit_exceeded));
    BOOST_TEST(*buffer.to_string() == std::string(30, 'x') + std::string(70, 'y'));
  }
}

BOOST_AUTO_TEST_CASE(a_spill_that_fails_within_a_transfer_keeps_what_was_taken) {
  using Storage = FaultyStorage<MemoryStorage>;
  const Bytes bytes = pattern(200'000);
  std::uint64_t k = 1;
  for (bool fired = true; fired; ++k) {
    HybridBuffer<SegmentedMemory<>, Capped<SpillAt>, Storage::Backend, Storage> buffer{SegmentedMemory<>{}, Capped{SpillAt{1000}, 200'000}};
    PieceSource source{.left = bytes};
    FaultPlan::arm(k, {.code = errc::no_space});
    FaultPlan::resume();

    const auto taken = buffer.read_from(source, 200'000);

    FaultPlan::pause();
    fired = FaultPlan::fired() != 0;
    BOOST_TEST(taken.has_value() == !fired);
    BOOST_TEST(buffer.size() + source.left.size() == 200'000U);
    BOOST_REQUIRE(buffer.read_from(source, source.left.size()).has_value());
    BOOST_TEST((buffer.append('x').error() == errc::limit_exceeded));
    BOOST_TEST(same(*buffer.to_bytes(), bytes));
  }
  BOOST_TEST(k > 8U);
}

BOOST_AUTO_TEST_CASE(the_grant_of_a_budget_is_given_back_after_a_transfer) {
  const MemoryBudget budget{100};
  {
    HybridBuffer buffer{SegmentedMemory<16>{}, SharedBudget{budget}, MemoryStorage{}};
    PieceSource source{
        .left = view("a source of more bytes than the smaller one of two budgets would ever let stay in memory, 105 of them.....")};
    BOOST_REQUIRE(buffer.read_from(source).has_value());
    BOOST_TEST(buffer.stats().in_memory <= 100U);
    BOOST_TEST(budget.used() >= buffer.stats().in_memory);
  }
  BOOST_TEST(budget.used() == 0U);
}

BOOST_AUTO_TEST_CASE(a_source_without_bytes_leaves_neither_memory_nor_a_grant_held) {
  const MemoryBudget budget{1_MiB};
  HybridBuffer buffer{SegmentedMemory<>{}, SharedBudget{budget}, MemoryStorage{}};
  PieceSource empty{.left = {}};
  PieceSource failing{.left = {}, .failure = errc::io};

  BOOST_REQUIRE(buffer.read_from(empty).has_value());
  BOOST_TEST(budget.used() == 0U);
  BOOST_TEST(buffer.capacity() == 0U);
  BOOST_REQUIRE(!buffer.read_from(failing));
  BOOST_TEST(budget.used() == 0U);
  BOOST_TEST(buffer.capacity() == 0U);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_buffer_its_cursor_and_a_backend_are_sources, Buffer, Buffers) {
  const Bytes bytes = pattern(50);
  Buffer source{SpillAt{20}};
  BOOST_REQUIRE(source.append(bytes).has_value());
  Buffer buffer{SpillAt{10}};
  auto cursor = source.open_reader();
  BOOST_REQUIRE(cursor.seek(10).has_value());

  BOOST_TEST(*buffer.read_from(source) == 50U);
  BOOST_TEST(*buffer.read_from(cursor) == 40U);
  auto own = buffer.open_reader();
  BOOST_TEST(*buffer.read_from(own, 90) == 90U);

  Bytes expected = bytes;
  expected.insert(expected.end(), bytes.begin() + 10, bytes.end());
  expected.insert(expected.end(), expected.begin(), expected.end());
  BOOST_TEST(same(*buffer.to_bytes(), expected));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_buffer_that_is_its_own_source_moves_its_front_to_its_end, Buffer, Buffers) {
  for (const std::uint64_t threshold : {0U, 1U, 30U, 55U, 64U, 99U, 1000U}) {
    for (const std::size_t taken : {1U, 15U, 16U, 49U, 50U}) {
      Bytes bytes = pattern(50);
      Buffer buffer{SpillAt{threshold}};
      BOOST_REQUIRE(buffer.append(bytes).has_value());

      BOOST_TEST(buffer.read_from(buffer, taken).value() == taken);

      std::rotate(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(taken), bytes.end());
      BOOST_TEST(same(*buffer.to_bytes(), bytes), "threshold " << threshold << ", taken " << taken);
    }
  }
}

BOOST_AUTO_TEST_CASE(a_buffer_that_is_its_own_source_reads_no_memory_that_it_spilled_meanwhile) {
  Bytes bytes = pattern(5000);
  HybridBuffer buffer{LockedMemory{4096}, SpillAt{6000}, MemoryStorage{}};  // wipes what it lets go of
  BOOST_REQUIRE(buffer.append(bytes).has_value());

  BOOST_TEST(buffer.read_from(buffer, 4000).value() == 4000U);

  std::rotate(bytes.begin(), bytes.begin() + 4000, bytes.end());
  BOOST_TEST(same(*buffer.to_bytes(), bytes));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(sinks)

BOOST_AUTO_TEST_CASE_TEMPLATE(no_more_than_the_limit_is_written_and_consumed, Buffer, Buffers) {
  const Bytes bytes = pattern(80);
  for (std::size_t limit = 0; limit <= 81; ++limit) {
    Buffer buffer{SpillAt{20}};
    for (std::size_t i = 0; i < 80; i += 8) BOOST_REQUIRE(buffer.append(View{bytes}.subspan(i, 8)).has_value());
    BoundedSink sink;

    BOOST_REQUIRE(*buffer.write_to(sink, limit) == std::min<std::size_t>(limit, 80));

    BOOST_TEST(same(sink.taken, View{bytes}.first(buffer.tell())));
    BOOST_TEST(same(*buffer.to_bytes(), View{bytes}.subspan(buffer.tell())));
  }
}

BOOST_AUTO_TEST_CASE(a_writer_of_a_backend_is_a_sink) {
  const Bytes bytes = pattern(300'000);
  HybridBuffer buffer{SpillAt{1000}};
  BOOST_REQUIRE(buffer.append(bytes).has_value());
  auto backend = MemoryStorage{}.create_backend().value();
  auto sink = backend.create().value();

  BOOST_TEST(*buffer.write_to(sink) == bytes.size());
  BOOST_REQUIRE(sink.close().has_value());

  auto reader = backend.open().value();
  HybridBuffer copy{MemoryStorage{}};
  BOOST_TEST(*copy.read_from(reader) == bytes.size());
  BOOST_TEST(same(*copy.to_bytes(), bytes));
}

BOOST_AUTO_TEST_CASE(a_storage_that_fails_within_a_transfer_leaves_the_position_behind_what_was_accepted) {
  using Storage = FaultyStorage<InPlaceStorage<examples::VectorBackend>>;
  const Bytes bytes = pattern(200'000);
  std::uint64_t k = 1;
  for (bool fired = true; fired; ++k) {
    HybridBuffer<SegmentedMemory<>, AlwaysSpill, Storage::Backend, Storage> buffer;
    for (std::size_t i = 0; i < 4; ++i) BOOST_REQUIRE(buffer.append(View{bytes}.subspan(i * 50'000, 50'000)).has_value());
    BoundedSink sink;
    FaultPlan::arm(k, {.code = errc::io, .effect = FaultEffect::part});
    FaultPlan::resume();

    const auto written = buffer.write_to(sink);

    FaultPlan::pause();
    fired = FaultPlan::fired() != 0;
    BOOST_TEST(written.has_value() == !fired);
    BOOST_TEST(buffer.tell() == sink.taken.size());
    BOOST_REQUIRE(buffer.write_to(sink).has_value());
    BOOST_TEST(same(sink.taken, bytes));
  }
  BOOST_TEST(k > 8U);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(cursors)

BOOST_AUTO_TEST_CASE_TEMPLATE(a_cursor_sees_what_is_appended_and_spilled_after_its_opening, Buffer, Buffers) {
  Buffer buffer{SpillAt{20}};
  BOOST_REQUIRE(buffer.append("12").has_value());
  BOOST_REQUIRE(buffer.get().has_value());
  auto cursor = buffer.open_reader();
  std::array<std::byte, 100> out{};
  BOOST_TEST(cursor.tell() == 1U);
  BOOST_TEST(*cursor.read(out) == 1U);
  BOOST_TEST(*cursor.read(out) == 0U);

  BOOST_REQUIRE(buffer.append("345").has_value());
  BOOST_TEST(*cursor.read(std::span{out}.first(2)) == 2U);
  BOOST_REQUIRE(buffer.append(std::string(40, 'x')).has_value());
  BOOST_REQUIRE(buffer.spill().has_value());

  BOOST_TEST(*cursor.read(out) == 41U);
  BOOST_TEST(text(View{out}.first(41)) == "5" + std::string(40, 'x'));
  BOOST_TEST(buffer.tell() == 1U);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_discarded_part_is_an_invalid_argument_and_a_truncated_one_the_end, Buffer, Buffers) {
  Buffer buffer{SpillAt{5}};
  BOOST_REQUIRE((buffer.append("01234567") && buffer.append("89")));
  auto cursor = buffer.open_reader();
  std::array<std::byte, 4> out{};
  BOOST_REQUIRE(buffer.seek(3).has_value());
  BOOST_REQUIRE(buffer.discard_read().has_value());

  BOOST_TEST((cursor.read(out).error() == errc::invalid_argument));
  BOOST_TEST((cursor.seek(2).error() == errc::invalid_argument));
  BOOST_TEST(cursor.tell() == 0U);
  BOOST_TEST(*cursor.seek(7) == 7U);
  BOOST_REQUIRE(buffer.truncate(8).has_value());
  BOOST_TEST(*cursor.read(out) == 1U);
  BOOST_TEST(text(View{out}.first(1)) == "7");
  BOOST_TEST(*cursor.seek(100) == 100U);
  BOOST_TEST(*cursor.read(out) == 0U);
  BOOST_TEST(*cursor.seek(-1, Whence::end) == 7U);
}

BOOST_AUTO_TEST_CASE(handles_that_show_an_earlier_size_do_not_pile_up) {
  odd_log = {};
  HybridBuffer<SegmentedMemory<16>, AlwaysSpill, SnapshotReaderAt> buffer;
  for (std::uint64_t i = 0; i < 1000; ++i) {
    BOOST_REQUIRE(buffer.append(pattern(10, i)).has_value());
    Bytes out(10);
    BOOST_REQUIRE(*buffer.read_at(10 * i, out) == 10U);
    BOOST_REQUIRE(same(out, pattern(10, i)));
  }
  BOOST_TEST(odd_log.opened >= 1000U);
  BOOST_TEST(odd_log.handles <= 2U);
}

BOOST_AUTO_TEST_CASE(a_cursor_on_a_seeker_jumps_without_reading_what_it_skips) {
  odd_log = {};
  HybridBuffer<SegmentedMemory<16>, AlwaysSpill, GrowingSeeker> buffer;
  BOOST_REQUIRE(buffer.append(pattern(100'000)).has_value());
  auto cursor = buffer.open_reader();
  std::array<std::byte, 10> out{};

  for (const std::int64_t offset : {0, 50'000, 99'990, 3, 70'000}) {
    BOOST_REQUIRE(cursor.seek(offset).has_value());
    BOOST_REQUIRE(*cursor.read(out) == out.size());
    BOOST_TEST(same(out, View{pattern(100'000)}.subspan(static_cast<std::size_t>(offset), out.size())));
  }

  BOOST_TEST(odd_log.reads == 5U);
  BOOST_TEST(odd_log.handles == 1U);
}

BOOST_AUTO_TEST_SUITE_END()
