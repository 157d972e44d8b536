#include <boost/test/unit_test.hpp>

#include <hybridbuffer/backend/memory.hpp>
#include <hybridbuffer/hybrid_buffer.hpp>
#include <hybridbuffer/memory/contiguous.hpp>
#include <hybridbuffer/memory/inline.hpp>
#include <hybridbuffer/spill/shared_budget.hpp>

#include "../../docs/examples/minimal_backend.hpp"
#include "model_streams.hpp"
#include "odd_backends.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <tuple>
#include <unistd.h>
#include <utility>

// Buffers that were closed and buffers that were moved from.
namespace {

using namespace hybridbuffer;
using namespace hybridbuffer::testing;

template <class T>
bool is_closed(const Result<T>& result) {
  return !result && result.error() == errc::closed;
}

template <class Buffer>
void check_every_call_is_closed(Buffer& buffer) {
  std::array<std::byte, 4> block{};
  PieceSource source{.left = view("never read")};
  BoundedSink sink;

  BOOST_TEST(is_closed(buffer.append(block)));
  BOOST_TEST(is_closed(buffer.append(std::span<const std::byte>{})));
  BOOST_TEST(is_closed(buffer.append("text")));
  BOOST_TEST(is_closed(buffer.append(std::string_view{})));
  BOOST_TEST(is_closed(buffer.append(std::byte{1})));
  BOOST_TEST(is_closed(buffer.append('x')));
  BOOST_TEST(is_closed(buffer.append(U'x')));
  BOOST_TEST(is_closed(buffer.append(char32_t{0xD800})));
  BOOST_TEST(is_closed(buffer.read_from(source)));
  BOOST_TEST(is_closed(buffer.read_from(source, 0)));
  BOOST_TEST(is_closed(buffer.read_from(STDIN_FILENO)));
  BOOST_TEST(is_closed(buffer.read(block)));
  BOOST_TEST(is_closed(buffer.read({})));
  BOOST_TEST(is_closed(buffer.get()));
  BOOST_TEST(is_closed(buffer.peek()));
  BOOST_TEST(is_closed(buffer.next_chunk()));
  BOOST_TEST(is_closed(buffer.next(1)));
  BOOST_TEST(is_closed(buffer.read_code_point()));
  BOOST_TEST(is_closed(buffer.read_until(std::byte{0})));
  BOOST_TEST(is_closed(buffer.read_line()));
  BOOST_TEST(is_closed(buffer.write_to(sink)));
  BOOST_TEST(is_closed(buffer.write_to(sink, 0)));
  BOOST_TEST(is_closed(buffer.write_to(STDOUT_FILENO)));
  BOOST_TEST(is_closed(buffer.seek(0)));
  BOOST_TEST(is_closed(buffer.seek(0, static_cast<Whence>(9))));
  BOOST_TEST(is_closed(buffer.read_at(0, block)));
  BOOST_TEST(is_closed(buffer.read_at(0, {})));
  BOOST_TEST(is_closed(buffer.to_bytes()));
  BOOST_TEST(is_closed(buffer.to_string()));
  BOOST_TEST(is_closed(buffer.reserve(0)));
  BOOST_TEST(is_closed(buffer.reserve(1)));
  BOOST_TEST(is_closed(buffer.spill()));
  BOOST_TEST(is_closed(buffer.truncate(0)));
  BOOST_TEST(is_closed(buffer.truncate(1)));
  BOOST_TEST(is_closed(buffer.discard_read()));
  BOOST_TEST(is_closed(buffer.publish("/nowhere")));
  BOOST_TEST(is_closed(buffer.reset()));
  auto cursor = buffer.open_reader();
  BOOST_TEST(is_closed(cursor.read(block)));
  BOOST_TEST(is_closed(cursor.seek(0)));

  BOOST_TEST(source.reads == 0U);
  BOOST_TEST(sink.writes == 0U);
}

template <class Buffer>
void check_holds_nothing(const Buffer& buffer) {
  BOOST_TEST(!buffer.is_open());
  BOOST_TEST(buffer.empty());
  BOOST_TEST(buffer.size() == 0U);
  BOOST_TEST(buffer.tell() == 0U);
  BOOST_TEST(buffer.unread() == 0U);
  BOOST_TEST(buffer.first_offset() == 0U);
  BOOST_TEST(buffer.room() == 0U);
  BOOST_TEST(!buffer.is_spilled());
  BOOST_TEST(!buffer.would_spill(1));
  const BufferStats stats = buffer.stats();
  BOOST_TEST(stats.in_memory + stats.stored + stats.stored_held == 0U);
  BOOST_TEST(stats.locations == 0U);
  BOOST_TEST(stats.read_ahead_capacity == 0U);
}

/// With bytes in storage and in memory, some read, some discarded.
template <class Buffer>
void fill(Buffer& buffer) {
  BOOST_REQUIRE(buffer.append(pattern(100)).has_value());
  BOOST_REQUIRE(buffer.spill().has_value());
  BOOST_REQUIRE(buffer.append("tail").has_value());
  BOOST_REQUIRE(buffer.next(10).has_value());
  BOOST_REQUIRE(buffer.discard_read().has_value());
  BOOST_REQUIRE(buffer.get().has_value());
}
template <class Buffer>
void check_is_filled(Buffer& buffer) {
  BOOST_TEST(buffer.first_offset() == 10U);
  BOOST_TEST(buffer.tell() == 11U);
  BOOST_TEST(buffer.size() == 104U);
  Bytes expected = pattern(100);
  expected.erase(expected.begin(), expected.begin() + 11);
  for (const char unit : std::string_view{"tail"}) expected.push_back(static_cast<std::byte>(unit));
  BOOST_TEST(same(*buffer.to_bytes(), expected));
  BOOST_TEST(same(*buffer.next(200), expected));
}

using Buffers = std::tuple<HybridBuffer<>, HybridBuffer<InlineMemory<64>, SpillAt, MemoryBackend>,
                           HybridBuffer<ContiguousMemory, SpillAt, examples::VectorBackend>,
                           HybridBuffer<SegmentedMemory<16>, SpillAt, SnapshotSeeker>>;

}  // namespace

BOOST_AUTO_TEST_CASE_TEMPLATE(every_call_on_a_closed_buffer_is_closed, Buffer, Buffers) {
  Buffer buffer;
  fill(buffer);

  BOOST_TEST(buffer.close().has_value());

  check_holds_nothing(buffer);
  check_every_call_is_closed(buffer);
  BOOST_TEST(buffer.close().has_value());
}

BOOST_AUTO_TEST_CASE_TEMPLATE(every_call_on_a_buffer_that_was_moved_from_is_closed, Buffer, Buffers) {
  Buffer buffer;
  fill(buffer);

  Buffer constructed{std::move(buffer)};
  check_holds_nothing(buffer);  // NOLINT(bugprone-use-after-move)
  check_every_call_is_closed(buffer);
  Buffer assigned;
  fill(assigned);
  assigned = std::move(constructed);
  check_holds_nothing(constructed);  // NOLINT(bugprone-use-after-move)
  check_every_call_is_closed(constructed);

  check_is_filled(assigned);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_buffer_that_was_moved_from_or_closed_can_be_assigned_to, Buffer, Buffers) {
  Buffer source;
  fill(source);
  Buffer moved_from;
  const Buffer taken{std::move(moved_from)};
  Buffer closed;
  BOOST_REQUIRE(closed.close().has_value());

  moved_from = std::move(source);
  check_is_filled(moved_from);
  closed = Buffer{};

  BOOST_TEST(closed.is_open());
  BOOST_TEST(closed.append("goes on").has_value());
  BOOST_TEST(*closed.to_string() == "goes on");
}

BOOST_AUTO_TEST_CASE_TEMPLATE(self_assignment_changes_nothing, Buffer, Buffers) {
  Buffer buffer;
  fill(buffer);

  Buffer& same_buffer = buffer;
  buffer = std::move(same_buffer);

  check_is_filled(buffer);
}

BOOST_AUTO_TEST_CASE(a_cursor_of_a_buffer_that_was_closed_is_closed) {
  HybridBuffer buffer;
  fill(buffer);
  auto cursor = buffer.open_reader();
  std::array<std::byte, 4> block{};
  BOOST_REQUIRE(*cursor.read(block) == block.size());

  BOOST_REQUIRE(buffer.close().has_value());

  BOOST_TEST(is_closed(cursor.read(block)));
  BOOST_TEST(is_closed(cursor.seek(0)));
}

BOOST_AUTO_TEST_CASE(closing_and_resetting_give_back_memory_storage_and_budget) {
  odd_log = {};
  const MemoryBudget budget{1000};
  HybridBuffer buffer{SegmentedMemory<16>{}, SharedBudget{budget}, InPlaceStorage<SnapshotSeeker>{}};

  fill(buffer);
  BOOST_TEST(budget.used() != 0U);
  BOOST_TEST(odd_log.objects == 1U);
  BOOST_REQUIRE(buffer.reset().has_value());
  BOOST_TEST(budget.used() == 0U);
  BOOST_TEST(odd_log.objects + odd_log.locations + odd_log.handles == 0U);
  BOOST_TEST(buffer.is_open());
  BOOST_TEST(buffer.capacity() == 0U);
  fill(buffer);
  BOOST_REQUIRE(buffer.close().has_value());

  BOOST_TEST(budget.used() == 0U);
  BOOST_TEST(odd_log.objects + odd_log.locations + odd_log.handles == 0U);
  BOOST_TEST(buffer.capacity() == 0U);
}

BOOST_AUTO_TEST_CASE(a_buffer_that_is_assigned_over_gives_back_what_it_held) {
  odd_log = {};
  const MemoryBudget budget{1000};
  using Buffer = HybridBuffer<SegmentedMemory<16>, SharedBudget, SnapshotSeeker>;
  Buffer buffer{SegmentedMemory<16>{}, SharedBudget{budget}};
  fill(buffer);

  buffer = Buffer{SegmentedMemory<16>{}, SharedBudget{budget}};

  BOOST_TEST(budget.used() == 0U);
  BOOST_TEST(odd_log.objects + odd_log.locations + odd_log.handles == 0U);
  BOOST_TEST(buffer.append("goes on").has_value());
}
