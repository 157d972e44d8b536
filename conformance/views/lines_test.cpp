#include <boost/test/unit_test.hpp>

#include <hybridbuffer/mapped_reader.hpp>
#include <hybridbuffer/view/lines.hpp>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <ranges>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <range/v3/algorithm/count_if.hpp>
#include <range/v3/range/conversion.hpp>
#include <range/v3/view/enumerate.hpp>
#include <range/v3/view/filter.hpp>
#include <range/v3/view/take.hpp>
#include <range/v3/view/take_while.hpp>
#include <range/v3/view/transform.hpp>

#include "view_support.hpp"

namespace {

using namespace hybridbuffer;
using namespace hybridbuffer::testing;

using LinesOfFile = decltype(lines(std::declval<const FileBuffer&>()));
static_assert(ranges::view_<LinesOfFile> && ranges::input_range<LinesOfFile> && !ranges::forward_range<LinesOfFile>);
static_assert(std::ranges::view<LinesOfFile> && std::ranges::input_range<const LinesOfFile>);
static_assert(std::same_as<std::ranges::range_reference_t<LinesOfFile>, std::string_view>);
static_assert(std::same_as<std::ranges::range_value_t<LinesOfFile>, std::string>);

template <class Buffer>
concept has_lines_of_temporary = requires(Buffer buffer) { lines(std::move(buffer)); };
static_assert(has_lines_of_temporary<StingyReader> && !has_lines_of_temporary<FileBuffer>);

using Texts = std::vector<std::string>;

// The model: one character after the other.
[[nodiscard]] Texts split(std::string_view content) {
  Texts all;
  std::string line;
  for (const char unit : content) {
    if (unit != '\n') {
      line += unit;
      continue;
    }
    if (!line.empty() && line.back() == '\r') line.pop_back();
    all.push_back(line);
    line.clear();
  }
  if (!line.empty()) all.push_back(line);
  return all;
}

template <class View>
[[nodiscard]] Texts shown(View&& view) {
  Texts all;
  for (std::string_view line : view) all.emplace_back(line);
  return all;
}

[[nodiscard]] std::string random_text(Random& random, std::size_t block, std::size_t line_count) {
  static constexpr std::string_view ends[] = {"\n", "\r\n", "\r\r\n"};
  std::string text;
  for (; line_count != 0; --line_count) text += random.line(random.size_round(block)).append(ends[random.below(3)]);
  if (random.below(2) == 0) text += random.line(random.size_round(block));
  return text;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(line_views)

BOOST_AUTO_TEST_CASE_TEMPLATE(lines_of_every_length_round_a_block_are_shown_whole_and_without_their_ends, Buffer, Buffers) {
  constexpr std::size_t block = 16;
  for (const Place place : places) {
    for (const std::string_view end : {"\n", "\r\n", ""}) {
      for (std::size_t before = 0; before <= block + 1; ++before) {
        for (const std::size_t length : {0U, 1U, 14U, 15U, 16U, 17U, 31U, 32U, 33U, 100U}) {
          const std::string content = std::string(before, 'a') + "\n" + std::string(length, 'b').append(end);
          const auto buffer = filled<Buffer>(place, content);

          auto view = lines(buffer, block);
          const Texts all = shown(view);

          BOOST_TEST((all == split(content)));
          BOOST_TEST(view.status().has_value());
          BOOST_TEST(buffer.tell() == 0);
        }
      }
    }
  }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(random_texts_show_the_same_lines_at_every_block_size, Buffer, Buffers) {
  Random random{seed_of_this_run()};
  for (int round = 0; round < 60; ++round) {
    const std::size_t block = 1 + random.size_round(64);
    const std::string content = random_text(random, std::max<std::size_t>(block, 2), random.below(20));
    auto buffer = filled<Buffer>(places[random.below(places.size())], content);
    const std::size_t position = random.below(content.size() + 1);
    buffer.seek(static_cast<std::int64_t>(position)).value();

    const Texts all = shown(lines(buffer, block));

    BOOST_TEST((all == split(std::string_view{content}.substr(position))));
    BOOST_TEST(buffer.tell() == position);
  }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(short_and_long_lines_follow_each_other_in_any_order, Buffer, Buffers) {
  Random random{seed_of_this_run()};
  for (int round = 0; round < 40; ++round) {
    std::string content;
    while (content.size() < 20'000) {
      content.append(random.below(3) == 0 ? random.below(2'000) : random.below(140), 'x').append(random.below(2) == 0 ? "\n" : "\r\n");
    }
    content.resize(random.below(content.size()));
    const auto buffer = filled<Buffer>(places[random.below(places.size())], content);

    BOOST_TEST((shown(lines(buffer)) == split(content)));
    BOOST_TEST((shown(lines(MappedReader{buffer})) == split(content)));
  }
}

BOOST_AUTO_TEST_CASE(empty_lines_carriage_returns_and_a_missing_last_newline_are_told_apart) {
  struct Row {
    std::string_view content;
    Texts expected;
  };
  using namespace std::literals;
  const Row rows[] = {
      {"", {}},
      {"\n", {""}},
      {"\r\n", {""}},
      {"\n\n", {"", ""}},
      {"a", {"a"}},
      {"a\n", {"a"}},
      {"a\n\nb", {"a", "", "b"}},
      {"a\rb\n", {"a\rb"}},
      {"a\r\r\n", {"a\r"}},
      {"a\r", {"a\r"}},  // ends nothing, so it is content
      {"\r", {"\r"}},
      {"\0\n\xff\n"sv, {"\0"s, "\xff"}},
  };
  for (const Row& row : rows) {
    for (const std::size_t block : {0U, 1U, 2U, 3U, 100U}) {
      const auto buffer = filled<FileBuffer>(Place::both, row.content);

      BOOST_TEST((shown(lines(buffer, block)) == row.expected));
    }
  }
}

BOOST_AUTO_TEST_CASE(a_line_longer_than_many_blocks_is_shown_whole) {
  const std::string content = std::string(300'000, 'x') + "\nshort\n" + std::string(200'000, 'y');
  const auto buffer = filled<FileBuffer>(Place::both, content);

  BOOST_TEST((shown(lines(buffer)) == split(content)));
}

BOOST_AUTO_TEST_CASE(pipelines_of_range_v3_and_of_the_standard_see_each_line_once) {
  const auto buffer = filled<FileBuffer>(Place::both, "one\ntwo\r\n\nfour");
  const auto is_long = [](std::string_view line) { return line.size() >= 3; };
  const auto size = [](std::string_view line) { return line.size(); };

  const auto all = lines(buffer) | ranges::to<std::vector>();
  const auto converted = lines(buffer) | ranges::to<std::vector<std::string>>();
  const auto taken = lines(buffer) | ranges::views::take(2) | ranges::to<std::vector>();
  const auto until = lines(buffer) | ranges::views::take_while(is_long) | ranges::to<std::vector>();
  const auto sizes = lines(buffer) | ranges::views::filter(is_long) | ranges::views::transform(size) | ranges::to<std::vector>();
  std::string numbered;
  for (const auto& [index, line] : lines(buffer) | ranges::views::enumerate) numbered += std::to_string(index).append(line);
  std::vector<std::size_t> standard;
  for (const std::size_t length : lines(buffer) | std::views::filter(is_long) | std::views::transform(size)) standard.push_back(length);

  static_assert(std::same_as<decltype(all), const Texts>);  // owned: no line refers to the view's block
  BOOST_TEST((all == Texts{"one", "two", "", "four"}));
  BOOST_TEST((converted == all));
  BOOST_TEST((taken == Texts{"one", "two"}));
  BOOST_TEST((until == taken));
  BOOST_TEST((sizes == std::vector<std::size_t>{3, 3, 4}));
  BOOST_TEST(numbered == "0one1two23four");
  BOOST_TEST((standard == sizes));
  BOOST_TEST(ranges::count_if(lines(buffer), is_long) == 3);
}

BOOST_AUTO_TEST_CASE(a_pipeline_that_ended_leaves_the_rest_to_the_next_one) {
  const auto buffer = filled<FileBuffer>(Place::both, "a\nb\nc\nd\n");
  auto view = lines(buffer);

  const Texts first = shown(view | ranges::views::take(1));
  const Texts second = shown(view | std::views::take(2));

  BOOST_TEST((first == Texts{"a"}));
  BOOST_TEST((second == Texts{"b", "c"}));
  BOOST_TEST((shown(view).back() == "d"));
}

BOOST_AUTO_TEST_CASE(for_every_failing_read_whole_lines_are_shown_up_to_the_error_and_status_tells) {
  Random random{seed_of_this_run()};
  const std::string content = random_text(random, 32, 40) + "the end";
  const Texts expected = split(content);
  std::size_t runs_with_fault = 0;
  for (std::uint64_t k = 1;; ++k) {
    FaultyFixture faulty;
    fill(faulty.buffer, Place::both, content);
    auto view = lines(faulty.buffer, 32);
    faulty.plan->failing_read = k;

    const Texts all = shown(view | ranges::views::filter([](std::string_view) { return true; }));

    BOOST_REQUIRE(all.size() <= expected.size());
    BOOST_TEST(std::equal(all.begin(), all.end(), expected.begin()));  // in particular: no line that is cut off
    if (faulty.plan->fired == 0) {
      BOOST_TEST(view.status().has_value());
      BOOST_TEST(all.size() == expected.size());
      break;
    }
    ++runs_with_fault;
    BOOST_REQUIRE(!view.status());
    BOOST_TEST((view.status().error() == errc::unavailable));
    BOOST_TEST(all.size() < expected.size());
    BOOST_TEST(shown(view).empty());
  }
  BOOST_TEST(runs_with_fault >= 6U);
}

BOOST_AUTO_TEST_CASE(readers_that_deliver_little_by_little_show_the_same_lines) {
  Random random{seed_of_this_run()};
  const std::string content = random_text(random, 10, 30);
  for (const std::size_t longest_read : {1U, 2U, 3U, 7U, 1000U}) {
    BOOST_TEST((shown(lines(StingyReader{content, longest_read}, 8)) == split(content)));
  }
  auto boast = lines(BoastingReader{}, 4);
  BOOST_TEST(shown(boast).empty());
  BOOST_TEST((boast.status().error() == errc::corrupted));
}

BOOST_AUTO_TEST_CASE(the_buffer_may_be_appended_to_spilled_and_read_while_a_view_shows_it) {
  auto buffer = filled<FileBuffer>(Place::memory, "a\nb\n");
  auto view = lines(buffer, 2);

  Texts all;
  for (const std::string_view line : view) {
    all.emplace_back(line);
    if (line == "a") buffer.append("c\nd").value();
    if (line == "b") buffer.spill().value();
    if (line == "c") BOOST_TEST((buffer.read_line().value() == "a"));
  }

  BOOST_TEST((all == Texts{"a", "b", "c", "d"}));
  BOOST_TEST(buffer.tell() == 2);
}

BOOST_AUTO_TEST_CASE(an_end_that_was_seen_stays_the_end) {
  auto buffer = filled<FileBuffer>(Place::memory, "a\nb");
  auto view = lines(buffer);
  BOOST_TEST((shown(view) == Texts{"a", "b"}));

  buffer.append("c\n").value();

  BOOST_TEST(shown(view).empty());
  BOOST_TEST(view.status().has_value());
  BOOST_TEST((shown(lines(buffer)) == Texts{"a", "bc"}));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(views_in_several_threads_read_one_buffer_at_once, Buffer, Buffers) {
  Random random{seed_of_this_run()};
  const std::string content = random_text(random, 50, 300);
  const auto buffer = filled<Buffer>(Place::both, content);
  std::vector<Texts> results(4);

  std::vector<std::thread> threads;
  threads.reserve(results.size());
  for (Texts& result : results) {
    threads.emplace_back([&] { result = shown(lines(buffer, 50)); });
  }
  for (std::thread& thread : threads) thread.join();

  for (const Texts& result : results) BOOST_TEST((result == split(content)));
}

BOOST_AUTO_TEST_SUITE_END()
