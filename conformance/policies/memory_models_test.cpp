#include "memory_models.hpp"
#include "process_memory.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>

#include <cerrno>
#include <map>
#include <memory_resource>
#include <stdexcept>
#include <string>
#include <sys/mman.h>

namespace {

using namespace hybridbuffer;
using namespace hybridbuffer::testing;

using ChunkedModels =
    std::tuple<Model<SegmentedMemory<16>, 16>, Model<SegmentedMemory<>, 65536>, PmrModel<100>, MappedPageModel, LockedPageModel>;

/// Counts what is out, insists on getting back exactly what it gave, and refuses above `limit`.
class StrictResource : public std::pmr::memory_resource {
 public:
  explicit StrictResource(std::size_t limit) : limit_{limit} {}

  [[nodiscard]] std::size_t out() const { return out_; }
  [[nodiscard]] bool was_cheated() const { return cheated_; }

 private:
  struct Block {
    std::size_t bytes;
    std::size_t alignment;
  };

  void* do_allocate(std::size_t bytes, std::size_t alignment) override {
    if (out_ + bytes > limit_) throw std::runtime_error{"over the limit"};
    void* block = std::pmr::new_delete_resource()->allocate(bytes, alignment);
    blocks_[block] = {bytes, alignment};
    out_ += bytes;
    return block;
  }
  void do_deallocate(void* block, std::size_t bytes, std::size_t alignment) override {
    const auto found = blocks_.find(block);
    if (found == blocks_.end() || found->second.bytes != bytes || found->second.alignment != alignment) {
      cheated_ = true;
      return;
    }
    blocks_.erase(found);
    out_ -= bytes;
    std::pmr::new_delete_resource()->deallocate(block, bytes, alignment);
  }
  [[nodiscard]] bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override { return this == &other; }

  std::size_t limit_;
  std::size_t out_ = 0;
  bool cheated_ = false;
  std::map<void*, Block> blocks_;
};

BOOST_AUTO_TEST_CASE(pmr_memory_gives_every_byte_back_to_the_resource_it_came_from) {
  StrictResource first{100'000};
  StrictResource second{100'000};
  {
    PmrMemory memory{&first, 100};
    append_content(memory, 0, 5'000);
    BOOST_TEST(first.out() >= 5'000U);
    memory.clear();
    BOOST_TEST(first.out() == 0U);

    append_content(memory, 0, 5'000);
    PmrMemory other{&second, 64};
    append_content(other, 0, 900);
    memory = std::move(other);
    BOOST_TEST(first.out() == 0U);
    BOOST_TEST((memory.resource() == &second));
    BOOST_TEST(memory.size() == 900U);
    append_content(memory, 900, 900);
  }

  BOOST_TEST(second.out() == 0U);
  BOOST_TEST(!first.was_cheated());
  BOOST_TEST(!second.was_cheated());
}

BOOST_AUTO_TEST_CASE(pmr_memory_refuses_when_its_resource_throws_anything) {
  StrictResource resource{10 * 64 + 200};
  PmrMemory memory{&resource, 64};

  const std::size_t taken = append_content(memory, 0, 10'000);

  BOOST_TEST(taken >= 4 * 64U);
  BOOST_TEST(taken <= 10 * 64 + 200U);
  BOOST_TEST(memory.size() == taken);
  BOOST_TEST(memory.prepare(1).empty());
  memory.drop_front(64);
  BOOST_TEST(!memory.prepare(1).empty());
}

BOOST_AUTO_TEST_CASE(pmr_memory_takes_the_default_resource_of_the_moment) {
  StrictResource resource{1'000'000};
  std::pmr::memory_resource* before = std::pmr::set_default_resource(&resource);
  PmrMemory memory;
  std::pmr::set_default_resource(before);

  append_content(memory, 0, 1);

  BOOST_TEST(resource.out() == PmrMemory::default_chunk_bytes);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_window_is_a_whole_chunk_again_after_everything_was_removed, ModelType, ChunkedModels) {
  for (int how = 0; how < 3; ++how) {
    auto memory = ModelType::make();
    append_content(memory, 0, ModelType::unit + 2);
    memory.drop_front(1);

    if (how == 0) memory.clear();
    if (how == 1) memory.drop_front(ModelType::unit + 1);
    if (how == 2) memory.truncate(0);

    BOOST_TEST(memory.prepare(ModelType::unit).size() == ModelType::unit);
  }
}

BOOST_AUTO_TEST_CASE(contiguous_memory_is_one_span_with_room_for_what_was_asked_and_at_most_twice_that) {
  for (std::size_t held = 0; held < 200; ++held) {
    for (std::size_t asked = 1; asked < 200; ++asked) {
      ContiguousMemory memory;
      append_content(memory, 0, held);

      const std::span<std::byte> window = memory.prepare(asked);

      BOOST_REQUIRE(window.size() >= asked);
      BOOST_REQUIRE(memory.capacity() <= 2 * (held + asked));
      BOOST_REQUIRE(memory.bytes().size() == held);
      BOOST_REQUIRE(held == 0 || memory.chunks().begin() != memory.chunks().end());
      BOOST_REQUIRE(held == 0 || ++memory.chunks().begin() == memory.chunks().end());
    }
  }
}

BOOST_AUTO_TEST_CASE(contiguous_memory_holds_no_room_beyond_what_will_be_asked_at_most) {
  for (std::size_t held = 0; held < 100; ++held) {
    for (std::size_t most = 1; most < 100; ++most) {
      for (std::size_t asked = 1; asked <= most; ++asked) {
        ContiguousMemory memory;
        append_content(memory, 0, held);
        const std::size_t before = memory.capacity();

        const std::span<std::byte> window = memory.prepare(asked, most);

        BOOST_REQUIRE(window.size() >= asked);
        BOOST_REQUIRE(memory.capacity() <= std::max(before, held + most));
        BOOST_REQUIRE(memory.size() == held);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(contiguous_memory_moves_each_byte_a_bounded_number_of_times) {
  ContiguousMemory memory;
  std::size_t moved = 0;
  const std::byte* at = nullptr;

  for (std::size_t i = 0; i < 100'000; ++i) {
    append_content(memory, i, 1);
    if (memory.bytes().data() != at) moved += i;
    at = memory.bytes().data();
  }

  BOOST_TEST(moved < 3 * 100'000U);
}

BOOST_AUTO_TEST_CASE(contiguous_memory_shrinks_with_what_it_holds) {
  ContiguousMemory memory;
  append_content(memory, 0, 1'000'000);
  BOOST_TEST(memory.capacity() >= 1'000'000U);

  memory.drop_front(900'000);
  BOOST_TEST(memory.capacity() <= 400'000U);
  BOOST_TEST((gathered(memory).front() == content_at(900'000)));
  memory.truncate(10'000);
  BOOST_TEST(memory.capacity() <= 40'000U);

  BOOST_TEST(memory.size() == 10'000U);
  BOOST_TEST((gathered(memory).back() == content_at(909'999)));
}

BOOST_AUTO_TEST_CASE(a_contiguous_queue_stays_in_proportion_to_what_it_holds) {
  ContiguousMemory memory;
  append_content(memory, 0, 1'000);

  for (std::size_t i = 0; i < 100'000; i += 10) {
    append_content(memory, 1'000 + i, 10);
    memory.drop_front(10);
    BOOST_REQUIRE(memory.capacity() <= 4'096);
  }

  BOOST_TEST((gathered(memory).front() == content_at(100'000)));
}

template <class Memory>
bool keeps_its_content_over_a_move_to_itself() {
  Memory memory;
  const std::size_t stored = append_content(memory, 0, 6);
  Memory& itself = memory;
  memory = std::move(itself);
  return stored == 6 && memory.size() == 6 && gathered(memory).front() == content_at(0) && gathered(memory).back() == content_at(5);
}

BOOST_AUTO_TEST_CASE(memory_that_is_moved_to_itself_keeps_its_content) {
  BOOST_TEST(keeps_its_content_over_a_move_to_itself<SegmentedMemory<64>>());
  BOOST_TEST(keeps_its_content_over_a_move_to_itself<ContiguousMemory>());
  BOOST_TEST(keeps_its_content_over_a_move_to_itself<InlineMemory<8>>());
}

BOOST_AUTO_TEST_CASE(inline_memory_that_was_emptied_offers_all_of_itself_at_once) {
  InlineMemory<8> memory;
  static_cast<void>(memory.prepare(5));
  memory.commit(5);
  memory.drop_front(3);
  memory.drop_front(2);

  BOOST_TEST(memory.prepare(1).size() == 8U);
}

BOOST_AUTO_TEST_CASE(inline_memory_holds_exactly_its_size_and_all_of_it_again_after_a_drop) {
  InlineMemory<8> memory;
  for (std::size_t dropped = 1; dropped <= 8; ++dropped) {
    BOOST_TEST(append_content(memory, 0, 100) == 8U);
    BOOST_TEST(memory.size() == 8U);
    BOOST_TEST(memory.prepare(1).empty());

    memory.drop_front(dropped);

    BOOST_TEST(append_content(memory, 8, 100) == dropped);
    BOOST_TEST(memory.prepare(1).empty());
    BOOST_TEST((gathered(memory)[8 - dropped] == content_at(8)));
    memory.clear();
  }
  BOOST_TEST(sizeof(InlineMemory<48>) <= 48 + 2 * sizeof(std::size_t));
}

BOOST_AUTO_TEST_CASE(pages_are_mapped_at_any_alignment_and_nothing_beside_them) {
  const std::size_t page = detail::page_bytes();
  for (std::size_t alignment = page; alignment <= 64 * 1024 * 1024; alignment *= 2) {
    for (const std::size_t bytes : {page, 3 * page, alignment}) {
      const std::size_t before = mapped_bytes();

      std::byte* pages = detail::map_aligned_pages(bytes, alignment);

      BOOST_REQUIRE(pages != nullptr);
      BOOST_TEST(reinterpret_cast<std::uintptr_t>(pages) % alignment == 0U);
      BOOST_TEST(mapped_bytes() - before == bytes);
      pages[0] = pages[bytes - 1] = std::byte{1};
      detail::unmap_pages(pages, bytes);
      BOOST_TEST(mapped_bytes() == before);
    }
  }
  BOOST_TEST((detail::map_aligned_pages(page, std::size_t{1} << 62U) == nullptr));
  BOOST_TEST(detail::whole_pages(0) == page);
}

BOOST_AUTO_TEST_CASE(mapped_memory_is_aligned_for_huge_pages_and_advised) {
  MappedMemory memory;
  append_content(memory, 0, 2 * 2'097'152 + 1);

  for (std::span<const std::byte> chunk : memory.chunks()) {
    BOOST_TEST(reinterpret_cast<std::uintptr_t>(chunk.data()) % 2'097'152 == 0U);
    BOOST_TEST_INFO(mapping_flags(chunk.data()));
    BOOST_TEST(mapping_flags(chunk.data()).find(" hg ") != std::string::npos);
  }
  BOOST_TEST(memory.capacity() == 3 * 2'097'152U);
}

BOOST_AUTO_TEST_CASE(mapped_memory_without_the_advice_has_none_and_rounds_chunks_to_pages) {
  MappedMemory memory{{.chunk_bytes = 1, .huge_pages = false}};
  append_content(memory, 0, 1);

  BOOST_TEST(memory.capacity() == detail::page_bytes());
  BOOST_TEST(mapping_flags(memory.chunk_at(0).data()).find(" hg ") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(mapped_memory_unmaps_what_is_dropped_truncated_and_cleared) {
  MappedMemory memory{{.chunk_bytes = 65'536}};
  std::vector<std::byte*> chunks;
  append_content(memory, 0, 4 * 65'536);
  for (std::size_t i = 0; i < 4; ++i) chunks.push_back(const_cast<std::byte*>(memory.chunk_at(i * 65'536).data()));
  const auto is_mapped = [](std::byte* chunk) {
    unsigned char resident = 0;
    return ::mincore(chunk, 1, &resident) == 0 || errno != ENOMEM;
  };
  const auto mapped = [&] {
    std::string text;
    for (std::byte* chunk : chunks) text += is_mapped(chunk) ? '1' : '0';
    return text;
  };
  BOOST_TEST(mapped() == "1111");

  memory.drop_front(65'536 + 1);
  BOOST_TEST(mapped() == "0111");
  memory.truncate(2 * 65'536 - 1);
  BOOST_TEST(mapped() == "0110");
  memory.clear();
  BOOST_TEST(mapped() == "0000");
}

}  // namespace
