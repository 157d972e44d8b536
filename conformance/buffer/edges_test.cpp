#include "../../docs/examples/minimal_policies.hpp"
#include "edges_support.hpp"

#include <hybridbuffer/backend/memory.hpp>
#include <hybridbuffer/hybrid_buffer.hpp>
#include <hybridbuffer/mapped_reader.hpp>
#include <hybridbuffer/memory/inline.hpp>
#include <hybridbuffer/spill/never_spill.hpp>
#include <hybridbuffer/spill/overlapped.hpp>

#include <boost/test/unit_test.hpp>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <span>
#include <system_error>
#include <tuple>
#include <utility>
#include <vector>

// What seldom happens to a buffer in memory: spill policies that grant without end or change their mind, memory that refuses, a buffer that
// is assigned to itself.

namespace {

using namespace hybridbuffer;
using namespace hybridbuffer::testing;

/// Answers what it was told to, and then keeps everything.
struct ScriptedSpill {
  static inline std::deque<SpillAction> actions;
  static inline std::deque<std::uint64_t> rooms;

  static void tell(std::deque<SpillAction> next_actions, std::deque<std::uint64_t> next_rooms) {
    actions = std::move(next_actions);
    rooms = std::move(next_rooms);
  }
  [[nodiscard]] SpillAction decide(const SpillState& /*state*/) const { return next(actions, SpillAction::keep); }
  [[nodiscard]] std::uint64_t room(const SpillState& /*state*/) { return next(rooms, std::numeric_limits<std::uint64_t>::max()); }
  void settle(const SpillState& /*state*/) noexcept {}

 private:
  template <class T>
  static T next(std::deque<T>& told, T otherwise) {
    if (told.empty()) return otherwise;
    const T first = told.front();
    told.pop_front();
    return first;
  }
};
using enum SpillAction;

/// As SegmentedMemory<64>, until it gives no more.
struct RefusableMemory : SegmentedMemory<64> {
  static inline bool refuses = false;
  [[nodiscard]] std::span<std::byte> prepare(std::size_t n) { return refuses ? std::span<std::byte>{} : SegmentedMemory<64>::prepare(n); }
};
struct Refusal {
  Refusal() { RefusableMemory::refuses = true; }
  Refusal(const Refusal&) = delete;
  Refusal& operator=(const Refusal&) = delete;
  ~Refusal() { RefusableMemory::refuses = false; }
};

/// Shows its content in pieces of three bytes, and nobody where a byte is.
struct PieceMemory : examples::VectorMemory {
  [[nodiscard]] std::vector<std::span<const std::byte>> chunks() const {
    std::vector<std::span<const std::byte>> pieces;
    for (std::span<const std::byte> all : VectorMemory::chunks()) {
      for (; all.size() > 3; all = all.subspan(3)) pieces.push_back(all.first(3));
      if (!all.empty()) pieces.push_back(all);
    }
    return pieces;
  }
};

/// As SegmentedMemory<64>, whose first refusal is an exception.
struct Thrown {};
struct ThrowingMemory : SegmentedMemory<64> {
  static inline bool throws = false;
  [[nodiscard]] std::span<std::byte> prepare(std::size_t n) {
    if (std::exchange(throws, false)) throw Thrown{};
    return SegmentedMemory<64>::prepare(n);
  }
};

/// A worker that the system gives no thread.
struct NoThread {
  static inline int asked = 0;
  void start(void (*)(void*) noexcept, void*) {
    ++asked;
    throw std::system_error{std::make_error_code(std::errc::resource_unavailable_try_again)};
  }
  [[nodiscard]] static bool has_ended() noexcept { return true; }
  static void wait() noexcept {}
  [[nodiscard]] static bool is_lost() noexcept { return false; }
};
struct ThreadlessSpill : Overlapped<SpillAt> {
  using worker_type = NoThread;
  using Overlapped<SpillAt>::Overlapped;
};

}  // namespace

BOOST_AUTO_TEST_CASE(a_buffer_that_is_assigned_to_itself_stays_as_it_is) {
  HybridBuffer<SegmentedMemory<64>> buffer{SpillAt{100}};
  const Bytes content = pattern(250);
  BOOST_REQUIRE(buffer.append(std::span{content}.first(240)));
  BOOST_REQUIRE(buffer.append(std::span{content}.subspan(240)));
  BOOST_REQUIRE(buffer.seek(7));
  auto& same_buffer = buffer;

  buffer = std::move(same_buffer);

  BOOST_TEST(buffer.tell() == 7U);
  BOOST_TEST(buffer.stats().stored == 240U);
  BOOST_TEST(holds(buffer, content));

  MappedReader reader{buffer};
  BOOST_REQUIRE(reader.seek(11));
  auto& same_reader = reader;
  reader = std::move(same_reader);
  BOOST_TEST(reader.tell() == 11U);
  Bytes rest(content.size() - 11);
  BOOST_TEST(reader.read(rest).value_or(0) == rest.size());
  BOOST_TEST(same(rest, std::span{content}.subspan(11)));
}

using Parts = std::tuple<MemoryTail<SegmentedMemory<64>>, ExtentList<MemoryBackend>, StoredExtents<MemoryBackend>,
                         OverlappedExtents<SegmentedMemory<64>, MemoryBackend, detail::BackgroundWorker>,
                         BufferContent<SegmentedMemory<64>, SpillAt, MemoryBackend, MemoryStorage>>;
BOOST_AUTO_TEST_CASE_TEMPLATE(a_part_of_a_buffer_that_is_assigned_to_itself_stays_as_it_is, Part, Parts) {
  const Bytes content = pattern(70);
  const SegmentedMemory<64> no_memory;
  const SpillContent<SegmentedMemory<64>> to_store{no_memory, content};
  Part part;
  if constexpr (requires { part.append(content, 100); }) {
    BOOST_REQUIRE(part.append(content, 100));
  } else if constexpr (requires { part.append(content); }) {
    BOOST_REQUIRE(part.append(content));
  } else if constexpr (requires { part.store(MemoryStorage{}, to_store); }) {
    BOOST_REQUIRE(part.store(MemoryStorage{}, to_store));
  } else {
    part.make_room_for_an_extent();
    part.link(*new detail::Location<MemoryBackend>{MemoryStorage{}.create_backend().value(), 1}, 70);  // the list's from now on
  }
  auto& same_part = part;

  part = std::move(same_part);

  if constexpr (requires { part.size(); }) BOOST_TEST(part.size() == 70U);
  else BOOST_TEST((part.end() == 70U && part.begin() == 0U));
}

BOOST_AUTO_TEST_CASE(memory_takes_nothing_beyond_its_limit) {
  MemoryTail<SegmentedMemory<64>> tail;
  BOOST_REQUIRE(tail.append(pattern(10), 10));

  BOOST_TEST(!tail.append(pattern(1), 10));
  BOOST_TEST(!tail.append(pattern(1), 5));
  BOOST_TEST(!tail.append(pattern(100), 100));

  BOOST_TEST(tail.size() == 10U);
}

BOOST_AUTO_TEST_CASE(memory_that_throws_when_it_is_reserved_leaves_the_content_and_the_grant_before) {
  HybridBuffer<ThrowingMemory, SpillAt> buffer{SpillAt{1000}};
  BOOST_REQUIRE(buffer.append(pattern(60)));
  const std::uint64_t room = buffer.room();
  ThrowingMemory::throws = true;

  BOOST_CHECK_THROW(static_cast<void>(buffer.reserve(500)), Thrown);

  BOOST_TEST(buffer.room() == room);
  BOOST_TEST(holds(buffer, pattern(60)));
  BOOST_REQUIRE(buffer.append(pattern(400, 60)));
  BOOST_TEST(holds(buffer, pattern(460)));
}

BOOST_AUTO_TEST_CASE(a_grant_beyond_any_size_is_no_limit) {
  ScriptedSpill::tell({}, {});
  HybridBuffer<SegmentedMemory<64>, ScriptedSpill> buffer;
  const Bytes content = pattern(300);
  BOOST_REQUIRE(buffer.append(std::span{content}.first(100)));
  BOOST_REQUIRE(buffer.truncate(90));  // the grant ends, and the next append asks with 90 bytes in memory

  BOOST_REQUIRE(buffer.append(std::span{content}.subspan(90)));

  BOOST_TEST(buffer.room() == std::numeric_limits<std::uint64_t>::max() - 300);
  BOOST_TEST(holds(buffer, content));
}

BOOST_AUTO_TEST_CASE(what_was_to_stay_after_a_spill_is_stored_where_the_grant_is_gone) {
  ScriptedSpill::tell({keep, spill, keep, keep}, {60, 0});
  HybridBuffer<SegmentedMemory<64>, ScriptedSpill> buffer;
  const Bytes content = pattern(70);
  BOOST_REQUIRE(buffer.append(std::span{content}.first(50)));

  BOOST_REQUIRE(buffer.append(std::span{content}.subspan(50)));

  BOOST_TEST(ScriptedSpill::actions.empty());
  BOOST_TEST(buffer.stats().stored == 70U);
  BOOST_TEST(holds(buffer, content));
}

using SpillPolicies = std::tuple<SpillAt, Overlapped<SpillAt>>;
BOOST_AUTO_TEST_CASE_TEMPLATE(what_was_to_stay_after_a_spill_is_stored_where_memory_refuses, Spill, SpillPolicies) {
  HybridBuffer<RefusableMemory, Spill> buffer{Spill{SpillAt{100}}};
  const Bytes content = pattern(110);
  BOOST_REQUIRE(buffer.append(std::span{content}.first(50)));
  BOOST_REQUIRE(buffer.append(std::span{content}.subspan(50, 40)));
  {
    const Refusal refusal;

    BOOST_REQUIRE(buffer.append(std::span{content}.subspan(90)));
  }

  BOOST_TEST(buffer.stats().stored == 110U);
  BOOST_TEST(holds(buffer, content));
  BOOST_REQUIRE(buffer.append(content));
  BOOST_TEST(buffer.size() == 220U);
}

BOOST_AUTO_TEST_CASE(a_policy_that_rejects_once_a_worker_has_the_bytes_before_loses_nothing) {
  using Spill = Overlapped<ScriptedSpill>;  // asks the policy twice for each decision
  ScriptedSpill::tell({keep, keep, keep, spill, keep, keep, reject}, {100});
  HybridBuffer<SegmentedMemory<64>, Spill> buffer;
  const Bytes content = pattern(70);
  BOOST_REQUIRE(buffer.append(std::span{content}.first(50)));

  BOOST_REQUIRE(buffer.append(std::span{content}.subspan(50)));

  BOOST_TEST(ScriptedSpill::actions.empty());
  BOOST_TEST(buffer.stats().stored == 70U);
  BOOST_TEST(holds(buffer, content));
}

BOOST_AUTO_TEST_CASE(a_source_that_has_more_than_memory_may_take_and_storage_must_not_is_refused_and_what_was_taken_is_content) {
  HybridBuffer<InlineMemory<64>, NeverSpill> buffer;
  const Bytes content = pattern(100);
  PieceSource source{content};

  const auto taken = buffer.read_from(source);

  BOOST_REQUIRE(!taken);
  BOOST_TEST((taken.error() == errc::no_space), taken.error().message());
  BOOST_TEST(holds(buffer, pattern(64)));
}

BOOST_AUTO_TEST_CASE(memory_that_cannot_say_where_a_byte_is_is_walked) {
  HybridBuffer<PieceMemory, SpillAt> buffer{SpillAt{1000}};
  const Bytes content = pattern(100);
  BOOST_REQUIRE(buffer.append(content));
  BOOST_REQUIRE(buffer.truncate(99));  // what is shown is committed

  Bytes seen;
  while (true) {
    const auto chunk = buffer.next_chunk();
    BOOST_REQUIRE(chunk);
    if (chunk->empty()) break;
    BOOST_TEST(chunk->size() == 3U);
    seen.insert(seen.end(), chunk->begin(), chunk->end());
  }

  BOOST_TEST(same(seen, std::span{content}.first(99)));
}

BOOST_AUTO_TEST_CASE(without_a_thread_to_be_had_the_buffer_stores_by_itself) {
  HybridBuffer<SegmentedMemory<64>, ThreadlessSpill> buffer{ThreadlessSpill{SpillAt{100}}};
  const Bytes content = pattern(300);
  for (std::size_t at = 0; at < content.size(); at += 30) BOOST_REQUIRE(buffer.append(std::span{content}.subspan(at, 30)));

  BOOST_REQUIRE(buffer.spill());

  BOOST_TEST(NoThread::asked > 0);
  BOOST_TEST(buffer.stats().stored == 300U);
  BOOST_TEST(holds(buffer, content));
}
