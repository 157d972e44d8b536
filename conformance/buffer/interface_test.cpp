#include <boost/test/unit_test.hpp>

#include <hybridbuffer/backend/memory.hpp>
#include <hybridbuffer/hybrid_buffer.hpp>
#include <hybridbuffer/memory/contiguous.hpp>
#include <hybridbuffer/memory/inline.hpp>
#include <hybridbuffer/memory/pmr.hpp>
#include <hybridbuffer/spill/always_spill.hpp>
#include <hybridbuffer/spill/capped.hpp>
#include <hybridbuffer/spill/never_spill.hpp>
#include <hybridbuffer/spill/shared_budget.hpp>

#include "../../docs/examples/minimal_backend.hpp"
#include "model_streams.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory_resource>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <unistd.h>
#include <utility>

namespace {

using namespace hybridbuffer;
using namespace hybridbuffer::testing;

using Minimal = examples::VectorBackend;
using InMemory = HybridBuffer<SegmentedMemory<16>, SpillAt, MemoryBackend>;

InMemory spilled_and_read(std::string_view text, std::uint64_t threshold, std::size_t read) {
  InMemory buffer{SpillAt{threshold}};
  BOOST_REQUIRE(buffer.append(text).has_value());
  BOOST_REQUIRE(buffer.seek(static_cast<std::int64_t>(read)).has_value());
  return buffer;
}

}  // namespace

// Composition --------------------------------------------------------------------------------------------------------------------

static_assert(std::is_same_v<decltype(HybridBuffer{}), HybridBuffer<SegmentedMemory<>, SpillAt, FileBackend, FileStorage>>);
static_assert(std::is_same_v<decltype(HybridBuffer{SegmentedMemory<16>{}}), HybridBuffer<SegmentedMemory<16>>>);
static_assert(std::is_same_v<decltype(HybridBuffer{InlineMemory<64>{}}), HybridBuffer<InlineMemory<64>>>);
static_assert(std::is_same_v<decltype(HybridBuffer{SpillAt{1}}), HybridBuffer<>>);
static_assert(std::is_same_v<decltype(HybridBuffer{NeverSpill{}}), HybridBuffer<SegmentedMemory<>, NeverSpill>>);
static_assert(std::is_same_v<decltype(HybridBuffer{FileStorage{}}), HybridBuffer<>>);
static_assert(std::is_same_v<decltype(HybridBuffer{MemoryStorage{}}), HybridBuffer<SegmentedMemory<>, SpillAt, MemoryBackend>>);
static_assert(std::is_same_v<decltype(HybridBuffer{InlineMemory<64>{}, NeverSpill{}}), HybridBuffer<InlineMemory<64>, NeverSpill>>);
static_assert(
    std::is_same_v<decltype(HybridBuffer{InlineMemory<64>{}, MemoryStorage{}}), HybridBuffer<InlineMemory<64>, SpillAt, MemoryBackend>>);
static_assert(
    std::is_same_v<decltype(HybridBuffer{AlwaysSpill{}, MemoryStorage{}}), HybridBuffer<SegmentedMemory<>, AlwaysSpill, MemoryBackend>>);
static_assert(std::is_same_v<decltype(HybridBuffer{SegmentedMemory<16>{}, SpillAt{1}, InPlaceStorage<Minimal>{}}),
                             HybridBuffer<SegmentedMemory<16>, SpillAt, Minimal>>);
static_assert(std::is_same_v<decltype(HybridBuffer{SegmentedMemory<>{}, Capped{SpillAt{1}, 2}, FileStorage{}}),
                             HybridBuffer<SegmentedMemory<>, Capped<SpillAt>>>);
static_assert(std::is_same_v<decltype(HybridBuffer{std::declval<InMemory>()}), InMemory>);

// A buffer is a value that moves.
static_assert(std::is_nothrow_move_constructible_v<HybridBuffer<>> && std::is_nothrow_move_assignable_v<HybridBuffer<>>);
static_assert(!std::is_copy_constructible_v<HybridBuffer<>> && !std::is_copy_assignable_v<HybridBuffer<>>);
static_assert(std::is_default_constructible_v<HybridBuffer<>>);
static_assert(!std::is_default_constructible_v<HybridBuffer<SegmentedMemory<>, SharedBudget>>);

// Parts without state take no space.
template <class Spill, class Storage = InPlaceStorage<Minimal>>
inline constexpr std::size_t size_with = sizeof(HybridBuffer<SegmentedMemory<>, Spill, Minimal, Storage>);
struct StorageWithState : InPlaceStorage<Minimal> {
  std::uint64_t state = 0;
};
static_assert(size_with<NeverSpill> == size_with<AlwaysSpill>);
static_assert(size_with<SpillAt> == size_with<NeverSpill> + sizeof(SpillAt));
static_assert(size_with<NeverSpill, StorageWithState> == size_with<NeverSpill> + sizeof(StorageWithState));

// What only looks is const; what changes something, the position included, is not.
template <class B>
concept looks = requires(B& b, std::span<std::byte> out) {
  b.read_at(0, out);
  b.open_reader();
  b.to_bytes();
  b.to_string();
  b.size();
  b.tell();
  b.unread();
  b.empty();
  b.first_offset();
  b.capacity();
  b.room();
  b.is_open();
  b.is_spilled();
  b.would_spill(1);
  b.stats();
};
template <class B>
concept changes = requires(B& b) { b.append('x'); } || requires(B& b) { b.get(); } || requires(B& b) { b.peek(); } ||
                  requires(B& b) { b.consume(0); } || requires(B& b) { b.seek(0); } || requires(B& b) { b.truncate(0); } ||
                  requires(B& b) { b.discard_read(); } || requires(B& b) { b.spill(); } || requires(B& b) { b.reserve(0); } ||
                  requires(B& b) { b.reset(); } || requires(B& b) { b.close(); } || requires(B& b) { b.publish(""); };
static_assert(looks<const HybridBuffer<>> && !changes<const HybridBuffer<>> && changes<HybridBuffer<>>);

// A buffer and its cursors are readers for whoever takes one.
static_assert(reader<HybridBuffer<>> && seeker<HybridBuffer<>::reader_type> && reader_at<HybridBuffer<>>);

BOOST_AUTO_TEST_SUITE(construction)

BOOST_AUTO_TEST_CASE(an_empty_buffer_holds_no_memory_and_no_location) {
  const HybridBuffer buffer;

  BOOST_TEST(buffer.is_open());
  BOOST_TEST(buffer.empty());
  BOOST_TEST(buffer.capacity() == 0U);
  BOOST_TEST(buffer.stats().memory_capacity == 0U);
  BOOST_TEST(buffer.stats().read_ahead_capacity == 0U);
  BOOST_TEST(buffer.stats().locations == 0U);
  BOOST_TEST(!buffer.is_spilled());
}

BOOST_AUTO_TEST_CASE(from_holds_a_copy_of_bytes_and_of_text) {
  const std::array<std::byte, 3> bytes{std::byte{1}, std::byte{0}, std::byte{255}};

  const auto of_bytes = InMemory::from(bytes);
  const auto of_text = InMemory::from("some text");

  BOOST_REQUIRE((of_bytes && of_text));
  BOOST_TEST(same(*of_bytes->to_bytes(), bytes));
  BOOST_TEST(*of_text->to_string() == "some text");
}

BOOST_AUTO_TEST_CASE(from_reports_what_append_reports) {
  const std::string text(65, 'x');

  const auto made = HybridBuffer<InlineMemory<64>, NeverSpill, MemoryBackend>::from(text);

  BOOST_REQUIRE(!made);
  BOOST_TEST((made.error() == errc::no_space));
}

BOOST_AUTO_TEST_CASE(each_part_that_is_given_is_used) {
  std::pmr::monotonic_buffer_resource resource{std::pmr::null_memory_resource()};

  HybridBuffer without_memory{PmrMemory{&resource}, NeverSpill{}, MemoryStorage{}};
  HybridBuffer by_spill{SpillAt{3}, MemoryStorage{}};
  HybridBuffer by_storage{InlineMemory<4>{}, MemoryStorage{MemoryOptions{.max_bytes = 5}}};

  BOOST_TEST((without_memory.append('x').error() == errc::no_space));
  BOOST_TEST(by_spill.append("1234").has_value());
  BOOST_TEST(by_spill.is_spilled());
  BOOST_TEST(by_storage.append("12345").has_value());
  BOOST_TEST(by_storage.append("123456").has_value());
  BOOST_TEST(by_storage.stats().locations == 3U);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(appending_and_reading)

BOOST_AUTO_TEST_CASE(every_kind_of_append_adds_its_bytes_in_order) {
  for (const std::uint64_t threshold : {0U, 4U, 100U}) {
    InMemory buffer{SpillAt{threshold}};
    const std::array<std::byte, 2> bytes{std::byte{'a'}, std::byte{'b'}};

    BOOST_TEST(buffer.append(bytes).has_value());
    BOOST_TEST(buffer.append(std::string_view{"cd"}).has_value());
    BOOST_TEST(buffer.append(std::string{"ef"}).has_value());
    BOOST_TEST(buffer.append("gh").has_value());
    BOOST_TEST(buffer.append(std::byte{'i'}).has_value());
    BOOST_TEST(buffer.append('j').has_value());
    BOOST_TEST(buffer.append(U'\u20AC').has_value());
    BOOST_TEST(buffer.append("").has_value());

    BOOST_TEST(*buffer.to_string() == "abcdefghij\xE2\x82\xAC");
  }
}

BOOST_AUTO_TEST_CASE(every_kind_of_read_goes_on_where_the_last_one_ended) {
  for (const std::uint64_t threshold : {0U, 10U, 100U}) {
    InMemory buffer{SpillAt{threshold}};
    BOOST_REQUIRE(buffer.append("0123456789\nline\nab;rest").has_value());
    std::array<std::byte, 3> block{};

    BOOST_TEST(*buffer.read(block) == 3U);
    BOOST_TEST(text(block) == "012");
    BOOST_TEST((*buffer.get() == std::byte{'3'}));
    BOOST_TEST(text(*buffer.next(2)) == "45");
    BOOST_TEST((*buffer.read_code_point() == U'6'));
    BOOST_TEST(text(buffer.peek()->first(1)) == "7");
    buffer.consume(1);
    BOOST_TEST((*buffer.read_line() == "89"));
    BOOST_TEST((*buffer.read_line() == "line"));
    BOOST_TEST(text(*buffer.read_until(std::byte{';'})) == "ab;");
    std::string rest;
    for (auto chunk = buffer.next_chunk(); chunk && !chunk->empty(); chunk = buffer.next_chunk()) rest += text(*chunk);
    BOOST_TEST(rest == "rest");

    BOOST_TEST(buffer.unread() == 0U);
    BOOST_TEST(!buffer.get()->has_value());
    BOOST_TEST(!buffer.read_code_point()->has_value());
    BOOST_TEST(!buffer.read_line()->has_value());
    BOOST_TEST(buffer.read_until(std::byte{0})->empty());
    BOOST_TEST(buffer.next(5)->empty());
    BOOST_TEST(*buffer.read(block) == 0U);
  }
}

BOOST_AUTO_TEST_CASE(copies_are_of_the_unread_bytes_and_consume_nothing) {
  auto buffer = spilled_and_read("0123456789", 4, 3);

  BOOST_TEST(*buffer.to_string() == "3456789");
  BOOST_TEST(text(*buffer.to_bytes()) == "3456789");
  BOOST_TEST(buffer.tell() == 3U);
}

BOOST_AUTO_TEST_CASE(what_peek_shows_stays_until_it_is_consumed) {
  auto buffer = spilled_and_read("0123456789", 100, 0);

  const auto first = buffer.peek();
  const auto again = buffer.peek();

  BOOST_TEST((first->data() == again->data() && first->size() == again->size()));
  BOOST_TEST(buffer.tell() == 0U);
}

BOOST_AUTO_TEST_CASE(what_peek_showed_is_consumed_after_appends_and_spills_as_before_them) {
  for (const std::string_view appended : {"", "e", "efghijklmnopqrstuvwxyz"}) {
    HybridBuffer buffer{SegmentedMemory<4>{}, SpillAt{10}, MemoryStorage{}};
    BOOST_REQUIRE(buffer.append("abcd").has_value());

    const std::size_t shown = buffer.peek()->size();
    BOOST_REQUIRE((buffer.append(appended).has_value() && buffer.spill().has_value()));
    buffer.consume(shown);

    BOOST_TEST(shown == 4U);
    BOOST_TEST(buffer.tell() == 4U);
    BOOST_TEST(text(*buffer.next(100)) == appended);
  }
}

BOOST_AUTO_TEST_CASE(consuming_more_than_is_left_ends_at_the_end) {
  for (const std::uint64_t threshold : {0U, 4U, 100U}) {
    auto buffer = spilled_and_read("0123456789", threshold, 0);
    std::array<std::byte, 5> block{};
    const std::size_t shown = buffer.peek()->size();

    BOOST_REQUIRE(buffer.read(block).has_value());
    buffer.consume(shown);
    BOOST_TEST(buffer.tell() <= buffer.size());
    buffer.consume(100);

    BOOST_TEST(buffer.tell() == 10U);
    BOOST_TEST(buffer.unread() == 0U);
    BOOST_TEST(buffer.read(block).value() == 0U);
    BOOST_REQUIRE((buffer.append("more") && buffer.peek() && buffer.truncate(11)));
    buffer.consume(4);
    BOOST_TEST(buffer.tell() == 11U);
    BOOST_TEST(!buffer.get().value().has_value());
  }
}

BOOST_AUTO_TEST_CASE(contiguous_memory_is_shown_as_one_span_however_it_was_appended) {
  HybridBuffer buffer{ContiguousMemory{}, NeverSpill{}, MemoryStorage{}};
  std::string expected;
  for (int i = 0; i < 200; ++i) {
    BOOST_REQUIRE(buffer.append("0123456789").has_value());
    expected += "0123456789";
    if (i % 50 == 0) BOOST_REQUIRE(buffer.reserve(20).has_value());
    BOOST_REQUIRE(text(*buffer.peek()) == expected);
  }

  BOOST_REQUIRE((buffer.next(7) && buffer.discard_read()));
  BOOST_REQUIRE(text(*buffer.peek()) == expected.substr(7));
}

// Hands out blocks whose addresses are in another order than they were asked for.
class ShuffledBlocks : public std::pmr::memory_resource {
 public:
  static constexpr std::size_t block_bytes = 448;  // no table of pointers is as large

 private:
  void* do_allocate(std::size_t bytes, std::size_t alignment) override {
    if (bytes != block_bytes) return std::pmr::new_delete_resource()->allocate(bytes, alignment);
    return blocks_.data() + order_.at(given_++) * block_bytes;
  }
  void do_deallocate(void* block, std::size_t bytes, std::size_t alignment) override {
    if (bytes != block_bytes) std::pmr::new_delete_resource()->deallocate(block, bytes, alignment);
  }
  bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override { return this == &other; }

  alignas(64) std::array<std::byte, 6 * block_bytes> blocks_{};
  std::array<std::size_t, 6> order_{0, 3, 1, 2, 5, 4};
  std::size_t given_ = 0;
};

BOOST_AUTO_TEST_CASE(chunks_are_shown_in_the_order_of_their_content_wherever_they_lie) {
  for (const std::size_t piece : {7U, 100U, 447U, 448U, 449U, 1000U}) {
    ShuffledBlocks blocks;
    HybridBuffer buffer{PmrMemory{&blocks, ShuffledBlocks::block_bytes}, NeverSpill{}, MemoryStorage{}};
    std::string expected;
    while (expected.size() + piece <= 6 * ShuffledBlocks::block_bytes) {
      const std::string bytes(piece, static_cast<char>('a' + expected.size() / piece % 26));
      BOOST_REQUIRE(buffer.append(bytes).has_value());
      expected += bytes;

      BOOST_REQUIRE(buffer.seek(0).has_value());
      std::string shown;
      while (buffer.unread() != 0) shown += text(buffer.next_chunk().value());
      BOOST_REQUIRE(shown == expected);
    }
  }
}

BOOST_AUTO_TEST_CASE(offsets_are_absolute_for_the_life_of_the_buffer) {
  auto buffer = spilled_and_read("0123456789", 4, 3);

  BOOST_TEST(buffer.discard_read().has_value());

  BOOST_TEST(buffer.first_offset() == 3U);
  BOOST_TEST(buffer.tell() == 3U);
  BOOST_TEST(buffer.size() == 10U);
  BOOST_TEST(buffer.unread() == 7U);
  std::array<std::byte, 2> out{};
  BOOST_TEST(*buffer.read_at(8, out) == 2U);
  BOOST_TEST(text(out) == "89");
  BOOST_TEST((buffer.read_at(2, out).error() == errc::invalid_argument));
  BOOST_TEST((buffer.seek(2).error() == errc::invalid_argument));
  BOOST_TEST((buffer.truncate(2).error() == errc::invalid_argument));
  BOOST_TEST(*buffer.read_at(10, out) == 0U);
  BOOST_TEST(*buffer.read_at(std::numeric_limits<std::uint64_t>::max(), out) == 0U);
}

BOOST_AUTO_TEST_CASE(a_seek_outside_the_content_is_refused_and_moves_nothing) {
  auto buffer = spilled_and_read("0123456789", 4, 3);

  BOOST_TEST((buffer.seek(-1).error() == errc::invalid_argument));
  BOOST_TEST((buffer.seek(11).error() == errc::invalid_argument));
  BOOST_TEST((buffer.seek(-4, Whence::current).error() == errc::invalid_argument));
  BOOST_TEST((buffer.seek(8, Whence::current).error() == errc::invalid_argument));
  BOOST_TEST((buffer.seek(1, Whence::end).error() == errc::invalid_argument));
  BOOST_TEST((buffer.seek(0, static_cast<Whence>(7)).error() == errc::invalid_argument));
  BOOST_TEST((buffer.seek(std::numeric_limits<std::int64_t>::min(), Whence::end).error() == errc::invalid_argument));

  BOOST_TEST(buffer.tell() == 3U);
  BOOST_TEST(*buffer.seek(-10, Whence::end) == 0U);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(room_and_reserve)

BOOST_AUTO_TEST_CASE(reserve_gets_the_memory_that_the_next_appends_use) {
  HybridBuffer buffer{SegmentedMemory<4096>{}, SpillAt{100}, MemoryStorage{}};

  BOOST_TEST(buffer.reserve(60).has_value());

  BOOST_TEST(buffer.room() >= 60U);
  BOOST_TEST(buffer.capacity() >= 60U);
  BOOST_TEST(buffer.empty());
}

BOOST_AUTO_TEST_CASE(reserve_takes_no_more_than_the_spill_policy_would_keep) {
  HybridBuffer buffer{SegmentedMemory<4096>{}, SpillAt{100}, MemoryStorage{}};
  HybridBuffer capped{SegmentedMemory<4096>{}, Capped{NeverSpill{}, 50}, MemoryStorage{}};

  BOOST_TEST(buffer.reserve(101).has_value());
  BOOST_TEST(capped.reserve(51).has_value());

  BOOST_TEST(buffer.capacity() == 0U);
  BOOST_TEST(capped.capacity() == 0U);
  BOOST_TEST(!buffer.is_spilled());
}

BOOST_AUTO_TEST_CASE(room_is_what_may_be_appended_without_asking) {
  HybridBuffer buffer{SegmentedMemory<16>{}, SpillAt{100}, MemoryStorage{}};

  BOOST_REQUIRE(buffer.append("0123456789").has_value());
  BOOST_TEST(buffer.room() == 90U);
  BOOST_TEST(!buffer.would_spill(90));
  BOOST_TEST(buffer.would_spill(91));
  BOOST_REQUIRE(buffer.spill().has_value());

  BOOST_TEST(!buffer.would_spill(100));
  BOOST_TEST(buffer.would_spill(101));
}

BOOST_AUTO_TEST_CASE(a_limit_holds_on_every_way_into_the_buffer) {
  for (const std::uint64_t threshold : {0U, 3U, 1000U}) {
    HybridBuffer buffer{SegmentedMemory<16>{}, Capped{SpillAt{threshold}, 100}, MemoryStorage{}};
    const Bytes bytes = pattern(200);
    PieceSource source{.left = bytes};

    const auto taken = buffer.read_from(source);

    BOOST_REQUIRE(!taken);
    BOOST_TEST((taken.error() == errc::limit_exceeded));
    BOOST_TEST(buffer.size() == 100U);
    BOOST_TEST(same(*buffer.to_bytes(), View{bytes}.first(100)));
    BOOST_TEST((buffer.append('x').error() == errc::limit_exceeded));
    BOOST_TEST(buffer.size() == 100U);
    BOOST_REQUIRE(buffer.seek(40).has_value());
    BOOST_REQUIRE(buffer.discard_read().has_value());
    BOOST_TEST(buffer.append(View{bytes}.first(40)).has_value());
    BOOST_TEST((buffer.append('x').error() == errc::limit_exceeded));
  }
}

BOOST_AUTO_TEST_CASE(memory_that_is_full_and_may_not_spill_refuses_and_changes_nothing) {
  HybridBuffer buffer{InlineMemory<64>{}, NeverSpill{}, MemoryStorage{}};
  const Bytes bytes = pattern(65);
  BOOST_REQUIRE(buffer.append(View{bytes}.first(60)).has_value());

  const auto refused = buffer.append(View{bytes}.first(5));

  BOOST_TEST((!refused && refused.error() == errc::no_space));
  BOOST_TEST(buffer.size() == 60U);
  BOOST_TEST(buffer.append(View{bytes}.subspan(60, 4)).has_value());
  BOOST_TEST((buffer.append('x').error() == errc::no_space));
  BOOST_TEST(same(*buffer.to_bytes(), View{bytes}.first(64)));
  BOOST_TEST(!buffer.is_spilled());
  BOOST_TEST((buffer.append(bytes).error() == errc::no_space));
}

BOOST_AUTO_TEST_SUITE_END()
