#include <boost/test/unit_test.hpp>

#include <hybridbuffer/backend/memory.hpp>
#include <hybridbuffer/hybrid_buffer.hpp>
#include <hybridbuffer/memory/contiguous.hpp>
#include <hybridbuffer/memory/inline.hpp>
#include <hybridbuffer/spill/always_spill.hpp>
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
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

// What the buffer promises where its forerunners fail, one case each.
namespace {

using namespace hybridbuffer;
using namespace hybridbuffer::testing;

using Minimal = examples::VectorBackend;
using Faulty = FaultyStorage<MemoryStorage>;
using FaultyBuffer = HybridBuffer<SegmentedMemory<16>, SpillAt, Faulty::Backend, Faulty>;

/// With one backend of each kind.
using Buffers = std::tuple<HybridBuffer<SegmentedMemory<16>, SpillAt, MemoryBackend>, HybridBuffer<SegmentedMemory<16>, SpillAt, Minimal>,
                           HybridBuffer<SegmentedMemory<16>>, HybridBuffer<SegmentedMemory<16>, SpillAt, OneByteReads>>;

using BackendsAtRunTime = std::tuple<NothingAtRunTime, SomeAtRunTime>;

/// While it lives, one storage call fails.
class PlannedFault {
 public:
  explicit PlannedFault(std::uint64_t k, Fault fault = {}) {
    FaultPlan::arm(k, fault);
    FaultPlan::resume();
  }
  PlannedFault(const PlannedFault&) = delete;
  PlannedFault& operator=(const PlannedFault&) = delete;
  ~PlannedFault() {
    FaultPlan::pause();
    FaultPlan::heal();
  }
  [[nodiscard]] static bool fired() { return FaultPlan::fired() != 0; }
};

constexpr std::uint64_t threshold = 10;

}  // namespace

BOOST_AUTO_TEST_CASE_TEMPLATE(reads_and_writes_interleave_once_spilled, Buffer, Buffers) {  // 1
  Buffer buffer{SpillAt{threshold}};
  std::string expected;
  std::string read;
  for (int i = 0; i < 40; ++i) {
    const std::string piece = "piece " + std::to_string(i) + ";";
    BOOST_REQUIRE(buffer.append(piece).has_value());
    expected += piece;
    read += text(*buffer.next(5));
  }
  BOOST_TEST(buffer.is_spilled());

  read += text(*buffer.next(10'000));

  BOOST_TEST(read == expected);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(the_read_position_survives_a_spill, Buffer, Buffers) {  // 2
  Buffer buffer{SpillAt{threshold}};
  BOOST_REQUIRE(buffer.append("0123456789").has_value());
  BOOST_TEST(text(*buffer.next(4)) == "0123");
  BOOST_REQUIRE(!buffer.is_spilled());

  BOOST_REQUIRE(buffer.append("abc").has_value());

  BOOST_TEST(buffer.is_spilled());
  BOOST_TEST(buffer.tell() == 4U);
  BOOST_TEST(text(*buffer.next(100)) == "456789abc");
}

BOOST_AUTO_TEST_CASE(a_failed_spill_changes_nothing_and_its_retry_is_exact) {  // 3
  std::uint64_t k = 1;
  for (bool fired = true; fired; ++k) {
    FaultyBuffer buffer{SpillAt{threshold}};
    BOOST_REQUIRE(buffer.append("0123456789").has_value());
    BOOST_REQUIRE(buffer.next(3).has_value());
    {
      const PlannedFault fault{k, {.code = errc::no_space, .effect = FaultEffect::part}};
      const auto refused = buffer.append("abc");
      fired = PlannedFault::fired();
      BOOST_TEST(refused.has_value() == !fired);
    }
    BOOST_TEST(buffer.size() == (fired ? 10U : 13U));
    BOOST_TEST(buffer.tell() == 3U);
    BOOST_TEST(buffer.stats().locations == (fired ? 0U : 1U));
    BOOST_TEST(Live<BackendTag>::count == (fired ? 0 : 1));
    if (fired) BOOST_REQUIRE(buffer.append("abc").has_value());
    BOOST_TEST(*buffer.to_string() == "3456789abc");
    BOOST_TEST(buffer.stats().stored_held == buffer.stats().stored);
  }
  BOOST_TEST(k > 4U);  // create_backend, create, write, close
}

BOOST_AUTO_TEST_CASE(a_failed_append_to_storage_leaves_the_content_as_it_was) {  // 4
  std::uint64_t k = 1;
  for (bool fired = true; fired; ++k) {
    FaultyBuffer buffer{SpillAt{0}};
    BOOST_REQUIRE(buffer.append("first ").has_value());
    {
      const PlannedFault fault{k, {.code = errc::io, .effect = FaultEffect::part}};
      const auto done = buffer.append("lost");
      fired = PlannedFault::fired();
      BOOST_TEST(done.has_value() == !fired);
    }
    BOOST_REQUIRE(buffer.append("second").has_value());
    BOOST_TEST(*buffer.to_string() == (fired ? "first second" : "first lostsecond"));
  }
  BOOST_TEST(k > 3U);  // append, write, close
}

BOOST_AUTO_TEST_CASE(an_error_of_the_last_close_is_reported) {  // 5
  for (const auto effect : {FaultEffect::none, FaultEffect::whole}) {
    FaultyBuffer buffer{SpillAt{threshold}};
    BOOST_REQUIRE(buffer.append("text").has_value());
    const PlannedFault fault{4, {.code = errc::unavailable, .effect = effect}};

    const auto spilled = buffer.spill();

    BOOST_REQUIRE(PlannedFault::fired());
    BOOST_TEST(FaultPlan::last() == "close");
    BOOST_TEST((!spilled && spilled.error() == errc::unavailable));
    BOOST_TEST(!buffer.is_spilled());
    BOOST_TEST(*buffer.to_string() == "text");
  }
}

BOOST_AUTO_TEST_CASE(short_reads_of_the_storage_are_not_the_end) {  // 6
  const Bytes bytes = pattern(300);
  HybridBuffer<SegmentedMemory<16>, SpillAt, OneByteReads> buffer{SpillAt{threshold}};
  BOOST_REQUIRE(buffer.append(bytes).has_value());

  BOOST_TEST(same(*buffer.to_bytes(), bytes));
  BOOST_TEST(same(view(*buffer.to_string()), bytes));
  BOOST_TEST(same(*buffer.next(120), View{bytes}.first(120)));
  BOOST_REQUIRE(buffer.truncate(200).has_value());

  BOOST_TEST(same(*buffer.next(1000), View{bytes}.subspan(120, 80)));
}

using OddBackends = std::tuple<OneByteReads, SnapshotReaderAt, GrowingReaderAt, SnapshotSeeker, AppendOnly>;
BOOST_AUTO_TEST_CASE_TEMPLATE(a_backend_that_ends_early_is_corrupted, Backend, OddBackends) {  // 7
  odd_log = {};
  HybridBuffer<SegmentedMemory<16>, SpillAt, Backend> buffer{SpillAt{threshold}};
  BOOST_REQUIRE(buffer.append(pattern(300)).has_value());
  std::array<std::byte, 10> block{};
  BOOST_REQUIRE(*buffer.read(block) == block.size());
  BOOST_REQUIRE(buffer.seek(0).has_value());
  odd_log.objects_end_at = 299;

  const auto whole = buffer.to_bytes();
  const auto last = buffer.read_at(290, block);
  const auto next = buffer.next(300);
  auto cursor = buffer.open_reader();
  Bytes out(300);
  const auto by_cursor = cursor.read(out);
  odd_log.objects_end_at = 0;
  const auto gone = buffer.read_at(100, block);
  odd_log.objects_end_at = 300;

  BOOST_TEST((!whole && whole.error() == errc::corrupted));
  BOOST_TEST((!last && last.error() == errc::corrupted));
  BOOST_TEST((!next && next.error() == errc::corrupted));
  BOOST_TEST((!by_cursor && by_cursor.error() == errc::corrupted));
  BOOST_TEST((!gone && gone.error() == errc::corrupted));
  BOOST_TEST(buffer.tell() == 0U);
  BOOST_TEST(same(*buffer.next(300), pattern(300)));
}

BOOST_AUTO_TEST_CASE(a_committed_object_that_is_gone_is_corrupted_and_not_an_end) {  // 7
  FaultyBuffer buffer{SpillAt{0}};
  BOOST_REQUIRE(buffer.append("text").has_value());
  const PlannedFault fault{1, {.code = errc::not_found}};

  const auto read = buffer.to_bytes();

  BOOST_REQUIRE(PlannedFault::fired());
  BOOST_TEST((!read && read.error() == errc::corrupted));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(bytes_delivered_just_before_the_end_count, Buffer, Buffers) {  // 8
  const Bytes bytes = pattern(57);
  for (const std::size_t piece : {1U, 2U, 7U, 56U, 57U, 58U}) {
    PieceSource source{.left = bytes, .piece = piece};
    Buffer buffer{SpillAt{threshold}};

    BOOST_TEST(*buffer.read_from(source) == 57U);

    BOOST_TEST(same(*buffer.to_bytes(), bytes));
  }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(truncate_counts_from_the_start_and_keeps_the_position_without_loading, Buffer, Buffers) {  // 9
  odd_log = {};
  Buffer buffer{SpillAt{threshold}};
  const Bytes bytes = pattern(100'000);
  BOOST_REQUIRE(buffer.append(View{bytes}.first(99'990)).has_value());
  BOOST_REQUIRE(buffer.append(View{bytes}.subspan(99'990)).has_value());
  BOOST_REQUIRE(buffer.seek(500).has_value());

  BOOST_REQUIRE(buffer.truncate(70'000).has_value());

  BOOST_TEST(buffer.size() == 70'000U);
  BOOST_TEST(buffer.tell() == 500U);
  BOOST_TEST(buffer.stats().in_memory == 0U);
  BOOST_TEST(buffer.stats().read_ahead_capacity == 0U);
  BOOST_TEST(odd_log.reads == 0U);
  BOOST_REQUIRE(buffer.truncate(400).has_value());
  BOOST_TEST(buffer.tell() == 400U);
  BOOST_REQUIRE(buffer.append("end").has_value());
  BOOST_TEST(*buffer.to_string() == "end");
  BOOST_REQUIRE(buffer.seek(0).has_value());
  BOOST_TEST(same(*buffer.next(400), View{bytes}.first(400)));
}

// 10, the closed state, is closed_test.cpp.

BOOST_AUTO_TEST_CASE(memory_is_taken_lazily_and_freed_by_a_spill_and_by_close) {  // 11
  HybridBuffer buffer{SegmentedMemory<4096>{}, SpillAt{1'000'000}, MemoryStorage{}};
  BOOST_TEST(buffer.capacity() == 0U);
  BOOST_REQUIRE(buffer.append('x').has_value());
  BOOST_TEST(buffer.capacity() == 4096U);
  BOOST_REQUIRE(buffer.append(pattern(900'000)).has_value());
  BOOST_TEST(buffer.capacity() >= 900'000U);

  BOOST_REQUIRE(buffer.spill().has_value());

  BOOST_TEST(buffer.capacity() == 0U);
  BOOST_TEST(buffer.stats().memory_capacity == 0U);
  BOOST_REQUIRE(buffer.append(pattern(900'000)).has_value());
  BOOST_REQUIRE(buffer.close().has_value());
  BOOST_TEST(buffer.capacity() == 0U);
}

BOOST_AUTO_TEST_CASE(bytes_that_were_read_are_given_back_in_memory_and_in_storage) {  // 12
  odd_log = {};
  constexpr std::uint64_t piece = 100'000;
  HybridBuffer<SegmentedMemory<4096>, SpillAt, GrowingReaderAt> buffer{SpillAt{120'000}};
  for (std::uint64_t i = 0; i < 100; ++i) {  // 10 MB through it, 300 KB at most inside
    BOOST_REQUIRE(buffer.append(pattern(piece, i)).has_value());
    if (i < 2) continue;
    BOOST_REQUIRE(same(*buffer.next(piece), pattern(piece, i - 2)));
    BOOST_REQUIRE(buffer.discard_read().has_value());
    const BufferStats stats = buffer.stats();
    BOOST_TEST(stats.in_memory + stats.stored == 2 * piece);
    BOOST_TEST(stats.memory_capacity <= 120'000U + 4096U);
    BOOST_TEST(stats.stored_held <= 2 * piece + (std::uint64_t{1} << 20U));
  }
  BOOST_TEST(odd_log.discards > 3U);
  BOOST_TEST(odd_log.complaint == "");
}

BOOST_AUTO_TEST_CASE(a_queue_without_discard_gives_back_whole_locations) {  // 12
  odd_log = {};
  HybridBuffer<SegmentedMemory<16>, SpillAt, TinyObjects> buffer{SpillAt{threshold}};
  for (std::uint64_t i = 0; i < 1000; ++i) {
    BOOST_REQUIRE(buffer.append(pattern(30, i)).has_value());
    BOOST_REQUIRE(same(*buffer.next(30), pattern(30, i)));
    BOOST_REQUIRE(buffer.discard_read().has_value());
  }
  BOOST_TEST(buffer.stats().locations == 0U);
  BOOST_TEST(odd_log.objects == 0U);
  BOOST_TEST(odd_log.complaint == "");
}

BOOST_AUTO_TEST_CASE(a_queue_that_never_runs_empty_leaves_a_location_that_it_can_only_shrink) {  // 12
  using Storage = FaultyStorage<MemoryStorage, Capability::discard>;
  HybridBuffer<SegmentedMemory<>, SpillAt, Storage::Backend, Storage> buffer{SpillAt{512_KiB}, Storage{}};
  const Bytes piece = pattern(1_MiB);
  std::uint64_t most = 0;
  BOOST_REQUIRE(buffer.append(piece).has_value());
  for (int i = 0; i < 200; ++i) {
    BOOST_REQUIRE((buffer.append(piece).has_value() && buffer.next(piece.size()).has_value() && buffer.discard_read().has_value()));
    most = std::max(most, buffer.stats().stored_held);
  }
  BOOST_TEST(most <= 64_MiB + 8_MiB);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(no_handle_keeps_an_object_that_was_given_back, Backend, OddBackends) {  // 12
  odd_log = {};
  HybridBuffer<SegmentedMemory<16>, SpillAt, Backend> buffer{SpillAt{threshold}};
  const auto fill_and_read_half = [&] {
    BOOST_REQUIRE(buffer.append(pattern(100)).has_value());
    BOOST_REQUIRE(buffer.next(50).has_value());
    BOOST_REQUIRE(odd_log.handles != 0U);
  };

  fill_and_read_half();
  BOOST_REQUIRE(buffer.truncate(0).has_value());
  BOOST_TEST(odd_log.handles + odd_log.objects + odd_log.locations == 0U);
  fill_and_read_half();
  BOOST_REQUIRE((buffer.seek(0, Whence::end) && buffer.discard_read()));
  BOOST_TEST(odd_log.handles + odd_log.objects + odd_log.locations == 0U);
  fill_and_read_half();
  BOOST_REQUIRE(buffer.reset().has_value());

  BOOST_TEST(odd_log.handles + odd_log.objects + odd_log.locations == 0U);
}

BOOST_AUTO_TEST_CASE(the_threshold_counts_resident_bytes_only) {  // 12
  HybridBuffer buffer{SegmentedMemory<16>{}, SpillAt{100}, MemoryStorage{}};
  for (int i = 0; i < 50; ++i) {
    BOOST_REQUIRE(buffer.append(pattern(60)).has_value());
    BOOST_REQUIRE(buffer.next(60).has_value());
    BOOST_REQUIRE(buffer.discard_read().has_value());
  }
  BOOST_TEST(buffer.stats().spills == 0U);
}

// Memory that refuses to be extended once, in the way that is set.
struct RefusingBackend {
  static inline std::optional<errc> refusal;
  MemoryBackend inside{};

  static constexpr Capabilities capabilities() { return {Capability::append, Capability::gather}; }
  auto create() { return inside.create(); }
  auto open() const { return inside.open(); }
  auto append() -> decltype(inside.append()) {
    if (const auto why = std::exchange(refusal, std::nullopt)) return failure(*why, "append");
    return inside.append();
  }
  Result<void> remove() { return inside.remove(); }
};

BOOST_AUTO_TEST_CASE(one_location_serves_after_an_extension_failed_and_another_one_once_it_takes_none) {
  HybridBuffer<SegmentedMemory<>, AlwaysSpill, RefusingBackend> buffer;
  BOOST_REQUIRE(buffer.append(pattern(10)).has_value());

  for (const errc why : {errc::io, errc::no_space, errc::timeout, errc::busy}) {
    RefusingBackend::refusal = why;
    BOOST_TEST((buffer.append(pattern(10)).error() == why));
    BOOST_REQUIRE(buffer.append(pattern(10)).has_value());
    BOOST_TEST(buffer.stats().locations == 1U);
  }
  RefusingBackend::refusal = errc::unsupported;
  BOOST_REQUIRE(buffer.append(pattern(10)).has_value());

  BOOST_TEST(buffer.stats().locations == 2U);
  BOOST_TEST(buffer.size() == 60U);
}

// SpillAt that counts how often it is asked.
class CountingSpill {
 public:
  static inline int questions = 0;
  [[nodiscard]] SpillAction decide(const SpillState& state) const noexcept {
    ++questions;
    return inner_.decide(state);
  }
  [[nodiscard]] std::uint64_t room(const SpillState& state) const noexcept {
    ++questions;
    return inner_.room(state);
  }
  void settle(const SpillState& state) noexcept { inner_.settle(state); }

 private:
  SpillAt inner_{100};
};

BOOST_AUTO_TEST_CASE(the_spill_policy_is_not_asked_within_the_room_that_it_granted) {  // 12
  HybridBuffer buffer{SegmentedMemory<16>{}, CountingSpill{}, MemoryStorage{}};
  BOOST_REQUIRE(buffer.append(pattern(1)).has_value());
  const int questions = CountingSpill::questions;
  BOOST_TEST(questions > 0);

  for (std::size_t count = 1; count <= buffer.room(); ++count) BOOST_REQUIRE(buffer.append(pattern(count)).has_value());
  BOOST_REQUIRE(buffer.append(pattern(buffer.room())).has_value());

  BOOST_TEST(buffer.room() == 0U);
  BOOST_TEST(CountingSpill::questions == questions);
  BOOST_REQUIRE(buffer.append(pattern(1)).has_value());
  BOOST_TEST(CountingSpill::questions > questions);
  BOOST_TEST(buffer.is_spilled());
}

BOOST_AUTO_TEST_CASE(the_memory_budget_of_discarded_and_truncated_bytes_is_free_for_others) {  // 12
  const MemoryBudget budget{1'000'000};
  HybridBuffer buffer{SegmentedMemory<4096>{}, SharedBudget{budget}, MemoryStorage{}};
  BOOST_REQUIRE(buffer.append(pattern(900'000)).has_value());
  BOOST_TEST(budget.used() >= 900'000U);

  BOOST_REQUIRE((buffer.seek(400'000) && buffer.discard_read()));
  BOOST_TEST(budget.used() <= 500'000U + SharedBudget::step);
  BOOST_REQUIRE(buffer.truncate(500'000).has_value());

  BOOST_TEST(budget.used() <= 100'000U + SharedBudget::step);
  BOOST_TEST(budget.used() >= 100'000U);
}

BOOST_AUTO_TEST_CASE(what_was_reserved_and_not_used_returns_when_the_buffer_spills_or_is_discarded_from) {  // 12
  const MemoryBudget budget{10'000'000};
  HybridBuffer buffer{ContiguousMemory{}, SharedBudget{budget}, MemoryStorage{}};
  const auto holds_nothing = [&] { return budget.used() == 0U && buffer.capacity() == 0U; };
  const auto reserve = [&] { return buffer.reserve(1'000'000) && budget.used() >= 1'000'000U && buffer.capacity() >= 1'000'000U; };

  BOOST_TEST((reserve() && buffer.discard_read() && holds_nothing()), "empty, discarded from");
  BOOST_TEST((reserve() && buffer.spill() && holds_nothing()), "empty, spilled");
  BOOST_REQUIRE((buffer.append(pattern(100)) && buffer.spill()));
  BOOST_TEST((reserve() && buffer.spill() && holds_nothing()), "all of it stored, spilled");
  BOOST_TEST((reserve() && buffer.next(100) && buffer.discard_read() && holds_nothing()), "all of it stored, read and discarded");
  BOOST_TEST(buffer.empty());
}

BOOST_AUTO_TEST_CASE(what_was_reserved_stays_when_a_source_has_nothing) {  // 12
  const MemoryBudget budget{10'000'000};
  HybridBuffer buffer{ContiguousMemory{}, SharedBudget{budget}, MemoryStorage{}};
  HybridBuffer<> nothing;
  BOOST_REQUIRE(buffer.reserve(1'000'000).has_value());

  BOOST_TEST(buffer.read_from(nothing).value() == 0U);
  BOOST_TEST(buffer.read_from(nothing, 0).value() == 0U);

  BOOST_TEST(budget.used() >= 1'000'000U);
  BOOST_TEST(buffer.capacity() >= 1'000'000U);
  BOOST_TEST(buffer.room() >= 1'000'000U);
  BOOST_TEST((buffer.discard_read() && budget.used() == 0U && buffer.capacity() == 0U));
}

BOOST_AUTO_TEST_CASE(a_source_that_ends_where_memory_was_spilled_leaves_no_memory_held) {  // 12
  std::size_t ended_there = 0;
  for (const std::size_t before : {0U, 10U, 100U}) {
    for (std::size_t size = 1; size <= 1000; ++size) {
      const MemoryBudget budget{300};
      HybridBuffer source{SegmentedMemory<64>{}, NeverSpill{}, MemoryStorage{}};
      HybridBuffer buffer{SegmentedMemory<64>{}, SharedBudget{budget}, MemoryStorage{}};
      BOOST_REQUIRE((source.append(pattern(size)) && (before == 0 || buffer.append(pattern(before)))));

      BOOST_REQUIRE(buffer.read_from(source).value() == size);

      if (buffer.stats().in_memory != 0) continue;
      ++ended_there;
      BOOST_REQUIRE(budget.used() == 0U);
      BOOST_REQUIRE(buffer.capacity() == 0U);
    }
  }
  BOOST_TEST(ended_there > 0U);
}

BOOST_AUTO_TEST_CASE(contiguous_memory_never_holds_more_than_the_policy_grants) {  // 12
  for (const std::size_t first : {1U, 333U, 500U, 501U, 900U, 999U, 1000U}) {
    HybridBuffer buffer{ContiguousMemory{}, SpillAt{1000}, MemoryStorage{}};
    BOOST_REQUIRE(buffer.append(pattern(first)).has_value());
    while (!buffer.would_spill(7)) {
      BOOST_REQUIRE(buffer.append(pattern(7)).has_value());
      BOOST_TEST(buffer.capacity() <= 1000U);
    }
  }
}

BOOST_AUTO_TEST_CASE(a_reserve_that_memory_refuses_keeps_no_grant_from_others) {  // 12
  const MemoryBudget budget{std::uint64_t{1} << 62U};
  HybridBuffer buffer{ContiguousMemory{}, SharedBudget{budget}, MemoryStorage{}};
  BOOST_REQUIRE(buffer.append(pattern(100)).has_value());

  BOOST_TEST(buffer.reserve(std::uint64_t{1} << 61U).has_value());

  BOOST_TEST(budget.used() <= SharedBudget::step);
  BOOST_REQUIRE(buffer.append(pattern(100)).has_value());
  BOOST_TEST(buffer.size() == 200U);
}

BOOST_AUTO_TEST_CASE(transfers_move_large_blocks) {  // 13
  odd_log = {};
  const Bytes bytes = pattern(1'000'000);
  HybridBuffer<SegmentedMemory<>, AlwaysSpill, SnapshotReaderAt> buffer;
  PieceSource source{.left = bytes};

  BOOST_REQUIRE(*buffer.read_from(source) == bytes.size());
  BOOST_TEST(source.reads <= bytes.size() / 65536 + 2);
  BOOST_TEST(buffer.stats().spills <= bytes.size() / 65536 + 2);
  BoundedSink sink;
  BOOST_REQUIRE(*buffer.write_to(sink) == bytes.size());

  BOOST_TEST(sink.writes <= bytes.size() / 65536 + 2);
  BOOST_TEST(odd_log.reads <= bytes.size() / 65536 + 2);
  BOOST_TEST(same(sink.taken, bytes));
}

BOOST_AUTO_TEST_CASE(bytes_read_one_by_one_from_storage_are_few_calls_of_the_backend) {  // 13
  odd_log = {};
  const Bytes bytes = pattern(200'000);
  HybridBuffer<SegmentedMemory<>, AlwaysSpill, SnapshotReaderAt> buffer;
  BOOST_REQUIRE(buffer.append(bytes).has_value());

  for (const std::byte byte : bytes) BOOST_REQUIRE((*buffer.get() == byte));

  BOOST_TEST(odd_log.reads <= 4U);
}

BOOST_AUTO_TEST_CASE(a_source_fills_large_blocks_also_where_little_may_be_kept) {  // 13
  const Bytes bytes = pattern(300'000);
  for (const std::uint64_t at : {1U, 100U, 1000U}) {
    HybridBuffer buffer{SegmentedMemory<>{}, SpillAt{at}, MemoryStorage{}};
    PieceSource source{.left = bytes};

    BOOST_REQUIRE(*buffer.read_from(source) == bytes.size());

    BOOST_TEST(buffer.stats().spills <= bytes.size() / 65536 + 2);
    BOOST_TEST(buffer.stats().in_memory <= at);
    BOOST_TEST(same(*buffer.to_bytes(), bytes));
  }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(only_what_the_sink_accepted_is_consumed, Buffer, Buffers) {  // 14
  const Bytes bytes = pattern(200);
  for (std::uint64_t accepts = 0; accepts < 200; accepts += 13) {
    Buffer buffer{SpillAt{threshold}};
    for (std::size_t i = 0; i < bytes.size(); i += 25) BOOST_REQUIRE(buffer.append(View{bytes}.subspan(i, 25)).has_value());
    BoundedSink sink{.accepts = accepts};

    const auto written = buffer.write_to(sink);

    BOOST_TEST((!written && written.error() == errc::no_space));
    BOOST_TEST(buffer.tell() == sink.taken.size());
    sink.accepts = 1000;
    BOOST_REQUIRE(buffer.write_to(sink).has_value());
    BOOST_TEST(same(sink.taken, bytes));
  }
}

BOOST_AUTO_TEST_CASE(constructors_reset_and_copies_report_errors) {  // 15
  using Small = HybridBuffer<InlineMemory<8>, NeverSpill, MemoryBackend>;
  BOOST_TEST((Small::from("longer than eight").error() == errc::no_space));
  FaultyBuffer buffer{SpillAt{0}};
  BOOST_REQUIRE(buffer.append("text").has_value());
  {
    const PlannedFault fault{1, {.code = errc::timeout}};
    BOOST_TEST((buffer.to_string().error() == errc::timeout));
    BOOST_TEST(PlannedFault::fired());
  }
  BOOST_TEST(*buffer.to_string() == "text");
  {
    const PlannedFault fault{1, {.code = errc::permission}};
    BOOST_TEST((buffer.reset().error() == errc::permission));
    BOOST_TEST(PlannedFault::fired());
  }
  BOOST_TEST(buffer.empty());
  BOOST_REQUIRE(buffer.append("again").has_value());
  {
    const PlannedFault fault{1, {.code = errc::unavailable}};
    BOOST_TEST((buffer.close().error() == errc::unavailable));
    BOOST_TEST(PlannedFault::fired());
  }
  BOOST_TEST(!buffer.is_open());
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_member_that_is_not_declared_at_run_time_is_never_called, Backend, BackendsAtRunTime) {
  for (const std::uint64_t at : {std::uint64_t{0}, threshold, std::uint64_t{1000}}) {
    odd_log = {};
    HybridBuffer<SegmentedMemory<16>, SpillAt, Backend> buffer{SpillAt{at}};
    const Bytes bytes = pattern(300);
    BOOST_REQUIRE((buffer.append(View{bytes}.first(100)).has_value() && buffer.append(View{bytes}.subspan(100, 5)).has_value()));

    const auto of_one_object = buffer.publish("somewhere");
    BOOST_REQUIRE((buffer.append(View{bytes}.subspan(105)).has_value() && buffer.seek(50) && buffer.discard_read()));
    const auto of_the_rest = buffer.publish("somewhere");

    BOOST_TEST((!of_one_object && of_one_object.error() == errc::unsupported));
    BOOST_TEST((!of_the_rest && of_the_rest.error() == errc::unsupported));
    BOOST_TEST(same(*buffer.to_bytes(), View{bytes}.subspan(50)));
    BOOST_TEST(odd_log.complaint == "");
  }
}
