#include "edges_support.hpp"

#include <hybridbuffer/backend/memory.hpp>
#include <hybridbuffer/hybrid_buffer.hpp>
#include <hybridbuffer/memory/contiguous.hpp>
#include <hybridbuffer/memory/pmr.hpp>
#include <hybridbuffer/memory/segmented.hpp>
#include <hybridbuffer/spill/capped.hpp>
#include <hybridbuffer/spill/never_spill.hpp>
#include <hybridbuffer/spill/overlapped.hpp>
#include <hybridbuffer/spill/shared_budget.hpp>
#include <hybridbuffer/spill/spill_at.hpp>

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <new>
#include <span>

// Between the memory policy and the spill policy: what is granted is there as long as the memory it was granted for, and no longer.
namespace hybridbuffer::testing {
namespace {

constexpr std::uint64_t mib = std::uint64_t{1} << 20U;

Bytes bytes_of(std::uint64_t size) { return pattern(static_cast<std::size_t>(size), 3); }

/// Fails whenever it is to store something.
struct NoStorage {
  using backend_type = MemoryBackend;
  [[nodiscard]] static Result<MemoryBackend> create_backend() { return failure(errc::unavailable, "create a backend"); }
};

BOOST_AUTO_TEST_CASE(a_reservation_that_cannot_be_had_leaves_the_one_before) {
  MemoryBudget budget{64 * mib};
  HybridBuffer buffer{ContiguousMemory{}, SharedBudget{budget}, MemoryStorage{}};
  BOOST_REQUIRE(buffer.reserve(10 * mib));
  BOOST_REQUIRE(buffer.reserve(1024 * mib));

  BOOST_TEST(buffer.capacity() == 10 * mib);
  BOOST_TEST(buffer.room() == 10 * mib);
  BOOST_TEST(budget.used() == 10 * mib);

  HybridBuffer capped{SegmentedMemory<4096>{}, Capped{SpillAt{mib}, 100'000}, MemoryStorage{}};
  BOOST_REQUIRE(capped.reserve(5'000));
  const std::uint64_t room = capped.room();
  BOOST_TEST(room >= 5'000U);
  BOOST_REQUIRE(capped.reserve(200'000));
  BOOST_TEST(capped.room() == room);
}

BOOST_AUTO_TEST_CASE(a_larger_reservation_is_had_while_nothing_was_appended_into_the_one_before) {
  HybridBuffer buffer{ContiguousMemory{}, NeverSpill{}, MemoryStorage{}};
  BOOST_REQUIRE(buffer.reserve(10));
  BOOST_REQUIRE(buffer.reserve(1'000'000));
  BOOST_TEST(buffer.capacity() >= 1'000'000U);
  BOOST_REQUIRE(buffer.append("x"));
  BOOST_REQUIRE(buffer.reserve(2'000'000));
  BOOST_REQUIRE(buffer.reserve(4'000'000));
  BOOST_TEST(buffer.capacity() >= 4'000'001U);
  BOOST_TEST(holds(buffer, Bytes{std::byte{'x'}}));
}

BOOST_AUTO_TEST_CASE(an_append_that_fails_leaves_what_was_granted_before_and_takes_no_more) {
  MemoryBudget budget{16 * mib};
  HybridBuffer buffer{ContiguousMemory{}, SharedBudget{budget}, NoStorage{}};
  BOOST_REQUIRE(buffer.reserve(12 * mib));
  BOOST_REQUIRE(buffer.append("hello"));
  const std::uint64_t room = buffer.room();

  for (int times = 0; times < 2; ++times) {
    BOOST_TEST((buffer.append(bytes_of(17 * mib)).error() == errc::unavailable));
    BOOST_TEST(buffer.room() == room);
    BOOST_TEST(buffer.capacity() == 12 * mib);
    BOOST_TEST(budget.used() == 12 * mib);
  }
  BOOST_TEST(buffer.append(bytes_of(12 * mib - 5)).has_value());
}

BOOST_AUTO_TEST_CASE(part_of_a_reservation_stays_when_what_is_before_it_was_read) {
  MemoryBudget budget{16 * mib};
  HybridBuffer buffer{SegmentedMemory<4096>{}, SharedBudget{budget}, MemoryStorage{}};
  BOOST_REQUIRE(buffer.reserve(10 * mib));
  BOOST_REQUIRE(buffer.append("hello, world"));
  const std::uint64_t room = buffer.room();
  BOOST_REQUIRE(buffer.next(4));
  BOOST_REQUIRE(buffer.discard_read());
  BOOST_TEST(buffer.room() == room);
  BOOST_TEST(budget.used() >= room);
  BOOST_REQUIRE(buffer.next(8));
  BOOST_REQUIRE(buffer.discard_read());
  BOOST_TEST(buffer.room() == 0U);
  BOOST_TEST(budget.used() == 0U);
}

BOOST_AUTO_TEST_CASE(what_is_reserved_out_of_memory_that_is_there_stays_as_well) {
  MemoryBudget budget{16 * mib};
  HybridBuffer buffer{SegmentedMemory<4096>{}, SharedBudget{budget}, MemoryStorage{}};
  BOOST_REQUIRE(buffer.append(bytes_of(1'000)));
  BOOST_REQUIRE(buffer.reserve(3'000));  // of the chunk that it has
  BOOST_REQUIRE(buffer.next(500));
  BOOST_REQUIRE(buffer.discard_read());
  BOOST_TEST(buffer.room() >= 3'000U);

  HybridBuffer unlimited{SegmentedMemory<4096>{}, NeverSpill{}, MemoryStorage{}};
  BOOST_REQUIRE(unlimited.append("x"));
  BOOST_REQUIRE(unlimited.reserve(UINT64_MAX));
  BOOST_REQUIRE(unlimited.append(bytes_of(10'000)));
  BOOST_TEST(unlimited.size() == 10'001U);
}

// Of memory that does not shrink with its content.
template <class Remove>
void check_that_budgets_hold(Remove remove) {
  MemoryBudget budget{10 * mib};
  HybridBuffer first{ContiguousMemory{}, SharedBudget{budget}, MemoryStorage{}};
  HybridBuffer second{ContiguousMemory{}, SharedBudget{budget}, MemoryStorage{}};
  BOOST_REQUIRE(first.append(bytes_of(10 * mib)));
  remove(first);
  BOOST_REQUIRE(second.append(bytes_of(7 * mib)));

  BOOST_TEST(first.capacity() + second.capacity() <= budget.total());
  BOOST_TEST(budget.used() >= first.capacity() + second.capacity());
  BOOST_TEST(first.close().has_value());
  BOOST_TEST(second.close().has_value());
  BOOST_TEST(budget.used() == 0U);
}
BOOST_AUTO_TEST_CASE(a_budget_is_not_exceeded_by_memory_that_is_held_for_content_that_is_gone) {
  check_that_budgets_hold([](auto& buffer) {
    BOOST_REQUIRE(buffer.next(7 * mib));
    BOOST_REQUIRE(buffer.discard_read());
  });
  check_that_budgets_hold([](auto& buffer) { BOOST_REQUIRE(buffer.truncate(3 * mib)); });
  check_that_budgets_hold([](auto& buffer) { BOOST_REQUIRE(buffer.truncate(mib)); });  // which is so little that it shrinks
  check_that_budgets_hold([](auto& buffer) { BOOST_REQUIRE(buffer.spill()); });
}

/// Gives `most` bytes at once.
class SmallResource : public std::pmr::memory_resource {
 public:
  explicit SmallResource(std::size_t most) : left_{most} {}

 private:
  void* do_allocate(std::size_t bytes, std::size_t alignment) override {
    if (bytes > left_) throw std::bad_alloc{};
    left_ -= bytes;
    return ::operator new(bytes, std::align_val_t{alignment});
  }
  void do_deallocate(void* memory, std::size_t bytes, std::size_t alignment) override {
    left_ += bytes;
    ::operator delete(memory, std::align_val_t{alignment});
  }
  [[nodiscard]] bool do_is_equal(const memory_resource& other) const noexcept override { return this == &other; }

  std::size_t left_;
};

struct Source {
  Bytes bytes;
  std::size_t at = 0;

  Result<std::size_t> read(std::span<std::byte> out) {
    const std::size_t count = std::min(out.size(), bytes.size() - at);
    std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(at), count, out.begin());
    at += count;
    return count;
  }
};

BOOST_AUTO_TEST_CASE(a_source_waits_for_the_memory_that_a_worker_is_storing) {
  for (const std::size_t chunks : {1U, 2U, 3U}) {
    SmallResource resource{chunks * 65'536 + 2'048};
    HybridBuffer buffer{PmrMemory{&resource}, Overlapped{SpillAt{mib}}, MemoryStorage{}};
    Source source{bytes_of(mib)};
    const auto taken = buffer.read_from(source);
    BOOST_TEST(taken.value_or(0) == mib);
    BOOST_TEST(holds(buffer, source.bytes));
  }
}

}  // namespace
}  // namespace hybridbuffer::testing
