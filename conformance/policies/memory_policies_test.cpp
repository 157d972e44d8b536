#include "memory_models.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <iterator>
#include <ranges>

namespace {

using namespace hybridbuffer;
using namespace hybridbuffer::testing;

static_assert(std::ranges::forward_range<decltype(SegmentedMemory<>{}.chunks())>);
static_assert(std::ranges::forward_range<decltype(InlineMemory<8>{}.chunks())>);
static_assert(std::forward_iterator<ChunkRange<ContiguousMemory>::iterator>);
static_assert(is_stable_memory<SegmentedMemory<>> && is_stable_memory<PmrMemory> && is_stable_memory<MappedMemory> &&
              is_stable_memory<LockedMemory>);
static_assert(!is_stable_memory<InlineMemory<8>> && !is_stable_memory<ContiguousMemory>);
static_assert(InlineMemory<8>::max_size == 8);

// What every policy owes the buffer is tried by the conformance kit, in memory_conformance.cpp; here is what goes beyond.

/// Whether the policy holds exactly the test content [first, first + size), by every route.
template <class Memory>
bool holds_content(const Memory& memory, std::uint64_t first, std::size_t size) {
  if (memory.size() != size || memory.capacity() < size) return false;
  std::vector<std::byte> copy(size);
  memory.copy_out(0, copy);
  std::size_t offset = 0;
  for (std::span<const std::byte> chunk : memory.chunks()) {
    if (chunk.empty() || offset + chunk.size() > size) return false;
    if (memory.chunk_at(offset).data() != chunk.data() || memory.chunk_at(offset).size() != chunk.size()) return false;
    if (!std::equal(chunk.begin(), chunk.end(), copy.begin() + static_cast<std::ptrdiff_t>(offset))) return false;
    offset += chunk.size();
  }
  if (offset != size) return false;
  for (std::size_t i = 0; i < size; ++i) {
    if (copy[i] != content_at(first + i) || memory.chunk_at(i)[0] != copy[i]) return false;
  }
  return true;
}

template <class ModelType>
constexpr std::size_t largest = [] {
  const std::size_t three_units = 3 * ModelType::unit + 1;
  if constexpr (requires { ModelType::Memory::max_size; }) {
    return std::min<std::size_t>(three_units, ModelType::Memory::max_size);
  } else {
    return three_units;
  }
}();

BOOST_AUTO_TEST_CASE_TEMPLATE(every_append_drop_and_truncate_at_every_size_leaves_exactly_the_rest, ModelType, SmallModels) {
  for (std::size_t size = 0; size <= largest<ModelType>; ++size) {
    for (std::size_t dropped = 0; dropped <= size; ++dropped) {
      for (std::size_t kept = 0; kept <= size - dropped; ++kept) {
        auto memory = ModelType::make();
        BOOST_REQUIRE_EQUAL(append_content(memory, 0, size), size);

        memory.drop_front(dropped);
        BOOST_REQUIRE(holds_content(memory, dropped, size - dropped));
        memory.truncate(kept);
        BOOST_REQUIRE(holds_content(memory, dropped, kept));
        const std::size_t room = std::min(largest<ModelType> - kept, ModelType::unit + 1);
        BOOST_REQUIRE_EQUAL(append_content(memory, dropped + kept, room), room);

        BOOST_REQUIRE(holds_content(memory, dropped, kept + room));
      }
    }
  }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_window_stays_the_same_until_a_commit_whatever_is_asked_for, ModelType, AllModels) {
  for (const std::size_t wanted_first : {1U, 5'000U}) {
    auto memory = ModelType::make();
    for (int round = 0; round < 3; ++round) {
      const std::span<std::byte> first = memory.prepare(wanted_first);
      if (first.empty()) break;  // full
      first.back() = content_at(1);

      for (const std::size_t wanted : {std::size_t{1}, first.size() + 100}) {
        const std::span<std::byte> second = memory.prepare(wanted);
        BOOST_REQUIRE((second.data() == first.data()));
        BOOST_TEST(second.size() == first.size());
        BOOST_TEST((second.back() == content_at(1)));
      }
      memory.commit(1);
    }
  }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(removing_everything_gives_the_memory_back, ModelType, AllModels) {
  if constexpr (requires { ModelType::Memory::max_size; }) {
    BOOST_TEST_MESSAGE("skipped: a policy with max_size holds its memory in the object");
    BOOST_TEST(ModelType::make().capacity() == ModelType::Memory::max_size);
  } else {
    for (int how = 0; how < 3; ++how) {
      auto memory = ModelType::make();
      BOOST_TEST(memory.capacity() == 0U);
      BOOST_REQUIRE(append_content(memory, 0, largest<ModelType>) == largest<ModelType>);
      BOOST_TEST(memory.capacity() >= largest<ModelType>);

      if (how == 0) memory.clear();
      if (how == 1) memory.drop_front(largest<ModelType>);
      if (how == 2) memory.truncate(0);

      BOOST_TEST(memory.capacity() == 0U);
    }
  }
}

}  // namespace
