#define BOOST_TEST_MODULE memory_policies
#define BOOST_TEST_DYN_LINK
#include "memory_models.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <deque>
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

BOOST_AUTO_TEST_CASE_TEMPLATE(an_empty_policy_is_empty_by_every_route, ModelType, AllModels) {
  auto memory = ModelType::make();

  BOOST_TEST(memory.size() == 0U);
  BOOST_TEST((memory.chunks().begin() == memory.chunks().end()));
  memory.copy_out(0, {});
  memory.drop_front(0);
  memory.truncate(0);
  memory.clear();
  BOOST_TEST(holds_content(memory, 0, 0));
  BOOST_TEST(append_content(memory, 0, 1) == 1U);
}

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

BOOST_AUTO_TEST_CASE_TEMPLATE(every_window_of_bytes_copies_out_exactly, ModelType, SmallModels) {
  auto memory = ModelType::make();
  const std::size_t size = largest<ModelType>;
  BOOST_REQUIRE(append_content(memory, 0, size) == size);

  for (std::size_t begin = 0; begin <= size; ++begin) {
    for (std::size_t end = begin; end <= size; ++end) {
      std::vector<std::byte> out(end - begin + 2, std::byte{255});
      memory.copy_out(begin, std::span{out}.subspan(1, end - begin));

      bool exact = out.front() == std::byte{255} && out.back() == std::byte{255};
      for (std::size_t i = begin; i < end; ++i) exact = exact && out[1 + i - begin] == content_at(i);
      BOOST_REQUIRE(exact);
    }
  }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(prepare_twice_gives_the_same_window_with_what_was_written_there, ModelType, AllModels) {
  auto memory = ModelType::make();
  for (std::size_t size = 0; size <= std::min<std::size_t>(largest<ModelType>, 50); ++size) {
    if (is_full(memory)) break;
    const std::span<std::byte> window = memory.prepare(1);
    BOOST_REQUIRE(!window.empty());
    std::fill(window.begin(), window.end(), std::byte{77});

    const std::span<std::byte> again = memory.prepare(100'000);

    BOOST_REQUIRE((again.data() == window.data() && again.size() == window.size()));
    BOOST_REQUIRE(std::all_of(again.begin(), again.end(), [](std::byte byte) { return byte == std::byte{77}; }));
    BOOST_REQUIRE(holds_content(memory, 0, size));
    again[0] = content_at(size);
    memory.commit(1);
    BOOST_REQUIRE(holds_content(memory, 0, size + 1));
  }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(commit_takes_any_part_of_the_window, ModelType, AllModels) {
  for (std::size_t part : {std::size_t{0}, std::size_t{1}, ModelType::unit / 2, ModelType::unit}) {
    auto memory = ModelType::make();
    const std::span<std::byte> window = memory.prepare(ModelType::unit);
    part = std::min(part, window.size());
    for (std::size_t i = 0; i < part; ++i) window[i] = content_at(i);

    memory.commit(part);

    BOOST_TEST(holds_content(memory, 0, part));
    const std::size_t more = std::min(largest<ModelType> - part, ModelType::unit);
    BOOST_TEST(append_content(memory, part, more) == more);
    BOOST_TEST(holds_content(memory, 0, part + more));
  }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(an_abandoned_window_leaves_no_trace, ModelType, AllModels) {
  for (int how = 0; how < 4; ++how) {
    auto memory = ModelType::make();
    const std::size_t half = std::max<std::size_t>(1, largest<ModelType> / 2);
    BOOST_REQUIRE(append_content(memory, 0, half) == half);
    for (std::byte& byte : memory.prepare(1)) byte = std::byte{255};

    std::size_t dropped = 0;
    if (how == 0) memory.drop_front(dropped = half / 2);
    if (how == 1) memory.truncate(half);
    if (how == 2) memory.clear();
    if (how == 3) memory = typename ModelType::Memory{std::move(memory)};

    BOOST_TEST(holds_content(memory, dropped, how == 2 ? 0 : half - dropped));
  }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_move_takes_the_content_and_leaves_an_empty_usable_policy, ModelType, AllModels) {
  for (std::size_t size : {std::size_t{0}, std::size_t{1}, ModelType::unit, largest<ModelType>}) {
    size = std::min(size, largest<ModelType>);
    auto source = ModelType::make();
    BOOST_REQUIRE(append_content(source, 0, size) == size);
    source.drop_front(size / 3);

    auto constructed = std::move(source);
    BOOST_TEST(holds_content(source, 0, 0));  // NOLINT(bugprone-use-after-move): the promise
    BOOST_TEST(holds_content(constructed, size / 3, size - size / 3));
    BOOST_TEST(append_content(source, 7, 1) == 1U);
    BOOST_TEST(holds_content(source, 7, 1));

    source = std::move(constructed);
    BOOST_TEST(holds_content(constructed, 0, 0));  // NOLINT(bugprone-use-after-move): the promise
    BOOST_TEST(holds_content(source, size / 3, size - size / 3));
    BOOST_TEST(append_content(constructed, 7, 1) == 1U);
  }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(self_assignment_keeps_the_content, ModelType, AllModels) {
  auto memory = ModelType::make();
  BOOST_REQUIRE(append_content(memory, 0, largest<ModelType>) == largest<ModelType>);

  auto& same = memory;
  memory = std::move(same);

  BOOST_TEST(holds_content(memory, 0, largest<ModelType>));
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

/// Random operations on a policy, and the same on what it should hold.
template <class ModelType>
class ModelRun {
 public:
  using Memory = typename ModelType::Memory;

  explicit ModelRun(std::uint64_t seed) : random_{seed} {}

  void step() {
    switch (below(10)) {
      case 0: memory_.clear(), content_.clear(), addresses_.clear(); break;
      case 1:
      case 2: drop(below(content_.size() + 1)); break;
      case 3: truncate(below(content_.size() + 1)); break;
      case 4: move(); break;
      default: append(below(longest_append) + 1); break;
    }
  }

  [[nodiscard]] bool matches() {
    if (memory_.size() != content_.size() || memory_.capacity() < content_.size()) return false;
    if (gathered(memory_) != std::vector<std::byte>(content_.begin(), content_.end())) return false;
    if (content_.empty()) return true;
    const std::size_t offset = below(content_.size());
    std::vector<std::byte> window(below(content_.size() - offset) + 1);
    memory_.copy_out(offset, window);
    if (!std::equal(window.begin(), window.end(), content_.begin() + static_cast<std::ptrdiff_t>(offset))) return false;
    return memory_.chunk_at(offset)[0] == content_[offset] && keeps_addresses();
  }

 private:
  static constexpr std::size_t longest_append = ModelType::unit + ModelType::unit / 2 + 2;
  static constexpr std::size_t longest_content = 5 * longest_append;
  static constexpr std::size_t address_stride = ModelType::unit < 1024 ? 1 : 509;

  std::size_t below(std::size_t bound) { return std::uniform_int_distribution<std::size_t>{0, bound - 1}(random_); }

  void append(std::size_t count) {
    if (content_.size() + count > longest_content) drop(content_.size() / 2);
    while (count > 0) {
      const std::span<std::byte> window = memory_.prepare(below(2) == 0 ? count : 1);
      if (window.empty()) {
        BOOST_REQUIRE(is_full(memory_));
        return;
      }
      const std::size_t part = std::min(window.size(), below(count) + 1);
      for (std::size_t i = 0; i < part; ++i) {
        window[i] = static_cast<std::byte>(random_());
        content_.push_back(window[i]);
        addresses_.push_back(&window[i]);
      }
      memory_.commit(part);
      count -= part;
    }
  }

  void drop(std::size_t count) {
    memory_.drop_front(count);
    const auto end = static_cast<std::ptrdiff_t>(count);
    content_.erase(content_.begin(), content_.begin() + end);
    addresses_.erase(addresses_.begin(), addresses_.begin() + end);
  }

  void truncate(std::size_t size) {
    memory_.truncate(size);
    content_.resize(size);
    addresses_.resize(size);
  }

  void move() {
    Memory other = ModelType::make();
    append_content(other, 0, below(longest_append));
    other = std::move(memory_);
    BOOST_REQUIRE(memory_.size() == 0);  // NOLINT(bugprone-use-after-move): the promise
    if (below(2) == 0) append_content(memory_, 0, 1);
    memory_ = Memory{std::move(other)};
    for (std::size_t i = 0; i < content_.size(); ++i) addresses_[i] = memory_.chunk_at(i).data();
  }

  bool keeps_addresses() const {
    if constexpr (is_stable_memory<Memory>) {
      for (std::size_t i = 0; i < content_.size(); i += address_stride) {
        if (memory_.chunk_at(i).data() != addresses_[i]) return false;
      }
    }
    return true;
  }

  std::mt19937_64 random_;
  Memory memory_ = ModelType::make();
  std::deque<std::byte> content_;
  std::deque<const std::byte*> addresses_;
};

BOOST_AUTO_TEST_CASE_TEMPLATE(random_operations_agree_with_a_plain_vector, ModelType, AllModels) {
  ModelRun<ModelType> run{seed()};
  const std::size_t steps = std::clamp<std::size_t>((under_sanitizer ? 4'000'000 : 40'000'000) / ModelType::unit, 16, 20'000);

  for (std::size_t step = 0; step < steps; ++step) {
    run.step();
    BOOST_REQUIRE_MESSAGE(run.matches(), "differs after step " << step << ", seed " << seed());
  }
}

}  // namespace
