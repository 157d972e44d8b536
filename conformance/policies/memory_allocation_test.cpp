#include "aligned_allocation_faults.hpp"
#include "memory_models.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <limits>
#include <memory_resource>

namespace {

using namespace hybridbuffer;
using namespace hybridbuffer::testing;

/// Calls of operator new during `work()`.
template <class Work>
std::uint64_t allocations_of(Work&& work) {
  const std::uint64_t before = AllocationCounters::calls.load();
  work();
  return AllocationCounters::calls.load() - before;
}

template <class Memory>
bool holds_content(const Memory& memory, std::uint64_t first, std::size_t size) {
  const std::vector<std::byte> bytes = gathered(memory);
  if (bytes.size() != size || memory.size() != size) return false;
  for (std::size_t i = 0; i < size; ++i) {
    if (bytes[i] != content_at(first + i)) return false;
  }
  return true;
}

using SegmentedModels = std::tuple<Model<SegmentedMemory<16>, 16>, Model<SegmentedMemory<4096>, 4096>, Model<SegmentedMemory<>, 65536>>;

BOOST_AUTO_TEST_CASE_TEMPLATE(refilling_segmented_memory_allocates_nothing, ModelType, SegmentedModels) {
  auto memory = ModelType::make();
  const std::size_t volume = 200 * ModelType::unit + 1;
  BOOST_REQUIRE(volume < ChunkPool::limit());
  const auto fill_and_clear = [&] {
    append_content(memory, 0, volume);
    memory.clear();
  };
  BOOST_TEST(allocations_of(fill_and_clear) > 0U);
  const std::size_t pooled = ModelType::Memory::pooled_bytes();
  BOOST_TEST(pooled == 201 * ModelType::unit);

  const std::uint64_t allocations = allocations_of([&] {
    for (int round = 0; round < 10; ++round) fill_and_clear();
  });

  BOOST_TEST(allocations == 0U);
  BOOST_TEST(ModelType::Memory::pooled_bytes() == pooled);
  ChunkPool::trim();
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_queue_that_slides_allocates_nothing_and_holds_what_it_contains, ModelType, SegmentedModels) {
  auto memory = ModelType::make();
  std::uint64_t position = append_content(memory, 0, 20 * ModelType::unit);
  const auto slide = [&] {
    position += append_content(memory, position, ModelType::unit / 2);
    memory.drop_front(ModelType::unit / 2);
  };
  for (int round = 0; round < 100; ++round) slide();

  const std::uint64_t allocations = allocations_of([&] {
    for (int round = 0; round < 1000; ++round) slide();
  });

  BOOST_TEST(allocations == 0U);
  BOOST_TEST(memory.capacity() <= 21 * ModelType::unit);
  BOOST_TEST(holds_content(memory, position - 20 * ModelType::unit, 20 * ModelType::unit));
}

BOOST_AUTO_TEST_CASE(a_small_buffer_in_segmented_memory_needs_one_chunk_and_no_table) {
  ChunkPool::trim();
  const auto live_and_die = [] {
    SegmentedMemory<4096> memory;
    append_content(memory, 0, 1024);
    SegmentedMemory<4096> moved{std::move(memory)};
    BOOST_TEST(moved.size() == 1024U);
  };

  BOOST_TEST(allocations_of(live_and_die) == 1U);
  BOOST_TEST(allocations_of(live_and_die) == 0U);
}

BOOST_AUTO_TEST_CASE(a_table_of_64_kib_outlives_clear) {
  SegmentedMemory<16> memory;
  const auto fill_and_clear = [&] {
    append_content(memory, 0, std::size_t{16} * 64 * 1024 / sizeof(void*));
    memory.clear();
  };
  fill_and_clear();

  BOOST_TEST(allocations_of(fill_and_clear) == 0U);
  memory = SegmentedMemory<16>{};
  ChunkPool::trim();
}

BOOST_AUTO_TEST_CASE(a_large_table_goes_back_at_clear) {
  SegmentedMemory<16> memory;
  const std::uint64_t before = AllocationCounters::live_bytes.load();
  append_content(memory, 0, 16 * 20'000);
  BOOST_TEST(AllocationCounters::live_bytes.load() - before >= 20'000 * sizeof(void*));

  memory.clear();

  BOOST_TEST(AllocationCounters::live_bytes.load() == before);
  ChunkPool::trim();
}

BOOST_AUTO_TEST_CASE(a_contiguous_queue_that_slides_allocates_nothing) {
  ContiguousMemory memory;
  std::uint64_t position = append_content(memory, 0, 1'000);
  const auto slide = [&] {
    position += append_content(memory, position, 10);
    memory.drop_front(10);
  };
  for (int round = 0; round < 500; ++round) slide();

  const std::uint64_t allocations = allocations_of([&] {
    for (int round = 0; round < 5'000; ++round) slide();
  });

  BOOST_TEST(allocations == 0U);
  BOOST_TEST(holds_content(memory, position - 1'000, 1'000));
}

BOOST_AUTO_TEST_CASE(contiguous_memory_uses_what_was_dropped_when_the_heap_gives_no_more) {
  ContiguousMemory memory;
  append_content(memory, 0, 100);
  const std::size_t capacity = memory.capacity();
  memory.drop_front(40);
  std::size_t more = 0;
  std::uint64_t fired = 0;

  {
    const FailingAllocation failing{1, true};
    more = append_content(memory, 100, 1'000);
    fired = failing.fired();
  }

  BOOST_TEST(fired > 0U);
  BOOST_TEST(more == capacity - 60);
  BOOST_TEST(holds_content(memory, 40, capacity));
}

BOOST_AUTO_TEST_CASE(contiguous_memory_refuses_more_than_can_be_addressed) {
  ContiguousMemory memory;
  append_content(memory, 0, 10);
  const std::size_t room = memory.capacity() - 10;

  BOOST_TEST(memory.prepare(std::numeric_limits<std::size_t>::max()).size() == room);
  memory.commit(0);
  BOOST_TEST(memory.prepare(std::numeric_limits<std::size_t>::max() / 2 - 5).size() == room);

  BOOST_TEST(holds_content(memory, 0, 10));
}

BOOST_AUTO_TEST_CASE(a_short_content_takes_a_chunk_where_no_small_block_is_to_be_had) {
  ChunkPool::trim();
  SegmentedMemory<> memory;
  std::size_t done = 0;
  {
    const FailingAllocation failing{1};
    done = append_content(memory, 0, 10);
    BOOST_TEST(failing.fired() == 1U);
  }

  BOOST_TEST(done == 10U);
  BOOST_TEST(memory.capacity() == 65'536U);
  BOOST_TEST(holds_content(memory, 0, 10));
  memory.clear();
  ChunkPool::trim();
}

BOOST_AUTO_TEST_CASE_TEMPLATE(an_empty_policy_allocates_nothing, ModelType, AllModels) {
  const std::uint64_t allocations = allocations_of([] {
    auto memory = ModelType::make();
    auto moved = std::move(memory);
    memory = std::move(moved);
    memory.clear();
  });

  BOOST_TEST(allocations == 0U);
}

BOOST_AUTO_TEST_CASE(inline_memory_never_allocates) {
  const std::uint64_t allocations = allocations_of([] {
    InlineMemory<512> memory;
    for (int round = 0; round < 100; ++round) {
      append_content(memory, 0, 512);
      memory.drop_front(300);
      InlineMemory<512> moved{std::move(memory)};
      memory = std::move(moved);
    }
  });

  BOOST_TEST(allocations == 0U);
}

using HeapModels = std::tuple<Model<SegmentedMemory<16>, 16>, Model<SegmentedMemory<4096>, 4096>, Model<ContiguousMemory, 16>,
                              Model<ContiguousMemory, 4096>, PmrModel<16>, PmrModel<4096>>;

using OwningModels = std::tuple<Model<SegmentedMemory<16>, 16>, Model<SegmentedMemory<4096>, 4096>, Model<ContiguousMemory, 16>,
                                Model<ContiguousMemory, 4096>>;

BOOST_AUTO_TEST_CASE_TEMPLATE(an_assigned_policy_gives_back_what_it_held, ModelType, OwningModels) {
  ChunkPool::trim();
  auto memory = ModelType::make();
  const std::uint64_t before = AllocationCounters::live_bytes.load();
  append_content(memory, 0, 100 * ModelType::unit);
  BOOST_TEST(AllocationCounters::live_bytes.load() > before);

  memory = ModelType::make();

  ChunkPool::trim();
  BOOST_TEST(AllocationCounters::live_bytes.load() == before);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(every_single_failing_allocation_leaves_the_content_and_a_retry_completes_it, ModelType, HeapModels) {
  const std::size_t size = 20 * ModelType::unit;
  std::uint64_t fired = 0;
  for (std::uint64_t k = 1;; ++k) {
    ChunkPool::trim();
    auto memory = ModelType::make();
    std::size_t done = 0;
    {
      const FailingAllocation failing{k};
      done = append_content(memory, 0, size);
      if (failing.fired() == 0) break;
      fired += failing.fired();
    }

    // ContiguousMemory asks for less when the larger block is refused, so it may have succeeded all the same.
    BOOST_REQUIRE((done < size || std::is_same_v<typename ModelType::Memory, ContiguousMemory>));
    BOOST_REQUIRE(holds_content(memory, 0, done));
    BOOST_REQUIRE_EQUAL(append_content(memory, done, size - done), size - done);
    BOOST_REQUIRE(holds_content(memory, 0, size));
  }
  BOOST_TEST(fired > 0U);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(without_memory_prepare_answers_empty_and_nothing_changes, ModelType, HeapModels) {
  ChunkPool::trim();
  auto memory = ModelType::make();
  BOOST_REQUIRE(append_content(memory, 0, 4 * ModelType::unit) == 4 * ModelType::unit);
  memory.drop_front(1);

  std::size_t more = 0;
  bool refused = false;
  bool refused_when_empty = false;
  std::size_t after_truncate = 0;
  std::uint64_t fired = 0;
  {
    const FailingAllocation failing{1, true};
    more = append_content(memory, 4 * ModelType::unit, 100 * ModelType::unit);
    refused = memory.prepare(1).empty();
    memory.truncate(memory.size() - 1);
    after_truncate = memory.size();
    memory.clear();
    ChunkPool::trim();
    refused_when_empty = memory.prepare(1).empty();
    fired = failing.fired();
  }

  BOOST_TEST(fired > 0U);
  BOOST_TEST(refused);
  BOOST_TEST(refused_when_empty);
  BOOST_TEST(more < 100 * ModelType::unit);
  BOOST_TEST(after_truncate == 4 * ModelType::unit - 2 + more);
}

BOOST_AUTO_TEST_CASE(a_chunk_that_no_system_can_give_is_refused) {
  constexpr std::size_t too_much = std::numeric_limits<std::size_t>::max() / 4 + 1;
  SegmentedMemory<too_much> segmented;
  MappedMemory mapped{{.chunk_bytes = too_much}};
  MappedMemory beyond{{.chunk_bytes = std::numeric_limits<std::size_t>::max()}};
  LockedMemory locked{too_much};
  ContiguousMemory contiguous;

  BOOST_TEST(segmented.prepare(1024).empty());
  BOOST_TEST(mapped.prepare(1).empty());
  BOOST_TEST(beyond.prepare(1).empty());
  BOOST_TEST(locked.prepare(1).empty());
  BOOST_TEST(contiguous.prepare(too_much).empty());
  BOOST_TEST(contiguous.prepare(std::numeric_limits<std::size_t>::max()).empty());
  BOOST_TEST(contiguous.prepare(1).size() >= 1U);
}

BOOST_AUTO_TEST_CASE(mapped_and_locked_memory_refuse_when_their_table_cannot_grow) {
  // The fifth chunk needs a table, the only part of them on the heap.
  MappedMemory mapped{{.chunk_bytes = 4096, .huge_pages = false}};
  LockedMemory locked{4096};
  BOOST_REQUIRE(append_content(mapped, 0, 4 * 4096) == 4 * 4096);
  BOOST_REQUIRE(append_content(locked, 0, 4 * 4096) == 4 * 4096);

  bool refused = false;
  std::uint64_t fired = 0;
  {
    const FailingAllocation failing{1, true};
    refused = mapped.prepare(1).empty() && locked.prepare(1).empty();
    fired = failing.fired();
  }

  BOOST_TEST(refused);
  BOOST_TEST(fired == 2U);
  BOOST_TEST(append_content(mapped, 4 * 4096, 4096) == 4096U);
  BOOST_TEST(append_content(locked, 4 * 4096, 4096) == 4096U);
  BOOST_TEST(holds_content(mapped, 0, 5 * 4096));
  BOOST_TEST(holds_content(locked, 0, 5 * 4096));
}

}  // namespace
