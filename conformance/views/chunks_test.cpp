#include <boost/test/unit_test.hpp>

#include <hybridbuffer/view/chunks.hpp>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <ranges>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <range/v3/range/conversion.hpp>
#include <range/v3/view/enumerate.hpp>
#include <range/v3/view/filter.hpp>
#include <range/v3/view/join.hpp>
#include <range/v3/view/take.hpp>
#include <range/v3/view/transform.hpp>

#include "view_support.hpp"

namespace {

using namespace hybridbuffer;
using namespace hybridbuffer::testing;

using ChunksOfFile = decltype(chunks(std::declval<const FileBuffer&>()));
static_assert(ranges::view_<ChunksOfFile> && ranges::input_range<ChunksOfFile> && !ranges::forward_range<ChunksOfFile>);
static_assert(std::ranges::view<ChunksOfFile> && std::ranges::input_range<const ChunksOfFile>);
static_assert(std::same_as<std::ranges::range_reference_t<ChunksOfFile>, std::span<const std::byte>>);

template <class Buffer>
concept has_chunks_of_temporary = requires(Buffer buffer) { chunks(std::move(buffer)); };
static_assert(has_chunks_of_temporary<StingyReader> && !has_chunks_of_temporary<FileBuffer>);

[[nodiscard]] std::string text_of(std::span<const std::byte> bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

// What a model shows: all chunks full but the last.
[[nodiscard]] std::vector<std::string> cut(std::string_view content, std::size_t chunk_bytes) {
  std::vector<std::string> pieces;
  for (; !content.empty(); content.remove_prefix(std::min(chunk_bytes, content.size())))
    pieces.emplace_back(content.substr(0, chunk_bytes));
  return pieces;
}

template <class View>
[[nodiscard]] std::vector<std::string> shown(View&& view) {
  std::vector<std::string> pieces;
  for (std::span<const std::byte> chunk : view) pieces.push_back(text_of(chunk));
  return pieces;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(chunk_views)

BOOST_AUTO_TEST_CASE_TEMPLATE(content_of_every_size_round_a_boundary_is_shown_in_full_chunks, Buffer, Buffers) {
  Random random{seed_of_this_run()};
  for (const Place place : places) {
    for (const std::size_t chunk_bytes : {1U, 2U, 63U, 64U, 65U, 200U}) {
      for (const std::size_t size : {0U, 1U, 2U, 62U, 63U, 64U, 65U, 127U, 128U, 129U, 199U, 200U, 201U, 1000U}) {
        const std::string content = random.bytes(size);
        const auto buffer = filled<Buffer>(place, content);

        auto view = chunks(buffer, chunk_bytes);
        const auto pieces = shown(view);

        BOOST_TEST((pieces == cut(content, chunk_bytes)));
        BOOST_TEST(view.status().has_value());
        BOOST_TEST(buffer.tell() == 0);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(random_appends_spills_and_positions_show_what_is_unread, Buffer, Buffers) {
  Random random{seed_of_this_run()};
  for (int round = 0; round < 50; ++round) {
    Buffer buffer;
    std::string model;
    for (std::size_t step = random.below(12); step != 0; --step) {
      model += random.bytes(random.size_round(64));
      buffer.append(std::string_view{model}.substr(buffer.size())).value();
      if (random.below(3) == 0) buffer.spill().value();
    }
    const std::size_t position = random.below(model.size() + 1);
    buffer.seek(static_cast<std::int64_t>(position)).value();
    const std::size_t chunk_bytes = 1 + random.size_round(100);

    const auto pieces = shown(chunks(buffer, chunk_bytes));

    BOOST_TEST((pieces == cut(std::string_view{model}.substr(position), chunk_bytes)));
    BOOST_TEST(buffer.tell() == position);
  }
}

BOOST_AUTO_TEST_CASE(a_size_of_zero_counts_as_one_and_the_default_is_64_kib) {
  const std::string content(70'000, 'x');
  const auto buffer = filled<FileBuffer>(Place::both, content);

  BOOST_TEST(shown(chunks(buffer, 0) | ranges::views::take(3)).size() == 3U);
  BOOST_TEST((shown(chunks(buffer)) == cut(content, 65'536)));
}

BOOST_AUTO_TEST_CASE(pipelines_of_range_v3_and_of_the_standard_see_each_chunk_once) {
  const auto buffer = filled<FileBuffer>(Place::both, "0123456789abcdefghi");
  const auto size = [](std::span<const std::byte> chunk) { return chunk.size(); };
  const auto is_full = [](std::span<const std::byte> chunk) { return chunk.size() == 4; };

  const auto sizes = chunks(buffer, 4) | ranges::views::transform(size) | ranges::to<std::vector>();
  const auto full = chunks(buffer, 4) | ranges::views::filter(is_full) | ranges::views::transform(text_of) | ranges::to<std::vector>();
  std::string joined;
  for (const std::byte byte : chunks(buffer, 4) | ranges::views::join) joined += static_cast<char>(byte);
  std::string numbered;
  for (const auto& [index, chunk] : chunks(buffer, 8) | ranges::views::enumerate)
    numbered += std::to_string(index) + '=' + text_of(chunk) + ' ';
  std::string standard;
  for (const std::string& text : chunks(buffer, 4) | std::views::filter(is_full) | std::views::transform(text_of)) standard += text;

  BOOST_TEST((sizes == std::vector<std::size_t>{4, 4, 4, 4, 3}));
  BOOST_TEST((full == std::vector<std::string>{"0123", "4567", "89ab", "cdef"}));
  BOOST_TEST(joined == "0123456789abcdefghi");
  BOOST_TEST(numbered == "0=01234567 1=89abcdef 2=ghi ");
  BOOST_TEST(standard == "0123456789abcdef");
}

BOOST_AUTO_TEST_CASE(a_pipeline_reads_no_chunk_that_is_not_asked_for_and_the_view_goes_on_behind_it) {
  FaultyFixture faulty;
  fill(faulty.buffer, Place::storage, "abcdefgh");
  auto view = chunks(faulty.buffer, 2);
  BOOST_TEST(faulty.plan->fired == 0U);

  const auto first = shown(view | ranges::views::take(1));
  faulty.plan->failing_read = 1;
  const auto none = shown(view | ranges::views::take(0));
  BOOST_TEST(view.status().has_value());
  faulty.plan->failing_read = 0;
  const auto rest = shown(view);

  BOOST_TEST((first == std::vector<std::string>{"ab"}));
  BOOST_TEST(none.empty());
  BOOST_TEST((rest == std::vector<std::string>{"cd", "ef", "gh"}));
  BOOST_TEST(shown(view).empty());
}

BOOST_AUTO_TEST_CASE(a_loop_that_was_left_goes_on_at_the_element_that_it_saw_last) {
  const auto buffer = filled<FileBuffer>(Place::memory, "abcdef");
  auto view = chunks(buffer, 2);

  for (const auto chunk : view) {
    if (text_of(chunk) == "cd") break;
  }

  BOOST_TEST((shown(view) == std::vector<std::string>{"cd", "ef"}));
}

BOOST_AUTO_TEST_CASE(for_every_failing_read_the_view_ends_at_the_error_and_status_tells) {
  const std::string content = Random{seed_of_this_run()}.bytes(1000);
  const std::size_t chunk_bytes = 96;
  std::size_t runs_with_fault = 0;
  for (std::uint64_t k = 1;; ++k) {
    FaultyFixture faulty;
    fill(faulty.buffer, Place::both, content);
    auto view = chunks(faulty.buffer, chunk_bytes);
    faulty.plan->failing_read = k;

    const auto pieces = shown(view | ranges::views::transform([](auto chunk) { return chunk; }));

    const auto expected = cut(content, chunk_bytes);
    BOOST_REQUIRE(pieces.size() <= expected.size());
    BOOST_TEST(std::equal(pieces.begin(), pieces.end(), expected.begin()));
    if (faulty.plan->fired == 0) {
      BOOST_TEST(view.status().has_value());
      BOOST_TEST(pieces.size() == expected.size());
      break;
    }
    ++runs_with_fault;
    BOOST_REQUIRE(!view.status());
    BOOST_TEST((view.status().error() == errc::unavailable));
    BOOST_TEST(pieces.size() < expected.size());
    BOOST_TEST(shown(view).empty());  // nothing is shown after it
  }
  BOOST_TEST(runs_with_fault >= 6U);
}

BOOST_AUTO_TEST_CASE(copies_share_the_place_and_the_status) {
  FaultyFixture faulty;
  fill(faulty.buffer, Place::storage, "abcdefgh");
  const auto original = chunks(faulty.buffer, 2);
  auto copy = original;

  const auto first = shown(copy | ranges::views::take(1));
  faulty.plan->failing_read = 1;
  const auto second = shown(original);

  BOOST_TEST((first == std::vector<std::string>{"ab"}));
  BOOST_TEST(second.empty());
  BOOST_TEST(faulty.plan->fired == 1U);
  BOOST_TEST(!original.status());
  BOOST_TEST(!copy.status());
}

BOOST_AUTO_TEST_CASE(what_was_discarded_under_the_view_is_an_error_and_what_was_truncated_is_the_end) {
  auto discarded = filled<FileBuffer>(Place::memory, "abcdefgh");
  auto truncated = filled<FileBuffer>(Place::memory, "abcdefgh");
  auto view_of_discarded = chunks(discarded, 2);
  auto view_of_truncated = chunks(truncated, 2);

  discarded.seek(6).value();
  discarded.discard_read().value();
  truncated.truncate(3).value();

  BOOST_TEST(shown(view_of_discarded).empty());
  BOOST_TEST((view_of_discarded.status().error() == errc::invalid_argument));
  BOOST_TEST((shown(view_of_truncated) == std::vector<std::string>{"ab", "c"}));
  BOOST_TEST(view_of_truncated.status().has_value());
}

BOOST_AUTO_TEST_CASE(appends_and_spills_before_the_end_are_shown_as_well) {
  auto buffer = filled<FileBuffer>(Place::memory, "abcd");
  auto view = chunks(buffer, 2);

  std::string all;
  for (const auto chunk : view) {
    all += text_of(chunk);
    if (all.size() == 2) buffer.append("efgh").value();
    if (all.size() == 4) buffer.spill().value();
  }

  BOOST_TEST(all == "abcdefgh");
}

BOOST_AUTO_TEST_CASE(a_closed_buffer_is_an_error_and_no_empty_content) {
  auto buffer = filled<FileBuffer>(Place::memory, "abcd");
  auto view = chunks(buffer, 2);
  buffer.close().value();

  BOOST_TEST(shown(view).empty());
  BOOST_TEST((view.status().error() == errc::closed));
}

BOOST_AUTO_TEST_CASE(a_default_view_is_empty) {
  const ChunksOfFile view;

  BOOST_TEST(shown(view).empty());
  BOOST_TEST(view.status().has_value());
}

BOOST_AUTO_TEST_CASE(a_reader_that_delivers_little_by_little_is_cut_all_the_same) {
  for (const std::size_t longest_read : {1U, 2U, 3U, 100U}) {
    BOOST_TEST((shown(chunks(StingyReader{"abcdefgh", longest_read}, 3)) == cut("abcdefgh", 3)));
  }
  auto boast = chunks(BoastingReader{}, 4);
  BOOST_TEST(shown(boast).empty());
  BOOST_TEST((boast.status().error() == errc::corrupted));
}

BOOST_AUTO_TEST_CASE(a_reader_that_was_moved_elsewhere_is_read_from_there) {
  const auto buffer = filled<FileBuffer>(Place::both, "abcdefgh");
  auto reader = buffer.open_reader();
  reader.seek(5).value();

  const auto pieces = shown(chunks(reader, 2));

  BOOST_TEST((pieces == std::vector<std::string>{"fg", "h"}));
  BOOST_TEST(reader.tell() == 5U);  // the view reads through a copy of its own
}

BOOST_AUTO_TEST_CASE_TEMPLATE(views_in_several_threads_read_one_buffer_at_once, Buffer, Buffers) {
  const std::string content = Random{seed_of_this_run()}.bytes(20'000);
  const auto buffer = filled<Buffer>(Place::both, content);
  std::vector<std::string> results(4);

  std::vector<std::thread> threads;
  threads.reserve(results.size());
  for (std::string& result : results) {
    threads.emplace_back([&] {
      for (const auto chunk : chunks(buffer, 100)) result += text_of(chunk);
    });
  }
  for (std::thread& thread : threads) thread.join();

  for (const std::string& result : results) BOOST_TEST((result == content));
}

BOOST_AUTO_TEST_SUITE_END()
